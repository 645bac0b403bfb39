"""Iterative deployment, generation by generation, until it is where it was to get."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ground import Course, Ground, Point, Spent

from iterdeploy.cli.rooms import open_trainer
from iterdeploy.steps.answering import deploy_step, validate_step
from iterdeploy.steps.learning import curate_step, train_step
from iterdeploy.steps.tasks import make_tasks
from iterdeploy.store import Run
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import steps_of
from iterdeploy.types import groups_of


def deploy_until(ground: Ground, course: Course, folder: Path) -> None:
    """Deploy, validate, curate, train and measure; a begun arm is begun anew, so that its clock is whole."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    run, spent = Run.create(folder / "run", ground.recipe), Spent()
    adapter: Path | None = None
    with run.lock(), open_trainer(ground.recipe, 1, ground.domain) as trainer:
        make_tasks(run, ground.domain)
        course.points.append(Point.of(spent, ground.solved(None, ground.heldout)))
        generation = 0
        while not course.over():
            started = time.process_time()
            deploy_step(run, trainer, generation)
            validate_step(run, ground.domain, generation)
            generation += 1
            curate_step(run, generation)
            train_step(run, trainer, generation)
            spent.cpu_seconds += time.process_time() - started
            verdicts = run.verdicts(generation - 1)
            spent.samples += len(verdicts)
            spent.valid += sum(verdict.valid for verdict in verdicts)
            spent.trained_tokens += trained_tokens(run, ground, generation)
            adapter = run.adapter(generation)
            course.points.append(Point.of(spent, ground.solved(adapter, ground.heldout)))
            print(course.points[-1], flush=True)
    course.deployed = ground.solved(adapter, ground.deployed)


def trained_tokens(run: Run, ground: Ground, generation: int) -> int:
    """Completion tokens of all steps of a training; renaming changes no length, so any ids will do for the names."""
    names = [range(len(group)) for group in groups_of(ground.domain.names)]
    steps = steps_of(run.examples(generation), run.recipe.train, names, 0)
    rows: list[Row] = [row for step in steps for shard in step.shards for row in shard]
    return sum(len(row.completion) for row in rows)
