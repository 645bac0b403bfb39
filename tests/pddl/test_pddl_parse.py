"""Domains and problems: what is read, and what is refused where."""

from __future__ import annotations

import pytest
from pddl_texts import BLOCKS, THREE, domain, problem

from iterdeploy.pddl import PddlError, parse_domain, parse_problem
from iterdeploy.pddl.parse import REQUIREMENTS
from iterdeploy.pddl.structures import And, Atom, Variable

LOGISTICS = """(define (domain log)
 (:requirements :strips :typing)
 (:types vehicle package location - object truck plane - vehicle)
 (:constants depot - location)
 (:predicates (at ?o - (either package vehicle) ?l - location) (in ?p - package ?v - vehicle))
 (:action drive :parameters (?t - truck ?f ?to - location)
  :precondition (at ?t ?f) :effect (and (not (at ?t ?f)) (at ?t ?to))))"""


def test_a_domain_holds_what_its_text_says() -> None:
    read = parse_domain(LOGISTICS)
    assert read.name == "log"
    assert read.requirements == (":strips", ":typing")
    assert read.types["truck"] == {"truck", "vehicle", "object"}
    assert read.constants == {"depot": ("location",)}
    assert read.predicates["at"] == (("package", "vehicle"), ("location",))
    assert read.actions["drive"].parameters[2] == Variable("?to", ("location",))
    assert read.actions["drive"].precondition == Atom("at", (0, 1))


def test_a_problem_holds_what_its_text_says() -> None:
    read = parse_problem(THREE, parse_domain(BLOCKS))
    assert (read.name, read.domain_name) == ("three", "blocks")
    assert list(read.objects) == ["a", "b", "c"]
    assert "ontable a" in read.init
    assert "handempty" in read.init
    assert read.goal == And((Atom("on", ("a", "b")), Atom("on", ("b", "c"))))
    assert read.goal_facts == frozenset({"on a b", "on b c"})


def test_the_same_text_is_read_once() -> None:
    assert parse_domain(BLOCKS) is parse_domain("".join(BLOCKS))
    assert parse_problem(THREE, parse_domain(BLOCKS)) is parse_problem(THREE, parse_domain(BLOCKS))


def test_objects_know_their_types_and_types_their_objects() -> None:
    log = parse_domain(LOGISTICS)
    text = problem("(at t1 depot)", "(at t1 depot)", "t1 - truck p1 - package x - (either plane package)")
    members = parse_problem(text, log).vocabulary.members
    assert list(members["vehicle"]) == ["t1", "x"]
    assert list(members["object"]) == ["depot", "t1", "p1", "x"]


def test_either_refuses_what_is_none_of_them() -> None:
    with pytest.raises(PddlError, match="'depot' is of type location, but 'at' takes package or vehicle"):
        parse_problem(problem("(at depot depot)", "(at t depot)", "t - truck"), parse_domain(LOGISTICS))


@pytest.mark.parametrize("requirement", sorted(REQUIREMENTS))
def test_supported_requirements_are_taken(requirement: str) -> None:
    assert parse_domain(domain("", requirements=requirement)).requirements == (requirement,)


@pytest.mark.parametrize(
    "requirement",
    [":numeric-fluents", ":fluents", ":durative-actions", ":preferences", ":constraints", ":object-fluents",
     ":timed-initial-literals", ":continuous-effects", ":duration-inequalities"],
)  # fmt: skip
def test_other_requirements_are_refused_by_name(requirement: str) -> None:
    with pytest.raises(PddlError, match=f"{requirement} is not supported") as caught:
        parse_domain(domain("", requirements=f":strips {requirement}"))
    assert (caught.value.line, caught.value.column) == (2, 25)


A = "(:action a :parameters (?x) :precondition {} :effect {})"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (A.format("(r ?x)", "(q ?x)"), "no predicate 'r'; there are p, q"),
        (A.format("(p ?x ?x)", "(q ?x)"), "'p' takes 1 arguments, found 2"),
        (A.format("(p ?y)", "(q ?x)"), "variable \\?y is bound nowhere"),
        (A.format("(p o1)", "(q ?x)"), "no object 'o1'"),
        (A.format("(p (q ?x))", "(q ?x)"), "found a list"),
        (A.format("p", "(q ?x)"), "expected a condition in parentheses"),
        (A.format("(not)", "(q ?x)"), "takes 1 parts"),
        (A.format("(not (p ?x) (q ?x))", "(q ?x)"), "takes 1 parts"),
        (A.format("(imply (p ?x))", "(q ?x)"), "takes 2 parts"),
        (A.format("(forall ?y (p ?y))", "(q ?x)"), "expected the quantified variables"),
        (A.format("(exists (y) (p ?x))", "(q ?x)"), "expected a variable such as \\?x"),
        (A.format("(exists (?y - t) (p ?x))", "(q ?x)"), "no type 't'"),
        (A.format("(>= (f) 2)", "(q ?x)"), "not supported"),
        (A.format("(= (f) 2)", "(q ?x)"), "numeric conditions are not supported"),
        (A.format("(preference n (p ?x))", "(q ?x)"), "not supported"),
        (A.format("(p ?x)", "(or (p ?x) (q ?x))"), "no predicate 'or'"),
        (A.format("(p ?x)", "(assign (f) 2)"), "not supported"),
        (A.format("(p ?x)", "(increase (f) 2)"), "only \\(increase \\(total-cost\\)"),
        (A.format("(p ?x)", "(increase (total-cost) (f))"), "no function 'f'"),
        (A.format("(p ?x)", "(increase (total-cost) x)"), "expected a cost"),
        (A.format("(p ?x)", "q"), "expected an effect in parentheses"),
        (A.format("(p ?x)", "(q ?x) :effect (p ?x)"), ":effect stands twice"),
        ("(:action a :parameters (?x) :effect)", ":effect has no value"),
        ("(:action a :params (?x))", "expected one of :parameters"),
        ("(:action a :parameters (?x ?x))", "\\?x stands twice"),
        ("(:action a :parameters ?x)", "expected the parameters in parentheses"),
        ("(:action (a))", "expected the name of the action"),
        ("(:action a) (:action a)", "action 'a' stands twice"),
        ("(:durative-action a)", ":durative-action is not supported"),
        ("(:actoin a)", "no section ':actoin'"),
        ("(:predicates (r))", ":predicates stands twice"),
        ("(:types a - b b - a)", "above itself"),
        ("(:types a -)", "expected a type after '-'"),
        ("(:constants o - t)", "no type 't'"),
        ("(:constants ?o)", "not the name of an object"),
        ("(:functions (f) - t)", "must be a number"),
        ("(:derived (p ?x) (not (p ?x)))", "depends on its own negation"),
        ("(:derived (r ?x) (p ?x))", "no predicate 'r'"),
        ("(:derived (p ?x ?y) (q ?x))", "takes 1 arguments"),
        ("(:derived (p ?x) (q ?x))" + A.format("()", "(p ?x)"), "changes the derived 'p'"),
        ("word", "expected a section"),
    ],
)
def test_a_wrong_domain_is_refused_with_a_place(body: str, message: str) -> None:
    with pytest.raises(PddlError, match=message) as caught:
        parse_domain(domain(body))
    assert caught.value.line in (1, 4)
    assert caught.value.column > 0


@pytest.mark.parametrize(
    ("init", "goal", "objects", "message"),
    [
        ("(p o1) (p zz)", "(q o1)", "o1", "no object 'zz'"),
        ("(p o1) (r o1)", "(q o1)", "o1", "no predicate 'r'"),
        ("(p o1 o1)", "(q o1)", "o1", "takes 1 arguments"),
        ("(p o1) (not (p o1))", "(q o1)", "o1", "both true and false"),
        ("p", "(q o1)", "o1", "expected a fact in parentheses"),
        ("(= (f) 1)", "(q o1)", "o1", "no function 'f'"),
        ("(= (f) x)", "(q o1)", "o1", "NUMBER"),
        ("(at 5 (p o1))", "(q o1)", "o1", "timed initial literals"),
        ("(p o1)", "(q ?x)", "o1", "bound nowhere"),
        ("(p o1)", "(q o1) (p o1)", "o1", ":goal takes one part"),
        ("(p o1)", "(q o1)", "o1 - t", "no type 't'"),
        ("(p o1)", "(q o1)", "o1 ?o", "not the name of an object"),
        ("(p o1)", "(q o1)) (:constraints (p o1)", "o1", ":constraints is not supported"),
        ("(p o1)", "(q o1)) (:extra (p o1)", "o1", "no section ':extra'"),
    ],
)
def test_a_wrong_problem_is_refused_with_a_place(init: str, goal: str, objects: str, message: str) -> None:
    with pytest.raises(PddlError, match=message) as caught:
        parse_problem(problem(init, goal, objects), parse_domain(domain("")))
    assert caught.value.line > 0


@pytest.mark.parametrize("missing", [":domain", ":init", ":goal"])
def test_a_problem_needs_its_parts(missing: str) -> None:
    parts = {":domain": "(:domain d)", ":init": "(:init (p o1))", ":goal": "(:goal (q o1))"}
    text = " ".join(part for name, part in parts.items() if name != missing)
    with pytest.raises(PddlError, match=f"no {missing}"):
        parse_problem(f"(define (problem p) {text} (:objects o1))", parse_domain(domain("")))


def test_the_same_object_twice_is_one_but_not_with_two_types() -> None:
    log = parse_domain(LOGISTICS)
    twice = problem("(at t1 depot)", "(at t1 depot)", "t1 - truck t1 - truck depot - location")
    assert list(parse_problem(twice, log).objects) == ["depot", "t1"]
    with pytest.raises(PddlError, match="declared twice, with different types"):
        parse_problem(problem("(at t1 depot)", "(at t1 depot)", "t1 - truck t1 - plane"), log)


def test_costs_are_read_and_checked() -> None:
    text = """(define (domain d) (:requirements :action-costs) (:predicates (p ?x))
      (:functions (total-cost) - number (c ?x) - number)
      (:action a :parameters (?x) :effect (and (p ?x) (increase (total-cost) (c ?x)))))"""
    costly = parse_domain(text)
    body = "(:init (= (total-cost) 0) (= (c o) 2.5)) (:goal (p o)) (:metric minimize (total-cost))"
    read = parse_problem(f"(define (problem p) (:domain d) (:objects o) {body})", costly)
    assert read.init == frozenset()


def test_an_error_in_shared_objects_points_at_the_word() -> None:
    with pytest.raises(PddlError) as caught:
        parse_problem(problem("(p o1)", "(q o1)", "o1 o2 - t"), parse_domain(domain("")))
    assert (caught.value.line, caught.value.column) == (2, 20)


def test_deep_conditions_are_read_up_to_the_limit() -> None:
    deep = "(not " * 80 + "(p ?x)" + ")" * 80
    assert parse_domain(domain(A.format(deep, "(q ?x)")))
    with pytest.raises(PddlError, match="nested more than"):
        parse_domain(domain(A.format("(not " * 5000 + "(p ?x)" + ")" * 5000, "(q ?x)")))
