"""A comparison as files for a paper: comparison.md, .json, .svg and .png. Same runs, same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.report.arms import Arm, Gap, Point
from iterdeploy.report.canvas import MARKERS, SERIES, encoded, figure, plain, share_axis, ticks
from iterdeploy.report.compare import SPLIT_NAMES, Comparison, Ends, band, p_value, points, said
from iterdeploy.report.markdown import grid, times
from iterdeploy.report.numbers import rounded
from iterdeploy.store import disk

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_comparison(found: Comparison, out: Path) -> list[Path]:
    """Put the files into a folder, which is made; returns their paths. Files of an earlier comparison are replaced."""
    files = {"comparison.md": markdown(found).encode(), "comparison.json": to_json(found)}
    files |= draw(found) if any(arm.deployed for arm in found.arms) else {}
    for name, content in files.items():
        disk.put(out / name, content)
    return [out / name for name in files]


def to_json(found: Comparison) -> bytes:
    """The comparison as JSON with rounded fractions."""
    return (json.dumps(rounded(asdict(found)), indent=1) + "\n").encode()


def markdown(found: Comparison) -> str:
    """The comparison as tables."""
    parts = ["# Comparison", _runs(found)]
    if any(arm.deployed for arm in found.arms):
        parts += [
            "![Solved by generation, by arm](comparison.svg)",
            "## Arms",
            _bands(found),
            *map(_arm, found.arms),
        ]
    if found.differences:
        parts += [
            f"## Against {found.differences[0].than}",
            _gaps(found),
            "\n".join(f"- {line}." for line in said(found)),
        ]
    if found.pairs:
        parts += ["## Run against run", _MCNEMAR, _pairs(found)]
    return "\n\n".join(parts) + "\n"


_MCNEMAR = (
    "McNemar's exact test on the tasks that both were asked: of those that one run alone solved, how many did either "
    "solve. It speaks of these two models, not of their recipes."
)


def _bands(found: Comparison) -> str:
    several = "Student's t interval over seeds" if any(len(arm.runs) > 1 for arm in found.arms) else ""
    single = "Wilson's over tasks for a single run" if any(len(arm.runs) == 1 for arm in found.arms) else ""
    return (
        "Share of valid answers with its 95 % interval: "
        + ", and ".join(filter(None, [several, single]))
        + "."
    )


def _runs(found: Comparison) -> str:
    head = [
        "run",
        "recipe",
        "seed",
        "generations",
        "deployed solved",
        "×",
        "held-out solved",
        "×",
        "longest plan",
    ]
    rows = [
        [
            r.run,
            r.name,
            str(r.seed),
            str(r.generations),
            *_ends(r.deployed),
            *_ends(r.heldout),
            _longest(r.deployed),
        ]
        for r in found.runs
    ]
    differing = [f"- `{r.run}`: {'; '.join(r.differs)}" for r in found.runs[1:] if r.differs]
    first = f"Settings that are not those of `{found.runs[0].run}`:"
    return "\n\n".join([grid(head, rows), *([first + "\n\n" + "\n".join(differing)] if differing else [])])


def _ends(ends: Ends) -> list[str]:
    return [f"{ends.first} → {ends.last} / {ends.asked}", times(ends.ratio)] if ends.asked else ["-", "-"]


def _longest(ends: Ends) -> str:
    return f"{ends.longest_first or '-'} → {ends.longest_last or '-'}"


def _arm(arm: Arm) -> str:
    k = len(arm.runs)
    head = ["generation"]
    for split in ("deployed", "held-out"):
        head += [f"{split} solved, mean", f"unanimous@{k}", "valid (95 %)"]
    heldout = {point.generation: point for point in arm.heldout}
    rows = [[str(p.generation), *_cells(p), *_cells(heldout.get(p.generation))] for p in arm.deployed]
    return f"### {arm.name}, seed {', '.join(map(str, arm.seeds))}\n\n" + grid(head, rows)


def _cells(point: Point | None) -> list[str]:
    if point is None:
        return ["-"] * 3
    share = f"{100 * point.share:.1f} % ({band(point)})"
    return [f"{point.mean_solved:.1f} / {point.asked}", str(point.unanimous), share]


def _gaps(found: Comparison) -> str:
    head = ["arm", "split", "tasks", "generation", "valid answers", "theirs", "difference, points (95 %)"]
    return grid([*head, "p", "p (Holm)", "chance"], [_gap(gap) for gap in found.differences])


def _gap(gap: Gap) -> list[str]:
    shares = [f"{100 * gap.share:.1f} %", f"{100 * gap.than_share:.1f} %"]
    place = [gap.name, SPLIT_NAMES[gap.split], str(gap.tasks), str(gap.generation)]
    return [*place, *shares, points(gap), p_value(gap.p), p_value(gap.p_holm), gap.method]


def _pairs(found: Comparison) -> str:
    head = ["run", "against", "split", "generation", "both", "alone", "other alone", "neither", "p"]
    return grid(
        head,
        [
            [
                *(p.run, p.than, SPLIT_NAMES[p.split], str(p.generation)),
                *(str(n) for n in (p.both, p.alone, p.than_alone, p.neither)),
                p_value(p.p),
            ]
            for p in found.pairs
        ],
    )


def draw(found: Comparison) -> dict[str, bytes]:
    """The arms' curves as {"comparison.svg": bytes, "comparison.png": bytes}: a panel a split."""
    splits = [split for split in SPLIT_NAMES if any(getattr(arm, split) for arm in found.arms)]
    margins = {"left": 0.085, "right": 0.985, "bottom": 0.15, "top": 0.91, "wspace": 0.17}
    style: dict[str, Any] = {f"figure.subplot.{side}": value for side, value in margins.items()}
    with figure(4.6 * len(splits), 3.6, dpi=200, **style) as drawn:
        axes = drawn.subplots(1, len(splits), squeeze=False, sharey=True)[0]
        for place, split in zip(axes, splits, strict=True):
            _curves(place, [(arm, getattr(arm, split)) for arm in found.arms], SPLIT_NAMES[split])
        highest = max(p.high for arm in found.arms for split in splits for p in getattr(arm, split))
        share_axis(axes[0], 100 * highest / 1.1)
        axes[0].set_ylabel("valid answers, %")
        axes[0].legend(loc="upper left", fontsize=8)
        return encoded(drawn, "comparison")


def _curves(axes: Axes, found: Sequence[tuple[Arm, Sequence[Point]]], title: str) -> None:
    """One curve an arm with its band."""
    numbers = sorted({point.generation for _, curve in found for point in curve})
    for i, (arm, curve) in enumerate(found):
        x, colour = [point.generation for point in curve], SERIES[i % len(SERIES)]
        low, high = [100 * point.low for point in curve], [100 * point.high for point in curve]
        look: Any = {
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 4.5,
            "linewidth": 1.8,
            "color": colour,
        }
        label = f"{arm.name} ({len(arm.runs)} seed{'s' if len(arm.runs) > 1 else ''})"
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(x, [100 * point.share for point in curve], label=label, **look)
    axes.set_title(title)
    axes.set_xlabel("generation (0 is the base); band: 95 % interval")
    axes.set_xticks(ticks(numbers, most=12))
    plain(axes)
