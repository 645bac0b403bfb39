"""Transport: vehicles of different capacity bring packages along roads to where they should be."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput


def make(parameters: Parameters, rng: random.Random) -> str:
    """Vehicles anywhere, each with a capacity from 1 to `capacity`; every package must go somewhere else.

    Roads lead both ways and connect all: each location to one before it, and half as many again at random.
    """
    require("transport", parameters, vehicles=1, packages=1, locations=2, capacity=1)
    vehicles = [f"v{i}" for i in range(1, parameters["vehicles"] + 1)]
    packages = [f"p{i}" for i in range(1, parameters["packages"] + 1)]
    places = [f"l{i}" for i in range(1, parameters["locations"] + 1)]
    sizes = [f"c{i}" for i in range(parameters["capacity"] + 1)]
    ways = {package: rng.sample(places, 2) for package in packages}
    init: list[Atom] = [("capacity", vehicle, rng.choice(sizes[1:])) for vehicle in vehicles]
    init += [("capacity-predecessor", less, more) for less, more in pairwise(sizes)]
    init += [("at", package, ways[package][0]) for package in packages]
    init += [("at", vehicle, rng.choice(places)) for vehicle in vehicles]
    init += [("road", one, other) for pair in _roads(places, rng) for one, other in (pair, pair[::-1])]
    objects = {"vehicle": vehicles, "package": packages, "location": places, "size": sizes}
    goal = [("at", package, ways[package][1]) for package in packages]
    return state_problem(f"transport-{len(packages)}", "transport", objects, init, goal)


def _roads(places: Sequence[str], rng: random.Random) -> list[tuple[str, str]]:
    """Pairs of places that are joined, each once."""
    order = rng.sample(list(places), len(places))
    roads = {(order[rng.randrange(i)], order[i]): None for i in range(1, len(order))}
    for _ in range(len(places) // 2):
        one, other = rng.sample(order, 2)
        if (one, other) not in roads and (other, one) not in roads:
            roads[one, other] = None
    return list(roads)


@dataclass(slots=True)
class _Trip:
    """One vehicle on its way: where it is, what it holds, and what it did."""

    vehicle: str
    here: str
    space: str
    less: Mapping[str, str]  # each size, to the next smaller one
    more: Mapping[str, str]
    roads: Mapping[str, list[str]]
    held: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # packages, by their goal
    steps: list[str] = field(default_factory=list)

    def pick_up(self, package: str, goal: str) -> None:
        less = self.less[self.space]
        self.steps.append(f"(pick-up {self.vehicle} {self.here} {package} {less} {self.space})")
        self.space = less
        self.held[goal].append(package)

    def drop(self, package: str) -> None:
        more = self.more[self.space]
        self.steps.append(f"(drop {self.vehicle} {self.here} {package} {self.space} {more})")
        self.space = more

    def drive_to_nearest(self, wanted: Set[str]) -> None:
        """Drive a shortest way to one of the places that are wanted."""
        before = {self.here: self.here}
        edge = deque([self.here])
        while edge:
            place = edge.popleft()
            if place in wanted:
                self._drive(place, before)
                return
            for after in self.roads.get(place, ()):
                if after not in before:
                    before[after] = place
                    edge.append(after)
        raise BadInput(f"no road leads {self.vehicle} from {self.here} to where it must go")

    def _drive(self, place: str, before: Mapping[str, str]) -> None:
        way = [place]
        while way[-1] != self.here:
            way.append(before[way[-1]])
        self.steps += [f"(drive {self.vehicle} {one} {other})" for one, other in pairwise(way[::-1])]
        self.here = place


def solve(problem: str) -> list[str]:
    """One vehicle of the largest capacity does it all: it goes to the nearest place where it can drop or pick up.

    Where packages are in another vehicle already, that one drops them where it is first.
    """
    said = atoms_of(problem)
    less = {atom[2]: atom[1] for atom in said.init if atom[0] == "capacity-predecessor"}
    more = {small: large for large, small in less.items()}
    roads: dict[str, list[str]] = defaultdict(list)
    for atom in said.init:
        if atom[0] == "road":
            roads[atom[1]].append(atom[2])
    at = {atom[1]: atom[2] for atom in said.init if atom[0] == "at"}
    trips = [
        _Trip(atom[1], at[atom[1]], atom[2], less, more, roads) for atom in said.init if atom[0] == "capacity"
    ]
    for _, package, vehicle in (atom for atom in said.init if atom[0] == "in"):
        (trip,) = (trip for trip in trips if trip.vehicle == vehicle)
        trip.drop(package)
        at[package] = trip.here
    steps = [step for trip in trips for step in trip.steps]
    trip = max(trips, key=lambda trip: _room(trip.space, less))
    trip.steps = steps
    for _, name, place in (atom for atom in said.goal if atom[0] == "at"):
        if any(name == other.vehicle for other in trips):
            raise BadInput(
                f"the goal wants the vehicle {name} at {place}; the solver of transport moves packages alone"
            )
    _deliver(trip, at, {atom[1]: atom[2] for atom in said.goal if atom[0] == "at"})
    return trip.steps


def _deliver(trip: _Trip, at: Mapping[str, str], goals: Mapping[str, str]) -> None:
    waiting: dict[str, list[str]] = defaultdict(list)
    for package, goal in goals.items():
        if at[package] != goal:
            waiting[at[package]].append(package)
    if waiting and trip.space not in trip.less:
        raise BadInput("no vehicle has room for a package")
    while waiting or trip.held:
        useful = trip.held.keys() | (waiting.keys() if trip.space in trip.less else set())
        trip.drive_to_nearest(useful)
        for package in trip.held.pop(trip.here, ()):
            trip.drop(package)
        while trip.here in waiting and trip.space in trip.less:
            package = waiting[trip.here].pop()
            trip.pick_up(package, goals[package])
            if not waiting[trip.here]:
                del waiting[trip.here]


def _room(space: str, less: Mapping[str, str]) -> int:
    """How many packages fit into a space."""
    room = 0
    while space in less:
        space, room = less[space], room + 1
    return room


FAMILY = Family(
    name="transport",
    text=domain_text("transport"),
    ranges={
        "easy": {"vehicles": (3, 6), "packages": (1, 15), "locations": (5, 15), "capacity": (2, 2)},
        "medium": {"vehicles": (10, 20), "packages": (5, 45), "locations": (20, 40), "capacity": (4, 4)},
        "hard": {"vehicles": (30, 50), "packages": (20, 200), "locations": (50, 100), "capacity": (10, 10)},
    },
    size="packages",
    make=make,
    solve=solve,
)
