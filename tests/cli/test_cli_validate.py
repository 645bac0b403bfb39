"""`iterdeploy validate`: the exit code is the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iterdeploy.cli import main
from iterdeploy.pddl.val import find_val

DOMAIN = """
(define (domain hall) (:predicates (lit ?x) (dark ?x))
  (:action switch-on :parameters (?x) :precondition (dark ?x) :effect (and (lit ?x) (not (dark ?x)))))
"""
PROBLEM = "(define (problem p) (:domain hall) (:objects a b) (:init (dark a)) (:goal (lit a)))"


def judge(folder: Path, plan: str | bytes, *more: str, problem: str = PROBLEM, domain: str = DOMAIN) -> int:
    (folder / "domain.pddl").write_text(domain)
    (folder / "problem.pddl").write_text(problem)
    (folder / "plan").write_bytes(plan if isinstance(plan, bytes) else plan.encode())
    files = [str(folder / name) for name in ("domain.pddl", "problem.pddl", "plan")]
    return main(["validate", *files, *more])


def test_a_valid_plan_is_exit_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "(switch-on a)\n") == 0
    assert capsys.readouterr().out == "valid, 1 step\n"


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("", "the goal needs (lit a)"),
        ("; now\n(switch-on b)", "needs (dark b), which is false"),
        ("(switch-off a)", "no action 'switch-off'"),
        ("(switch-on c)", "no object 'c'"),
        ("(switch-on a b)", "takes 1 argument"),
    ],
)
def test_an_invalid_plan_is_exit_1_with_the_reason(
    plan: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(tmp_path, plan) == 1
    out = capsys.readouterr().out
    assert out.startswith("not valid: ")
    assert reason in out
    if plan.startswith(";"):
        assert out.endswith("plan, line 2)\n")


def test_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "(switch-on a)\n(switch-on a)", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["valid"], found["fault"], found["step"], found["line"]) == (False, "precondition", 2, 2)


@pytest.mark.parametrize("plan", ["switch-on a", "(switch-on a", b"\xff\xfe\x00"])
def test_a_text_that_is_no_plan_is_an_invalid_plan(
    plan: str | bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(tmp_path, plan, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["fault"], found["file"]) == ("syntax", str(tmp_path / "plan"))


@pytest.mark.skipif(find_val() is None, reason="VAL is not installed")
def test_another_validator_may_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "(switch-on a)\n", "--validator", "val") == 0
    assert capsys.readouterr().out == "valid, 1 step\n"
    assert judge(tmp_path, "(switch-on b)\n", "--validator", "val", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["validator"], found["fault"], found["step"], found["line"]) == ("val", "precondition", 1, 1)
    assert judge(tmp_path, "(switch-on a", "--validator", "val") == 1
    assert "switch-on a" in capsys.readouterr().out


def test_an_unknown_validator_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "(switch-on a)\n", "--validator", "vall") == 2
    assert "no validator 'vall'; there are pddl, val (did you mean val?)" in capsys.readouterr().err


@pytest.mark.skipif(find_val() is None, reason="VAL is not installed")
def test_a_note_says_that_val_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = "(:functions (power)) "
    domain = DOMAIN.replace("(:action", numbers + "(:action").replace(
        "(dark ?x) :effect", "(> (power) 1) :effect"
    )
    assert (
        judge(tmp_path, "(switch-on a)", problem=PROBLEM.replace("(dark a)", "(= (power) 2)"), domain=domain)
        == 0
    )
    shown = capsys.readouterr()
    assert shown.out == "valid, 1 step\n"
    assert shown.err.startswith(
        "note: judged by VAL, since iterdeploy's own validator does not read this: (> ...)"
    )


def test_a_bad_problem_and_a_missing_file_are_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(tmp_path, "", problem="(define (problem p)") == 2
    assert "problem.pddl, line 1)" in capsys.readouterr().err
    assert main(["validate", *[str(tmp_path / "none")] * 3]) == 2
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_a_picture_of_the_plan_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "plan.svg"
    assert judge(tmp_path, "(switch-on a)", "--svg", str(picture)) == 0
    assert "1 step · valid" in picture.read_text()
    assert judge(tmp_path, "(switch-on a) (switch-on b)", "--svg", str(picture), "--json") == 1
    assert 'class="frame failed" data-step="2"' in picture.read_text()
    assert json.loads(capsys.readouterr().out.split("\n", 1)[1])["step"] == 2


def test_no_picture_of_a_text_that_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(tmp_path, "switch-on a", "--svg", str(tmp_path / "plan.svg")) == 1
    assert "no picture, for what cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "plan.svg").exists()


def test_a_picture_that_cannot_be_written_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(tmp_path, "(switch-on a)", "--svg", str(tmp_path / "gone" / "plan.svg")) == 2
    assert "cannot write the picture" in capsys.readouterr().err
