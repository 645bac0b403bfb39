"""Several runs side by side: their ends, the settings in which they differ, what seeds agree on, how arms differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iterdeploy.recipe import settings_of
from iterdeploy.report.arms import Arm, Gap, Outcome, Pair, Point, Told, arms, gaps, pairs, tell
from iterdeploy.report.markdown import times
from iterdeploy.store import Run
from iterdeploy.types import Split

SPLIT_NAMES: dict[Split, str] = {"deployed": "deployed", "heldout": "held-out"}


@dataclass(frozen=True, slots=True)
class Ends:
    """Where one split of a run began and where it stands."""

    asked: int
    first: int
    last: int
    ratio: float | None
    best: int
    longest_first: int | None
    longest_last: int | None


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
class Comparison:
    """All that is said of several runs; docs/compare.md defines each figure."""

    runs: tuple[Row, ...]
    arms: tuple[Arm, ...]
    differences: tuple[Gap, ...]  # each further arm against the first, held-out first
    pairs: tuple[Pair, ...]  # each of their runs against each run of the first arm


def compare(runs: Sequence[Run]) -> Comparison:
    """Compare finished generations of runs; each is read once, and only what is compared of it."""
    told = [tell(run) for run in runs]
    found = arms(told)
    return Comparison(
        runs=tuple(_row(one, told[0]) for one in told),
        arms=tuple(arm for arm, _ in found),
        differences=tuple(gaps(found)),
        pairs=tuple(pairs(found)),
    )


def _row(one: Told, first: Told) -> Row:
    there, here = dict(settings_of(first.recipe)), dict(settings_of(one.recipe))
    return Row(
        run=one.path,
        name=one.recipe.name,
        seed=one.recipe.seed,
        generations=len(one.outcomes),
        deployed=_ends([o["deployed"] for o in one.outcomes if "deployed" in o]),
        heldout=_ends([o["heldout"] for o in one.outcomes if "heldout" in o]),
        differs=tuple(
            f"{key}: {here[key]!r}, not {there[key]!r}" for key in there if there[key] != here[key]
        ),
    )


def _ends(rows: Sequence[Outcome]) -> Ends:
    if not rows:
        return Ends(0, 0, 0, None, 0, None, None)
    first, last = len(rows[0].solved), len(rows[-1].solved)
    return Ends(
        asked=len(rows[-1].scores),
        first=first,
        last=last,
        ratio=round(last / first, 3) if first else None,
        best=max(len(row.solved) for row in rows),
        longest_first=rows[0].longest,
        longest_last=rows[-1].longest,
    )


def comparison(found: Comparison) -> RenderableType:
    """The comparison on a screen: runs, what differs, what seeds agree on, how far the arms differ."""
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for name in ("gens", "deployed", "×", "held-out", "×", "longest"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.runs:
        table.add_row(row.run, str(row.generations), *_split_cells(row), _longest(row.deployed))
    several = [arm for arm in found.arms if len(arm.runs) > 1 and arm.deployed]
    parts: list[RenderableType] = [table, *(Text(line) for line in _differences(found.runs))]
    parts += [part for arm in several for part in (Text(""), _agreement(arm))]
    if found.differences:
        parts += [Text(""), _gaps(found.differences), *(Text(line, style="dim") for line in said(found))]
    return Group(*parts)


def _split_cells(row: Row) -> list[str]:
    return [cell for ends in (row.deployed, row.heldout) for cell in (_solved(ends), times(ends.ratio))]


def _differences(rows: Sequence[Row]) -> list[str]:
    lines = []
    for row in rows[1:]:
        lines += ["", f"{row.run} differs from {rows[0].run} in"]
        lines += [f"  {line}" for line in row.differs] or ["  nothing"]
    return lines


def _agreement(arm: Arm) -> Table:
    """What the seeds of an arm agree on, by generation."""
    k, seeds = len(arm.runs), ", ".join(map(str, arm.seeds))
    table = Table(
        box=None, pad_edge=False, title=f"{arm.name}: {k} seeds together ({seeds})", title_justify="left"
    )
    for name in (
        "gen",
        "deployed, mean",
        f"unanimous@{k}",
        "held-out, mean",
        f"unanimous@{k}",
        "held-out, 95 %",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    heldout = {point.generation: point for point in arm.heldout}
    for point in arm.deployed:
        other = heldout.get(point.generation)
        cells = (*_agreed(other), band(other)) if other else ("-", "-", "-")
        table.add_row(str(point.generation), *_agreed(point), *cells)
    return table


def _agreed(point: Point) -> tuple[str, str]:
    return f"{point.mean_solved:.1f}/{point.asked}", f"{point.unanimous}/{point.asked}"


def band(point: Point) -> str:
    """The interval of a share, in per cent."""
    return f"{100 * point.low:.0f}-{100 * point.high:.0f} %"


def _gaps(rows: Sequence[Gap]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(f"against {rows[0].than}", overflow="fold")
    for name in ("", "gen", "difference, points (95 %)", "p", "p (Holm)"):
        table.add_column(name, justify="right", no_wrap=True)
    for gap in rows:
        numbers = (str(gap.generation), points(gap), p_value(gap.p), p_value(gap.p_holm))
        table.add_row(gap.name, SPLIT_NAMES[gap.split], *numbers)
    return table


def points(gap: Gap) -> str:
    """A difference in percentage points with its interval."""
    middle = f"{100 * gap.difference:+.1f}"
    return (
        middle
        if gap.low is None or gap.high is None
        else f"{middle} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
    )


def p_value(p: float | None) -> str:
    """A p-value in two digits; none below one in ten thousand."""
    if p is None:
        return "-"
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def said(found: Comparison) -> list[str]:
    """What the differences mean, in a sentence for each kind that occurs."""
    methods = {gap.method for gap in found.differences}
    lines = []
    if "seeds and tasks" in methods:
        lines.append("95 % intervals and p (crossed t-test) count both seeds and tasks as chance")
    if "tasks" in methods:
        more = " where both sides have a single run" if len(methods) > 1 else ""
        lines.append(
            f"tasks alone are chance{more} (paired t-test): this speaks of these models, not of other seeds"
        )
    return lines


def _longest(ends: Ends) -> str:
    return f"{_whole(ends.longest_first)} → {_whole(ends.longest_last)}"


def _solved(ends: Ends) -> str:
    return f"{ends.first} → {ends.last} / {ends.asked}" if ends.asked else "-"


def _whole(value: int | None) -> str:
    return "-" if value is None else str(value)
