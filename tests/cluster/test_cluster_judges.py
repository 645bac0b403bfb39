"""Judges on a cluster: every verdict once, though one is killed, and errors of a domain where it is."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from iterdeploy import validators
from iterdeploy.cluster import judges
from iterdeploy.cluster.judges import ClusterValidators
from iterdeploy.types import Task, Trace, Verdict

pytestmark = pytest.mark.slow


class Numbers:
    """A domain whose answers are all right; at the seventh its process dies, once."""

    name = "numbers"

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def tasks(self, *_: Any) -> list[Task]:
        return []

    def validate(self, task: Task, trace: Trace) -> Verdict:
        if trace.id == "7" and self.mark and not Path(self.mark).exists():
            Path(self.mark).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return Verdict(trace.id, "numbers", True, 0, None, "")


def broken() -> Numbers:
    raise OSError("no data here")


@pytest.fixture(autouse=True)
def nothing_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validators, "TRIAL", 1e-12)
    monkeypatch.setattr(judges, "PAYS", 1e-12)


def work() -> list[tuple[Task, Trace]]:
    task = Task(id="t", domain="numbers", prompt="", spec={}, split="deployed", size=1)
    return [(task, trace(number)) for number in range(20)]


def trace(number: int) -> Trace:
    return Trace(str(number), "t", 0, number, "m", "", (), (), (), "stop")


def test_a_judge_that_dies_costs_its_lot_only(cluster: Any, tmp_path: Path) -> None:
    mark = tmp_path / "killed"
    judge = ClusterValidators(partial(Numbers, str(mark)), 2)
    verdicts = list(judge(Numbers(""), work()))
    assert sorted(int(verdict.trace_id) for verdict in verdicts) == list(range(20))
    assert int(mark.read_text()) != os.getpid()


def test_a_domain_that_cannot_be_opened_there_is_used_here(cluster: Any) -> None:
    verdicts = list(ClusterValidators(broken, 1)(Numbers(""), work()))
    assert sorted(int(verdict.trace_id) for verdict in verdicts) == list(range(20))
