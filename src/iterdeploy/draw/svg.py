"""SVG as text: escaped, in two palettes, with names that fit their place.

A picture brings its own background and follows the reader's preference for light or dark, so it can be read on any
page. Colours come from classes alone; their names begin with "it-", so that several pictures can stand in one page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

LIGHT = {
    "paper": "#ffffff",
    "card": "#f6f6f4",
    "line": "#b9b8b4",
    "ink": "#23221f",
    "soft": "#63625d",
    "floor": "#ecebe7",
    "wall": "#8d8b84",
    "thing": "#cfe0f1",
    "edge": "#4a6f94",
    "new": "#f6cf9d",
    "mark": "#b4530a",
    "good": "#17683a",
    "done": "#bfe3cb",
    "bad": "#b3261e",
}
DARK = {
    "paper": "#191919",
    "card": "#242423",
    "line": "#5c5b57",
    "ink": "#ecebe8",
    "soft": "#aaa8a1",
    "floor": "#33322f",
    "wall": "#6f6d66",
    "thing": "#274766",
    "edge": "#8fb6dc",
    "new": "#6b4415",
    "mark": "#f2a65a",
    "good": "#6fcf97",
    "done": "#1f5236",
    "bad": "#ff8a80",
}
CHARACTER = 0.61  # of the font's size: how wide a character of the monospaced font is
SMALL, NORMAL = 10.0, 12.0
POINTED = 400  # characters of what is shown on pointing

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def _rules(palette: Mapping[str, str]) -> str:
    return "".join(
        f".it-{name}{{fill:{colour}}}.it-{name}-line{{stroke:{colour}}}" for name, colour in palette.items()
    )


STYLE = (
    "<style>.it text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}"
    f"{_rules(LIGHT)}@media (prefers-color-scheme:dark){{{_rules(DARK)}}}</style>"
)


def printable(text: str) -> str:
    """The text without what XML cannot hold."""
    return _ILLEGAL.sub("\ufffd", text)


def tag(name: str, *inside: str, **attributes: object) -> str:
    """An element; `class_` is its class, `_` in a name is "-", numbers are rounded to hundredths. `inside` is SVG."""
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(printable(_number(value)))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{said}>{''.join(inside)}</{name}>" if inside else f"<{name}{said}/>"


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def outline(colour: str) -> dict[str, str]:
    """The attributes of what is drawn as a line, with nothing inside."""
    return {"class_": f"it-{colour}-line", "fill": "none"}


def filled(inside: str, edge: str) -> str:
    """The class of a shape of one colour with an edge of another."""
    return f"it-{inside} it-{edge}-line"


def titled(text: str) -> str:
    """What a reader sees on pointing at an element."""
    return tag("title", escape(printable(text if len(text) <= POINTED else text[: POINTED - 1] + "…")))


def words(
    text: str,
    x: float,
    y: float,
    size: float = SMALL,
    look: str = "ink",
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text with its baseline at y."""
    return tag(
        "text",
        escape(printable(text)),
        x=float(x),
        y=float(y),
        class_=f"it-{look}",
        font_size=size,
        text_anchor=None if anchor == "start" else anchor,
        font_weight="bold" if bold else None,
    )


def cut(text: str, width: float, size: float = SMALL) -> str:
    """The text, shortened to fit a width; its end is kept, where numbers stand."""
    most = max(1, int(width / (CHARACTER * size)))
    if len(text) <= most:
        return text
    tail = min(3, (most - 1) // 2)
    return text[: most - 1 - tail] + "…" + (text[-tail:] if tail else "")


def wrapped(text: str, width: float, size: float, most: int) -> list[str]:
    """The text in at most so many lines, broken at blanks where there are any."""
    across = max(1, int(width / (CHARACTER * size)))
    text = text[: across * (most + 1)]  # a model's action may be endless
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > across:
            lines.append("  ")
        lines[-1] += (" " if lines[-1].strip() else "") + word
    if len(lines) > most:
        lines[most - 1] += "…"
    return [cut(line, width, size) for line in lines[:most]]


def document(width: float, height: float, *inside: str, title: str = "") -> str:
    """A whole SVG file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="it" width="{_number(float(width))}" '
        f'height="{_number(float(height))}" viewBox="0 0 {_number(float(width))} {_number(float(height))}">'
        f"{titled(title) if title else ''}{STYLE}{''.join(inside)}</svg>\n"
    )
