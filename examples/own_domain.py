"""A PDDL domain of one's own: a text, a function that makes problems, one line; iterdeploy check own_domain:courier"""

import random
from itertools import pairwise

from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.recipe import Recipe

TEXT = """
(define (domain courier)
  (:requirements :strips)
  (:predicates (road ?a ?b) (here ?t) (waits ?p ?t) (carried ?p))
  (:action go :parameters (?a ?b)
    :precondition (and (here ?a) (road ?a ?b))
    :effect (and (here ?b) (not (here ?a))))
  (:action load :parameters (?p ?t)
    :precondition (and (here ?t) (waits ?p ?t))
    :effect (and (carried ?p) (not (waits ?p ?t))))
  (:action drop :parameters (?p ?t)
    :precondition (and (here ?t) (carried ?p))
    :effect (and (waits ?p ?t) (not (carried ?p)))))
"""


def make(size: int, rng: random.Random) -> str:
    """A problem with `size` parcels on a road through five towns and a shortcut; no parcel is where it is wanted."""
    towns = rng.sample(["ulm", "bonn", "kiel", "jena", "hof"], 5)
    roads = [*pairwise(towns), tuple(rng.sample(towns, 2))]
    trips = {f"p{n}": rng.sample(towns, 2) for n in range(size)}
    init = [f"(road {a} {b}) (road {b} {a})" for a, b in roads] + [f"(here {rng.choice(towns)})"]
    init += [f"(waits {p} {start})" for p, (start, _) in trips.items()]
    goal = [f"(waits {p} {end})" for p, (_, end) in trips.items()]
    return f"""(define (problem parcels) (:domain courier) (:objects {" ".join([*towns, *trips])})
      (:init {" ".join(init)}) (:goal (and {" ".join(goal)})))"""


def courier(recipe: Recipe) -> PddlDomain:
    return open_pddl(recipe, "courier", TEXT, make)
