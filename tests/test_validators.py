"""Several processes judge: the same bytes as one, whoever dies, is interrupted, or cannot take part."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from scripted_run import RECIPE, Counting, files_of, trainer

from iterdeploy import validators
from iterdeploy.cli.rooms import judge_of, open_domain
from iterdeploy.errors import BadInput, WorkerDied
from iterdeploy.loop import run_loop
from iterdeploy.recipe import Probe, Validate
from iterdeploy.steps.answering import deploy_step, validate_step
from iterdeploy.steps.tasks import make_tasks
from iterdeploy.store import Run
from iterdeploy.types import Domain, Task, Trace, Verdict
from iterdeploy.validators import Judge, Validators

LARGE = replace(
    RECIPE,
    generations=0,
    validate=Validate(),
    probe=Probe(),
    tasks=replace(RECIPE.tasks, count=120, heldout=6),
)


class Slow(Counting):
    """Its verdicts take a while, so that a step of 120 traces is worth two processes.

    While these start, this one is slower still: on a busy machine it would else be done before they are there.
    """

    def validate(self, task: Task, trace: Trace) -> Verdict:
        waits = mp.parent_process() is None and mp.active_children()
        time.sleep(0.3 if waits else 0.02)
        return super().validate(task, trace)


class Telling(Slow):
    """Says in its verdicts which process gave them; the processes begin together, told by files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def validate(self, task: Task, trace: Trace) -> Verdict:
        if mp.parent_process() is not None:
            (self.folder / str(os.getpid())).touch()
            wait_until(lambda: len(list(self.folder.iterdir())) == 2)
        return replace(super().validate(task, trace), validator=str(os.getpid()))


class Dying(Slow):
    """Ends any process but the one that the test runs in."""

    def __init__(self, main: int) -> None:
        self.main = main

    def validate(self, task: Task, trace: Trace) -> Verdict:
        if os.getpid() != self.main:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().validate(task, trace)


class Refusing(Slow):
    """Raises for one task of the last ones, as it would for a problem that is no PDDL."""

    def validate(self, task: Task, trace: Trace) -> Verdict:
        if task.id == "deployed-110":
            raise BadInput(f"task {task.id} cannot be judged")
        return super().validate(task, trace)


def unable() -> Domain:
    raise BadInput("no domain here")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose base has answered its tasks."""
    return answered(tmp_path / "run")


def answered(folder: Path) -> Run:
    run = Run.create(folder, LARGE)
    make_tasks(run, Counting())
    deploy_step(run, trainer(), 0)
    return run


def judged(run: Run, domain: Domain, judge: Judge) -> bytes:
    validate_step(run, domain, 0, judge=judge)
    return run.verdicts_file(0).read_bytes()


def by_one(folder: Path) -> bytes:
    return judged(answered(folder), Counting(), validators.one_by_one)


# --- when, and by whom -----------------------------------------------------------------------


def test_two_processes_leave_the_bytes_of_one(run: Run, tmp_path: Path) -> None:
    assert judged(run, Slow(), Validators(2, Slow)) == by_one(tmp_path / "one")
    assert not mp.active_children()


def test_what_is_long_is_judged_by_both_processes_and_by_this_one_until_they_are_there(run: Run) -> None:
    folder = run.path.with_name("processes")
    validate_step(run, Telling(folder), 0, judge=Validators(2, partial(Telling, folder)))
    by = [verdict.validator for verdict in run.verdicts(0)]
    here = by.count(str(os.getpid()))
    others = [by.count(pid) for pid in {*by} - {str(os.getpid())}]
    assert 13 <= here < len(by), "a quarter of a second is tried here, at 0.02 seconds a trace"
    assert len(others) == 2
    assert min(others) >= sum(others) // 5, "neither is idle for long"


@pytest.mark.parametrize(("size", "domain"), [(2, Counting()), (1, Slow())], ids=["short", "one"])
def test_what_is_short_or_of_one_worker_is_judged_here(run: Run, size: int, domain: Domain) -> None:
    def never() -> Domain:
        raise AssertionError("no process is needed")

    assert len(judged(run, domain, Validators(size, never)).splitlines()) == 120


def test_a_long_trace_at_the_end_of_short_ones_starts_processes_too() -> None:
    pace = validators.Pace()
    for _ in range(100):
        pace.judged(Counting(), *one_trace())
    assert pace.left(deque([one_trace()] * 1000)) == 0, "too little is known"
    for _ in range(16):
        pace.judged(Slow(), *one_trace())
    assert 15 < pace.left(deque([one_trace()] * 1000)) < 60, "the latest count"


def one_trace() -> tuple[Task, Trace]:
    task = Counting()._task("deployed", 0, 2)
    return task, Trace("g0.t.0", task.id, 0, 0, "m", "1 2", (1,), (2, 3), (0.0, 0.0), "stop")


PLUG_IN = "import test_validators as t\n\ndef made(recipe):\n    return t.Telling(t.Path('processes'))\n"


@pytest.mark.slow
def test_a_plug_in_of_the_current_folder_is_opened_in_each_process(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_plug_in.py").write_text(PLUG_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    recipe = replace(LARGE, tasks=replace(LARGE.tasks, domain="slow_plug_in:made"))
    validate_step(run, open_domain(recipe), 0, judge=judge_of(recipe, 2))
    assert len({verdict.validator for verdict in run.verdicts(0)}) == 3, "this one and two more"


# --- where it cannot be ----------------------------------------------------------------------


def test_a_domain_that_cannot_travel_is_judged_here(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert judged(run, Slow(), Validators(2, lambda: Slow())) == by_one(tmp_path / "one")
    assert "cannot be sent to other processes" in caplog.text


def test_a_domain_that_opens_nowhere_else_is_judged_here(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert judged(run, Slow(), Validators(2, unable)) == by_one(tmp_path / "one")
    assert "could not open the domain" in caplog.text


def test_an_error_of_the_domain_is_met_here_and_nothing_before_it_is_lost(run: Run) -> None:
    with pytest.raises(BadInput, match="task deployed-110 cannot be judged"):
        validate_step(run, Refusing(), 0, judge=Validators(2, Refusing))
    assert not mp.active_children()
    part = run.verdicts_file(0).with_name("verdicts.jsonl.part")
    assert 60 < len(part.read_bytes().splitlines()) < 120


# --- killed, interrupted ---------------------------------------------------------------------


def test_a_dead_process_is_a_clear_error_and_the_same_command_goes_on(run: Run, tmp_path: Path) -> None:
    domain = Dying(os.getpid())
    with pytest.raises(WorkerDied, match=r"died \(out of memory\?\); all that was judged is kept"):
        validate_step(run, domain, 0, judge=Validators(2, partial(Dying, os.getpid())))
    assert not mp.active_children()
    assert judged(run, domain, validators.one_by_one) == by_one(tmp_path / "one")


@pytest.mark.slow
def test_an_interrupt_ends_the_processes_and_keeps_the_rows(run: Run, tmp_path: Path) -> None:
    seen: list[str] = []

    def interrupt(point: str) -> None:
        seen.append(point)
        if seen.count("gen-0/validate-traces/row") == 60:
            assert len(mp.active_children()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_loop(run, Slow(), trainer(), point=interrupt, judge=Validators(2, Slow))
    assert not mp.active_children()
    assert judged(run, Slow(), Validators(2, Slow)) == by_one(tmp_path / "one")


KILLED = """
import os, signal, sys, pathlib
import test_validators as t
from iterdeploy.steps.answering import validate_step
from iterdeploy.steps.marks import Watch
from iterdeploy.store import Run
how, rows = sys.argv[2:]
left = int(rows)
def point(name):
    global left
    left -= name.endswith('/row')
    if not left:
        print(*(child.pid for child in t.mp.active_children()), flush=True)
        os.killpg(0, signal.SIGINT) if how == 'interrupt' else os.kill(os.getpid(), signal.SIGKILL)
if __name__ == '__main__':
    judge = t.Validators(2, t.Slow)
    validate_step(Run.open(pathlib.Path(sys.argv[1])), t.Slow(), 0, Watch(point=point), judge=judge)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "interrupt"])
def test_killed_or_interrupted_no_process_stays_and_it_ends_with_the_same_bytes(
    run: Run, tmp_path: Path, how: str
) -> None:
    done = in_its_own_group(run.path, tmp_path / "killed.py", how)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    assert done.stderr.count("Traceback") == (how == "interrupt"), "of the parent alone"
    wait_until(lambda: not any(map(is_running, pids)))
    assert judged(run, Slow(), Validators(2, Slow)) == by_one(tmp_path / "one")


def in_its_own_group(folder: Path, script: Path, how: str) -> subprocess.CompletedProcess[str]:
    script.write_text(KILLED)
    paths = [str(Path(validators.__file__).parents[1]), str(Path(__file__).parent)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(script), str(folder), how, "40"]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, start_new_session=True
    )


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_the_whole_loop_is_the_same_with_two_judges(tmp_path: Path) -> None:
    run_loop(Run.create(tmp_path / "two", LARGE), Slow(), trainer(), judge=Validators(2, Slow))
    run_loop(Run.create(tmp_path / "one", LARGE), Counting(), trainer())
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Whatever a test does, it leaves no process behind."""
    yield
    assert not mp.active_children()
