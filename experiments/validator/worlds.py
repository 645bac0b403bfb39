"""Domains with all that our validator reads, each with a maker of random problems; and those of the registry."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from iterdeploy import domains
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.errors import BadInput
from iterdeploy.pddl.lexer import clean
from iterdeploy.recipe import Recipe


@dataclass(frozen=True)
class World:
    """A domain; `make` gives a problem's text, whose goal the cross-check replaces by what a walk reached."""

    name: str
    domain: str
    make: Callable[[random.Random], str]
    strange: bool = False  # it may hold what VAL cannot read
    solve: Callable[[str], list[str]] | None = None  # a plan for a problem, one "(action arg ...)" a step


def with_goal(problem: str, goal: str) -> str:
    """The problem with another goal."""
    text = clean(problem)
    start = text.index("(:goal")
    depth = 0
    for found in re.finditer(r"[()]", text[start:]):
        depth += 1 if found[0] == "(" else -1
        if not depth:
            return f"{problem[:start]}(:goal {goal}){problem[start + found.end() :]}"
    raise ValueError("the goal is never closed")


def _problem(objects: str, init: Iterator[str] | list[str]) -> str:
    return (
        f"(define (problem p) (:domain d)\n (:objects {objects})\n (:init {' '.join(init)})\n (:goal (and)))"
    )


GRIPPER = """(define (domain d) (:requirements :strips :typing)
 (:types room ball gripper)
 (:predicates (at-robby ?r - room) (at ?b - ball ?r - room) (free ?g - gripper) (carry ?b - ball ?g - gripper))
 (:action move :parameters (?from ?to - room) :precondition (at-robby ?from)
  :effect (and (at-robby ?to) (not (at-robby ?from))))
 (:action pick :parameters (?b - ball ?r - room ?g - gripper)
  :precondition (and (at ?b ?r) (at-robby ?r) (free ?g))
  :effect (and (carry ?b ?g) (not (at ?b ?r)) (not (free ?g))))
 (:action drop :parameters (?b - ball ?r - room ?g - gripper)
  :precondition (and (carry ?b ?g) (at-robby ?r))
  :effect (and (at ?b ?r) (free ?g) (not (carry ?b ?g)))))"""


def gripper(rng: random.Random) -> str:
    rooms, balls = [f"r{i}" for i in range(rng.randint(1, 3))], [f"b{i}" for i in range(rng.randint(1, 4))]
    init = [f"(at {ball} {rng.choice(rooms)})" for ball in balls]
    init += [f"(at-robby {rng.choice(rooms)})", "(free left)", "(free right)"]
    return _problem(f"{' '.join(rooms)} - room {' '.join(balls)} - ball left right - gripper", init)


LOGISTICS = """(define (domain d) (:requirements :strips :typing :equality)
 (:types truck airplane - vehicle package vehicle - thing airport location - place city place thing - object)
 (:predicates (in-city ?p - place ?c - city) (at ?t - thing ?p - place) (in ?p - package ?v - vehicle))
 (:action drive :parameters (?t - truck ?from ?to - place ?c - city)
  :precondition (and (at ?t ?from) (in-city ?from ?c) (in-city ?to ?c) (not (= ?from ?to)))
  :effect (and (not (at ?t ?from)) (at ?t ?to)))
 (:action fly :parameters (?a - airplane ?from ?to - airport) :precondition (at ?a ?from)
  :effect (and (not (at ?a ?from)) (at ?a ?to)))
 (:action load :parameters (?p - package ?v - (either truck airplane) ?l - place)
  :precondition (and (at ?v ?l) (at ?p ?l)) :effect (and (not (at ?p ?l)) (in ?p ?v)))
 (:action unload :parameters (?p - package ?v - vehicle ?l - place)
  :precondition (and (at ?v ?l) (in ?p ?v)) :effect (and (at ?p ?l) (not (in ?p ?v)))))"""


def logistics(rng: random.Random) -> str:
    cities = [f"c{i}" for i in range(rng.randint(1, 3))]
    airports, places = [f"a-{city}" for city in cities], [f"l-{city}" for city in cities]
    init = [f"(in-city a-{city} {city}) (in-city l-{city} {city})" for city in cities]
    packages = [f"p{i}" for i in range(rng.randint(1, 3))]
    everywhere = airports + places
    init += [f"(at {package} {rng.choice(everywhere)})" for package in packages]
    init += [f"(at t-{city} {rng.choice((f'a-{city}', f'l-{city}'))})" for city in cities]
    init += [f"(at plane {rng.choice(airports)})"]
    trucks = " ".join(f"t-{city}" for city in cities)
    return _problem(
        f"{' '.join(cities)} - city {' '.join(airports)} - airport {' '.join(places)} - location"
        f" {' '.join(packages)} - package {trucks} - truck plane - airplane",
        init,
    )


BRIEFCASE = """(define (domain d) (:requirements :adl)
 (:types place item)
 (:predicates (in ?i - item) (at ?i - item ?p - place) (here ?p - place) (open ?p - place))
 (:action move :parameters (?from ?to - place) :precondition (and (here ?from) (open ?to))
  :effect (and (here ?to) (not (here ?from))
   (forall (?i - item) (when (in ?i) (and (at ?i ?to) (not (at ?i ?from)))))))
 (:action put :parameters (?i - item ?p - place)
  :precondition (and (at ?i ?p) (here ?p) (not (in ?i))) :effect (in ?i))
 (:action take :parameters (?i - item) :precondition (in ?i) :effect (not (in ?i)))
 (:action toggle :parameters (?p - place) :precondition (exists (?i - item) (at ?i ?p))
  :effect (and (when (open ?p) (not (open ?p))) (when (not (open ?p)) (open ?p)))))"""


def briefcase(rng: random.Random) -> str:
    places, items = [f"p{i}" for i in range(rng.randint(2, 3))], [f"i{i}" for i in range(rng.randint(1, 3))]
    init = [f"(here {rng.choice(places)})", *(f"(at {item} {rng.choice(places)})" for item in items)]
    init += [f"(open {place})" for place in places if rng.random() < 0.7]
    return _problem(f"{' '.join(places)} - place {' '.join(items)} - item", init)


GRID = """(define (domain d) (:requirements :adl :derived-predicates)
 (:constants hub)
 (:predicates (link ?x ?y) (cut ?x ?y) (reach ?x ?y) (lonely ?x) (marked ?x) (all-marked))
 (:derived (reach ?x ?y) (or (and (link ?x ?y) (not (cut ?x ?y)))
   (exists (?z) (and (reach ?x ?z) (link ?z ?y) (not (cut ?z ?y))))))
 (:derived (lonely ?x) (forall (?y) (imply (reach ?x ?y) (= ?x ?y))))
 (:derived (all-marked) (forall (?x) (or (marked ?x) (lonely ?x))))
 (:action mark :parameters (?x) :precondition (and (reach hub ?x) (not (marked ?x))) :effect (marked ?x))
 (:action cut :parameters (?x ?y) :precondition (and (link ?x ?y) (not (lonely ?x)) (not (= ?x ?y)))
  :effect (and (cut ?x ?y) (when (all-marked) (not (marked ?x)))))
 (:action mend :parameters (?x ?y) :precondition (cut ?x ?y) :effect (and (not (cut ?x ?y)) (marked hub))))"""


def grid(rng: random.Random) -> str:
    nodes = ["hub", *(f"n{i}" for i in range(rng.randint(1, 4)))]
    init = [f"(link {a} {b})" for a in nodes for b in nodes if rng.random() < 0.45]
    return _problem(" ".join(nodes[1:]), init or ["(marked hub)"])


COSTLY = """(define (domain d) (:requirements :strips :typing :action-costs :disjunctive-preconditions)
 (:types light heavy - tool spot)
 (:predicates (at ?s - spot) (has ?t - (either light heavy)) (done ?s - spot) (lies ?t - tool ?s - spot))
 (:functions (total-cost) - number (far ?a ?b - spot) - number)
 (:action go :parameters (?a ?b - spot) :precondition (at ?a)
  :effect (and (at ?b) (not (at ?a)) (increase (total-cost) (far ?a ?b))))
 (:action grab :parameters (?t - (either light heavy) ?s - spot) :precondition (and (at ?s) (lies ?t ?s))
  :effect (and (has ?t) (not (lies ?t ?s)) (increase (total-cost) 2)))
 (:action work :parameters (?s - spot ?t - (either light heavy))
  :precondition (and (at ?s) (or (has ?t) (done ?s))) :effect (and (done ?s) (not (has ?t)))))"""


def costly(rng: random.Random) -> str:
    spots, tools = [f"s{i}" for i in range(rng.randint(1, 3))], [f"t{i}" for i in range(rng.randint(1, 3))]
    init = [f"(at {rng.choice(spots)})", *(f"(lies {tool} {rng.choice(spots)})" for tool in tools)]
    init += ["(= (total-cost) 0)", *(f"(= (far {a} {b}) {rng.randint(0, 9)})" for a in spots for b in spots)]
    kinds = " ".join(f"{tool} - {rng.choice(('light', 'heavy'))}" for tool in tools)
    return _problem(f"{' '.join(spots)} - spot {kinds}", init)


WORLDS = (
    World("gripper", GRIPPER, gripper),
    World("logistics", LOGISTICS, logistics),
    World("briefcase", BRIEFCASE, briefcase),
    World("grid", GRID, grid),
    World("costly", COSTLY, costly),
)


def registered() -> Iterator[World]:
    """Every domain that ships and makes problems, at its smallest sizes: larger ones only cost time."""
    for name in domains.NAMES:
        domain = domains.load(name, Recipe())
        if isinstance(domain, PddlDomain):
            yield World(name, domain.text, partial(_small, domain), solve=getattr(domain, "solve", None))


def _small(domain: PddlDomain, rng: random.Random) -> str:
    for _ in range(50):
        try:
            (task,) = domain.tasks("deployed", 1, (rng.randint(2, 6),), rng.getrandbits(40))
        except BadInput:  # no problem of this size
            continue
        return task.spec["problem"]
    raise BadInput(f"{domain.name} makes no problem of size 2 to 6")
