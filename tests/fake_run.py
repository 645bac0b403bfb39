"""A run folder with real files, written by hand: each generation solves more, and larger, tasks."""

from __future__ import annotations

import random
from pathlib import Path

from rows import answer, task

from iterdeploy.answers import Answer
from iterdeploy.measure import by_task, solved_tasks
from iterdeploy.recipe import Deploy, Recipe, Tasks
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import SPLITS, Fault, Generation, Split, Task

SIZES = (3, 4, 5)


def recipe(
    *, generations: int = 2, count: int = 30, heldout: int = 12, samples: int = 1, seed: int = 0
) -> Recipe:
    """A small recipe for a run that nobody has to compute."""
    return Recipe(
        name="small",
        seed=seed,
        generations=generations,
        tasks=Tasks(domain="scripted_run:Counting", sizes=SIZES, count=count, heldout=heldout),
        deploy=Deploy(samples=samples),
    )


def write(path: Path, of: Recipe, finished: int | None = None) -> Run:
    """A run folder in which generations 0 to `finished` (all, unless given) are done."""
    run = Run.create(path, of)
    tasks = [task(n, SIZES[n % 3], "deployed") for n in range(of.tasks.count)]
    tasks += [task(n, SIZES[n % 3], "heldout") for n in range(of.tasks.heldout)]
    write_rows(path / "tasks.jsonl", tasks)
    last = of.generations if finished is None else finished
    for number in range(last + 1):
        _write_generation(run, tasks, number)
    return run


def _write_generation(run: Run, tasks: list[Task], number: int) -> None:
    solved: dict[Split, tuple[int, int]] = {}
    for split in SPLITS:
        answers = _answers([t for t in tasks if t.split == split], number, run.recipe)
        write_rows(run.traces_file(number, split), [a.trace for a in answers])
        write_rows(run.verdicts_file(number, split), [a.verdict for a in answers])
        solved[split] = (len(by_task(answers)), len(solved_tasks(answers)))
        run.add_seconds(number, "deploy" if split == "deployed" else "heldout", 1.5)
    row = Generation(
        number=number,
        model=f"model-{number}",
        parent=f"model-{number - 1}" if number else None,
        asked=solved["deployed"][0],
        solved=solved["deployed"][1],
        heldout_asked=solved["heldout"][0],
        heldout_solved=solved["heldout"][1],
        examples=10 * number,
    )
    write_rows(run.generation_file(number), [row])


def _answers(tasks: list[Task], number: int, of: Recipe) -> list[Answer]:
    """Size 3 is solved by the base; each later generation solves most of one size more."""
    chance = random.Random(f"{of.seed} {number}")
    return [
        answer(
            t,
            2 * t.size,
            generation=number,
            sample=sample,
            fault=None if t.size <= 3 + number and chance.random() < 0.8 else Fault.GOAL,
        )
        for t in tasks
        for sample in range(of.deploy.samples)
    ]
