"""A whole run on the tiny real model; as a program, one that kills itself, or shows the processes that it started.

python tests/local_run.py RUN BASE WORKERS [POINT [COUNT]]
"""

from __future__ import annotations

import sys
from pathlib import Path

import tiny
from scripted_run import kill_at

from iterdeploy.loop import run_loop
from iterdeploy.recipe import Recipe, Train
from iterdeploy.store import Run
from iterdeploy.train.fit import CHECKPOINT
from iterdeploy.types import Checkpoint, Generation, ignore_point


def recipe(base: Path) -> Recipe:
    """Long enough that its training passes a checkpoint."""
    train = Train(rank=4, alpha=8.0, epochs=30.0, max_steps=CHECKPOINT + 6, tokens_per_step=200, dropout=0.05)
    return tiny.recipe(base, train=train)


def go(folder: Path, base: Path, workers: int, point: Checkpoint = ignore_point) -> list[Generation]:
    """Start a run or go on with it."""
    of = recipe(base)
    with tiny.trainer(of, workers) as trainer:
        return run_loop(Run.create(folder, of), tiny.domain(), trainer, point=point)


if __name__ == "__main__":
    run, model, number, *deadly = sys.argv[1:]
    point = kill_at(deadly[0], int(deadly[1]) if deadly[1:] else 1) if deadly else ignore_point
    print([row.solved for row in go(Path(run), Path(model), int(number), point)])
