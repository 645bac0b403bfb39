"""From a run to its page: the template, the style and the program that ship, and the run's blocks."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from iterdeploy.draw.svg import DARK, LIGHT
from iterdeploy.measure import Bound
from iterdeploy.report.numbers import RunNumbers, read_numbers
from iterdeploy.report.page.blocks import FOLDER, ROOM, Group, Put, fitting, pack
from iterdeploy.report.page.pictures import add_pictures
from iterdeploy.report.page.summary import summary
from iterdeploy.report.page.traces import add_traces
from iterdeploy.store import Run, disk

NAME = "report.html"
PROGRAM = ("dom.js", "data.js", "charts.js", "report.js", "filter.js", "player.js", "traces.js", "main.js")


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the files that belong beside it by their path from it; none for a run of usual size."""

    html: str
    files: dict[str, bytes]


def render_page(
    run: Run, bound: Bound | None = None, numbers: RunNumbers | None = None, pictures: bool = True
) -> Page:
    """The page of a run's finished generations.

    `numbers`, where they are known, are not measured again. Pictures of plans take the most time, some 0.1 ms a step.
    """
    beside: dict[str, bytes] = {}
    page = _page(run, numbers or read_numbers(run, bound), beside.__setitem__, pictures)
    return Page(page, beside)


def write_page(
    run: Run,
    bound: Bound | None = None,
    numbers: RunNumbers | None = None,
    mark: disk.Mark = disk.unmarked,
    pictures: bool = True,
) -> Path:
    """Leave report.html in the run's folder, and the files beside it that it needs; returns its path."""
    written: set[Path] = set()

    def put(name: str, content: bytes) -> None:
        disk.put(run.path / name, content)
        written.add(run.path / name)

    with run.lock():
        page = _page(run, numbers or read_numbers(run, bound), put, pictures)
        disk.put(run.path / NAME, page.encode(), mark)
        _clear(run.path / FOLDER, written)
    return run.path / NAME


def _clear(folder: Path, written: set[Path]) -> None:
    """Remove what an earlier page had beside it and this one has not."""
    if not written:
        disk.remove(folder)
    elif folder.is_dir():
        for file in set(folder.iterdir()) - written:
            disk.remove(file)


def _page(run: Run, numbers: RunNumbers, put: Put, pictured: bool) -> str:
    index, texts, drawn = Group(ROOM, put), Group(ROOM, put), Group(ROOM, put)
    tasks = run.tasks() if numbers.generations else []
    chunks = add_traces(run, tasks, index, texts)
    pictures = add_pictures(run, tasks, chunks, drawn) if pictured else 0
    first = pack(summary(run, numbers, chunks) | {"pictures": pictures})
    blocks = {"summary": first} | fitting([index, texts, drawn], ROOM - len(first))
    return _filled(f"{numbers.name}, seed {numbers.seed}", blocks)


def _filled(title: str, blocks: dict[str, str]) -> str:
    program = "\n".join(_asset(name) for name in PROGRAM)
    program = f'(() => {{\n"use strict";\n{program}}})();'
    parts = {
        "policy": _policy(program),
        "title": html.escape(title),
        "style": _style(),
        "blocks": "\n".join(
            f'<script type="text/plain" id="block-{name}">{block}</script>' for name, block in blocks.items()
        ),
        "program": program,
    }
    page = _asset("page.html")
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text, 1)
    return page


def _style() -> str:
    """The style; its dark part is said once, and holds for the switch and for what the system prefers."""
    rules = "".join(
        f".it-{name}{{fill:var(--it-{name})}}.it-{name}-line{{stroke:var(--it-{name})}}" for name in LIGHT
    )
    light, dark = (
        "".join(f"--it-{name}:{colour};" for name, colour in palette.items()) for palette in (LIGHT, DARK)
    )
    night = _asset("dark.css") + dark
    return (
        f":root{{{light}}}{rules}\n{_asset('page.css')}"
        f'@media screen {{ :root[data-theme="dark"] {{ {night} }} }}\n'
        f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {night} }} }}\n'
    )


def _policy(program: str) -> str:
    """Nothing may be loaded but scripts from beside the page, and of the page's own none may run but its program."""
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}' 'self' file:; img-src data:"


@lru_cache
def _asset(name: str) -> str:
    return (files("iterdeploy.report.page") / "assets" / name).read_text(encoding="utf-8")
