"""Atoms of a problem, in the order of its text."""

from __future__ import annotations

import pytest

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.errors import BadInput
from iterdeploy.pddl import PddlError

PROBLEM = """; a comment
(define (problem p) (:domain d)
  (:objects r1 r2 - room BALL - (either thing toy) loose)
  (:init (at r1) (in BALL r2) (free))
  (:goal (and (in ball r1) (at r2))))"""


def test_objects_atoms_and_goal_in_the_order_of_the_text() -> None:
    said = atoms_of(PROBLEM)
    assert [name for name, _ in said.objects] == ["r1", "r2", "ball", "loose"]
    assert (said.objects[0], said.objects[3]) == (("r1", "room"), ("loose", ""))
    assert said.init == (("at", "r1"), ("in", "ball", "r2"), ("free",))
    assert said.goal == (("in", "ball", "r1"), ("at", "r2"))


def test_a_goal_of_one_atom_and_an_empty_one() -> None:
    assert atoms_of("(define (problem p) (:init) (:goal (at r2)))").goal == (("at", "r2"),)
    assert atoms_of("(define (problem p) (:init) (:goal (and)))").goal == ()


@pytest.mark.parametrize(
    "goal",
    [
        "(not (at r1))",
        "(and (at r1) (not (at r2)))",
        "(or (at r1) (at r2))",
        "(exists (?x) (at ?x))",
        "(and (= r1 r2))",
    ],
)
def test_a_goal_that_is_more_than_atoms_is_refused(goal: str) -> None:
    with pytest.raises(BadInput, match="plain atoms; use the 'paper' template"):
        atoms_of(f"(define (problem p) (:init) (:goal {goal}))")


@pytest.mark.parametrize("goal", ["", "(:goal)", "(:goal x)"])
def test_a_problem_without_a_goal_is_refused(goal: str) -> None:
    with pytest.raises(BadInput, match=r"no \(:goal"):
        atoms_of(f"(define (problem p) (:init) {goal})")


def test_a_text_that_is_no_pddl_is_refused() -> None:
    with pytest.raises(PddlError):
        atoms_of("(define (problem p)")
