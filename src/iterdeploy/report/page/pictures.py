"""Plans as pictures for the page: each element of a drawing once, and for each step of a plan those that change.

`draw` makes each frame of a plan as SVG. Neighbouring frames, and the plans of one domain, share most of their
elements; so a page of pictures holds a table of elements, and a frame only names what is new in it. Nothing here knows
a domain, and neither does the program that plays it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from iterdeploy.draw import Frames, draw_plan
from iterdeploy.pddl import PddlError, parse_domain, parse_problem, read_plan
from iterdeploy.report.page.blocks import Group
from iterdeploy.report.page.traces import Chunk
from iterdeploy.store import Run
from iterdeploy.types import Task

STATES = 200_000  # drawn for one report; of a larger run, every so many tasks have pictures
MOST = 120  # frames of one plan; of a longer one its beginning and its end
TASKS = 50  # of one block

_TAG = re.compile(r"<(/)?[^>]*?(/)?>")
_NAME = re.compile(r'\bdata-name="([^"]*)"')

Known = dict[str, tuple[str, str]]
"""By its opening tag, the name and the text of the element that was read last."""

Plans = dict[str, dict[tuple[str, ...], list[str]]]
"""By task, each plan that was read and the traces that state it."""


def add_pictures(run: Run, tasks: Sequence[Task], chunks: Sequence[Chunk], group: Group) -> int:
    """Add the blocks `pictures-N`, of TASKS tasks each; returns how many there are."""
    states = sum(chunk.tally.planned for chunk in chunks)
    every = max(1, -(-states // STATES))
    drawn = [task for task in tasks[::every] if {"domain", "problem"} <= task.spec.keys()]
    plans = _plans(run, chunks, {task.id for task in drawn})
    blocks = range(-(-len(tasks) // TASKS) if drawn else 0)
    for number in blocks:
        here = {task.id for task in tasks[number * TASKS : (number + 1) * TASKS]}
        table = _Table()
        found = {
            task.id: _task(task, plans[task.id], table)
            for task in drawn
            if task.id in here and task.id in plans
        }
        group.add(f"pictures-{number}", {"elements": table.elements, "tasks": found})
    return len(blocks)


def _plans(run: Run, chunks: Sequence[Chunk], wanted: set[str]) -> Plans:
    plans: Plans = {}
    for chunk in chunks:
        traces = run.traces(chunk.generation, chunk.split)
        for trace, verdict in zip(traces, run.verdicts(chunk.generation, chunk.split), strict=True):
            if verdict.plan and trace.task_id in wanted:
                plans.setdefault(trace.task_id, {}).setdefault(verdict.plan, []).append(trace.id)
    return plans


@dataclass(slots=True)
class _Table:
    """The elements of one block, each with the name that its place in a drawing has."""

    elements: list[tuple[str, str]] = field(default_factory=list)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    known: Known = field(default_factory=dict)

    def number(self, element: tuple[str, str]) -> int:
        if element not in self.numbers:
            self.numbers[element] = len(self.elements)
            self.elements.append(element)
        return self.numbers[element]


def _task(task: Task, plans: dict[tuple[str, ...], list[str]], table: _Table) -> list[dict[str, Any]]:
    """The pictures of a task's plans; none where its text, or a plan, is not PDDL."""
    try:
        domain = parse_domain(task.spec["domain"])
        problem = parse_problem(task.spec["problem"], domain)
        return [
            _picture(draw_plan(domain, problem, read_plan("\n".join(plan)).actions, MOST), traces, table)
            for plan, traces in plans.items()
        ]
    except PddlError:
        return []


def _picture(drawn: Frames, traces: list[str], table: _Table) -> dict[str, Any]:
    drawing = drawn.drawing
    frames = []
    before: dict[str, int] = {}
    for frame in drawn.frames:
        now = {name: table.number((name, text)) for name, text in elements(frame.body, table.known)}
        new = [number for name, number in now.items() if before.get(name) != number]
        frames.append([frame.number, new, [name for name in before if name not in now]])
        before = now
    return {
        "traces": traces,
        "size": [round(drawing.width, 2), round(drawing.height, 2)],
        "shown": round(drawing.shown),
        "backdrop": [
            table.number((f"_{name}", text)) for name, text in elements(drawing.backdrop, table.known)
        ],
        "notice": drawing.notice,
        "frames": frames,
    }


def elements(body: str, known: Known) -> Iterator[tuple[str, str]]:
    """The outermost elements of a piece of SVG as (name, text); one without a name, or with another's, is numbered.

    Its number begins with "#" where it stands before all that have names, and so behind them, and else with "~".
    In the next frame most of them are the same, and those that `known` holds need not be read again.
    """
    seen: set[str] = set()
    numbers = count()
    any_named = False
    start = 0
    while start < len(body):
        opening = body[start : body.index(">", start) + 1]
        name, text = known.get(opening, ("", ""))
        if not text or not body.startswith(text, start):
            text = body[start : _end(body, start)]
            found = _NAME.search(opening)
            name = found[1] if found else ""
            known[opening] = name, text
        if not name or name in seen:
            name = f"{'~' if any_named else '#'}{next(numbers)}"
        else:
            any_named = True
        seen.add(name)
        yield name, text
        start += len(text)


def _end(body: str, start: int) -> int:
    """Where the element that begins there ends. In SVG that `draw` has made, `>` ends a tag and nothing else."""
    depth = 0
    for tag in _TAG.finditer(body, start):
        depth += -1 if tag[1] else not tag[2]
        if not depth:
            return tag.end()
    raise ValueError(f"an element without an end: {body[start : start + 80]}")
