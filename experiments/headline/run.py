"""Run the arms of this experiment one after another, then write their table. Can be stopped and started again.

python experiments/headline/run.py [ARM ...]         all arms, or those named
python experiments/headline/run.py --table           the table of what is there
python experiments/headline/run.py --bases           make the three other bases first (15 minutes each)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from iterdeploy import domains
from iterdeploy.report.numbers import RunNumbers, read_numbers
from iterdeploy.store import Run

HERE = Path(__file__).parent
RUNS = Path("runs/headline")


def arms() -> dict[str, list[str]]:
    """Name to arguments, from arms.txt."""
    lines = [line.split() for line in (HERE / "arms.txt").read_text().splitlines()]
    return {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}


def iterdeploy(*args: str) -> None:
    """One command, with this Python."""
    print("iterdeploy", *args, flush=True)
    subprocess.run([sys.executable, "-m", "iterdeploy.cli", *args], check=True)


def make_bases() -> None:
    """Bases from three other seeds, where they are not there yet."""
    for seed in (1, 2, 3):
        if not Path(f"bases/seed{seed}/base.json").is_file():
            iterdeploy("make-base", "--seed", str(seed), "--out", f"bases/seed{seed}")


def write_table() -> None:
    """table.md: solved by generation and by size, for every arm that is there."""
    found: list[tuple[str, list[str], RunNumbers]] = []
    for name, args in arms().items():
        if (RUNS / name / "gen-0" / "generation.json").is_file():
            run = Run.open(RUNS / name)
            domain = domains.load(run.recipe.tasks.domain, run.recipe)
            found.append((name, args, read_numbers(run, domain.bound)))
    lines = ["# Solved by generation", ""]
    for split in ("heldout", "deployed"):
        lines += [f"## {split}", "", *_solved(found, split), ""]
    for name, args, numbers in found:
        command = " ".join(["iterdeploy run", *args, "--out", str(RUNS / name)])
        lines += [f"## {name}", "", f"    {command}", "", *_by_size(numbers), ""]
    (HERE / "table.md").write_text("\n".join(lines).rstrip() + "\n")
    print((HERE / "table.md").read_text())


def _solved(found: list[tuple[str, list[str], RunNumbers]], split: str) -> list[str]:
    rows = ["| arm | asked | generations 0, 1, ... solved | last to first |", "|---|---|---|---|"]
    for name, _, numbers in found:
        parts = [getattr(g, split) for g in numbers.generations]
        rows.append(
            f"| {name} | {parts[0].asked} | {' '.join(str(p.solved) for p in parts)} | "
            f"{parts[-1].solved / max(parts[0].solved, 1):.2f} |"
        )
    return rows


def _by_size(numbers: RunNumbers) -> list[str]:
    sizes = [s.size for s in numbers.generations[0].deployed.by_size]
    rows = [
        f"| generation | split | {' | '.join(map(str, sizes))} | all "
        "| longest | steps | steps/bound | steps, same tasks |",
        f"|---|---|{'---|' * (len(sizes) + 5)}",
    ]
    for g in numbers.generations:
        for name, part in (("deployed", g.deployed), ("held-out", g.heldout)):
            cells = [f"{s.solved}/{s.asked}" for s in part.by_size]
            length, bound, same = part.plan_length, part.over_bound, part.same_tasks
            rows.append(
                f"| {g.number} | {name} | {' | '.join(cells)} | {part.solved}/{part.asked} | "
                f"{int(length.longest) if length else '-'} | {f'{length.mean:.1f}' if length else '-'} | "
                f"{f'{bound.mean:.2f}' if bound else '-'} | "
                f"{f'{same.before:.2f} to {same.after:.2f} ({same.tasks})' if same else '-'} |"
            )
    return rows


def main(args: list[str]) -> None:
    """As the docstring says."""
    if "--bases" in args:
        make_bases()
    elif "--table" not in args:
        wanted = arms()
        for name in args or wanted:
            iterdeploy("run", *wanted[name], "--out", str(RUNS / name))
    write_table()


if __name__ == "__main__":
    main(sys.argv[1:])
