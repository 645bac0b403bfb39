"""Several runs side by side: the ends of each, the settings in which they differ, and what seeds agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iterdeploy import measure
from iterdeploy.answers import join
from iterdeploy.report.markdown import times
from iterdeploy.report.numbers import RunNumbers, SplitNumbers
from iterdeploy.store import Run
from iterdeploy.types import Split


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


@dataclass(frozen=True, slots=True)
class Agreement:
    """One split of one generation over the k runs of a recipe that differ in their seed alone."""

    generation: int
    asked: int
    mean_solved: float
    unanimous: int  # tasks that each of the k runs solved: unanimous@k


@dataclass(frozen=True, slots=True)
class Seeds:
    """k runs of one recipe, by generation as far as all of them got."""

    runs: tuple[str, ...]
    deployed: tuple[Agreement, ...]
    heldout: tuple[Agreement, ...]


def seeds(runs: Sequence[Run]) -> list[Seeds]:
    """Runs that differ in their seed (and name) alone, two or more together, and what they agree on."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(repr(replace(run.recipe, seed=0, name="")), []).append(run)
    return [
        Seeds(
            tuple(str(run.path) for run in group), _agreement(group, "deployed"), _agreement(group, "heldout")
        )
        for group in groups.values()
        if len({run.recipe.seed for run in group}) > 1
    ]


def _agreement(runs: Sequence[Run], split: Split) -> tuple[Agreement, ...]:
    rows = []
    for generation in range(min(len(run.generations()) for run in runs)):
        answers = [
            join(run.tasks(split), run.traces(generation, split), run.verdicts(generation, split))
            for run in runs
        ]
        if all(answers):
            agreed = measure.unanimous(answers)
            mean = measure.mean_solved(answers)
            rows.append(Agreement(generation, agreed.asked, round(mean, 2), agreed.solved))
    return tuple(rows)


def agreement(found: Seeds) -> RenderableType:
    """The agreement of seeds on a screen."""
    k = len(found.runs)
    table = Table(
        box=None, pad_edge=False, title=f"{k} seeds together: {', '.join(found.runs)}", title_justify="left"
    )
    for name in ("gen", "deployed, mean", f"unanimous@{k}", "held-out, mean", f"unanimous@{k}"):
        table.add_column(name, justify="right", no_wrap=True)
    heldout = {row.generation: row for row in found.heldout}
    for row in found.deployed:
        other = heldout.get(row.generation)
        table.add_row(str(row.generation), *_agreed(row), *(_agreed(other) if other else ("-", "-")))
    return table


def _agreed(row: Agreement) -> tuple[str, str]:
    return f"{row.mean_solved:.1f}/{row.asked}", f"{row.unanimous}/{row.asked}"


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
