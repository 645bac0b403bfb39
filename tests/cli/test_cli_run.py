"""`iterdeploy run`: a run, its continuation, its interruption, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted_run import files_of

from iterdeploy.cli import main

SMALL = [
    *("--set", "tasks.domain=scripted_run:Counting"),
    *("--set", "base.model=scripted_run:trainer"),
    *("--set", "tasks.sizes=[2, 3, 4]"),
    *("--set", "tasks.count=12"),
    *("--set", "tasks.heldout=6"),
    *("--set", "generations=2"),
    *("--set", "base.ready_share=0"),
]
TESTS = Path(__file__).parent.parent


def as_program(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)])
    return subprocess.Popen(
        [sys.executable, "-m", "iterdeploy.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main(["run", "demo", *SMALL, "--out", str(folder)]) == 0
    return folder


def test_a_run_ends_with_table_picture_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *SMALL, "--seed", "7"]) == 0
    out = capsys.readouterr().out
    assert "demo, seed 7: tasks solved by generation" in out
    assert "generation 2/2 heldout/validate-traces 6/6" in out
    assert "runs/demo-seed7/solved.png" in out
    assert "iterdeploy run demo --seed 8 --set tasks.domain=" in out
    assert (tmp_path / "runs/demo-seed7/solved.png").exists()


def test_the_trace_that_it_proposes_can_be_shown(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "demo", *SMALL, "--out", str(whole)])
    proposal = next(line for line in capsys.readouterr().out.splitlines() if "iterdeploy show" in line)
    assert main(proposal.split()[1:]) == 0
    assert "verdict\nvalid" in capsys.readouterr().out


def test_the_same_command_again_changes_no_byte(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(whole)
    assert main(["run", "demo", *SMALL, "--out", str(whole)]) == 0
    assert files_of(whole) == before
    assert "generations 0 to 2 are done and are kept" in capsys.readouterr().out


def test_a_page_of_all_generations_is_kept_and_an_older_one_written_anew(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    page = run / "report.html"
    page.write_text("one with pictures")
    assert main(["run", "demo", *SMALL, "--out", str(run)]) == 0
    assert page.read_text() == "one with pictures"
    os.utime(page, ns=(0, 0))
    assert main(["run", "demo", *SMALL, "--out", str(run)]) == 0
    assert page.read_text() != "one with pictures"


def test_json_is_the_state_alone(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", *SMALL, "--out", str(whole), "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["finished"] is True
    assert [row["number"] for row in state["generations"]] == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["gen-1/deploy/row@5", "report/report.md/written"])
def test_a_killed_run_ends_the_same(point: str, whole: Path, tmp_path: Path) -> None:
    command = ["run", "demo", *SMALL, "--out", "run"]
    killed = as_program(*command, "--kill-at", point, folder=tmp_path)
    assert killed.wait(60) == -signal.SIGKILL
    assert files_of(tmp_path / "run") != files_of(whole)
    assert main([*command[:-1], str(tmp_path / "run")]) == 0
    assert files_of(tmp_path / "run") == files_of(whole)


def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    settings = [s.replace("tasks.count=12", "tasks.count=300").replace("=2", "=50") for s in SMALL]
    program = as_program("run", *settings, "--out", "my run", folder=tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "my run/gen-1").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "stopped; kept in my run: " in err
    assert "every finished answer" in err
    assert "Traceback" not in err
    again = err.strip().splitlines()[-1].removeprefix("go on with: ")
    assert "iterdeploy run --set " in again
    assert again.endswith("--out 'my run'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demoo"], "no preset 'demoo'; there are code, demo"),
        (["nowhere.toml"], "cannot read the recipe nowhere.toml"),
        (["--set", "train.epoch=4"], "no setting 'train.epoch'; did you mean train.epochs"),
        (["--set", "tasks.domain=bloks"], "no domain 'bloks'"),
        (["--set", "base.model=bloks-small"], "no base 'bloks-small'"),
        (["--set", "tasks.domain=no_such:X"], "no module 'no_such'"),
        (["--set", "tasks.domain=scripted_run:Countin"], "has no 'Countin'; did you mean Counting?"),
        (
            ["--set", "tasks.domain=scripted_run:RECIPE"],
            "it lacks tasks(...) and validate(...)",
        ),
    ],
)
def test_bad_input_is_one_message_exit_2_and_no_folder(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("iterdeploy: ")
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_is_not_ready_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *SMALL, "--set", "base.ready_share=1", "--out", str(tmp_path / "run")]) == 2
    assert "solves" in capsys.readouterr().err


def test_a_changed_recipe_on_an_old_folder_is_refused(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of(whole)
    assert main(["run", *SMALL, "--set", "train.epochs=3", "--out", str(whole)]) == 2
    assert "train.epochs" in capsys.readouterr().err
    assert files_of(whole) == before


def test_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["demo"]["settings"] == {}
    assert found["uncurated"]["settings"]["curate.rule"] == "none"
    assert all(preset["about"] for preset in found.values())
    assert main(["presets"]) == 0
    assert 'curate.rule = "none"' in capsys.readouterr().out
