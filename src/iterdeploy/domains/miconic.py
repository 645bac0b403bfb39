"""Miconic: a lift of any capacity brings passengers from floor to floor."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem


def make(parameters: Parameters, rng: random.Random) -> str:
    """The lift anywhere; every passenger wants another floor. `above` is stated for each pair of floors."""
    require("miconic", parameters, passengers=1, floors=2)
    passengers = [f"p{i}" for i in range(1, parameters["passengers"] + 1)]
    floors = [f"f{i}" for i in range(1, parameters["floors"] + 1)]
    ways = {passenger: rng.sample(floors, 2) for passenger in passengers}
    init: list[Atom] = [("lift-at", rng.choice(floors))]
    init += [("origin", passenger, ways[passenger][0]) for passenger in passengers]
    init += [("destin", passenger, ways[passenger][1]) for passenger in passengers]
    init += [("above", low, high) for low, high in combinations(floors, 2)]
    goal = [("served", passenger) for passenger in passengers]
    objects = {"passenger": passengers, "floor": floors}
    return state_problem(f"miconic-{len(passengers)}", "miconic", objects, init, goal)


def solve(problem: str) -> list[str]:
    """One way past all floors where someone waits, then one past all where someone wants to leave."""
    said = atoms_of(problem)
    facts = set(said.init)
    here = next(atom[1] for atom in said.init if atom[0] == "lift-at")
    wanted = {atom[1] for atom in said.goal if atom[0] == "served"} - {
        a[1] for a in facts if a[0] == "served"
    }
    boarding: dict[str, list[str]] = defaultdict(list)
    leaving: dict[str, list[str]] = defaultdict(list)
    for predicate, *rest in said.init:
        if predicate in ("origin", "destin") and rest[0] in wanted:
            if predicate == "destin":
                leaving[rest[1]].append(rest[0])
            elif ("boarded", rest[0]) not in facts:
                boarding[rest[1]].append(rest[0])
    steps: list[str] = []
    for action, floors in (("board", boarding), ("depart", leaving)):
        for floor in sorted(
            floors, key=lambda floor: floor != here
        ):  # those here first, the others as stated
            if floor != here:
                steps.append(f"({'up' if ('above', here, floor) in facts else 'down'} {here} {floor})")
                here = floor
            steps += [f"({action} {floor} {passenger})" for passenger in floors[floor]]
    return steps


FAMILY = Family(
    name="miconic",
    text=domain_text("miconic"),
    ranges={
        "easy": {"passengers": (1, 10), "floors": (4, 20)},
        "medium": {"passengers": (20, 80), "floors": (30, 60)},
        "hard": {"passengers": (50, 500), "floors": (80, 200)},
    },
    size="passengers",
    make=make,
    solve=solve,
)
