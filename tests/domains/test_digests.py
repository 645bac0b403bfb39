"""Problems of any form are told apart up to the names of objects and variables and the order of parts."""

from __future__ import annotations

import random
import re

import pytest
from families import FAMILIES, problem
from hypothesis import given, settings
from hypothesis import strategies as st

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.digests import digest_of, formula_digest
from iterdeploy.pddl import parse_domain, parse_problem

DOMAIN = """(define (domain d) (:requirements :adl :action-costs)
  (:types ball room - object) (:constants hall - room)
  (:predicates (in ?b - ball ?r - room) (door ?r ?s - room) (lit ?r - room))
  (:functions (cost ?r - room) - number (total-cost) - number)
  (:action carry :parameters (?b - ball ?r ?s - room) :precondition (and (in ?b ?r) (not (lit ?s)))
    :effect (and (in ?b ?s) (not (in ?b ?r)) (increase (total-cost) (cost ?s)))))"""


def text(
    goal: str, init: str = "(in x k) (in y l) (door k l)", objects: str = "x y - ball k l - room"
) -> str:
    return f"(define (problem p) (:domain d) (:objects {objects}) (:init {init}) (:goal {goal}))"


SAME = [
    ("(or (in x l) (in y k))", "(or (in y k) (in x l))"),
    ("(and (in x l) (not (in y k)))", "(and (not (in y k)) (in x l))"),
    ("(exists (?b - ball) (in ?b hall))", "(exists (?c - ball) (in ?c hall))"),
    (
        "(forall (?b - ball) (exists (?r - room) (in ?b ?r)))",
        "(forall (?r - ball) (exists (?b - room) (in ?r ?b)))",
    ),
    ("(imply (in x l) (in y k))", "(or (not (in x l)) (in y k))"),
    ("(and (not (= k l)) (in x l))", "(and (in x l) (not (= l k)))"),
]

OTHER = [
    ("(or (in x l) (in y k))", "(and (in x l) (in y k))"),
    ("(not (in x l))", "(in x l)"),
    ("(not (in x l))", "(not (in x k))"),
    ("(exists (?b - ball) (in ?b k))", "(forall (?b - ball) (in ?b k))"),
    ("(exists (?b - ball) (in ?b k))", "(exists (?b - ball) (in ?b l))"),
    (
        "(forall (?r ?s - room) (imply (door ?r ?s) (lit ?r)))",
        "(forall (?r ?s - room) (imply (door ?r ?s) (lit ?s)))",
    ),
    (
        "(or (and (in x k) (lit l)) (and (in x l) (lit k)))",
        "(or (and (in x k) (lit k)) (and (in x l) (lit l)))",
    ),
    ("(imply (in x l) (in y k))", "(imply (in y k) (in x l))"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_order_and_variables_count_for_nothing(one: str, other: str) -> None:
    assert digest_of(text(one), DOMAIN) == digest_of(text(other), DOMAIN)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_conditions_are_told_apart(one: str, other: str) -> None:
    assert digest_of(text(one), DOMAIN) != digest_of(text(other), DOMAIN)


@pytest.mark.parametrize("goal", [goal for pair in (*SAME, *OTHER) for goal in pair])
def test_names_of_objects_count_for_nothing(goal: str) -> None:
    names = {"x": "k", "y": "ball9", "k": "y", "l": "q"}
    renamed = re.sub(r"(?<![\w?-])[xykl](?![\w-])", lambda found: names[found[0]], text(goal))
    assert renamed != text(goal)
    assert digest_of(renamed, DOMAIN) == digest_of(text(goal), DOMAIN)


def test_a_literal_that_is_false_and_a_number_count_for_nothing() -> None:
    goal = "(not (in x k))"
    plain = digest_of(text(goal), DOMAIN)
    assert (
        digest_of(text(goal, "(in x k) (in y l) (door k l) (not (lit k)) (= (total-cost) 0)"), DOMAIN)
        == plain
    )
    assert digest_of(text(goal, "(in x k) (in y l) (door k l) (lit k)"), DOMAIN) != plain


def test_an_object_that_nothing_is_said_of_counts() -> None:
    goal = "(exists (?b - ball) (in ?b l))"
    more = text(goal, objects="x y z - ball k l - room")
    assert digest_of(more, DOMAIN) != digest_of(text(goal), DOMAIN)


def test_an_object_without_a_type_is_one_of_type_object() -> None:
    one = "(define (problem p) (:domain d) (:objects a b) (:init (on a b)) (:goal (and (on b a))))"
    assert digest_of(one.replace("a b)", "a b - object)", 1), "") == digest_of(one, "")
    assert digest_of(one.replace("a b)", "a b - block)", 1), "") != digest_of(one, "")


def test_types_of_either_are_read() -> None:
    domain = "(define (domain d) (:requirements :typing) (:types a b) (:predicates (p ?x - (either a b))))"
    one = "(define (problem p) (:domain d) (:objects u v - (either a b)) (:init (p u)) (:goal (and (p v))))"
    assert digest_of(one, domain) == digest_of(one.replace("u", "w"), domain)
    assert digest_of(one, domain) != digest_of(one.replace("(either a b)", "a"), domain)


@pytest.mark.parametrize("name", FAMILIES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_a_renamed_problem_of_a_family_has_the_same_digest(name: str, seed: int) -> None:
    family, rng = FAMILIES[name], random.Random(seed)
    one = problem(family, "easy", 1, 3, seed)
    objects = [word for word, _ in atoms_of(one).objects]
    names = dict(zip(objects, rng.sample([f"n{i}" for i in range(999)], len(objects)), strict=True))
    other = re.sub(r"[\w-]+(?=[ )\n])", lambda found: names.get(found[0], found[0]), one)
    assert set(names.values()) == {word for word, _ in atoms_of(other).objects}
    assert digest_of(other, family.text) == digest_of(one, family.text)
    parsed = [parse_problem(t, parse_domain(family.text)) for t in (one, other)]
    assert formula_digest(parsed[0]) == formula_digest(parsed[1])


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_hard_problems_are_told_apart(name: str) -> None:
    family = FAMILIES[name]
    digests = {digest_of(problem(family, "hard", 1, 4, seed), family.text) for seed in range(3)}
    assert len(digests) == 3
