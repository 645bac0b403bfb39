"""`watch`: the terminal view, the time left, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_run
import pytest
from rich.console import Console

import iterdeploy
from iterdeploy.cli import main
from iterdeploy.cli.watch_left import Remaining
from iterdeploy.cli.watch_screen import screen
from iterdeploy.plan_ahead import Plan, Step, plan
from iterdeploy.store import Run
from iterdeploy.watch.follow import Follower, Judged, Spent, State
from iterdeploy.watch.follow import Step as Now

Capture = pytest.CaptureFixture[str]


def lines(state: State, left: float | None = None) -> list[str]:
    console = Console(width=80, color_system=None, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(screen(state, left))
    return [line.rstrip() for line in console.export_text().splitlines()]


def state(run: Run) -> State:
    return Follower(run.path).look()


def test_the_screen_of_a_run_under_way(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=1)
    with run.lock():
        shown = lines(state(run), left=75)
    assert shown[0] == "small, seed 0"
    assert any(line.startswith("  1") and f"{run.generations()[1].solved}/30" in line for line in shown)
    assert any("generation 2/2  curate" in line for line in shown)
    assert any("about 1:15 left" in line for line in shown)
    assert "last verdicts" in shown
    assert sum("not valid (goal)" in line for line in shown) == 4


def test_the_screen_of_a_run_that_nobody_writes(tmp_path: Path) -> None:
    shown = lines(state(fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)), left=75)
    assert any("stopped: no process writes to it" in line for line in shown)
    assert not any("left" in line for line in shown)


def test_an_answer_cannot_steer_the_screen_nor_fill_it() -> None:
    hostile = "a\x1b[2Jb\nc [bold]" + "x" * 5000
    judged = (Judged("g0.t.0", False, 0, "goal", hostile),)
    one = State("n", 0, 1, False, None, Now(0, "deploy", 1, 2, None, ""), (), (), judged, ("g0.t.1", hostile))
    shown = lines(one)
    assert "\x1b" not in "".join(shown)
    assert sum("a\\x1b[2Jb c [bold]xx" in line for line in shown) == 2
    assert all(len(line) <= 80 for line in shown)


def test_a_finished_run_ends_the_watch(tmp_path: Path, capsys: Capture) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    assert main(["watch", str(run.path), "--terminal"]) == 0
    last = run.generations()[-1]
    assert f"finished: generation 2 solves {last.solved}/{last.asked}" in capsys.readouterr().out


def test_bad_input_is_said_before_anything_listens(tmp_path: Path, capsys: Capture) -> None:
    assert main(["watch", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    assert main(["watch", str(run.path), "--host", "0.0.0.0"]) == 2
    assert "add --share if that is meant" in capsys.readouterr().err
    assert main(["watch", str(run.path), "--port", "70000"]) == 2
    assert "give another --port" in capsys.readouterr().err


@pytest.mark.parametrize("how", [[], ["--terminal"]], ids=["browser", "terminal"])
def test_ctrl_c_ends_it_cleanly(tmp_path: Path, how: list[str]) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    source = str(Path(iterdeploy.__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "iterdeploy.cli", "watch", str(run.path), "--port", "0", *how],
        env=os.environ | {"PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said == "stopped watching; the run itself was not touched\n"


def planned() -> Plan:
    return plan(fake_run.recipe(generations=2, heldout=0))


def of(step: Now | None, *spent: Spent) -> State:
    return State("n", 0, 2, step is None, "1 on x", step, (), spent, (), None)


def test_time_left_goes_by_what_the_steps_before_took() -> None:
    """Steps of unknown cost: generation 0 took 10 and 2 seconds, so 2 more take 24 and the training in between."""
    now = 100.0
    remaining = Remaining(planned, clock=lambda: now)
    spent = (Spent(None, "tasks", 9.0), Spent(0, "deploy", 10.0), Spent(0, "validate-traces", 2.0))
    assert [s.step for s in planned().steps if s.generation == 1 and s.units][:2] == ["train", "deploy"]
    first = remaining(of(Now(1, "train", 0, None, None, ""), *spent))
    assert first is not None
    assert 24 <= first < 60
    more = (*spent, Spent(1, "curate", 0.1), Spent(1, "train", 5.0))
    later = remaining(of(Now(1, "deploy", 15, 30, None, ""), *more))
    assert later is not None
    assert later == pytest.approx(5 + 2 + 5 + 10 + 2, rel=0.35)
    assert remaining(of(None)) == 0.0


def test_time_left_without_a_plan_is_unknown() -> None:
    assert Remaining(lambda: None)(of(Now(0, "deploy", 1, 2, None, ""))) is None


def test_a_step_of_the_plan() -> None:
    assert all(isinstance(step, Step) for step in planned().steps)
