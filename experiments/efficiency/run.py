"""What does it take to solve twice what the base solves: by iterative deployment, REINFORCE and GRPO?

python experiments/efficiency/run.py            all arms, three seeds; an arm that is finished is not run again
python experiments/efficiency/run.py --quick    a minute or two: the harness, and that iterative deployment gets there
python experiments/efficiency/run.py --tries    the settings that were tried for TRL, on a seed of their own
python experiments/efficiency/run.py --table    table and figure of what is there

The arms of TRL need trl, datasets and accelerate (the extra `bench`); without them they are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import peers
from ground import FULL, QUICK, Course, Ground, Size, base_solves
from ours import deploy_until
from peers import Peer, train_until
from tables import write, write_tries

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Arm:
    """A name, and what is done: `peer` with TRL, or iterative deployment with `settings`."""

    name: str
    peer: Peer | None = None
    settings: tuple[str, ...] = ()


ARMS = (
    Arm("iterdeploy"),
    Arm(
        "iterdeploy-adamw",
        settings=("train.optimizer=adamw", "train.learning_rate=3e-3", "train.augment=none"),
    ),
    Arm("reinforce", Peer("rloo", learning_rate=1e-3)),
    Arm("grpo", Peer("grpo", learning_rate=1e-3)),
)
SEEDS = (0, 1, 2)

TRIED_ON = 9
TRIES = tuple(
    Arm(f"{name}-lr{rate:g}-t{temperature:g}-g{count}", Peer(kind, rate, temperature, count))
    for name, kind in (("reinforce", "rloo"), ("grpo", "grpo"))
    for rate, temperature, count in (
        (3e-4, 1.0, 8),
        (1e-3, 1.0, 8),
        (3e-3, 1.0, 8),
        (1e-3, 0.7, 8),
        (1e-3, 1.0, 4),
    )
)
TRY = replace(FULL, budget=1024, measured_every=512)
"""A try is a quarter of an arm."""


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("arms", nargs="*", help=f"some of {', '.join(a.name for a in ARMS)}; default: all")
    options.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    options.add_argument("--quick", action="store_true")
    options.add_argument("--tries", action="store_true")
    options.add_argument("--table", action="store_true")
    options.add_argument("--one", help=argparse.SUPPRESS)  # the arm that this process is for
    options.add_argument("--out", type=Path, help="where the runs lie; default: runs/efficiency")
    given = options.parse_args()
    unknown = set(given.arms) - {a.name for a in (*ARMS, *TRIES)}
    if unknown:
        options.error(f"no arm {sorted(unknown)[0]!r}; there are {', '.join(a.name for a in ARMS)}")
    runs = given.out or Path("runs") / ("efficiency-quick" if given.quick else "efficiency")
    size, arms, seeds = (QUICK, ARMS, [0]) if given.quick else (FULL, ARMS, given.seeds)
    if given.tries:
        size, arms, seeds = TRY, TRIES, [TRIED_ON]
    if given.one:
        go(runs, next(a for a in arms if a.name == given.one), seeds[0], size)
        return
    if not given.table:
        chosen = [arm for arm in arms if not given.arms or arm.name in given.arms]
        for seed in seeds:
            for arm in chosen:
                start(runs, arm, seed, given)
    there = {arm.name: courses(runs, arm, seeds) for arm in arms}
    there = {name: found for name, found in there.items() if found}
    if given.quick:
        claim(there)
    elif given.tries:
        write_tries(there, size, HERE / "tries.md")
    else:
        write(there, size, base_solves(runs, size), HERE)


def start(runs: Path, arm: Arm, seed: int, given: argparse.Namespace) -> None:
    """One arm in a process of its own, so that no arm finds what another left in the libraries."""
    if file_of(runs, arm, seed).is_file():
        return
    if arm.peer is not None and not peers.there():
        print(f"{arm.name} is left out: TRL is not installed", flush=True)
        return
    print(f"== {arm.name}, seed {seed}", flush=True)
    kind = [word for word in ("quick", "tries") if getattr(given, word)]
    command = [sys.executable, __file__, "--one", arm.name, "--seeds", str(seed), "--out", str(runs)]
    subprocess.run([*command, *(f"--{word}" for word in kind)], check=True)


def go(runs: Path, arm: Arm, seed: int, size: Size) -> None:
    """Run an arm to its end, and leave its file."""
    file = file_of(runs, arm, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    course = Course(arm.name, seed, 2 * base_solves(runs, size), size.budget)
    ground = Ground(size, seed, arm.settings)
    if arm.peer is None:
        deploy_until(ground, course, file.parent)
    else:
        train_until(ground, course, file.parent, arm.peer)
    course.write(file)


def file_of(runs: Path, arm: Arm, seed: int) -> Path:
    """What a finished arm leaves."""
    return runs / f"{arm.name}-seed{seed}" / "course.json"


def courses(runs: Path, arm: Arm, seeds: Sequence[int]) -> list[Course]:
    """The finished ones of an arm."""
    files = [file_of(runs, arm, seed) for seed in seeds]
    return [Course.read(file) for file in files if file.is_file()]


def claim(there: dict[str, list[Course]]) -> None:
    """What is safe to say of a small run; what the arms of TRL assert, they have asserted on their way."""
    for name, found in there.items():
        for course in found:
            costs = [(p.samples, p.valid, p.trained_tokens, p.cpu_seconds) for p in course.points]
            assert costs == sorted(costs), f"{name}: costs must grow: {costs}"
            assert costs[-1][0] > 0, f"{name}: nothing was sampled"
    first, *_, last = there["iterdeploy"][0].points
    assert last.heldout > first.heldout, f"iterative deployment went from {first.heldout} to {last.heldout}"
    print("the harness holds, and iterative deployment solves more than its base")


if __name__ == "__main__":
    main()
