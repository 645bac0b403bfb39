"""Figures of a run fit for a paper: one idea each, the width of a column, as SVG and as PNG at 300 dots an inch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.errors import BadInput
from iterdeploy.report.canvas import DEPLOYED, HELDOUT, MARKERS, SERIES, encoded, figure, plain, ticks
from iterdeploy.report.numbers import RunNumbers, SplitNumbers, read_numbers
from iterdeploy.store import Run, disk

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN = (3.4, 2.5)  # inches
_STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "lines.linewidth": 1.5,
    "lines.markersize": 3.5,
    "figure.subplot.left": 0.145,
    "figure.subplot.right": 0.975,
    "figure.subplot.bottom": 0.17,
    "figure.subplot.top": 0.96,
}
_WIDE = {"figure.subplot.right": 0.66}  # room for a legend beside it

Draw = Callable[["Axes", RunNumbers], None]


def write_figures(run: Run, out: Path) -> list[Path]:
    """Draw the figures that the run has numbers for into the folder; their paths. BadInput before generation 0."""
    numbers = read_numbers(run)
    if not numbers.generations:
        raise BadInput(f"{run.path} has no finished generation yet; there is nothing to draw")
    losses = {g.number: run.training(g.number) for g in numbers.generations}
    written = []
    for name, content in draw(numbers, losses).items():
        disk.put(out / name, content)
        written.append(out / name)
    return written


def draw(numbers: RunNumbers, losses: dict[int, list[dict[str, Any]]]) -> dict[str, bytes]:
    """The figures by file name: solved, sizes, plan-length, faults, diversity, loss. Same numbers, same bytes."""
    drawn: dict[str, bytes] = {}
    for name, (paint, style) in _FIGURES.items():
        with figure(*COLUMN, dpi=300, **_STYLE | style) as page:
            axes = page.subplots()
            paint(axes, numbers)
            plain(axes)
            drawn |= encoded(page, name)
    curves = {n: [(r["step"], r["loss"]) for r in rows if "loss" in r] for n, rows in losses.items()}
    if any(curves.values()):
        with figure(*COLUMN, dpi=300, **_STYLE) as page:
            _loss(page.subplots(), {n: curve for n, curve in curves.items() if curve})
            drawn |= encoded(page, "loss")
    return drawn


def _generations(axes: Axes, numbers: RunNumbers) -> list[int]:
    x = [g.number for g in numbers.generations]
    axes.set_xlabel("generation")
    axes.set_xticks(ticks(x, most=11))
    return x


def _splits(numbers: RunNumbers) -> list[tuple[str, str, str, Sequence[SplitNumbers]]]:
    both = [
        ("deployed", DEPLOYED, "o", [g.deployed for g in numbers.generations]),
        ("held-out", HELDOUT, "D", [g.heldout for g in numbers.generations]),
    ]
    return [split for split in both if split[3][0].asked]


def _solved(axes: Axes, numbers: RunNumbers) -> None:
    x = _generations(axes, numbers)
    for name, colour, marker, rows in _splits(numbers):
        axes.fill_between(
            x, [100 * r.low for r in rows], [100 * r.high for r in rows], color=colour, alpha=0.13, lw=0
        )
        axes.plot(
            x,
            [100 * r.share for r in rows],
            color=colour,
            marker=marker,
            label=f"{name} ({rows[0].asked} tasks)",
        )
    axes.set_ylabel("solved, %")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")


def _sizes(axes: Axes, numbers: RunNumbers) -> None:
    """Solved by size: on held-out tasks where there are any, for at most five generations."""
    name, _, _, rows = _splits(numbers)[-1]
    chosen = ticks(list(range(len(rows))), most=5)
    chosen = chosen if chosen[-1] == len(rows) - 1 else [*chosen[:4], len(rows) - 1]
    for i, place in enumerate(chosen):
        sizes = rows[place].by_size
        shares = [100 * size.solved / size.asked for size in sizes]
        label = f"generation {numbers.generations[place].number}"
        axes.plot([s.size for s in sizes], shares, color=_shade(i, len(chosen)), marker="o", label=label)
    axes.set_xlabel(f"task size ({name})")
    axes.set_ylabel("solved, %")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")


def _shade(place: int, of: int) -> tuple[float, float, float]:
    """From faint to the full colour of deployed: earlier to later."""
    share = 0.25 + 0.75 * (place + 1) / of
    red, green, blue = (int(DEPLOYED[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue)


def _plan_length(axes: Axes, numbers: RunNumbers) -> None:
    x = _generations(axes, numbers)
    for name, colour, marker, rows in _splits(numbers):
        for what, look in (("longest", "--"), ("mean", "-")):
            y = [getattr(r.plan_length, what) if r.plan_length else float("nan") for r in rows]
            axes.plot(x, y, look, color=colour, marker=marker, label=f"{what}, {name}")
    axes.set_ylabel("steps of valid plans")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(loc="upper left", ncols=2)


def _faults(axes: Axes, numbers: RunNumbers) -> None:
    x = _generations(axes, numbers)
    rows = [g.deployed for g in numbers.generations]
    kinds = [kind for kind in rows[0].faults if any(row.faults[kind] for row in rows)]
    for i, kind in enumerate(kinds):
        y = [100 * row.faults[kind] / max(1, _answers(numbers, row)) for row in rows]
        axes.plot(x, y, color=SERIES[i % len(SERIES)], marker=MARKERS[i % len(MARKERS)], label=kind)
    axes.set_ylabel("deployed answers, %")
    axes.set_ylim(bottom=0)
    if kinds:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _answers(numbers: RunNumbers, row: SplitNumbers) -> int:
    return row.asked * numbers.samples


def _diversity(axes: Axes, numbers: RunNumbers) -> None:
    x = _generations(axes, numbers)
    for name, colour, marker, rows in _splits(numbers):
        y = [float("nan") if r.diversity.distance is None else r.diversity.distance for r in rows]
        axes.plot(x, y, color=colour, marker=marker, label=name)
    axes.set_ylabel("distance of plans")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left")


def _loss(axes: Axes, curves: dict[int, list[tuple[int, float]]]) -> None:
    for i, (number, curve) in enumerate(curves.items()):
        steps, losses = zip(*curve, strict=True)
        axes.plot(steps, losses, color=_shade(i, len(curves)), linewidth=1.0, label=f"generation {number}")
    axes.set_xlabel("step of training")
    axes.set_ylabel("training loss")
    axes.set_ylim(bottom=0)
    plain(axes)
    axes.legend(loc="upper right")


_FIGURES: dict[str, tuple[Draw, dict[str, Any]]] = {
    "solved": (_solved, {}),
    "sizes": (_sizes, {}),
    "plan-length": (_plan_length, {}),
    "faults": (_faults, _WIDE),
    "diversity": (_diversity, {}),
}
