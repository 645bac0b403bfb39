"""Runs on a cluster: the bytes of a run without one, whoever dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import local_run
import pytest
import tiny
from scripted_run import files_of

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.loop import run_loop
from iterdeploy.store import Run
from iterdeploy.types import Checkpoint, ignore_point

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the run without a cluster."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    local_run.go(folder, base, 1)
    return files_of(folder)


@contextmanager
def trainer_of(base: Path) -> Iterator[Any]:
    from iterdeploy.cluster.trainer import ClusterTrainer

    with ClusterTrainer(local_run.recipe(base), 2, NAMES) as trainer:
        yield trainer


def pids(trainer: Any) -> list[int]:
    import ray

    workers = trainer.team.ready(2)
    return ray.get([worker.__ray_call__.remote(lambda _: os.getpid()) for worker in workers])


def go(folder: Path, trainer: Any, point: Checkpoint = ignore_point) -> dict[str, bytes]:
    run_loop(Run.create(folder, trainer.recipe), tiny.domain(), trainer, point=point)
    return files_of(folder)


def test_the_bytes_are_those_of_a_run_without_a_cluster_though_workers_are_killed(
    cluster: Any, base: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """One dies while it samples, one in the training after its checkpoint."""
    with trainer_of(base) as trainer:
        there = pids(trainer)
        assert len(there) == 2
        killed = []

        def point(name: str) -> None:
            if name in ("gen-0/deploy/row", "gen-1/train/checkpoint") and name not in killed:
                killed.append(name)
                os.kill(there[len(killed) - 1], signal.SIGKILL)

        assert go(tmp_path / "run", trainer, point) == whole
        assert len(killed) == 2


