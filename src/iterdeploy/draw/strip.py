"""A plan as one picture: its frames in rows, each under its action."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from iterdeploy.draw.frames import Frame, Frames, draw_plan
from iterdeploy.draw.svg import NORMAL, SMALL, document, filled, outline, tag, titled, words, wrapped
from iterdeploy.pddl import Action, Domain, Problem

WIDTH = 1160  # of the picture, unless one frame is wider
PAD, GAP, LINE = 10, 14, 15
LINES = 3  # of an action's text

COLOURS = {"": "line", "failed": "bad", "missed": "bad", "reached": "good"}


def plan_svg(domain: Domain, problem: Problem, plan: Sequence[Action], heading: str = "") -> str:
    """The plan as a self-contained SVG file; what is left out of a long plan is counted in it.

    `heading` stands above all else, where there is more to say than that the plan is valid or why it is not.
    """
    return strip(draw_plan(domain, problem, plan), problem.name, heading)


def strip(drawn: Frames, name: str, heading: str = "") -> str:
    """The frames in rows from left to right, under a line that says how the plan ends."""
    shown, height = _size(drawn)
    caption = max(len(_caption(frame, shown)) for frame in drawn.frames)
    panel_width, panel_height = shown + 2 * PAD, height + caption * LINE + 3 * PAD
    across = max(1, int((WIDTH - GAP) // (panel_width + GAP)))
    tiles = [_panel(frame, drawn, shown, height, panel_height) for frame in drawn.frames]
    gap = _gap(drawn)
    if gap is not None:
        tiles.insert(gap, _skipped(drawn.left_out, panel_width, panel_height))
    across = min(across, len(tiles))
    width = max(across * (panel_width + GAP) + GAP, 420)
    head = [(line, "ink") for line in wrapped(heading, width - 2 * GAP, NORMAL, 3) if line]
    head += _head(drawn, name, width)
    top = GAP + LINE * len(head) + 8
    placed = []
    for i, tile in enumerate(tiles):
        x, y = GAP + i % across * (panel_width + GAP), top + i // across * (panel_height + GAP)
        placed.append(tag("g", tile, transform=f"translate({x:g} {y:g})"))
    rows = -(-len(tiles) // across)
    total = top + rows * (panel_height + GAP)
    lines = "".join(
        words(text, GAP, GAP + LINE * (i + 0.8), NORMAL, look, bold=i == 0)
        for i, (text, look) in enumerate(head)
    )
    backdrop = tag("defs", tag("g", drawn.drawing.backdrop, id=_backdrop_id(drawn)))
    return document(
        width,
        total,
        backdrop,
        tag("rect", width=width, height=total, class_="it-paper"),
        lines,
        *placed,
        title=name,
    )


def _backdrop_id(drawn: Frames) -> str:
    """A name of its own, for two pictures may stand in one page."""
    return f"it-{blake2b(drawn.drawing.backdrop.encode(), digest_size=6).hexdigest()}"


def _size(drawn: Frames) -> tuple[float, float]:
    """Width and height of a frame's picture as it is shown."""
    shown = max(drawn.drawing.shown, 120.0)
    return shown, shown * drawn.drawing.height / drawn.drawing.width


def _head(drawn: Frames, name: str, width: float) -> list[tuple[str, str]]:
    """The lines above the frames, each with its colour."""
    judged = drawn.judgement
    steps = f"{drawn.steps} step{'' if drawn.steps == 1 else 's'}"
    lines = [
        (f"{name} · {steps} · {'valid' if judged.valid else 'not valid'}", "good" if judged.valid else "bad")
    ]
    lines += [(line, "bad") for line in wrapped(judged.reason, width - 2 * GAP, NORMAL, 3) if line]
    undone = drawn.steps - (judged.step or drawn.steps)
    notices = [drawn.drawing.notice]
    if drawn.left_out:
        notices.append(f"{drawn.left_out} of {drawn.frames[-1].number + 1} states are not drawn")
    if undone:
        notices.append(f"the {undone} step{'' if undone == 1 else 's'} after the failing one are not drawn")
    said = "; ".join(notice for notice in notices if notice)
    return lines + [(line, "soft") for line in wrapped(said, width - 2 * GAP, NORMAL, 3) if line]


def _caption(frame: Frame, width: float) -> list[str]:
    text = f"{frame.number} {frame.action}" if frame.action else "start"
    return wrapped(text, width, SMALL, LINES)


def _panel(frame: Frame, drawn: Frames, shown: float, height: float, panel_height: float) -> str:
    colour = COLOURS[frame.mark]
    caption = _caption(frame, shown)
    top = panel_height - height - PAD
    full = f"{frame.number} {frame.action}".strip() + (f": {frame.note}" if frame.note else "")
    size = {"width": float(shown + 2 * PAD), "height": float(panel_height), "rx": 7}
    return tag(
        "g",
        titled(full),
        tag("rect", **size, class_=filled("card", colour), stroke_width=2.5 if frame.mark else 1),
        *(
            words(line, PAD, PAD + LINE * (i + 0.7), SMALL, "bad" if frame.mark == "failed" else "ink")
            for i, line in enumerate(caption)
        ),
        tag(
            "svg",
            tag("use", href=f"#{_backdrop_id(drawn)}"),
            frame.body,
            x=PAD,
            y=float(top),
            width=float(shown),
            height=float(height),
            viewBox=f"0 0 {drawn.drawing.width:g} {drawn.drawing.height:g}",
        ),
        _cross(shown, top, height) if frame.mark == "failed" else "",
        class_=f"frame {frame.mark}".strip(),
        data_step=frame.number,
    )


def _cross(shown: float, top: float, height: float) -> str:
    """A cross over a state in which the step could not be done."""
    x, y, r = PAD + shown - 12, top + 12, 7
    arms = f"M{x - r:g} {y - r:g}L{x + r:g} {y + r:g}M{x - r:g} {y + r:g}L{x + r:g} {y - r:g}"
    return tag("path", d=arms, **outline("bad"), stroke_width=3.5, stroke_linecap="round")


def _gap(drawn: Frames) -> int | None:
    """The place in the row of frames where some are left out."""
    numbers = [frame.number for frame in drawn.frames]
    return next((i for i in range(1, len(numbers)) if numbers[i] > numbers[i - 1] + 1), None)


def _skipped(count: int, width: float, height: float) -> str:
    return tag(
        "g",
        tag(
            "rect",
            width=float(width),
            height=float(height),
            rx=7,
            **outline("line"),
            stroke_dasharray="5 5",
        ),
        words("…", width / 2, height / 2 - 8, 22, "soft", "middle"),
        words(f"{count} states", width / 2, height / 2 + 14, NORMAL, "soft", "middle"),
        words("not drawn", width / 2, height / 2 + 30, NORMAL, "soft", "middle"),
        class_="skipped",
    )
