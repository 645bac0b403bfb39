"""What does it take to solve twice what the base solves: by iterative deployment, REINFORCE and GRPO?

python experiments/efficiency/run.py            the tries, then all arms, three seeds; what is finished is not run again
python experiments/efficiency/run.py --quick    a minute or two: the harness, and that iterative deployment gets there
python experiments/efficiency/run.py --further  all arms, three seeds, to 1,920 samples each, past the target
python experiments/efficiency/run.py --tries    the tries alone: settings for TRL's trainers, on a seed of their own
python experiments/efficiency/run.py --table    table and figure of what is there

The arms of TRL need trl, datasets and accelerate (the extra `bench`); without them they are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import peers
from ground import FULL, QUICK, Course, Ground, Size, base_solves
from ours import deploy_until
from peers import Peer, train_until
from tables import write, write_further, write_tries

HERE = Path(__file__).parent
TRIED = HERE / "tries.json"


@dataclass(frozen=True, slots=True)
class Arm:
    """A name, and what is done: `peer` with TRL, or iterative deployment with `settings`."""

    name: str
    peer: Peer | None = None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Arms and seeds at one size; `word` names the form of the command."""

    word: str
    runs: Path
    size: Size
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]


ARMS: tuple[Arm, ...] = (
    Arm("iterdeploy"),
    Arm(
        "iterdeploy-adamw",
        settings=("train.optimizer=adamw", "train.learning_rate=3e-3", "train.augment=none"),
    ),
    Arm("reinforce", Peer("rloo", learning_rate=1e-3)),
    Arm("grpo", Peer("grpo", learning_rate=1e-3)),
)
"""The settings of the last two are those of the quick form; a full run takes those of the best try."""

SEEDS = (0, 1, 2)
WORDS = ("quick", "tries", "further")

TRIED_ON = 9
TRIES: tuple[Arm, ...] = tuple(
    Arm(f"{name}-lr{rate:g}-t{temperature:g}-g{count}-b{rows}", Peer(kind, rate, temperature, count, rows))
    for name, kind in (("reinforce", "rloo"), ("grpo", "grpo"))
    for rate, temperature, count, rows in (
        (3e-4, 1.0, 8, 64),
        (1e-3, 1.0, 8, 64),
        (3e-3, 1.0, 8, 64),
        (1e-3, 0.7, 8, 64),
        (1e-3, 1.0, 4, 64),
        (5e-4, 1.0, 4, 64),  # the first five were tried alone; these are about the best of them
        (2e-3, 1.0, 4, 64),
        (1e-3, 1.0, 2, 64),
        (1e-3, 1.0, 4, 32),
        (5e-4, 1.0, 4, 32),
    )
)
TRY = replace(FULL, budget=1024, measured_every=512, times=math.inf, tasks=TRIED_ON)
"""A try is a quarter of an arm, goes on to its end, and has tasks of its own, deployed and held out."""


FURTHER = replace(FULL, budget=1920, times=math.inf)
"""Who is ahead at equal samples, past the target."""


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("arms", nargs="*", help=f"some of {', '.join(a.name for a in ARMS)}; default: all")
    options.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    form = options.add_mutually_exclusive_group()
    for word in WORDS:
        form.add_argument(f"--{word}", dest="word", action="store_const", const=word, default="")
    options.add_argument("--table", action="store_true")
    options.add_argument("--at-once", type=int, default=2, help="arms that run at the same time; default: 2")
    options.add_argument("--one", help=argparse.SUPPRESS)  # the arm that this process is for
    given = options.parse_args()
    there = TRIES if given.word == "tries" else ARMS
    for name in {given.one, *given.arms} - {None, *(arm.name for arm in there)}:
        options.error(f"no arm {name!r}; there are {', '.join(arm.name for arm in there)}")
    if given.one:
        plan = plan_of(given.word, given.seeds)
        go(plan, next(arm for arm in plan.arms if arm.name == given.one), given.seeds[0])
        return
    tried = given.word in ("quick", "tries") or TRIED.is_file()
    if not given.table and not tried and peers.there():
        run(plan_of("tries", ()), (), given.at_once)
        tell(plan_of("tries", ()))
    plan = plan_of(given.word, given.seeds)
    if not given.table:
        run(plan, given.arms, given.at_once)
    tell(plan)


def plan_of(word: str, seeds: Sequence[int]) -> Plan:
    """What is run, and where it lies."""
    if word == "quick":
        arms = tuple(arm for arm in ARMS if arm.peer or not arm.settings)
        return Plan("quick", Path("runs/efficiency-quick"), QUICK, arms, (0,))
    if word == "tries":
        return Plan("tries", Path("runs/efficiency-tries"), TRY, TRIES, (TRIED_ON,))
    arms = tuple(map(as_tried, ARMS))
    if word == "further":
        return Plan("further", Path("runs/efficiency-further"), FURTHER, arms, tuple(seeds))
    return Plan("", Path("runs/efficiency"), FULL, arms, tuple(seeds))


def as_tried(arm: Arm) -> Arm:
    """The arm with the settings of its best try: most held-out tasks solved, all its measurements together."""
    if arm.peer is None or not TRIED.is_file():
        return arm
    rows = [row for row in json.loads(TRIED.read_text()) if row["try"].startswith(f"{arm.name}-lr")]
    best = max(rows, key=lambda row: (sum(row["heldout"][1:]), row["deployed"]), default=None)
    found = {tried.name: tried.peer for tried in TRIES}
    return replace(arm, peer=found[best["try"]]) if best else arm


def run(plan: Plan, names: Sequence[str], at_once: int) -> None:
    """All arms of a plan, or those named, that are not finished, so many at the same time."""
    base_solves(plan.runs, plan.size)  # before the arms, which all need it
    arms = [arm for arm in plan.arms if not names or arm.name in names]
    if not peers.there():
        print("TRL is not installed: its arms are left out", flush=True)
        arms = [arm for arm in arms if arm.peer is None]
    with ThreadPoolExecutor(at_once) as pool:
        waiting = [pool.submit(start, plan, arm, seed) for seed in plan.seeds for arm in arms]
        for one in waiting:
            one.result()


def tell(plan: Plan) -> None:
    """What is written of a plan's finished arms."""
    found = {arm.name: courses(plan, arm) for arm in plan.arms}
    found = {name: there for name, there in found.items() if there}
    if not found:
        raise SystemExit(f"no finished arm under {plan.runs}: nothing to tell, and what was written stays")
    if plan.word == "quick":
        claim(found)
    elif plan.word == "tries":
        write_tries(found, plan.size, TRIED, len(found) == len(plan.arms))
    elif plan.word == "further":
        write_further(found, plan.size, base_solves(plan.runs, plan.size), HERE)
    else:
        write(found, plan.size, base_solves(plan.runs, plan.size), HERE)


def start(plan: Plan, arm: Arm, seed: int) -> None:
    """One arm in a process of its own, so that no arm finds what another left in the libraries."""
    file, settings = file_of(plan, arm, seed), settings_of(plan, arm)
    if file.is_file():
        if (before := Course.read(file).settings) != settings:
            raise SystemExit(
                f"{file.parent} was run with {before}, and now it is {settings}; delete or move it"
            )
        return
    print(f"== {arm.name}, seed {seed}: {settings}", flush=True)
    command = [sys.executable, __file__, "--one", arm.name, "--seeds", str(seed)]
    env = os.environ | {
        "HF_HUB_OFFLINE": "1"
    }  # TRL's trainers tell their makers of their use; nothing is fetched
    subprocess.run([*command, *([f"--{plan.word}"] if plan.word else [])], check=True, env=env)


def settings_of(plan: Plan, arm: Arm) -> str:
    """All that an arm is run with, in words."""
    return f"{arm.peer or ' '.join(arm.settings) or 'the demo'}, {plan.size}"


def go(plan: Plan, arm: Arm, seed: int) -> None:
    """Run an arm to its end, and leave its file."""
    file = file_of(plan, arm, seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    size = replace(plan.size, budget=2 * arm.peer.rows) if plan.word == "quick" and arm.peer else plan.size
    course = Course(
        arm.name, settings_of(plan, arm), seed, size.times * base_solves(plan.runs, size), size.budget
    )
    ground = Ground(size, seed, arm.settings)
    if arm.peer is None:
        deploy_until(ground, course, file.parent)
    else:
        train_until(ground, course, file.parent, arm.peer)
    course.write(file)


def file_of(plan: Plan, arm: Arm, seed: int) -> Path:
    """What a finished arm leaves."""
    return plan.runs / f"{arm.name}-seed{seed}" / "course.json"


def courses(plan: Plan, arm: Arm) -> list[Course]:
    """The finished ones of an arm."""
    files = [file_of(plan, arm, seed) for seed in plan.seeds]
    return [Course.read(file) for file in files if file.is_file()]


def claim(there: dict[str, list[Course]]) -> None:
    """What is safe to say of a small run; what the arms of TRL assert, they have asserted on their way."""
    for name, found in there.items():
        for course in found:
            costs = [(p.samples, p.valid, p.trained_tokens, p.cpu_seconds) for p in course.points]
            assert costs == sorted(costs), f"{name}: costs must grow: {costs}"
            assert costs[-1][0] > 0, f"{name}: nothing was sampled"
    if "iterdeploy" not in there:
        raise SystemExit("the arm iterdeploy was not run, of which the claim is")
    ours = there["iterdeploy"][0]
    assert ours.reached(), f"{ours.target} was to be reached: {[point.heldout for point in ours.points]}"
    print("the harness holds, and iterative deployment is where it was to get")


if __name__ == "__main__":
    main()
