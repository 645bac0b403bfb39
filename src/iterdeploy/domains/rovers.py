"""Rovers: a map with a network of ways for each rover, samples to analyse, objectives to photograph, a lander.

Every problem can be solved: the ways of each rover reach all waypoints and lead both ways, and no goal asks for what
no rover can do. The reference plan sends one rover after another on a round of the goals that it can reach, always
the nearest next, and has it report all at the end.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput

MODES = ("colour", "high_res", "low_res")
SKILLS = ("equipped_for_soil_analysis", "equipped_for_rock_analysis", "equipped_for_imaging")

Edge = tuple[str, str]


def make(parameters: Parameters, rng: random.Random) -> str:
    """A random problem with "rovers", "waypoints", "cameras" and "objectives"; BadInput for too few of one."""
    require("rovers", parameters, rovers=1, waypoints=2, cameras=1, objectives=1)
    rovers = [f"rover{i}" for i in range(1, parameters["rovers"] + 1)]
    waypoints = [f"waypoint{i}" for i in range(1, parameters["waypoints"] + 1)]
    cameras = [f"camera{i}" for i in range(1, parameters["cameras"] + 1)]
    objectives = [f"objective{i}" for i in range(1, parameters["objectives"] + 1)]
    ground, goals = _ground(waypoints, objectives, rng)
    gear, modes = _gear(rovers, cameras, objectives, rng)
    edges = _network(waypoints, rng)
    init: list[Atom] = [("at_lander", "general", rng.choice(waypoints))]
    init += [("at", rover, rng.choice(waypoints)) for rover in rovers]
    init += gear + ground
    init += [("visible", *way) for edge in edges for way in _both(edge)]
    for rover in rovers:
        init += [
            ("can_traverse", rover, *way) for edge in _ways(waypoints, edges, rng) for way in _both(edge)
        ]
    goals += [("communicated_image_data", o, m) for o in objectives for m in modes]
    return state_problem(
        f"rovers-{len(waypoints)}",
        "rover",
        {
            "lander": ["general"],
            "mode": MODES,
            "rover": rovers,
            "store": [f"{rover}store" for rover in rovers],
            "waypoint": waypoints,
            "camera": cameras,
            "objective": objectives,
        },
        init,
        _some(goals, rng),
    )


def _ground(
    waypoints: Sequence[str], objectives: Sequence[str], rng: random.Random
) -> tuple[list[Atom], list[Atom]]:
    """What lies where: its atoms, and the goals that it makes possible."""
    rocks = [w for w in waypoints if rng.random() < 0.5]
    soils = [w for w in waypoints if rng.random() < 0.5]
    atoms: list[Atom] = [("at_rock_sample", w) for w in rocks]
    atoms += [("at_soil_sample", w) for w in soils]
    for objective in objectives:
        places = rng.sample(waypoints, rng.randint(1, len(waypoints)))
        atoms += [("visible_from", objective, w) for w in places]
    goals: list[Atom] = [("communicated_rock_data", w) for w in rocks]
    return atoms, goals + [("communicated_soil_data", w) for w in soils]


def _gear(
    rovers: Sequence[str], cameras: Sequence[str], objectives: Sequence[str], rng: random.Random
) -> tuple[list[Atom], list[str]]:
    """Stores, skills and cameras of the rovers, and the modes that some camera has; each skill is somewhere."""
    atoms: list[Atom] = [("empty", f"{rover}store") for rover in rovers]
    atoms += [("store_of", f"{rover}store", rover) for rover in rovers]
    able: list[str] = []
    for skill in SKILLS:
        able = sorted(rng.sample(rovers, rng.randint(1, len(rovers))), key=rovers.index)
        atoms += [(skill, rover) for rover in able]
    known: set[str] = set()
    for camera in cameras:
        modes = rng.sample(MODES, rng.randint(1, len(MODES)))
        known.update(modes)
        atoms += [("on_board", camera, rng.choice(able))]  # the last skill is imaging
        atoms += [("calibration_target", camera, rng.choice(objectives))]
        atoms += [("supports", camera, mode) for mode in modes]
    return atoms, [mode for mode in MODES if mode in known]


def _some(goals: list[Atom], rng: random.Random) -> list[Atom]:
    """A random share of the goals that could be asked for, at least one."""
    return rng.sample(goals, rng.randint(1, len(goals)))


def _network(waypoints: Sequence[str], rng: random.Random) -> list[Edge]:
    """A connected graph: a random tree, and up to twice as many edges again."""
    tree = _tree(rng.sample(waypoints, len(waypoints)), rng)
    most = min(2 * len(waypoints), len(waypoints) * (len(waypoints) - 1) // 2 - len(tree))
    wanted = len(tree) + rng.randint(0, most)
    edges = {frozenset(edge): edge for edge in tree}
    while len(edges) < wanted:
        a, b = rng.sample(waypoints, 2)
        edges.setdefault(frozenset((a, b)), (a, b))
    return list(edges.values())


def _tree(order: Sequence[str], rng: random.Random) -> list[Edge]:
    """Each but the first is tied to a random one before it."""
    return [(order[rng.randrange(i)], order[i]) for i in range(1, len(order))]


def _ways(waypoints: Sequence[str], edges: Sequence[Edge], rng: random.Random) -> Iterator[Edge]:
    """The edges that one rover can take: enough to connect all, and about a third of the others."""
    root = {waypoint: waypoint for waypoint in waypoints}

    def find(waypoint: str) -> str:
        while root[waypoint] != waypoint:
            root[waypoint] = waypoint = root[root[waypoint]]
        return waypoint

    for a, b in rng.sample(edges, len(edges)):
        joins = find(a) != find(b)
        if joins or rng.random() < 1 / 3:
            root[find(a)] = find(b)
            yield a, b


def _both(edge: Edge) -> tuple[Edge, Edge]:
    return edge, (edge[1], edge[0])


class _Step(NamedTuple):
    """How the walk to the nearest of some waypoints goes on: steps left, the next waypoint, and the last."""

    left: int
    next: str
    end: str


class _Visit(NamedTuple):
    """A way to get what a goal asks for: a walk to each stop in turn, any of its waypoints, and what is done there."""

    goal: Atom
    stops: tuple[frozenset[str], ...]
    deeds: tuple[tuple[str, ...], ...]  # an action for each stop; WHERE stands for the waypoint


WHERE = "?where"


def solve(problem: str) -> list[str]:
    """A plan for a Rovers problem. Raises BadInput for a goal that no rover reaches on the round described above."""
    said = atoms_of(problem)
    facts = _Facts(said.init)
    goals = [goal for goal in said.goal if goal not in facts.atoms]
    steps: list[tuple[str, ...]] = []
    for rover, start in facts.of("at"):
        steps += _Round(facts, rover, start).steps(goals)
    if goals:
        raise BadInput(f"the reference solver of rovers found no way to ({' '.join(goals[0])})")
    return [f"({' '.join(step)})" for step in steps]


class _Facts:
    """The initial atoms, by predicate."""

    def __init__(self, init: Sequence[Atom]) -> None:
        self.atoms = set(init)
        self._arguments: dict[str, list[tuple[str, ...]]] = {}
        self._seconds: dict[tuple[str, str], frozenset[str]] = {}
        for name, *arguments in init:
            self._arguments.setdefault(name, []).append(tuple(arguments))

    def of(self, predicate: str) -> list[tuple[str, ...]]:
        """The arguments of each of its atoms."""
        return self._arguments.get(predicate, [])

    def seconds(self, predicate: str, first: str) -> frozenset[str]:
        """Second arguments of the atoms with this first one."""
        key = (predicate, first)
        if key not in self._seconds:
            self._seconds[key] = frozenset(b for a, b in self.of(predicate) if a == first)
        return self._seconds[key]


class _Round:
    """One rover's way through the goals that it can reach."""

    def __init__(self, facts: _Facts, rover: str, start: str) -> None:
        self.facts, self.rover, self.here = facts, rover, start
        seen = set(facts.of("visible"))
        self.back: dict[str, list[str]] = {}  # from where one gets to a waypoint in a step
        for who, a, b in facts.of("can_traverse"):
            if who == rover and (a, b) in seen:
                self.back.setdefault(b, []).append(a)
        self.lander, self.site = facts.of("at_lander")[0]
        self.in_touch = frozenset(a for a, b in seen if b == self.site)
        self.stores = {
            store: ("full", store) in facts.atoms for store, who in facts.of("store_of") if who == rover
        }
        self.fields: dict[frozenset[str], dict[str, _Step]] = {}

    def steps(self, goals: list[Atom]) -> list[tuple[str, ...]]:
        """The actions of the round; the goals that it reaches are taken off the list."""
        steps: list[tuple[str, ...]] = []
        reports: list[tuple[str, ...]] = []
        visits = [visit for goal in goals for visit in self._visits(goal)]
        while fit := [(cost, i) for i, visit in enumerate(visits) if (cost := self._cost(visit)) is not None]:
            visit = visits[min(fit)[1]]
            for stop, deed in zip(visit.stops, visit.deeds, strict=True):
                steps += self._walk(stop)
                steps += self._emptied(deed)
                steps.append(tuple(self.here if word == WHERE else word for word in deed))
            kind, *what = visit.goal
            reports.append((kind.replace("communicated", "communicate"), self.rover, self.lander, *what))
            goals.remove(visit.goal)
            visits = [other for other in visits if other.goal != visit.goal]
        if reports:
            steps += self._walk(self.in_touch)
        return steps + [(*report, self.here, self.site) for report in reports]

    def _visits(self, goal: Atom) -> Iterator[_Visit]:
        """All ways in which this rover may reach a goal."""
        if goal[0] == "communicated_image_data":
            yield from self._pictures(goal)
            return
        kind = "soil" if goal[0] == "communicated_soil_data" else "rock"
        able = (f"equipped_for_{kind}_analysis", self.rover) in self.facts.atoms
        if able and self.stores and (f"at_{kind}_sample", goal[1]) in self.facts.atoms:
            store = next(iter(self.stores))
            yield _Visit(goal, (frozenset([goal[1]]),), ((f"sample_{kind}", self.rover, store, WHERE),))

    def _pictures(self, goal: Atom) -> Iterator[_Visit]:
        _, objective, mode = goal
        if ("equipped_for_imaging", self.rover) not in self.facts.atoms:
            return
        places = self.facts.seconds("visible_from", objective)
        for camera, who in self.facts.of("on_board"):
            if who == self.rover and ("supports", camera, mode) in self.facts.atoms:
                shot = ("take_image", self.rover, WHERE, objective, camera, mode)
                for target in sorted(self.facts.seconds("calibration_target", camera)):
                    ready = ("calibrate", self.rover, camera, target, WHERE)
                    yield _Visit(goal, (self.facts.seconds("visible_from", target), places), (ready, shot))

    def _cost(self, visit: _Visit) -> int | None:
        """Steps to walk; None if a stop cannot be reached, or the lander not from the last one."""
        here, cost = self.here, 0
        for stop in (*visit.stops, self.in_touch):
            step = self._field(stop).get(here)
            if step is None:
                return None
            cost, here = cost + step.left, step.end
        return cost

    def _walk(self, stop: frozenset[str]) -> Iterator[tuple[str, ...]]:
        field = self._field(stop)
        while field[self.here].left:
            there = field[self.here].next
            yield "navigate", self.rover, self.here, there
            self.here = there

    def _emptied(self, deed: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """What must be dropped before a deed."""
        if deed[0].startswith("sample"):
            if self.stores[deed[2]]:
                yield "drop", self.rover, deed[2]
            self.stores[deed[2]] = True

    def _field(self, ends: frozenset[str]) -> dict[str, _Step]:
        """From each waypoint that has a way to one of `ends`: how the shortest goes on."""
        if ends not in self.fields:
            field = {end: _Step(0, end, end) for end in sorted(ends)}
            queue = deque(field)
            while queue:
                there = queue.popleft()
                left, _, end = field[there]
                for here in self.back.get(there, ()):
                    if here not in field:
                        field[here] = _Step(left + 1, there, end)
                        queue.append(here)
            self.fields[ends] = field
        return self.fields[ends]


FAMILY = Family(
    name="rovers",
    text=domain_text("rovers"),
    ranges={
        "easy": {"rovers": (1, 4), "waypoints": (4, 10), "cameras": (1, 4), "objectives": (1, 10)},
        "medium": {"rovers": (5, 10), "waypoints": (15, 90), "cameras": (5, 50), "objectives": (15, 80)},
        "hard": {"rovers": (15, 30), "waypoints": (100, 200), "cameras": (60, 100), "objectives": (100, 200)},
    },
    size="waypoints",
    make=make,
    solve=solve,
)
