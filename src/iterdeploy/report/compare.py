"""Several runs side by side: the ends of each, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iterdeploy.report.markdown import times
from iterdeploy.report.numbers import RunNumbers, SplitNumbers


@dataclass(frozen=True, slots=True)
class Ends:
    """Where one split of a run began and where it stands."""

    asked: int
    first: int
    last: int
    ratio: float | None
    best: int
    longest_first: float | None
    longest_last: float | None
    over_bound: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One run in a comparison; `differs` holds the settings in which it is not the first run."""

    run: str
    name: str
    seed: int
    generations: int
    deployed: Ends
    heldout: Ends
    differs: tuple[str, ...]


def compare(runs: Sequence[tuple[str, RunNumbers, Sequence[str]]]) -> list[Row]:
    """One row a run, given as (path as it was typed, its numbers, its differences from the first run)."""
    return [
        Row(
            run=path,
            name=numbers.name,
            seed=numbers.seed,
            generations=len(numbers.generations),
            deployed=_ends([g.deployed for g in numbers.generations]),
            heldout=_ends([g.heldout for g in numbers.generations]),
            differs=tuple(differs),
        )
        for path, numbers, differs in runs
    ]


def _ends(rows: Sequence[SplitNumbers]) -> Ends:
    if not rows:
        return Ends(0, 0, 0, None, 0, None, None, None)
    first, last = rows[0], rows[-1]
    return Ends(
        asked=last.asked,
        first=first.solved,
        last=last.solved,
        ratio=last.ratio,
        best=max(row.solved for row in rows),
        longest_first=first.plan_length.longest if first.plan_length else None,
        longest_last=last.plan_length.longest if last.plan_length else None,
        over_bound=last.over_bound.mean if last.over_bound else None,
    )


def comparison(rows: Sequence[Row]) -> RenderableType:
    """The comparison on a screen: a table, and under it what differs."""
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("gens", "deployed", "×", "held-out", "×", "longest"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.run, str(row.generations), *_split_cells(row), _longest(row.deployed))
    return Group(table, *(Text(line) for line in _differences(rows)))


def _split_cells(row: Row) -> list[str]:
    return [cell for ends in (row.deployed, row.heldout) for cell in (_solved(ends), times(ends.ratio))]


def _differences(rows: Sequence[Row]) -> list[str]:
    lines = []
    for row in rows[1:]:
        lines += ["", f"{row.run} differs from {rows[0].run} in"]
        lines += [f"  {line}" for line in row.differs] or ["  nothing"]
    return lines


def _longest(ends: Ends) -> str:
    return f"{_whole(ends.longest_first)} → {_whole(ends.longest_last)}"


def _solved(ends: Ends) -> str:
    return f"{ends.first} → {ends.last} / {ends.asked}" if ends.asked else "-"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
