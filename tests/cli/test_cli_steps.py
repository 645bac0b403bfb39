"""Each step alone, from an empty folder to a run that equals an undivided one; and `plan`, `tasks`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scripted_run import files_of
from test_cli_run import SMALL

from iterdeploy.cli import main
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]


def test_the_steps_one_by_one_leave_what_a_run_leaves(tmp_path: Path, capsys: Capture) -> None:
    there, here = str(tmp_path / "whole"), str(tmp_path / "steps")
    assert main(["run", *SMALL, "--out", there]) == 0
    assert main(["begin", *SMALL, "--out", here]) == 0
    for number in ("0", "1"):
        if number != "0":
            assert main(["curate", here, "--generation", number]) == 0
            assert main(["train", here, "--generation", number]) == 0
        for split in ("deployed", "heldout"):
            assert main(["deploy", here, "--generation", number, "--split", split]) == 0
            assert main(["validate-traces", here, "--generation", number, "--split", split]) == 0
    out = capsys.readouterr().out
    assert "12 traces in" in out
    assert " of 6 valid in" in out
    assert "generation 1 is trained" in out
    assert [row.number for row in Run.open(tmp_path / "steps").generations()] == [0, 1], (
        "status and report show it"
    )
    assert main(["run", *SMALL, "--out", here]) == 0
    assert files_of(tmp_path / "steps") == files_of(tmp_path / "whole")


def test_weights_are_computed_where_the_engine_that_sampled_is_not(tmp_path: Path) -> None:
    """Answers are scored by the trainer's model, whatever sampled them and wherever it trains."""
    ratio = [*SMALL, "--set", "curate.weights=ratio"]
    there, here = tmp_path / "there", tmp_path / "here"
    elsewhere = ["--set", "deploy.engine=vllm", "--set", "train.sharding=ddp"]
    assert main(["begin", *ratio, "--out", str(there)]) == 0
    assert main(["begin", *ratio, *elsewhere, "--out", str(here)]) == 0
    assert main(["deploy", str(there), "--generation", "0"]) == 0
    assert main(["validate-traces", str(there), "--generation", "0"]) == 0
    shutil.copytree(there / "gen-0", here / "gen-0")
    for run in (there, here):
        assert main(["curate", str(run), "--generation", "1"]) == 0
    assert files_of(here / "gen-1") == files_of(there / "gen-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["deploy", "--generation", "9"],
            "generation 9 is not in this run; its recipe has 0",
        ),
        (["deploy", "--generation", "1"], "train generation 1 first"),
        (["train", "--generation", "0"], "generation 0 is the base and is not trained"),
        (["curate", "--generation", "0"], "generation 0 is the base and is not curated for"),
        (["curate", "--generation", "1"], "deploy generation 0 first"),
        (["validate-traces", "--generation", "0"], "deploy generation 0 first"),
    ],
)
def test_a_step_out_of_turn_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["begin", *SMALL, "--out", str(tmp_path / "run")]) == 0
    assert main([arguments[0], str(tmp_path / "run"), *arguments[1:]]) == 2
    assert message in capsys.readouterr().err


def test_a_step_waits_for_nobody(tmp_path: Path, capsys: Capture) -> None:
    assert main(["begin", *SMALL, "--out", str(tmp_path / "run")]) == 0
    with Run.open(tmp_path / "run").lock():
        assert main(["deploy", str(tmp_path / "run"), "--generation", "0"]) == 2
    assert "is being written by process" in capsys.readouterr().err


def test_plan_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", *SMALL, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["tasks"], plan["heldout"], plan["answers"]) == (12, 6, 54)
    assert plan["seconds"] is None
    assert main(["plan", *SMALL]) == 0
    assert "unknown: the base scripted_run:trainer is not on this machine" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_tasks_of_a_domain_without_pddl_are_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["tasks", "scripted_run:Counting", "--sizes", "2,3", "--out", str(tmp_path)]) == 2
    assert "is not PDDL" in capsys.readouterr().err
    assert main(["tasks", "scripted_run:Counting", "--sizes", "2;3", "--out", str(tmp_path)]) == 2
    assert "not '2;3'" in capsys.readouterr().err
