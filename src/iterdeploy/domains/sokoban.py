"""Sokoban: a robot pushes boxes through a room with walls, each box to a place of its own.

A problem is made forwards: boxes are put anywhere, and one after another is pushed about while the others stand still;
where each one ends is its goal. So every problem can be solved one box at a time. The reference solver searches for
such an order, and a problem that it does not solve is drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from iterdeploy.domains.atoms import Atom, ProblemAtoms, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.sokoban_search import NEAR, Cell, Place, Room, Scene, find_plan, pushes
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput

DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
"""What each direction adds to row and column; rows count from the top."""

CELLS_A_BOX = 10  # a room holds a box for so many of its grid's cells, and no more
DRAWS = 200  # rooms drawn before the parameters are given up
PLACES = 400  # of a box and the robot behind it, that a box is pushed through before it is left somewhere


def make(parameters: Parameters, rng: random.Random) -> str:
    """A random problem on a "grid" of so many rows and columns, with "boxes"; BadInput if they do not fit."""
    require("sokoban", parameters, grid=3, boxes=1)
    size, boxes = parameters["grid"], parameters["boxes"]
    most = max(1, size * size // CELLS_A_BOX)
    if boxes > most:
        raise BadInput(f"sokoban takes {most} boxes at most on a grid of {size}, not {boxes}")
    for _ in range(DRAWS):
        room = _room(size, rng)
        found = _scramble(room, [f"box{i}" for i in range(1, boxes + 1)], rng)
        if found is not None and find_plan(found, NEAR) is not None:
            return problem_of(f"sokoban-{size}-{boxes}", found)
    raise BadInput(f"sokoban found no problem with {boxes} boxes on a grid of {size}; ask for fewer boxes")


def _room(size: int, rng: random.Random) -> Room:
    """The largest connected part of a grid with up to a quarter of walls."""
    share = rng.uniform(0.0, 0.25)
    floor = [(r, c) for r in range(1, size + 1) for c in range(1, size + 1) if rng.random() >= share]
    return _largest_part(room_of({place: f"loc_{place[0]}_{place[1]}" for place in floor}))


def room_of(names: Mapping[tuple[int, int], Cell]) -> Room:
    """The room whose floor is these rows and columns."""
    room: dict[Cell, dict[str, Cell]] = {}
    for (row, column), name in names.items():
        around = {way: (row + down, column + right) for way, (down, right) in DIRECTIONS.items()}
        room[name] = {way: names[place] for way, place in around.items() if place in names}
    return room


def _largest_part(room: Room) -> Room:
    left, best = dict.fromkeys(room), set[Cell]()
    while len(left) > len(best):
        part = reached(room, next(iter(left)), frozenset())
        best = max(best, part, key=len)
        for cell in part:
            del left[cell]
    return {cell: around for cell, around in room.items() if cell in best}


def reached(room: Room, start: Cell, blocked: frozenset[Cell] | set[Cell]) -> set[Cell]:
    """Where the robot can walk to, its own cell among them."""
    seen, queue = {start}, [start]
    while queue:
        for cell in room[queue.pop()].values():
            if cell not in seen and cell not in blocked:
                seen.add(cell)
                queue.append(cell)
    return seen


def _scramble(room: Room, names: list[str], rng: random.Random) -> Scene | None:
    """Boxes and robot put anywhere, and a goal for each box that it can be pushed to; None if one cannot move."""
    movable = [
        cell
        for cell, ways in room.items()
        if {"up", "down"} <= ways.keys() or {"left", "right"} <= ways.keys()
    ]
    if len(movable) < len(names) or len(room) == len(names):
        return None
    starts = dict(zip(names, rng.sample(movable, len(names)), strict=True))
    robot = rng.choice([cell for cell in room if cell not in starts.values()])
    boxes, goals, here = dict(starts), dict[str, Cell](), robot
    waiting = rng.sample(names, len(names))
    while waiting:
        for name in waiting:
            others = {cell for other, cell in boxes.items() if other != name}
            ends = [
                end for end in _wander(room, others, Place(boxes[name], here), rng) if end.box != boxes[name]
            ]
            if ends:
                break
        else:
            return None
        waiting.remove(name)
        boxes[name], here = rng.choice(ends)
        goals[name] = boxes[name]
    return Scene(room, robot, starts, {name: goals[name] for name in rng.sample(names, len(names))})


def problem_of(name: str, scene: Scene) -> str:
    """The scene as PDDL."""
    taken = set(scene.boxes.values())
    init: list[Atom] = [("at-robot", scene.robot)]
    init += [("at", *pair) for pair in scene.boxes.items()]
    init += [("clear", cell) for cell in scene.room if cell not in taken]
    init += [
        ("adjacent", cell, there, way) for cell, around in scene.room.items() for way, there in around.items()
    ]
    goal: list[Atom] = [("at", *pair) for pair in scene.goals.items()]
    kinds = {"location": list(scene.room), "box": list(scene.boxes)}
    return state_problem(name, "sokoban", kinds, init, goal)


def _wander(room: Room, others: set[Cell], start: Place, rng: random.Random) -> list[Place]:
    """Places that a box comes through when it is pushed about at random."""
    found: dict[Place, None] = {}
    waiting = [start]
    while waiting and len(found) < PLACES:
        k = rng.randrange(len(waiting))
        waiting[k], waiting[-1] = waiting[-1], waiting[k]
        place = waiting.pop()
        most = NEAR if place.robot in room[place.box].values() else len(room) + 1
        for push in pushes(room, others, place, most):
            after = push.after(room)
            if after not in found:
                found[after] = None
                waiting.append(after)
    return list(found)


def solve(problem: str) -> list[str]:
    """A plan for a Sokoban problem whose boxes can be moved one after another, each straight to its goal.

    Raises BadInput where no such order was found: the problem may have a plan all the same.
    """
    said = atoms_of(problem)
    scene = scene_of(said)
    steps = find_plan(scene, NEAR) or find_plan(scene, len(scene.room) + 1)
    if steps is None:
        raise BadInput(
            "the reference solver of sokoban moves one box after another to its goal, and found no order"
        )
    return steps


def scene_of(said: ProblemAtoms) -> Scene:
    """The scene that complete atoms describe; what is neither clear nor under a box is wall."""
    boxes = {a[1]: a[2] for a in said.init if a[0] == "at"}
    floor = [*boxes.values(), *(a[1] for a in said.init if a[0] == "clear")]
    room: dict[Cell, dict[str, Cell]] = {cell: {} for cell in floor}
    for name, *args in said.init:
        if name == "adjacent" and args[0] in room and args[1] in room:
            room[args[0]][args[2]] = args[1]
    robot = next(a[1] for a in said.init if a[0] == "at-robot")
    return Scene(room, robot, boxes, {a[1]: a[2] for a in said.goal if a[0] == "at"})


FAMILY = Family(
    name="sokoban",
    text=domain_text("sokoban"),
    ranges={
        "easy": {"grid": (8, 13), "boxes": (1, 4)},
        "medium": {"grid": (20, 50), "boxes": (5, 35)},
        "hard": {"grid": (60, 100), "boxes": (40, 80)},
    },
    size="grid",
    make=make,
    solve=solve,
)
