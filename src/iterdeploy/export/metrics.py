"""The metrics of a run as trackers take them: a name, a step, a value; all from the files that its steps left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from iterdeploy import measure
from iterdeploy.answers import Answer
from iterdeploy.report.numbers import read_answers
from iterdeploy.store import Run
from iterdeploy.types import SPLITS


@dataclass(frozen=True, slots=True)
class Values:
    """What is known at one step: of a generation, or of one step of the training of `generation`."""

    generation: int
    step: int
    values: Mapping[str, float]


def of_generation(run: Run, number: int) -> Values:
    """The numbers of a finished generation, by names such as "heldout/share"; docs/measures.md defines them."""
    tasks = run.tasks()
    row = run.generation(number)
    values: dict[str, float] = {"examples": row.examples} if row and number else {}
    for split in SPLITS:
        answers = read_answers(run, tasks, number, split)
        values |= {f"{split}/{name}": value for name, value in _split(answers)} if answers else {}
    for spent in run.clock():
        if spent["generation"] == number:
            name = f"seconds/{spent['step']}"
            values[name] = round(values.get(name, 0.0) + spent["seconds"], 3)
    return Values(number, number, values)


def _split(answers: list[Answer]) -> Iterator[tuple[str, float]]:
    solved, lengths = measure.solved(answers), measure.plan_lengths(answers)
    reasoning, diversity = measure.reasoning_tokens(answers), measure.diversity(answers)
    yield "solved", solved.solved
    yield "share", solved.share
    yield "pass_at_1", measure.pass_at_k(answers, 1)
    if lengths:
        yield "plan_length/mean", lengths.mean
        yield "plan_length/longest", lengths.longest
    if reasoning:
        yield "reasoning_tokens/mean", reasoning.mean
    if any(a.trace.token_ids for a in answers):  # a server keeps them
        yield "answer_tokens/mean", sum(len(a.trace.token_ids) for a in answers) / len(answers)
    if diversity.distance is not None:
        yield "diversity", diversity.distance
    if diversity.entropy is not None:
        yield "entropy", diversity.entropy
    for fault, count in measure.faults(answers).items():
        yield f"faults/{fault}", count


def of_training(run: Run, number: int) -> list[Values]:
    """What was logged while a generation was trained, by names such as "loss", a row for each step."""
    rows: list[Values] = []
    for row in run.training(number):
        values = {name: float(value) for name, value in row.items() if name != "step" and _is_number(value)}
        rows.append(Values(number, int(row.get("step", len(rows) + 1)), values))
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
