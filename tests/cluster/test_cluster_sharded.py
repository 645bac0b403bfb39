"""One model trained by two workers of a cluster that share a group, beside the training in one process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import group_run
import pytest
import tiny

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.errors import TrainingRefused
from iterdeploy.recipe import Recipe
from iterdeploy.train.fit import CHECKPOINT
from iterdeploy.types import Progress, TrainingJob

pytestmark = pytest.mark.slow


def job(base: Path, out: Path, **more: Any) -> TrainingJob:
    out.mkdir(parents=True)
    scratch = out.parent / f"scratch-of-{out.name}"
    scratch.mkdir()
    return TrainingJob(1, group_run.examples(base), None, out, scratch, seed=7, **more)


def of_cluster(recipe: Recipe) -> Any:
    """A trainer with two workers that are there: on a busy machine the second may come later than a run waits."""
    from iterdeploy.cluster.trainer import ClusterTrainer

    trainer = ClusterTrainer(recipe, 2, NAMES)
    while len(trainer.team.ready(2)) < 2:
        pass
    return trainer


def training(cluster: Any) -> list[int]:
    """The processes of the training's workers, which are children of the nodes' daemons."""
    found = []
    for node in cluster.worker_nodes:
        daemon = node.all_processes["raylet"][0].process.pid
        children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
        found += [
            int(pid) for pid in children if b"RayTrainWorker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
    return found


def test_a_worker_that_is_killed_costs_the_steps_since_the_last_checkpoint(
    cluster: Any, base: Path, tmp_path: Path
) -> None:
    """With FSDP, whose checkpoint is gathered from all and cut again for them."""
    steps = CHECKPOINT + 20

    def recipe(sharding: Any) -> Recipe:
        of = group_run.recipe(base, sharding)
        return replace(of, train=replace(of.train, max_steps=steps, epochs=100.0))

    done: list[int] = []

    def observe(progress: Progress) -> None:
        done.append(progress.done)
        if progress.done == CHECKPOINT:
            there = training(cluster)
            assert len(there) == 2
            os.kill(there[0], signal.SIGKILL)

    with tiny.trainer(recipe("none")) as trainer:
        trainer.train(job(base, tmp_path / "alone"))
    with of_cluster(recipe("fsdp")) as trainer:
        trainer.train(job(base, tmp_path / "group", observe=observe))
    group_run.assert_agree(tmp_path / "alone", tmp_path / "group", steps)
    assert done[: CHECKPOINT + 1] == list(range(CHECKPOINT + 1))
    again = done[done.index(0, 1) :]
    assert again == [0, *range(CHECKPOINT + 1, steps + 1)], "it went on where it was"


def test_a_refusal_of_a_worker_ends_the_training_with_it(cluster: Any, base: Path, tmp_path: Path) -> None:
    of = group_run.recipe(base, "ddp")
    wild = replace(of, train=replace(of.train, learning_rate=1e30, clip=0.0))
    with of_cluster(wild) as trainer, pytest.raises(TrainingRefused, match="the training went astray"):
        trainer.train(job(base, tmp_path / "group"))


def test_an_interrupted_training_leaves_nothing_on_the_cluster(
    cluster: Any, base: Path, tmp_path: Path
) -> None:
    """As Ctrl-C does in the program: all its places are free, though Ray Train was told nothing."""
    import ray

    def interrupt(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with of_cluster(group_run.recipe(base, "ddp")) as trainer, pytest.raises(KeyboardInterrupt):
        trainer.train(job(base, tmp_path / "group", observe=interrupt))
    soon = time.monotonic() + 120
    while ray.available_resources().get("CPU", 0) < 2 and time.monotonic() < soon:
        time.sleep(1)
    assert ray.available_resources().get("CPU", 0) == 2


def test_a_group_trains_what_one_process_trains(cluster: Any, base: Path, tmp_path: Path) -> None:
    """With DDP; and the workers that sample are there before and afterwards, for it leaves their places free."""
    requests = tiny.requests(samples=2)
    with tiny.trainer(group_run.recipe(base)) as trainer:
        trainer.train(job(base, tmp_path / "alone"))
    with of_cluster(group_run.recipe(base, "ddp")) as trainer:
        before = sorted(trace.id for trace in trainer.load(None).answer(requests))
        trainer.train(job(base, tmp_path / "group"))
        assert sorted(trace.id for trace in trainer.load(tmp_path / "group").answer(requests)) == before
    group_run.assert_agree(tmp_path / "alone", tmp_path / "group")
