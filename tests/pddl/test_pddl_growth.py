"""Hostile texts of a megabyte: time grows with the text and no faster, and nothing hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from growth import grows_linearly
from pddl_texts import BLOCKS, THREE, domain, plan, problem

from iterdeploy.pddl import PddlError, conditions, parse_domain, parse_problem, read_plan, validate
from iterdeploy.types import Fault

Make = Callable[[int], str]
INIT, GOAL = THREE.split("(:init")[0], THREE.split("(:goal")[0]


def many(unit: str) -> Make:
    return lambda length: unit * (length // len(unit))


def around(before: str, unit: str, after: str) -> Make:
    return lambda length: before + unit * (length // len(unit)) + after


def numbered(before: str, unit: str, after: str) -> Make:
    """The unit with a number for each {}."""
    return lambda length: (
        before + "".join(unit.format(i, i + 1) for i in range(length // (len(unit) + 6))) + after
    )


def read_domain(text: str) -> None:
    parse_domain(text)


def read_problem(text: str) -> None:
    read = parse_domain(BLOCKS)
    validate(read, parse_problem(text, read), plan("pick-up a"))


def judge_plan(text: str) -> None:
    read = parse_domain(BLOCKS)
    validate(read, parse_problem(THREE, read), read_plan(text).actions)


OF_DOMAINS: dict[str, Make] = {
    "types, each above the next": numbered("(define (domain d) (:types ", "t{} - t{} ", "))"),
    "types": numbered("(define (domain d) (:types ", "t{} ", "))"),
    "either": around("(define (domain d) (:types a b) (:constants x - (either ", "a b ", ")))"),
    "parameters": numbered("(define (domain d) (:action a :parameters (", "?v{} ", ")))"),
    "actions": numbered("(define (domain d) ", "(:action a{})", ")"),
    "effects": around(
        "(define (domain d) (:predicates (p)) (:action a :effect (and ", "(when (p) (not (p)))", ")))"
    ),
    "derived predicates, each from the next": lambda length: (
        "(define (domain d) (:predicates "
        + " ".join(f"(p{i})" for i in range(length // 40 + 1))
        + ") "
        + "".join(f"(:derived (p{i}) (not (p{i + 1})))" for i in range(length // 40))
        + ")"
    ),
    "a predicate that is not there": numbered(
        "(define (domain d) (:predicates ", "(p{})", ") (:action a :effect (q)))"
    ),
}
OF_PROBLEMS: dict[str, Make] = {
    "objects": numbered("(define (problem p) (:domain blocks) (:objects ", "x{} ", ") (:init) (:goal (and)))"),
    "an object that is not there": numbered(
        "(define (problem p) (:domain blocks) (:objects ", "x{} ", ") (:init (clear y)) (:goal (and)))"
    ),
    "long names that are alike": numbered(
        f"(define (problem p) (:domain blocks) (:objects a{'a' * 180} ", "a" * 180 + "{} ",
        f") (:init (clear b{'a' * 180})) (:goal (and)))",
    ),
    "facts": around(INIT + "(:init ", "(clear a) ", ") (:goal (and)))"),
    "a long goal": around(GOAL + "(:goal (and ", "(not (clear a)) ", ")))"),
    "a long choice": around(GOAL + "(:goal (or ", "(holding b) ", ")))"),
    "opening": many("("),
    "closing": many(")"),
    "empty lists": around("(", "()", ")"),
    "comments": many(";"),
    "a long comment": around(THREE + ";", "x", ""),
    "a long name": lambda length: INIT + f"(:init (clear {'x' * length})) (:goal (and)))",
    "carriage returns": around("", "\r", "x"),
    "white space": around(THREE, " ", ""),
}  # fmt: skip
OF_PLANS: dict[str, Make] = {
    "steps on one line": many("(pick-up a)(put-down a)"),
    "prose at the end": around("", "(pick-up a)(put-down a)\n", "then"),
    "an empty step at the end": around("", "(pick-up a)", "()"),
    "time stamps": numbered("", "{}: (pick-up a) [1]\n", ""),
    "one time for all": many("1: (pick-up a)\n"),
    "opening": many("("),
    "openings with names": many("(a"),
    "digits": many("1"),
    "stamps": many("1:"),
    "durations": around("0: (a)", "[1]", ""),
    "arguments": around("(stack", " a", ")"),
    "a long object": around("(pick-up ", "a", ")"),
    "a long action": around("(", "pick-up", ")"),
    "spaces in a step": around("(pick-up", " ", "a)"),
    "NULs": many("\x00"),
}
ALL = [
    pytest.param(read, make, id=f"{kind}: {name}")
    for kind, read, made in (
        ("domain", read_domain, OF_DOMAINS),
        ("problem", read_problem, OF_PROBLEMS),
        ("plan", judge_plan, OF_PLANS),
    )
    for name, make in made.items()
]


def seconds(read: Callable[[str], None], text: str) -> float:
    """CPU time; whether the text is refused is not asked here."""
    started = time.process_time()
    try:
        read(text)
    except PddlError as error:
        assert len(error.message) < 2 * len(text) + 1000  # noqa: PT017
    return time.process_time() - started


def grows_with_the_text(read: Callable[[str], None], make: Make, length: int) -> None:
    assert grows_linearly(lambda many: seconds(read, make(many)), length)


@pytest.mark.parametrize(("read", "make"), ALL)
def test_time_grows_with_the_text(read: Callable[[str], None], make: Make) -> None:
    grows_with_the_text(read, make, 8_000)


@pytest.mark.slow
@pytest.mark.parametrize(("read", "make"), ALL)
def test_a_line_of_a_megabyte(read: Callable[[str], None], make: Make) -> None:
    grows_with_the_text(read, make, 250_000)


QUANTIFIED = "(forall (?a ?b ?c ?d ?e ?f ?g ?h) (or (not (p ?a)) (not (q ?h)) (p ?b)))"


def test_too_many_choices_of_objects_end_the_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MOST_CHOICES", 50_000)
    objects = " ".join(f"o{i}" for i in range(30))
    text = domain(f"(:action a :parameters (?x) :precondition {QUANTIFIED} :effect (q ?x))")
    read = parse_domain(text)
    judged = validate(read, parse_problem(problem("(p o1)", "(q o1)", objects), read), plan("a o1, a o2"))
    assert (judged.valid, judged.fault, judged.step) == (False, Fault.TIMEOUT, 1)
    assert "more choices" in judged.reason
    judged = validate(read, parse_problem(problem("(p o1) (q o1)", QUANTIFIED, objects), read), ())
    assert (judged.fault, judged.step) == (Fault.TIMEOUT, None)
    assert judged.reason.startswith("the goal: conditions ask for more choices")


def test_too_many_derived_atoms_end_the_judging() -> None:
    read = parse_domain(
        domain("(:derived (far ?a ?b ?c ?d) (and (p ?a) (q ?d)))", "(p ?x) (q ?x) (far ?a ?b ?c ?d)")
    )
    objects = " ".join(f"o{i}" for i in range(40))
    judged = validate(read, parse_problem(problem("(p o1)", "(far o1 o1 o1 o1)", objects), read), ())
    assert judged.fault is Fault.TIMEOUT
