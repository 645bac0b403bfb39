"""Ferry: cars wait at locations, and a ferry carries one at a time to where it should be."""

from __future__ import annotations

import random
from collections import defaultdict

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem


def make(parameters: Parameters, rng: random.Random) -> str:
    """Cars and the ferry anywhere; every car must go somewhere else."""
    require("ferry", parameters, cars=1, locations=2)
    cars = [f"car{i}" for i in range(1, parameters["cars"] + 1)]
    places = [f"loc{i}" for i in range(1, parameters["locations"] + 1)]
    ways = [rng.sample(places, 2) for _ in cars]
    init: list[Atom] = [("empty-ferry",), ("at-ferry", rng.choice(places))]
    init += [("at", car, here) for car, (here, _) in zip(cars, ways, strict=True)]
    goal = [("at", car, there) for car, (_, there) in zip(cars, ways, strict=True)]
    return state_problem(f"ferry-{len(cars)}", "ferry", {"car": cars, "location": places}, init, goal)


def solve(problem: str) -> list[str]:
    """Each car is carried straight to its goal, one that waits where the ferry is before all others."""
    said = atoms_of(problem)
    at = {atom[1]: atom[2] for atom in said.init if atom[0] == "at"}
    here = next(atom[1] for atom in said.init if atom[0] == "at-ferry")
    goals = {atom[1]: atom[2] for atom in said.goal if atom[0] == "at"}
    waiting: dict[str, list[str]] = defaultdict(list)
    for car, place in at.items():
        if goals.get(car, place) != place:
            waiting[place].append(car)
    steps: list[str] = []
    for aboard in (atom[1] for atom in said.init if atom[0] == "on"):
        here = _carry(aboard, here, goals.get(aboard, here), steps)
    while waiting:
        place = here if here in waiting else next(iter(waiting))
        car = waiting[place].pop()
        if not waiting[place]:
            del waiting[place]
        _sail(here, place, steps)
        steps.append(f"(board {car} {place})")
        here = _carry(car, place, goals[car], steps)
    for place in (atom[1] for atom in said.goal if atom[0] == "at-ferry"):
        _sail(here, place, steps)
    return steps


def _carry(car: str, here: str, there: str, steps: list[str]) -> str:
    """Bring the car on board to `there`, where the ferry is then."""
    _sail(here, there, steps)
    steps.append(f"(debark {car} {there})")
    return there


def _sail(here: str, there: str, steps: list[str]) -> None:
    if here != there:
        steps.append(f"(sail {here} {there})")


FAMILY = Family(
    name="ferry",
    text=domain_text("ferry"),
    ranges={
        "easy": {"cars": (1, 20), "locations": (5, 15)},
        "medium": {"cars": (10, 100), "locations": (20, 50)},
        "hard": {"cars": (200, 1000), "locations": (100, 500)},
    },
    size="cars",
    make=make,
    solve=solve,
)
