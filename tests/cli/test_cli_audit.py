"""`iterdeploy audit`: exit code, text, JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from iterdeploy.cli import main
from iterdeploy.pddl.val import find_val

Capture = pytest.CaptureFixture[str]
PLUG_IN = """
def all(domain, problem, plan): return True
def none(domain, problem, plan): raise OSError
word = "valid"
"""


@pytest.fixture
def _plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "judges_of_mine.py").write_text(PLUG_IN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def test_ours_is_exit_0(capsys: Capture) -> None:
    assert main(["audit", "pddl", "--plans", "100"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("pddl: 0 wrong answers")
    assert "random invalid plans accepted: 0 of" in shown
    assert "with confidence 95 %" in shown


@pytest.mark.usefixtures("_plug_in")
def test_a_function_that_accepts_all_is_exit_1_and_each_wrong_answer_is_named(capsys: Capture) -> None:
    assert main(["audit", "judges_of_mine:all", "--plans", "10"]) == 1
    shown = capsys.readouterr().out
    assert "wrong: empty must be rejected, and it says: valid" in shown
    assert "more; --json lists them all" in shown
    assert main(["audit", "judges_of_mine:all", "--plans", "10", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["trusted"] is False
    assert found["wrong"][0] | {"domain": "", "problem": ""} == {
        "name": "empty", "should_be": "invalid", "said": "valid", "plan": "", "domain": "", "problem": "",
    }  # fmt: skip
    assert found["false_accepts"]["upper_bound_95"] == 1.0


@pytest.mark.usefixtures("_plug_in")
def test_one_that_never_answers_is_exit_3() -> None:
    assert main(["audit", "judges_of_mine:none", "--plans", "5"]) == 3


@pytest.mark.skipif(find_val() is None, reason="VAL is not installed")
def test_val_by_itself_and_as_a_run_uses_it(capsys: Capture) -> None:
    assert main(["audit", "val", "--plans", "0"]) == 1
    assert "wrong: an argument too many at the end must be rejected" in capsys.readouterr().out
    assert main(["audit", "val-strict", "--plans", "5"]) == 0


def test_a_program_by_its_command(capsys: Capture) -> None:
    command = f"{sys.executable} -c 'import sys; sys.exit(1)' {{domain}} {{problem}} {{plan}}"
    assert main(["audit", "--command", command, "--plans", "0"]) == 1
    assert "the plan must be accepted, and it says: not valid" in capsys.readouterr().out


@pytest.mark.usefixtures("_plug_in")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "name one validator, or give one --command"),
        (["pddl", "--command", "x {domain} {problem} {plan}"], "name one validator, or give one --command"),
        (["vla"], "no validator 'vla'; there are pddl, val, val-strict"),
        (["judges_of_mine:nothing"], "has no 'nothing'"),
        (["judges_of_mine:word"], "judges_of_mine:word is no function"),
        (["--command", "x"], "has no {domain}"),
        (["pddl", "--plans", "-1"], "--plans must be 0 or more"),
    ],
)
def test_bad_input_is_exit_2(args: list[str], message: str, capsys: Capture) -> None:
    assert main(["audit", *args]) == 2
    assert message in capsys.readouterr().err
