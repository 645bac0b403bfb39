"""Rovers at a size that a small base can begin on: one rover, and a lander in the middle of the map.

The PDDL is that of `rovers`, and so are its plans; only the problems are narrower. Every waypoint has a way to the
lander's and some have ways to one another, so a leg takes one step or two; all but the lander's are in touch with it;
samples lie, and objectives are seen, away from the lander. The size is the number of goals.

The compact prompt says what the PDDL says in a third of its words: ways as lists of neighbours, and nothing that is the
same in every problem of this domain (what the rover carries, that ways lead both ways and are lines of sight).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import domain_text, require
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.domains.rovers import solve
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe

NAME = "rovers-small"
TEXT = domain_text("rovers")
ROVER, STORE, LANDER = "r1", "s1", "general"
WAYPOINTS = tuple(f"w{i}" for i in range(1, 9))
OBJECTIVES = tuple(f"o{i}" for i in range(1, 6))
CAMERAS = tuple(f"c{i}" for i in range(1, 4))
MODES = ("colour", "high_res", "low_res")

NAMES = (WAYPOINTS, OBJECTIVES, CAMERAS, MODES)
"""Objects of one kind may take each other's names, and a plan stays valid."""

MOST = 12  # goals


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera is calibrated on, and the modes that it supports."""

    name: str
    target: str
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mission:
    """A problem. All orders are those in which it is told."""

    start: str
    lander: str
    ways: Mapping[str, tuple[str, ...]]  # the neighbours of each waypoint
    soil: tuple[str, ...]
    rock: tuple[str, ...]
    seen_from: Mapping[str, tuple[str, ...]]  # waypoints from which an objective is seen
    cameras: tuple[Camera, ...]
    goals: tuple[Atom, ...]  # ("soil", w), ("rock", w) or ("image", objective, mode)


def random_mission(size: int, rng: random.Random) -> Mission:
    """A mission with `size` goals. Raises BadInput for sizes that are not 1 to 12."""
    require(NAME, {"goals": size}, goals=1)
    if size > MOST:
        raise BadInput(f"{NAME}: goals must be {MOST} or fewer, not {size}")
    while True:
        lander, *outer = rng.sample(WAYPOINTS, rng.randint(4, 6))
        soil = rng.sample(outer, rng.randint(1, len(outer)))
        rock = rng.sample(outer, rng.randint(1, len(outer)))
        objectives = rng.sample(OBJECTIVES, rng.randint(1, 3))
        seen_from = {o: tuple(rng.sample(outer, rng.randint(1, 2))) for o in objectives}
        cameras = tuple(
            Camera(name, rng.choice(objectives), tuple(rng.sample(MODES, rng.randint(1, 2))))
            for name in rng.sample(CAMERAS, rng.randint(1, 2))
        )
        modes = {mode: None for camera in cameras for mode in camera.modes}
        goals: list[Atom] = [(kind, w) for kind, places in (("soil", soil), ("rock", rock)) for w in places]
        goals += [("image", o, mode) for o in objectives for mode in modes]
        if len(goals) >= size:
            break
    start = rng.choice([lander, *outer])
    return Mission(
        start, lander, _ways(lander, outer, rng), tuple(soil), tuple(rock), seen_from, cameras,
        tuple(rng.sample(goals, size)),
    )  # fmt: skip


def _ways(lander: str, outer: Sequence[str], rng: random.Random) -> dict[str, tuple[str, ...]]:
    """Neighbours: all of the lander's waypoint, and two of five pairs of the others."""
    ways: dict[str, list[str]] = {lander: list(outer), **{w: [lander] for w in outer}}
    for i, a in enumerate(outer):
        for b in outer[:i]:
            if rng.random() < 0.4:
                ways[a].append(b)
                ways[b].append(a)
    return {w: tuple(rng.sample(ways[w], len(ways[w]))) for w in rng.sample(list(ways), len(ways))}


_PREDICATES = {
    "soil": "communicated_soil_data",
    "rock": "communicated_rock_data",
    "image": "communicated_image_data",
}
_KINDS = {predicate: kind for kind, predicate in _PREDICATES.items()}


def problem_of(mission: Mission) -> str:
    """The mission as a PDDL problem of `rovers`."""
    ways = [(a, b) for a, near in mission.ways.items() for b in near]
    init: list[Atom] = [("at_lander", LANDER, mission.lander), ("at", ROVER, mission.start)]
    init += [("empty", STORE), ("store_of", STORE, ROVER)]
    init += [(skill, ROVER) for skill in _SKILLS]
    for camera in mission.cameras:
        init += [("on_board", camera.name, ROVER), ("calibration_target", camera.name, camera.target)]
        init += [("supports", camera.name, mode) for mode in camera.modes]
    init += [("at_soil_sample", w) for w in mission.soil] + [("at_rock_sample", w) for w in mission.rock]
    init += [("visible_from", o, w) for o, places in mission.seen_from.items() for w in places]
    init += [("can_traverse", ROVER, *way) for way in ways] + [("visible", *way) for way in ways]
    return state_problem(
        NAME,
        "rover",
        {
            "lander": [LANDER],
            "mode": MODES,
            "rover": [ROVER],
            "store": [STORE],
            "waypoint": list(mission.ways),
            "camera": [camera.name for camera in mission.cameras],
            "objective": list(mission.seen_from),
        },
        init,
        [(_PREDICATES[kind], *what) for kind, *what in mission.goals],
    )


_SKILLS = ("equipped_for_soil_analysis", "equipped_for_rock_analysis", "equipped_for_imaging")


def mission_of(problem: str) -> Mission:
    """The mission that a PDDL problem states. Raises BadInput for a problem that is not of this domain."""
    said = atoms_of(problem)
    told: dict[str, list[tuple[str, ...]]] = {}
    for name, *arguments in said.init:
        told.setdefault(name, []).append(tuple(arguments))
    try:
        targets = _by_first(told["calibration_target"])
        supports = _by_first(told["supports"])
        mission = Mission(
            start=told["at"][0][1],
            lander=told["at_lander"][0][1],
            ways=_by_first([(a, b) for _, a, b in told["can_traverse"]]),
            soil=tuple(w for (w,) in told.get("at_soil_sample", [])),
            rock=tuple(w for (w,) in told.get("at_rock_sample", [])),
            seen_from=_by_first(told["visible_from"]),
            cameras=tuple(Camera(c, targets[c][0], supports[c]) for c, _ in told["on_board"]),
            goals=tuple((_KINDS[kind], *what) for kind, *what in said.goal),
        )
    except (KeyError, IndexError, ValueError) as cause:
        raise BadInput(f"this problem is not one of {NAME}: {cause!r}; set base.prompt=paper") from cause
    if set(atoms_of(problem_of(mission)).init) != set(said.init):
        raise BadInput(
            f"this problem is not one of {NAME}: its facts are not of that kind; set base.prompt=paper"
        )
    return mission


def _by_first(pairs: Sequence[Atom]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return {first: tuple(seconds) for first, seconds in found.items()}


def mission_prompt(mission: Mission, cue: str = "<think>") -> str:
    """What the small base reads; it ends in the cue that the answer follows."""

    def rows(lists: Mapping[str, Sequence[str]]) -> str:
        return "".join(f" {' '.join((first, *rest))} |" for first, rest in lists.items())

    cameras = {camera.name: (camera.target, *camera.modes) for camera in mission.cameras}
    goals = "".join(f" !{' '.join(goal)}" for goal in mission.goals)
    return (
        f"<bos> at {mission.start} lander {mission.lander} ways{rows(mission.ways)} "
        f"soil {' '.join((*mission.soil, 'rock', *mission.rock))} "
        f"seen{rows(mission.seen_from)} camera{rows(cameras)}\ngoal{goals}\n{cue}"
    )


def brief(domain: str, problem: str) -> str:
    """The template that `base.prompt = "compact"` names here."""
    return mission_prompt(mission_of(problem))


def make(size: int, rng: random.Random) -> str:
    """A PDDL problem with `size` goals."""
    return problem_of(random_mission(size, rng))


def open_rovers_small(recipe: Recipe) -> PddlDomain:
    """The domain as a recipe asks for it."""
    from dataclasses import replace

    opened = open_pddl(recipe, NAME, TEXT, make, NAMES, solve=solve)
    return replace(opened, prompt=brief) if recipe.base.prompt == "compact" else opened
