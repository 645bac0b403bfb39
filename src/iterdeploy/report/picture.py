"""The picture of a run: solved by generation, and by task size at both ends. Same numbers, same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterdeploy.report.canvas import DEPLOYED, HELDOUT, encoded, figure, share_axis, ticks
from iterdeploy.report.numbers import RunNumbers, SplitNumbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# fixed margins: a layout that is computed costs more than all the drawing
_MARGINS: Any = {
    "figure.subplot.left": 0.06,
    "figure.subplot.right": 0.985,
    "figure.subplot.bottom": 0.135,
    "figure.subplot.top": 0.92,
    "figure.subplot.wspace": 0.16,
}


def draw(numbers: RunNumbers) -> dict[str, bytes]:
    """The picture as {"solved.svg": bytes, "solved.png": bytes}."""
    with figure(10.5, 4.4, **_MARGINS) as drawn:
        left, right = drawn.subplots(1, 2, width_ratios=(1.15, 1))
        _by_generation(left, numbers)
        _by_size(right, numbers)
        return encoded(drawn, "solved")


def _splits(numbers: RunNumbers) -> list[tuple[str, str, str, list[SplitNumbers]]]:
    """Name, colour, marker and rows of each split that was asked anything."""
    rows = numbers.generations
    both = [
        ("deployed", DEPLOYED, "o", [row.deployed for row in rows]),
        ("held-out", HELDOUT, "D", [row.heldout for row in rows]),
    ]
    return [split for split in both if split[3][0].asked]


def _by_generation(axes: Axes, numbers: RunNumbers) -> None:
    x = [row.number for row in numbers.generations]
    top = 0.0
    for name, colour, marker, rows in _splits(numbers):
        shares = [100 * row.share for row in rows]
        high = [100 * row.high for row in rows]
        top = max(top, *high)
        axes.fill_between(x, [100 * r.low for r in rows], high, color=colour, alpha=0.12, linewidth=0)
        label = f"{name}: {rows[0].solved} → {rows[-1].solved} of {rows[-1].asked}{_times(rows[-1])}"
        axes.plot(x, shares, color=colour, marker=marker, markersize=5, linewidth=2, label=label)
    axes.set_title(f"Solved by generation · {numbers.name}, seed {numbers.seed}")
    axes.set_xlabel("generation (0 is the base); band: 95 % interval")
    axes.set_xticks(ticks(x, most=12))
    share_axis(axes, top)


def _times(last: SplitNumbers) -> str:
    return "" if last.ratio is None else f"  ({last.ratio:.2f}×)"


def _by_size(axes: Axes, numbers: RunNumbers) -> None:
    first, last = numbers.generations[0].number, numbers.generations[-1].number
    top = 0.0
    shown = {size.size: size.label for *_, rows in _splits(numbers) for size in rows[0].by_size}
    places = {size: place for place, size in enumerate(sorted(shown))}
    for name, colour, marker, rows in _splits(numbers):
        for number, row, look in _ends(first, last, rows):
            sizes = [places[size.size] for size in row.by_size]
            shares = [100 * size.solved / size.asked for size in row.by_size]
            top = max(top, *shares)
            axes.plot(
                sizes, shares, color=colour, marker=marker, markersize=4.5, label=f"{name}, {number}", **look
            )
    marked = ticks(sorted(shown), most=12)
    axes.set_xticks([places[size] for size in marked], [shown[size] for size in marked])
    axes.set_title("Solved by task size · first and last generation")
    axes.set_xlabel("task size")
    share_axis(axes, top)


def _ends(first: int, last: int, rows: list[SplitNumbers]) -> list[tuple[str, SplitNumbers, dict[str, Any]]]:
    faint = {"linestyle": (0, (4, 2)), "linewidth": 1.4, "alpha": 0.6, "markerfacecolor": "white"}
    ends: list[tuple[str, SplitNumbers, dict[str, Any]]] = [(f"generation {first}", rows[0], faint)]
    if last != first:
        ends.append((f"generation {last}", rows[-1], {"linewidth": 2}))
    return ends
