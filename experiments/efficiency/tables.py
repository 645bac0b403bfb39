"""Courses to table and figure."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ground import Course, Point, Size

COLOURS = {
    "iterdeploy": "#0072b2",
    "iterdeploy-adamw": "#56b4e9",
    "reinforce": "#d55e00",
    "grpo": "#009e73",
}

Found = Mapping[str, Sequence[Course]]


def write(found: Found, size: Size, base: float, folder: Path) -> None:
    """numbers.json, table.md and curves.png."""
    lines = [
        "| arm | reached, of seeds | samples | valid traces | trained tokens | CPU seconds "
        "| held-out at its end | deployed at its end |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, courses in found.items():
        ends = [course.points[-1] for course in courses]
        reached = sum(course.reached() for course in courses)
        lines.append(
            f"| {name} | {reached} of {len(courses)} | {_cost(courses, lambda p: p.samples)} "
            f"| {_cost(courses, lambda p: p.valid)} | {_cost(courses, lambda p: p.trained_tokens)} "
            f"| {_cost(courses, lambda p: p.cpu_seconds)} | {_row([e.heldout for e in ends])} "
            f"| {_row([c.deployed for c in courses])} |"
        )
    lines += [
        "",
        f"{size.deployed} deployed and {size.heldout} held-out tasks of {size.sizes[0]} to {size.sizes[-1]} "
        f"blocks; the base solves {base:.1f} held-out ones, so the target is {2 * base:.1f}. One figure a seed, in the "
        f"order of seeds; a `>` stands where an arm spent its {size.budget} samples and had not reached the target.",
    ]
    _write(lines + arrivals(found, base, (1.5, 1.8, 1.9, 2.0)), found, folder, "table.md", "numbers.json")
    _figure(found, size, base, folder / "curves.png")


def write_further(found: Found, size: Size, base: float, folder: Path) -> None:
    """further.json, further.md and further.png: held-out tasks solved at equal samples, past the target."""
    marks = [
        n
        for n in range(size.measured_every, size.budget + 1, size.measured_every)
        if all(n in {p.samples for p in c.points} for courses in found.values() for c in courses)
    ]
    lines = [
        f"| arm | {' | '.join(f'{n:,}' for n in marks)} | trained tokens | CPU seconds | deployed at the end |",
        f"|---|{'--:|' * (len(marks) + 3)}",
    ]
    for name, courses in found.items():
        at = [[next(p.heldout for p in c.points if p.samples == n) for c in courses] for n in marks]
        ends = [course.points[-1] for course in courses]
        lines.append(
            f"| {name} | {' | '.join(map(_row, at))} | {' '.join(f'{e.trained_tokens:,}' for e in ends)} "
            f"| {' '.join(f'{e.cpu_seconds:.0f}' for e in ends)} | {_row([c.deployed for c in courses])} |"
        )
    lines += [
        "",
        f"Held-out tasks solved, of {size.heldout}, after so many samples; one figure a seed, in the order of seeds. "
        f"The base solves {base:.1f}. Deployed: of {size.deployed}.",
    ]
    _write(lines + arrivals(found, base, (1.5, 1.8, 2.0, 2.2)), found, folder, "further.md", "further.json")
    _figure(found, size, base, folder / "further.png")


def arrivals(found: Found, base: float, times: Sequence[float]) -> list[str]:
    """Samples and CPU seconds at the first measurement at so many times the base, means over seeds."""
    lines = ["", f"| first at, times the base | {' | '.join(found)} |", f"|---|{'--:|' * len(found)}"]
    for factor in times:
        cells = []
        for courses in found.values():
            first = [next((p for p in c.points if p.heldout >= factor * base), None) for c in courses]
            there = [point for point in first if point is not None]
            lacking = f", {len(there)} of {len(first)} seeds" if len(there) < len(first) else ""
            cells.append(
                f"{statistics.mean(p.samples for p in there):,.0f} samples, "
                f"{statistics.mean(p.cpu_seconds for p in there):.0f} s{lacking}"
                if there
                else "-"
            )
        lines.append(f"| {factor:g} | {' | '.join(cells)} |")
    return lines


def _write(lines: Sequence[str], found: Found, folder: Path, page: str, numbers: str) -> None:
    (folder / page).write_text("\n".join(lines) + "\n")
    content = {name: [_plain(course) for course in courses] for name, courses in found.items()}
    (folder / numbers).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    print("\n".join(lines))


def _plain(course: Course) -> dict[str, Any]:
    """A course for JSON, which knows no infinite target."""
    return asdict(course) | {"target": course.target if math.isfinite(course.target) else None}


def write_tries(found: Found, size: Size, file: Path, all_there: bool) -> None:
    """What each try came to: `file`, which a full run takes its settings from, and a page of the same name."""
    lines = [
        "# What was tried for TRL's trainers",
        "",
        f"Seed 9, {size.budget} samples each: learning rate (lr), temperature of the training samples (t), "
        "completions of a prompt (g) and of a step (b). Held-out tasks solved at the start, then at each "
        "measurement. Iterative deployment was not tuned here.",
        "",
        f"| try | held-out, of {size.heldout} | deployed at its end, of {size.deployed} | valid, of the samples "
        "| CPU seconds |",
        "|---|---|--:|--:|--:|",
    ]
    for name, courses in found.items():
        for course in courses:
            last = course.points[-1]
            lines.append(
                f"| {name} | {' '.join(str(p.heldout) for p in course.points)} | {course.deployed} "
                f"| {last.valid} of {last.samples} | {last.cpu_seconds:.0f} |"
            )
    file.with_suffix(".md").write_text("\n".join(lines) + "\n")
    rows = [
        {"try": name, "heldout": [p.heldout for p in course.points], "deployed": course.deployed}
        for name, courses in found.items()
        for course in courses
    ]
    if all_there:  # the choice is made among all
        file.write_text("[\n" + ",\n".join(f" {json.dumps(row)}" for row in rows) + "\n]\n")
    print("\n".join(lines))


def _cost(courses: Sequence[Course], cost: Callable[[Point], float]) -> str:
    return " ".join(f"{'' if c.reached() else '>'}{cost(c.points[-1]):,.0f}" for c in courses)


def _row(values: Sequence[int]) -> str:
    text = " ".join(map(str, values))
    return f"{text} (mean {statistics.mean(values):.0f})" if len(values) > 1 else text


def _figure(found: Found, size: Size, base: float, file: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, label in ((left, "samples"), (right, "CPU seconds")):
        for name, courses in found.items():
            for number, course in enumerate(courses):
                x = [p.samples if axes is left else p.cpu_seconds for p in course.points]
                y = [100 * p.heldout / size.heldout for p in course.points]
                axes.plot(
                    x, y, color=COLOURS[name], marker="o", markersize=3, lw=1.2, label=name if number == 0 else None
                )  # fmt: skip
        for height, says, at in ((base, "base", 1.0), (2 * base, "twice the base", 0.01)):
            axes.axhline(100 * height / size.heldout, color="#999999", lw=0.8, ls="--")
            axes.annotate(says, (at, 100 * height / size.heldout), xycoords=("axes fraction", "data"),
                          ha="right" if at == 1 else "left", va="bottom", fontsize=8, color="#666666")  # fmt: skip
        axes.set_xlabel(f"{label}, a line for each seed")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e9e9e7")
    left.set_ylabel("held-out tasks solved, %")
    left.legend(fontsize=8, frameon=False, loc="lower right")
    figure.savefig(file, dpi=130, metadata={"Software": None})
