"""Figures of experiments: one panel a measure, one line an arm, a band over its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#000000",
    "#999999",
    "#7f3c8d",
    "#a65628",
)

Rows = Sequence[Sequence[float | None]]
"""A row for each seed, a value for each generation; rows differ in length, None is no value."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure: its arms' rows by name."""

    title: str
    unit: str
    rows: Mapping[str, Rows]
    from_zero: bool = True


CROWD = 4
"""Arms in a panel above which bands would hide each other: seeds are then thin lines."""


def draw(panels: Sequence[Panel], file: Path) -> None:
    """Two panels a line. A mean over fewer seeds than the arm has is dotted, for the others did not go so far."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    lines = (len(panels) + 1) // 2
    figure = Figure(figsize=(10, 4 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    places = list(figure.subplots(lines, 2, squeeze=False).flat)
    for axes, panel in zip(places, panels, strict=False):
        for colour, (name, rows) in zip(COLOURS, panel.rows.items(), strict=False):
            _line(axes, colour, name, rows, crowded=len(panel.rows) > CROWD)
        axes.set_title(panel.title, loc="left", fontsize=11)
        seeds = "thin: each seed" if len(panel.rows) > CROWD else "band: lowest to highest seed"
        axes.set_xlabel(f"generation ({seeds})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(panel.unit)
        if panel.from_zero:
            axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e9e9e7")
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    places[0].legend(fontsize=8, frameon=False)
    figure.savefig(file, dpi=130, metadata={"Software": None})


def _line(axes: Any, colour: str, name: str, rows: Rows, crowded: bool) -> None:
    columns = [
        [value for row in rows if len(row) > number and (value := row[number]) is not None]
        for number in range(max(map(len, rows), default=0))
    ]
    there = [number for number, column in enumerate(columns) if column]
    whole = [number for number in there if len(columns[number]) == len(rows)]
    mean = {number: statistics.mean(columns[number]) for number in there}
    marker = "o" if len(columns) < 20 else None
    if crowded:
        for row in rows:
            points = [(number, value) for number, value in enumerate(row) if value is not None]
            axes.plot([x for x, _ in points], [y for _, y in points], color=colour, alpha=0.3, lw=0.7)
    else:
        low, high = ([edge(columns[n]) for n in whole] for edge in (min, max))
        axes.fill_between(whole, low, high, color=colour, alpha=0.15, lw=0)
    axes.plot(whole, [mean[n] for n in whole], color=colour, marker=marker, markersize=4, label=name)
    if rest := [number for number in there if number not in whole]:
        rest = [number for number in whole if number < rest[0]][-1:] + rest
        axes.plot(rest, [mean[n] for n in rest], ":", color=colour)
