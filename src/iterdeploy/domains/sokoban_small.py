"""Sokoban at a size that a small base can begin on: an open room of 4 to 7 cells a side, and up to three boxes.

The PDDL is that of `sokoban`, and so are its plans; only the problems are narrower. A box gets to its goal by one turn
at most, along its column first or along its row first, and the boxes can be taken in the order of the goals. Rooms lie
anywhere on a canvas of eight by eight cells, so that each cell has its own word. The size is the number of pushes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

from iterdeploy.domains.atoms import Atom, ProblemAtoms, atoms_of
from iterdeploy.domains.family import domain_text, require
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.domains.sokoban import problem_of, reached, room_of, scene_of, solve
from iterdeploy.domains.sokoban_search import OPPOSITE, Cell, Room, Scene, walk
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe

NAME = "sokoban-small"
TEXT = domain_text("sokoban")
CANVAS = 8  # cells a side
SIDES = (4, 7)  # of a room, shortest and longest
BOXES = ("b1", "b2", "b3")
CELLS = tuple(f"c{row}{column}" for row in range(1, CANVAS + 1) for column in range(1, CANVAS + 1))

NAMES = (BOXES,)
"""Boxes may take each other's names, and a plan stays valid."""

MOST = 12  # pushes

Way = Literal["column", "row"]
WAYS: tuple[Way, ...] = ("column", "row")


class Leg(NamedTuple):
    """One box pushed straight on: from where, in which direction, where the robot must stand first, and to where."""

    box: str
    start: Cell
    direction: str
    behind: Cell
    end: Cell


def place_of(cell: Cell) -> tuple[int, int]:
    """Row and column of a cell."""
    return int(cell[1]), int(cell[2])


def rectangle(first: Cell, last: Cell) -> Room:
    """The open room between two corners."""
    (top, left), (bottom, right) = place_of(first), place_of(last)
    places = [(r, c) for r in range(top, bottom + 1) for c in range(left, right + 1)]
    return room_of({(r, c): f"c{r}{c}" for r, c in places})


def legs(scene: Scene, way: Way) -> list[Leg]:
    """The legs that lead each box to its goal, in the order of the goals; KeyError where a wall is in the way."""
    found = []
    for box, goal in scene.goals.items():
        here = scene.boxes[box]
        for direction, count in _turns(here, goal, way):
            behind, end = scene.room[here][OPPOSITE[direction]], here
            for _ in range(count):
                end = scene.room[end][direction]
            found.append(Leg(box, here, direction, behind, end))
            here = end
    return found


def _turns(here: Cell, goal: Cell, way: Way) -> Iterator[tuple[str, int]]:
    (row, column), (to_row, to_column) = place_of(here), place_of(goal)
    down = ("down" if to_row > row else "up", abs(to_row - row))
    right = ("right" if to_column > column else "left", abs(to_column - column))
    yield from (turn for turn in ((down, right) if way == "column" else (right, down)) if turn[1])


def plan_of(scene: Scene, way: Way) -> list[str] | None:
    """The plan that follows the legs, "(action arg ...)" a step; None where a box or a wall is in the way."""
    boxes, robot, steps = dict(scene.boxes), scene.robot, list[str]()
    try:
        for box, start, direction, behind, end in legs(scene, way):
            if behind not in reached(scene.room, robot, set(boxes.values())):
                return None
            steps += walk(scene.room, set(boxes.values()), robot, behind)
            robot, here = behind, start
            while here != end:
                there = scene.room[here][direction]
                if there in boxes.values():
                    return None
                steps.append(f"(push {robot} {here} {there} {direction} {box})")
                robot, here, boxes[box] = here, there, there
    except KeyError:
        return None
    return steps


def random_scene(size: int, rng: random.Random) -> Scene:
    """A problem of `size` pushes that both ways solve. Raises BadInput for sizes that are not 1 to 12."""
    require(NAME, {"pushes": size}, pushes=1)
    if size > MOST:
        raise BadInput(f"{NAME}: pushes must be {MOST} or fewer, not {size}")
    while True:
        scene = _drawn(size, rng)
        if scene is not None and all(plan_of(scene, way) is not None for way in WAYS):
            return scene


def _drawn(size: int, rng: random.Random) -> Scene | None:
    """A room, and boxes with goals; None where they are not so many pushes away."""
    height, width = rng.randint(*SIDES), rng.randint(*SIDES)
    top, left = rng.randint(1, CANVAS - height + 1), rng.randint(1, CANVAS - width + 1)
    count, floor = rng.randint(1, len(BOXES)), range(height * width)
    robot, *starts = rng.sample(floor, count + 1)
    goals = rng.sample(floor, count)
    distances = [
        abs(a // width - b // width) + abs(a % width - b % width) for a, b in zip(starts, goals, strict=True)
    ]
    if sum(distances) != size or 0 in distances:
        return None
    names = rng.sample(BOXES, count)
    cells = [f"c{top + number // width}{left + number % width}" for number in floor]
    boxes = {name: cells[start] for name, start in zip(names, starts, strict=True)}
    return Scene(
        rectangle(cells[0], cells[-1]),
        cells[robot],
        {name: boxes[name] for name in rng.sample(names, count)},
        {name: cells[goal] for name, goal in zip(names, goals, strict=True)},
    )


def scene_prompt(scene: Scene, cue: str = "<think>") -> str:
    """What the small base reads: the room's corners, robot, boxes and goals, and the cue that the answer follows."""
    boxes = "".join(f" {name} {cell} |" for name, cell in scene.boxes.items())
    goals = "".join(f" {name} {cell} |" for name, cell in scene.goals.items())
    return (
        f"<bos> room {min(scene.room)} {max(scene.room)} robot {scene.robot} box{boxes}\ngoal{goals}\n{cue}"
    )


def read_scene(problem: str) -> Scene:
    """The scene that a PDDL problem states. Raises BadInput for a problem that is not of this domain."""
    said = atoms_of(problem)
    names = {name for name, *_ in said.init}
    scene = scene_of(said) if names <= _PREDICATES and "at-robot" in names else None
    if (
        scene is None
        or not scene.room
        or not scene.goals
        or not set(scene.room) <= set(CELLS)
        or not set(scene.goals) <= set(scene.boxes) <= set(BOXES)
        or not set(scene.goals.values()) <= set(scene.room)
        or scene.room != rectangle(min(scene.room), max(scene.room))
        or _told(atoms_of(problem_of(NAME, scene))) != _told(said)
    ):
        raise BadInput(
            f"this problem is not one of {NAME}: no open room of its cells and boxes; set base.prompt=paper"
        )
    return scene


def _told(atoms: ProblemAtoms) -> tuple[set[Atom], set[Atom]]:
    return set(atoms.init), set(atoms.goal)


_PREDICATES = {"at-robot", "at", "clear", "adjacent"}


def brief(domain: str, problem: str) -> str:
    """The template that `base.prompt = "compact"` names here."""
    return scene_prompt(read_scene(problem))


def make(size: int, rng: random.Random) -> str:
    """A PDDL problem of `size` pushes."""
    return problem_of(NAME, random_scene(size, rng))


def open_sokoban_small(recipe: Recipe) -> PddlDomain:
    """The domain as a recipe asks for it."""
    opened = open_pddl(recipe, NAME, TEXT, make, NAMES, solve=solve)
    return replace(opened, prompt=brief) if recipe.base.prompt == "compact" else opened
