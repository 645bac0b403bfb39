"""Atoms of a problem, in the order of its text."""

from __future__ import annotations

import pytest

from iterdeploy.domains.atoms import atoms_of, words_of
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
    text = f"(define (problem p) (:init) (:goal {goal}))"
    with pytest.raises(BadInput, match="more than atoms"):
        atoms_of(text)
    (words,) = words_of(text).goal
    assert " ".join(words) == goal.replace("(", "( ").replace(")", " )"), "and can be read as words"


def test_a_literal_of_the_state_that_is_no_atom_is_words() -> None:
    text = "(define (problem p) (:init (at r1) (not (at r2)) (= (cost) 0)) (:goal (at r2)))"
    with pytest.raises(BadInput, match="more than atoms"):
        atoms_of(text)
    state = words_of(text).init
    assert state[0] == ("at", "r1")
    assert [" ".join(words) for words in state[1:]] == ["( not ( at r2 ) )", "( = ( cost ) 0 )"]


def test_types_of_either_are_words_too() -> None:
    text = "(define (problem p) (:objects a b - (either car bus) c) (:init) (:goal (and)))"
    assert atoms_of(text).objects == (("a", "( either car bus )"), ("b", "( either car bus )"), ("c", ""))


@pytest.mark.parametrize("goal", ["", "(:goal)", "(:goal x)"])
def test_a_problem_without_a_goal_is_refused(goal: str) -> None:
    with pytest.raises(BadInput, match=r"no \(:goal"):
        atoms_of(f"(define (problem p) (:init) {goal})")


def test_a_text_that_is_no_pddl_is_refused() -> None:
    with pytest.raises(PddlError):
        atoms_of("(define (problem p)")
