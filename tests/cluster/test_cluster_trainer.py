"""Runs on a cluster: the bytes of a run without one, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cluster_run
import local_run
import pytest
import tiny
from nodes import add_node
from scripted_run import files_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the run without a cluster."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    local_run.go(folder, base, 1)
    return files_of(folder)


def of_each(trainer: Any, what: Any) -> list[Any]:
    """What a function says in the process of each of the two workers."""
    import ray

    workers: list[Any] = []
    while len(workers) < 2:  # on a busy machine the second may come later than a run would wait for it
        workers = trainer.team.ready(2)
    said: list[Any] = ray.get([worker.__ray_call__.remote(what) for worker in workers])
    return said


def test_the_bytes_are_those_of_a_run_without_a_cluster_though_workers_are_killed(
    cluster: Any, base: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """One dies while it samples, one in the training after its checkpoint."""
    with cluster_run.trainer_of(base) as trainer:
        there, killed = of_each(trainer, lambda _: os.getpid()), []

        def point(name: str) -> None:
            if name in ("gen-0/deploy/row", "gen-1/train/checkpoint") and name not in killed:
                killed.append(name)
                os.kill(there[len(killed) - 1], signal.SIGKILL)

        cluster_run.go(tmp_path / "run", trainer, point)
    assert files_of(tmp_path / "run") == whole
    assert len(killed) == 2


def test_the_program_itself_may_be_killed(
    cluster: Any, base: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    """Its workers end with it: there would be no room for others."""
    arguments = [str(tmp_path / "run"), str(base), cluster.address, "gen-1/train/checkpoint"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.run([sys.executable, cluster_run.__file__, *arguments], env=env, capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]
    assert (tmp_path / "run" / "gen-1" / "scratch" / "training.safetensors").is_file()
    with cluster_run.trainer_of(base) as trainer:
        cluster_run.go(tmp_path / "run", trainer)
    assert files_of(tmp_path / "run") == whole


def test_answers_are_scored_by_a_worker_as_they_are_here(cluster: Any, base: Path) -> None:
    """The program may run where there is no card, and has no model of its own."""
    answers = [((5, 9, 30), (7, 12)), ((8,), (3, 4, 5))]
    with tiny.trainer(local_run.recipe(base)) as alone:
        wanted = alone.load(None).score(answers)
    with cluster_run.trainer_of(base) as trainer:
        assert trainer.load(None).score(answers) == wanted
        assert trainer._worker is None


def test_a_node_that_goes_costs_its_blocks_only(cluster: Any, base: Path) -> None:
    import ray

    requests = tiny.requests(samples=20)
    with tiny.trainer(local_run.recipe(base)) as alone:
        wanted = {trace.id: (trace.token_ids, trace.logprobs) for trace in alone.load(None).answer(requests)}
    with cluster_run.trainer_of(base) as trainer:
        nodes = of_each(trainer, lambda _: ray.get_runtime_context().get_node_id())
        assert len(set(nodes)) == 2
        answers = trainer.load(None).answer(requests)
        got = [next(answers)]  # now both have a block
        cluster.remove_node(
            next(n for n in cluster.worker_nodes if n.node_id == nodes[0]), allow_graceful=False
        )
        got += answers
    add_node(cluster)
    assert len(got) == len(wanted)
    assert {trace.id: (trace.token_ids, trace.logprobs) for trace in got} == wanted


def test_a_machine_without_the_base_is_sent_it(cluster: Any, base: Path) -> None:
    from iterdeploy.cluster import parcels
    from iterdeploy.cluster.seat import Seat
    from iterdeploy.train.adapters import content_id

    of = local_run.recipe(base)
    elsewhere = replace(of, base=replace(of.base, model="a/folder/of/another/machine"))
    requests = tiny.requests()[:2]
    with tiny.trainer(of) as alone:
        wanted, prompts = list(alone.load(None).answer(requests)), alone.prompt_ids(requests)
    seat = Seat(elsewhere, content_id(str(base), None), {})
    assert not seat.ready()
    assert seat.take_base(parcels.post(base))
    got = seat.answer(None, content_id(str(base), None), requests, prompts)
    assert [trace.token_ids for trace in got] == [trace.token_ids for trace in wanted]


def test_other_versions_are_refused_by_name(base: Path) -> None:
    from iterdeploy.cluster.seat import Seat
    from iterdeploy.errors import BadInput

    with pytest.raises(BadInput, match=r"has torch .* instead of 1\.0; install the same"):
        Seat(local_run.recipe(base), "", {"torch": "1.0"}).ready()
