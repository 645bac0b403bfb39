"""Measures of runs by generation, as pure functions of their files: a table, a figure and the numbers for each arm."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arms import by_generation
from figures import Panel, Rows, draw

from iterdeploy.store import Run


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of one generation of a run; None where it has none."""

    name: str
    of: Callable[[Run, int], float | None]
    digits: int = 1
    from_zero: bool = True


Found = Mapping[str, Mapping[str, Rows]]
"""By arm, then by measure: a row for each seed."""


def measured(runs: Mapping[str, Sequence[Run]], measures: Sequence[Measure]) -> Found:
    """Every measure of every generation of every run."""
    return {
        arm: {
            one.name: [[one.of(run, g.number) for g in run.generations()] for run in of] for one in measures
        }
        for arm, of in runs.items()
    }


def write_measures(
    found: Found, measures: Sequence[Measure], out: Path, undrawn: Collection[str] = ()
) -> None:
    """measures.json, measures.md and measures.png in `out`; arms in `undrawn` are left out of the figure."""
    (out / "measures.json").write_text(json.dumps(found, indent=1) + "\n")
    lines = ["Means over seeds, by generation; (n): over n seeds, where not all went so far.", ""]
    for one in measures:
        lines += [f"**{one.name}**", "", "| arm | generations 0, 1, ... |", "|---|---|"]
        lines += [f"| {arm} | {by_generation(of[one.name], one.digits)} |" for arm, of in found.items()]
        lines.append("")
    (out / "measures.md").write_text("\n".join(lines).rstrip() + "\n")
    print("\n".join(lines))
    drawn = {arm: of for arm, of in found.items() if arm not in undrawn}
    panels = [
        Panel(one.name, one.name, {arm: of[one.name] for arm, of in drawn.items()}, one.from_zero)
        for one in measures
    ]
    draw(panels, out / "measures.png")
