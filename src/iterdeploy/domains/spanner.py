"""Spanner: a man walks a one-way path, picks up spanners that break in use, and tightens the nuts at its end."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from itertools import pairwise

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput


def make(parameters: Parameters, rng: random.Random) -> str:
    """Spanners anywhere on the path between the shed and the gate, at least as many as nuts; none can be skipped
    over and fetched later, for no link leads back."""
    require("spanner", parameters, spanners=1, nuts=1, locations=1)
    count, nuts = parameters["spanners"], parameters["nuts"]
    if count < nuts:
        raise BadInput(
            f"spanner: each nut takes a spanner, so nuts = {nuts} needs spanners >= {nuts}, not {count}"
        )
    between = [f"location{i}" for i in range(1, parameters["locations"] + 1)]
    path = ["shed", *between, "gate"]
    spanners = [f"spanner{i}" for i in range(1, count + 1)]
    loose = [f"nut{i}" for i in range(1, nuts + 1)]
    init: list[Atom] = [("at", "bob", "shed")]
    init += [("at", spanner, rng.choice(between)) for spanner in spanners]
    init += [("at", nut, "gate") for nut in loose]
    init += [("usable", spanner) for spanner in spanners] + [("loose", nut) for nut in loose]
    init += [("link", one, other) for one, other in pairwise(path)]
    objects = {"man": ["bob"], "spanner": spanners, "nut": loose, "location": path}
    goal = [("tightened", nut) for nut in loose]
    return state_problem(f"spanner-{count}", "spanner", objects, init, goal)


def solve(problem: str) -> list[str]:
    """Walk to the nuts by the shortest way, take what usable spanners lie there until there are enough.

    For problems whose nuts are all in one place, as they are in this family; raises BadInput for others.
    """
    said = atoms_of(problem)
    kinds = dict(said.objects)
    at = {atom[1]: atom[2] for atom in said.init if atom[0] == "at"}
    (man,) = (name for name, kind in kinds.items() if kind == "man")
    loose = {atom[1] for atom in said.init if atom[0] == "loose"}
    nuts = [atom[1] for atom in said.goal if atom[0] == "tightened" and atom[1] in loose]
    ends = {at[nut] for nut in nuts}
    if len(ends) > 1:
        raise BadInput(f"the nuts of this problem lie in {len(ends)} places; the solver of spanner takes one")
    if not nuts:
        return []
    usable = {atom[1] for atom in said.init if atom[0] == "usable"}
    carried = [atom[2] for atom in said.init if atom[0] == "carrying" and atom[2] in usable]
    lying: dict[str, list[str]] = defaultdict(list)
    for name, place in at.items():
        if name in usable:
            lying[place].append(name)
    steps: list[str] = []
    here = at[man]
    for place in _way(said.init, here, ends.pop()):
        if place != here:
            steps.append(f"(walk {here} {place} {man})")
            here = place
        for spanner in lying[place][: max(0, len(nuts) - len(carried))]:
            steps.append(f"(pickup_spanner {place} {spanner} {man})")
            carried.append(spanner)
    if len(carried) < len(nuts):
        raise BadInput(f"{len(carried)} usable spanners lie on the way, for {len(nuts)} nuts")
    return steps + [f"(tighten_nut {here} {s} {man} {nut})" for s, nut in zip(carried, nuts, strict=False)]


def _way(facts: tuple[Atom, ...], start: str, end: str) -> list[str]:
    """A shortest way along the links, both ends included."""
    links: dict[str, list[str]] = defaultdict(list)
    for atom in facts:
        if atom[0] == "link":
            links[atom[1]].append(atom[2])
    before: dict[str, str] = {start: start}
    edge = deque([start])
    while edge and end not in before:
        place = edge.popleft()
        for after in links[place]:
            if after not in before:
                before[after] = place
                edge.append(after)
    if end not in before:
        raise BadInput(f"no way leads from {start} to {end}")
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]


FAMILY = Family(
    name="spanner",
    text=domain_text("spanner"),
    ranges={
        "easy": {"spanners": (1, 10), "nuts": (1, 5), "locations": (4, 10)},
        "medium": {"spanners": (30, 90), "nuts": (15, 50), "locations": (15, 45)},
        "hard": {"spanners": (100, 500), "nuts": (50, 250), "locations": (50, 100)},
    },
    size="spanners",
    make=make,
    solve=solve,
)
