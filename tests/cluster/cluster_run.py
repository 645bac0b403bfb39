"""The run of local_run.py on a cluster; as a program, one that kills itself.

python tests/cluster/cluster_run.py RUN BASE ADDRESS POINT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import local_run
import tiny
from scripted_run import kill_at

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.loop import run_loop
from iterdeploy.store import Run
from iterdeploy.types import Checkpoint, ignore_point


def trainer_of(base: Path) -> Any:
    """The trainer of the run, with two workers on the cluster that was joined."""
    from iterdeploy.cluster.trainer import ClusterTrainer

    return ClusterTrainer(local_run.recipe(base), 2, NAMES)


def go(folder: Path, trainer: Any, point: Checkpoint = ignore_point) -> None:
    """Start the run or go on with it."""
    run_loop(Run.create(folder, trainer.recipe), tiny.domain(), trainer, point=point)


if __name__ == "__main__":
    from iterdeploy.cluster.connect import connect

    run, model, address, deadly = sys.argv[1:]
    connect(address)
    with trainer_of(Path(model)) as trainer:
        go(Path(run), trainer, kill_at(deadly, 1))
