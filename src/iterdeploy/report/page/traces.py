"""All answers of a run as blocks: an index to filter by, small for each answer, and the texts in pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from iterdeploy.answers import Answer
from iterdeploy.report.numbers import read_answers
from iterdeploy.report.page.blocks import Group
from iterdeploy.store import Run
from iterdeploy.types import SPLITS, Fault, Split, Task

ROWS, CHARACTERS = 500, 1_000_000  # of one page of texts, whichever is reached first
FAULTS = ("", *map(str, Fault))  # an index into this is a verdict: 0 is valid

_STEP = re.compile(r"step (\d+): ")
Row = TypeVar("Row")


@dataclass(slots=True)
class Tally:
    """What the figures count of one generation and split, beyond its numbers."""

    steps: Counter[int] = field(default_factory=Counter)  # of valid plans
    reasoning: Counter[int] = field(default_factory=Counter)  # tokens, of all answers
    sampled: int = 0  # tokens, of all answers
    planned: int = 0  # steps of all plans that were read


@dataclass(frozen=True, slots=True)
class Chunk:
    """The answers of one generation and split; `pages` holds the first row of each page of texts."""

    generation: int
    split: Split
    rows: int
    pages: tuple[int, ...]
    tally: Tally


def add_traces(run: Run, tasks: Sequence[Task], index: Group, texts: Group) -> list[Chunk]:
    """Add the blocks `tasks`, `index-N` and `examples`, and the pages `tasks-N` and `traces-N-P`."""
    generations = len(run.generations())
    _add_tasks(tasks, index, texts)
    learned = _learned(run, generations)
    places = {task.id: place for place, task in enumerate(tasks)}
    chunks: list[Chunk] = []
    for generation in range(generations):
        for split in SPLITS:
            answers = read_answers(run, tasks, generation, split)
            if answers:
                number = len(chunks)
                index.add(f"index-{number}", _columns(answers, places, learned))
                pages = _add_pages(f"traces-{number}", map(_texts, answers), texts)
                chunks.append(Chunk(generation, split, len(answers), pages, _tally(answers)))
    return chunks


def _add_tasks(tasks: Sequence[Task], index: Group, texts: Group) -> None:
    domains = sorted({(task.domain, task.spec.get("domain", "")) for task in tasks})
    place = {domain: number for number, domain in enumerate(domains)}
    pages = _add_pages("tasks", map(_task_texts, tasks), texts)
    index.add(
        "tasks",
        {
            "ids": [task.id for task in tasks],
            "sizes": [task.size for task in tasks],
            "domains": domains,
            "domain": [place[task.domain, task.spec.get("domain", "")] for task in tasks],
            "pages": pages,
        },
    )


def _task_texts(task: Task) -> list[Any]:
    shown = {key: text for key, text in task.spec.items() if key not in ("domain", "canonical")}
    return [task.prompt, shown]


def _texts(answer: Answer) -> list[str]:
    verdict = answer.verdict
    return [answer.trace.text, verdict.reason, "\n".join(verdict.plan), " ".join(verdict.rules)]


def _add_pages(name: str, rows: Iterable[list[Any]], texts: Group) -> tuple[int, ...]:
    starts: list[int] = []
    for start, page in _pages(rows):
        texts.add(f"{name}-{len(starts)}", page)
        starts.append(start)
    return tuple(starts)


def _pages(rows: Iterable[list[Any]]) -> Iterator[tuple[int, list[list[Any]]]]:
    page: list[list[Any]] = []
    start = characters = 0
    for row in rows:
        page.append(row)
        characters += sum(map(len, map(str, row)))
        if len(page) == ROWS or characters >= CHARACTERS:
            yield start, page
            start += len(page)
            page, characters = [], 0
    if page:
        yield start, page


def _columns(
    answers: Sequence[Answer], places: dict[str, int], learned: dict[str, tuple[int, ...]]
) -> dict[str, Any]:
    sets = sorted({learned.get(answer.trace.id, ()) for answer in answers} | {()})
    numbers = {generations: number for number, generations in enumerate(sets)}
    usual = all(a.trace.id == f"g{a.trace.generation}.{a.task.id}.{a.trace.sample}" for a in answers)
    return {
        "ids": None if usual else [answer.trace.id for answer in answers],
        "task": [places[answer.task.id] for answer in answers],
        "sample": [answer.trace.sample for answer in answers],
        "fault": [FAULTS.index(answer.verdict.fault or "") for answer in answers],
        "steps": [answer.verdict.cost for answer in answers],
        "reasoning": [answer.verdict.reasoning_tokens for answer in answers],
        "tokens": [len(answer.trace.token_ids) for answer in answers],
        "failing": [_failing_step(answer) for answer in answers],  # from 1; 0 where no one step fails
        "learned": [numbers[learned.get(answer.trace.id, ())] for answer in answers],
        "sets": sets,
    }


def _failing_step(answer: Answer) -> int:
    found = _STEP.match(answer.verdict.reason)
    return int(found[1]) if found and not answer.verdict.valid else 0


def _tally(answers: Sequence[Answer]) -> Tally:
    return Tally(
        Counter(answer.verdict.cost for answer in answers if answer.verdict.valid),
        Counter(answer.verdict.reasoning_tokens for answer in answers),
        sum(len(answer.trace.token_ids) for answer in answers),
        sum(len(answer.verdict.plan) for answer in answers),
    )


def _learned(run: Run, generations: int) -> dict[str, tuple[int, ...]]:
    """The generations that each trace was an example for."""
    found: dict[str, list[int]] = defaultdict(list)
    for generation in range(1, generations):
        if not run.examples_file(generation).exists():  # removed to save room: a figure less, no error
            continue
        for trace_id in sorted({example.trace_id for example in run.examples(generation)}):
            found[trace_id].append(generation)
    return {trace_id: tuple(numbers) for trace_id, numbers in found.items()}
