"""What a small base is taught of Sokoban: to read a room with any number of pushes, to plan for few.

A demonstration's reasoning states a way (`column`: each box along its column first; `row`: along its row first) and
then a leg for each straight push, in the order of the goals: the box, where it is, the direction, where the robot must
stand behind it, and where the box ends. After `<think>` a plan follows, leg by leg, the robot walking a shortest way to
each; after `<say>` nothing does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.demonstrations import Demonstration
from iterdeploy.domains.digests import digest_of
from iterdeploy.domains.sokoban import DIRECTIONS, problem_of
from iterdeploy.domains.sokoban_search import Scene
from iterdeploy.domains.sokoban_small import (
    BOXES,
    CELLS,
    NAME,
    TEXT,
    WAYS,
    Way,
    legs,
    plan_of,
    random_scene,
    scene_prompt,
)

WORDS = (
    " room", " robot", " box", " |", "\ngoal",
    "\n<think>", "\n<say>", "\n</think>", "\n</say>", "\n<plan>", "\n</plan>", "\nmove", "\npush",
    *(f" {name}" for group in (WAYS, DIRECTIONS, BOXES, CELLS) for name in group),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SokobanDiet:
    """Which demonstrations, in which shares; sizes are pushes."""

    plan_sizes: tuple[int, ...] = (1, 2, 3, 4, 5)
    read_sizes: tuple[int, ...] = tuple(range(1, 11))
    read_share: float = 0.3
    row_share: float = 0.5


def reasoning(scene: Scene, way: Way) -> str:
    """The reasoning: the way, and each leg."""
    return f" {way}" + "".join(f" {' '.join(leg)} |" for leg in legs(scene, way))


def demonstrate(scene: Scene, way: Way, plans: bool) -> Demonstration:
    """One demonstration, with a plan or with the reading alone."""
    prompt = scene_prompt(scene, "<think>" if plans else "<say>")
    if not plans:
        return Demonstration(prompt, f"{reasoning(scene, way)}\n</say><eos>")
    steps = plan_of(scene, way)
    assert steps is not None
    plan = "".join(f"\n{step[1:-1]}" for step in steps)
    return Demonstration(prompt, f"{reasoning(scene, way)}\n</think>\n<plan>{plan}\n</plan><eos>")


def may_be_taught(scene: Scene) -> bool:
    """Whether the scene is of the share that is neither deployed nor held out."""
    return share_of(digest_of(problem_of(NAME, scene), TEXT)) == "base"


def demonstrations(diet: SokobanDiet, seed: int) -> Iterator[Demonstration]:
    """Endless demonstrations, none of a scene that may be deployed or held out."""
    rng = random.Random(seed)
    while True:
        plans = rng.random() >= diet.read_share
        scene = random_scene(rng.choice(diet.plan_sizes if plans else diet.read_sizes), rng)
        if may_be_taught(scene):
            yield demonstrate(scene, "row" if rng.random() < diet.row_share else "column", plans)
