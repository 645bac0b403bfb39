"""What problems share never moves a verdict: not other objects, not other types, not a full store."""

from __future__ import annotations

import random

import pytest
from pddl_texts import BLOCKS

from iterdeploy.pddl import Action, PddlError, parse, parse_domain, parse_problem, validate
from iterdeploy.pddl.kept import MOST, Kept
from iterdeploy.pddl.names import names_for
from iterdeploy.types import Fault

TYPED = """(define (domain moves) (:requirements :typing) (:types van truck - vehicle place)
  (:predicates (at ?v - vehicle ?p - place) (clean ?t - truck))
  (:action drive :parameters (?v - vehicle ?a ?b - place)
    :precondition (at ?v ?a) :effect (and (at ?v ?b) (not (at ?v ?a))))
  (:action wash :parameters (?t - truck) :effect (clean ?t)))"""


def moves(objects: str, init: str = "(at x p)", goal: str = "(at x q)") -> str:
    return f"(define (problem m) (:domain moves) (:objects {objects}) (:init {init}) (:goal (and {goal})))"


DRIVE = (Action("drive", ("x", "p", "q")),)


def test_a_step_known_from_another_problem_needs_its_objects_here() -> None:
    domain = parse_domain(TYPED)
    for other in ("a", "b", "c"):  # from the second problem on it is kept
        problem = parse_problem(moves(f"x - van p q {other} - place"), domain)
        assert validate(domain, problem, DRIVE).valid
    assert DRIVE[0] in problem.vocabulary.names.steps
    lacking = parse_problem(moves("x - van p r - place", goal="(at x r)"), domain)
    assert lacking.vocabulary.names is problem.vocabulary.names
    judged = validate(domain, lacking, DRIVE)
    assert judged.fault is Fault.UNKNOWN_OBJECT
    assert judged.reason.startswith("step 1: no object 'q' for (drive x p q)")


def test_a_fact_known_from_another_problem_needs_its_objects_here() -> None:
    domain = parse_domain(TYPED)
    for _ in range(3):
        assert parse_problem(moves("x - van p q - place"), domain).init == {"at x p"}
        with pytest.raises(PddlError, match=r"line 1, column 83: no object 'p'"):
            parse_problem(moves("x - van   r q - place"), domain)


def test_the_same_name_of_another_type_is_judged_by_its_own_type() -> None:
    domain = parse_domain(TYPED)
    wash = (Action("wash", ("x",)),)
    van, truck = (moves(f"x - {kind} p q - place", goal="(at x p)") for kind in ("van ", "truck"))
    for _ in range(3):
        assert validate(domain, parse_problem(truck, domain), wash).valid
        assert validate(domain, parse_problem(van, domain), wash).fault is Fault.TYPE
        parse._problem.cache_clear()  # read anew, not the same object


def test_a_problem_read_before_keeps_its_own_types() -> None:
    domain = parse_domain(TYPED)
    wash = (Action("wash", ("x",)),)
    van = parse_problem(moves("x - van p q - place", goal="(at x p)"), domain)
    truck = parse_problem(moves("x - truck p q - place", goal="(at x p)"), domain)
    for _ in range(3):
        assert validate(domain, van, wash).fault is Fault.TYPE
        assert validate(domain, truck, wash).valid


def test_problems_of_like_declarations_share_and_others_do_not() -> None:
    domain = parse_domain(TYPED)
    first = names_for(domain, {"x": ("van",)})
    assert names_for(domain, {"x": ("van",), "y": ("truck",)}) is first
    assert names_for(domain, {"y": ("van",)}) is not first


def test_names_are_forgotten_when_there_are_many() -> None:
    domain = parse_domain(TYPED)
    first = names_for(domain, {"x": ("van",)})
    assert names_for(domain, {f"x{n}": ("van",) for n in range(MOST)}) is not first


def test_an_action_in_capitals_is_the_same_step_every_time() -> None:
    domain = parse_domain(TYPED)
    loud = (Action("DRIVE", ("X", "P", "q")),)
    problem = parse_problem(moves("x - van p q - place"), domain)
    assert all(validate(domain, problem, plan).valid for plan in (loud, DRIVE, loud, DRIVE, loud))


def test_what_is_made_once_is_not_kept_and_what_is_made_twice_is() -> None:
    kept: Kept[str, list[int]] = Kept()
    once, twice = kept.keep("a", [1]), kept.keep("a", [2])
    assert (once, twice) == ([1], [2])
    assert kept.get("a") is twice
    kept.keep("b", [3])
    assert "b" not in kept


def test_a_store_never_holds_more_than_it_may() -> None:
    kept: Kept[int, int] = Kept()
    for number in range(3 * MOST):
        for _ in range(2):
            kept.keep(number, number)
        assert len(kept) <= MOST
    assert len(kept._seen) <= MOST


def test_many_plans_of_many_steps_leave_bounded_stores() -> None:
    domain = parse_domain(BLOCKS)
    names = [f"b{n}" for n in range(200)]
    text = (
        f"(define (problem p) (:domain blocksworld) (:objects {' '.join(names)})"
        f" (:init (handempty) {' '.join(f'(clear {n}) (ontable {n})' for n in names)}) (:goal (and (handempty))))"
    )
    problem, rng = parse_problem(text, domain), random.Random(0)
    for _ in range(3):
        for _ in range(6):
            plan = [
                step
                for _ in range(3000)
                for a, b in [rng.sample(names, 2)]
                for step in (
                    Action("pick-up", (a,)),
                    Action("stack", (a, b)),
                    Action("unstack", (a, b)),
                    Action("put-down", (a,)),
                )
            ]
            assert validate(domain, problem, plan).valid
    assert len(problem.vocabulary.names.steps) <= MOST
    assert problem.vocabulary.steps is not None
    assert len(problem.vocabulary.steps) <= MOST
