"""What a small base is taught of Rovers: to read a mission of any size, to plan for few goals.

A demonstration's reasoning states a way (`direct`: to a neighbour in one step; `lander`: always by the lander's
waypoint) and then a leg for each goal, in the prompt's order: what to do, where, and the walk that leads there from
where the leg before it ended. A picture takes two legs, the first of which calibrates its camera. After `<think>`
a plan follows, leg by leg, each sample dropped and each finding sent at once; after `<say>` nothing does.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.demonstrations import Demonstration
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.rovers_small import (
    LANDER,
    NAMES,
    ROVER,
    STORE,
    TEXT,
    Mission,
    mission_prompt,
    problem_of,
    random_mission,
)

Way = Literal["direct", "lander"]
WAYS: tuple[Way, ...] = ("direct", "lander")

WORDS = (
    " at", " lander", " ways", " soil", " rock", " seen", " camera", " |", "\ngoal", " !soil", " !rock", " !image",
    "\n<think>", "\n<say>", "\n</think>", "\n</say>", "\n<plan>", "\n</plan>",
    " direct", " ready", " image", " by",
    "\nnavigate", "\nsample_soil", "\nsample_rock", "\ndrop", "\ncalibrate", "\ntake_image",
    "\ncommunicate_soil_data", "\ncommunicate_rock_data", "\ncommunicate_image_data",
    f" {ROVER}", f" {STORE}", f" {LANDER}",
    *(f" {name}" for group in NAMES for name in group),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoversDiet:
    """Which demonstrations, in which shares."""

    plan_sizes: tuple[int, ...] = (1, 2, 3)
    read_sizes: tuple[int, ...] = tuple(range(1, 11))
    read_share: float = 0.4
    direct_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Leg:
    """What is done (`("soil",)`, `("ready", mode, camera, target)`, `("image", objective, mode, camera)`), and the
    waypoints of the walk there, from where the rover stands to where it is done."""

    deed: tuple[str, ...]
    walk: tuple[str, ...]


def legs(mission: Mission, way: Way) -> list[Leg]:
    """The legs of a mission, in the order of its goals. Of several cameras or places the first that is told serves."""
    here, found = mission.start, []
    for kind, *what in mission.goals:
        for deed, place in _deeds(mission, kind, what):
            found.append(Leg(deed, _walk(mission, here, place, way)))
            here = place
    return found


def _deeds(mission: Mission, kind: str, what: list[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a goal takes, each with its place."""
    if kind != "image":
        yield (kind,), what[0]
        return
    objective, mode = what
    camera = next(camera for camera in mission.cameras if mode in camera.modes)
    yield ("ready", mode, camera.name, camera.target), mission.seen_from[camera.target][0]
    yield ("image", objective, mode, camera.name), mission.seen_from[objective][0]


def _walk(mission: Mission, here: str, there: str, way: Way) -> tuple[str, ...]:
    if here == there:
        return (there,)
    if mission.lander in (here, there) or (way == "direct" and there in mission.ways[here]):
        return here, there
    return here, mission.lander, there


def reasoning(mission: Mission, way: Way) -> str:
    """The reasoning: of each leg what, where, and the walk."""
    told = "".join(f" {' '.join((*leg.deed, leg.walk[-1], 'by', *leg.walk))} |" for leg in legs(mission, way))
    return f" {way}{told}"


def plan_lines(mission: Mission, way: Way) -> list[str]:
    """The plan, an action a line without parentheses."""
    lines: list[str] = []
    for leg in legs(mission, way):
        lines += [f"navigate {ROVER} {a} {b}" for a, b in itertools.pairwise(leg.walk)]
        kind, *rest = leg.deed
        here = leg.walk[-1]
        if kind == "ready":
            _, camera, target = rest
            lines.append(f"calibrate {ROVER} {camera} {target} {here}")
        elif kind == "image":
            objective, mode, camera = rest
            lines.append(f"take_image {ROVER} {here} {objective} {camera} {mode}")
            lines.append(
                f"communicate_image_data {ROVER} {LANDER} {objective} {mode} {here} {mission.lander}"
            )
        else:
            lines += [f"sample_{kind} {ROVER} {STORE} {here}", f"drop {ROVER} {STORE}"]
            lines.append(f"communicate_{kind}_data {ROVER} {LANDER} {here} {here} {mission.lander}")
    return lines


def demonstrate(mission: Mission, way: Way, plans: bool) -> Demonstration:
    """One demonstration, with a plan or with the reading alone."""
    prompt = mission_prompt(mission, "<think>" if plans else "<say>")
    if not plans:
        return Demonstration(prompt, f"{reasoning(mission, way)}\n</say><eos>")
    plan = "".join(f"\n{line}" for line in plan_lines(mission, way))
    return Demonstration(prompt, f"{reasoning(mission, way)}\n</think>\n<plan>{plan}\n</plan><eos>")


def may_be_taught(mission: Mission) -> bool:
    """Whether the mission is of the share that is neither deployed nor held out."""
    return share_of(digest_of(problem_of(mission), TEXT)) == "base"


def demonstrations(diet: RoversDiet, seed: int) -> Iterator[Demonstration]:
    """Endless demonstrations, none of a mission that may be deployed or held out."""
    rng = random.Random(seed)
    while True:
        plans = rng.random() >= diet.read_share
        mission = random_mission(rng.choice(diet.plan_sizes if plans else diet.read_sizes), rng)
        if may_be_taught(mission):
            yield demonstrate(mission, "direct" if rng.random() < diet.direct_share else "lander", plans)
