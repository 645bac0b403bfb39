"""A team: orders are carried out by whoever lives."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from iterdeploy.cluster import team as teams
from iterdeploy.cluster.team import Team
from iterdeploy.errors import BadInput, WorkerDied

pytestmark = pytest.mark.slow


class Worker:
    """Doubles numbers; dies at some, as often as it is told."""

    def ready(self) -> bool:
        return True

    def double(self, number: int) -> int:
        return 2 * number

    def die_once(self, number: int, mark: str) -> int:
        if not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def refuse(self) -> None:
        raise BadInput("no such base")

    def pid(self) -> int:
        return os.getpid()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


def team_of(size: int) -> Team:
    import ray

    return Team(lambda: ray.remote(Worker).options(num_cpus=0).remote(), size)


def test_orders_are_carried_out_though_workers_die(cluster: Any, tmp_path: Path) -> None:
    with closing(team_of(2)) as team:
        deadly = [("die_once", number, str(tmp_path / str(number))) for number in (3, 4)]
        orders = [("double", 1), deadly[0], ("double", 2), deadly[1], ("double", 5)]
        done = list(team.carry_out(orders))
    assert sorted(result for _, result in done) == [2, 4, 6, 8, 10]
    assert all(result == 2 * order[1] for order, result in done)


def test_what_kills_every_worker_is_said(cluster: Any) -> None:
    with closing(team_of(2)) as team:
        with pytest.raises(WorkerDied, match=rf"{teams.RETRIES + 1} workers died .* \(die\)"):
            list(team.carry_out([("die",)]))
        assert [result for _, result in team.carry_out([("double", 4)])] == [8], "it goes on afterwards"


def test_an_error_of_ours_comes_as_itself(cluster: Any) -> None:
    with closing(team_of(1)) as team, pytest.raises(BadInput, match=r"^no such base$"):
        list(team.carry_out([("refuse",)]))


def test_idle_workers_that_died_cost_an_order_nothing(cluster: Any) -> None:
    with closing(team_of(1)) as team:
        for _ in range(teams.RETRIES + 2):
            [(_, pid)] = team.carry_out([("pid",)])
            os.kill(pid, signal.SIGKILL)
        assert [result for _, result in team.carry_out([("double", 4)])] == [8]


class Unfit(Worker):
    def __init__(self) -> None:
        raise ModuleNotFoundError("No module named 'iterdeploy'")


def test_a_machine_that_lacks_the_package_is_said_at_once(cluster: Any) -> None:
    import ray

    team = Team(lambda: ray.remote(Unfit).options(num_cpus=0).remote(), 1)
    with (
        closing(team),
        pytest.raises(BadInput, match=r"can't open a worker: .*No module named 'iterdeploy'; install"),
    ):
        list(team.carry_out([("double", 1)]))


def test_orders_that_nobody_waits_for_are_ended(cluster: Any) -> None:
    with closing(team_of(1)) as team:
        left = team.carry_out([("double", 1), ("wait", 600.0)])
        next(left)
        left.close()
        started = time.monotonic()
        assert [result for _, result in team.carry_out([("double", 4)])] == [8]
        assert time.monotonic() - started < 300


def test_a_cluster_without_room_is_said(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(teams, "PATIENCE", 1.0)
    team = Team(lambda: ray.remote(Worker).options(num_gpus=1).remote(), 1)
    with closing(team), pytest.raises(WorkerDied, match=r"no worker could be placed .* \(free: .*CPU"):
        list(team.carry_out([("double", 1)]))
