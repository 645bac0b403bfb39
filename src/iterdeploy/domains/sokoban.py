"""Sokoban: a robot pushes boxes through a room with walls, each box to a place of its own.

A problem is made forwards: boxes are put anywhere, and one after another is pushed about while the others stand still;
where each one ends is its goal. So every problem can be solved one box at a time. The reference solver searches for
such an order, and a problem that it does not solve is drawn again.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from typing import NamedTuple

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput

DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
"""What each direction adds to row and column; rows count from the top."""

OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}

CELLS_A_BOX = 10  # a room holds a box for so many of its grid's cells, and no more
DRAWS = 200  # rooms drawn before the parameters are given up
PLACES = 400  # of a box and the robot behind it, that a box is pushed through before it is left somewhere
NEAR = 200  # cells that the robot looks at for a way around a box, at first

Cell = str
Room = Mapping[Cell, Mapping[str, Cell]]
"""Each location, to those next to it by direction."""


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
        if found is not None and _plan(found, NEAR) is not None:
            return _text(size, found)
    raise BadInput(f"sokoban found no problem with {boxes} boxes on a grid of {size}; ask for fewer boxes")


class _Scene(NamedTuple):
    """A room, where the robot and each box stand, and where each box is to go."""

    room: Room
    robot: Cell
    boxes: dict[str, Cell]
    goals: dict[str, Cell]


def _room(size: int, rng: random.Random) -> Room:
    """The largest connected part of a grid with up to a quarter of walls."""
    share = rng.uniform(0.0, 0.25)
    floor = [(r, c) for r in range(1, size + 1) for c in range(1, size + 1) if rng.random() >= share]
    names = {place: f"loc_{place[0]}_{place[1]}" for place in floor}
    room: dict[Cell, dict[str, Cell]] = {}
    for (row, column), name in names.items():
        around = {way: (row + down, column + right) for way, (down, right) in DIRECTIONS.items()}
        room[name] = {way: names[place] for way, place in around.items() if place in names}
    return _largest_part(room)


def _largest_part(room: Room) -> Room:
    left, best = dict.fromkeys(room), set[Cell]()
    while len(left) > len(best):
        part = _reached(room, next(iter(left)), frozenset())
        best = max(best, part, key=len)
        for cell in part:
            del left[cell]
    return {cell: around for cell, around in room.items() if cell in best}


def _reached(room: Room, start: Cell, blocked: frozenset[Cell] | set[Cell]) -> set[Cell]:
    seen, queue = {start}, [start]
    while queue:
        for cell in room[queue.pop()].values():
            if cell not in seen and cell not in blocked:
                seen.add(cell)
                queue.append(cell)
    return seen


def _scramble(room: Room, names: list[str], rng: random.Random) -> _Scene | None:
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
                end for end in _wander(room, others, _Place(boxes[name], here), rng) if end.box != boxes[name]
            ]
            if ends:
                break
        else:
            return None
        waiting.remove(name)
        boxes[name], here = rng.choice(ends)
        goals[name] = boxes[name]
    return _Scene(room, robot, starts, {name: goals[name] for name in rng.sample(names, len(names))})


def _text(size: int, scene: _Scene) -> str:
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
    return state_problem(f"sokoban-{size}-{len(scene.boxes)}", "sokoban", kinds, init, goal)


class _Place(NamedTuple):
    """Where a box is, and the robot: anywhere at first, then behind the box."""

    box: Cell
    robot: Cell


class _Push(NamedTuple):
    """A box pushed once: from where, which way, and how many steps it took with the walk to get there."""

    before: _Place
    way: str
    cost: int

    def after(self, room: Room) -> _Place:
        """The place that it leads to."""
        return _Place(room[self.before.box][self.way], self.before.box)


def _pushes(room: Room, others: set[Cell], place: _Place, most: int) -> Iterator[_Push]:
    """The pushes of one box that are possible from a place, the nearest first, `others` standing still."""
    around = room[place.box]
    ways: dict[Cell, str] = {}  # where the robot must stand
    for way, there in around.items():
        behind = around.get(OPPOSITE[way])
        if behind is not None and behind not in others and there not in others:
            ways[behind] = way
    for cell, steps in _distances(room, others, place, ways, most):
        yield _Push(place, ways[cell], steps + 1)


def _distances(
    room: Room, others: set[Cell], place: _Place, ends: Mapping[Cell, str], most: int
) -> Iterator[tuple[Cell, int]]:
    """The `ends` that the robot can walk to, with its steps; it looks at `most` cells and some."""
    seen, edge, steps, left = {place.robot, place.box}, [place.robot], 0, len(ends)
    while edge and left and len(seen) < most:
        grown = []
        for cell in edge:
            if cell in ends:
                yield cell, steps
                left -= 1
            for there in room[cell].values():
                if there not in seen and there not in others:
                    seen.add(there)
                    grown.append(there)
        edge, steps = grown, steps + 1


def _wander(room: Room, others: set[Cell], start: _Place, rng: random.Random) -> list[_Place]:
    """Places that a box comes through when it is pushed about at random."""
    found: dict[_Place, None] = {}
    waiting = [start]
    while waiting and len(found) < PLACES:
        k = rng.randrange(len(waiting))
        waiting[k], waiting[-1] = waiting[-1], waiting[k]
        place = waiting.pop()
        most = NEAR if place.robot in room[place.box].values() else len(room) + 1
        for push in _pushes(room, others, place, most):
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
    scene = _scene(said.init, said.goal)
    steps = _plan(scene, NEAR) or _plan(scene, len(scene.room) + 1)
    if steps is None:
        raise BadInput(
            "the reference solver of sokoban moves one box after another to its goal, and found no order"
        )
    return steps


def _scene(init: tuple[Atom, ...], goal: tuple[Atom, ...]) -> _Scene:
    """The scene that complete atoms describe; what is neither clear nor under a box is wall."""
    boxes = {a[1]: a[2] for a in init if a[0] == "at"}
    floor = [*boxes.values(), *(a[1] for a in init if a[0] == "clear")]
    room: dict[Cell, dict[str, Cell]] = {cell: {} for cell in floor}
    for name, *args in init:
        if name == "adjacent" and args[0] in room and args[1] in room:
            room[args[0]][args[2]] = args[1]
    robot = next(a[1] for a in init if a[0] == "at-robot")
    return _Scene(room, robot, boxes, {a[1]: a[2] for a in goal if a[0] == "at"})


ORDERS = 40  # in which the boxes are tried


def _plan(scene: _Scene, most: int) -> list[str] | None:
    """A plan that moves one box after another to its goal, if one is found; `most` as in `_pushes`.

    Boxes that were left over are tried first the next time.
    """
    order = [name for name, goal in scene.goals.items() if scene.boxes[name] != goal]
    for _ in range(ORDERS):
        steps, left = _plan_in_order(scene, order, most)
        if not left:
            return steps
        order = left + [name for name in order if name not in left]
    return None


def _plan_in_order(scene: _Scene, order: list[str], most: int) -> tuple[list[str], list[str]]:
    """Each time the first box of the order that can be moved to its goal; the steps, and the boxes left over."""
    room, boxes, robot = scene.room, dict(scene.boxes), scene.robot
    waiting, steps = list(order), list[str]()
    while waiting:
        for name in waiting:
            others = {cell for other, cell in boxes.items() if other != name}
            way = _way(room, others, _Place(boxes[name], robot), scene.goals[name], most)
            if way is not None:
                break
        else:
            break
        waiting.remove(name)
        for push in way:
            behind = room[push.before.box][OPPOSITE[push.way]]
            steps += _walk(room, others | {push.before.box}, robot, behind)
            robot, boxes[name] = push.before.box, room[push.before.box][push.way]
            steps.append(f"(push {behind} {robot} {boxes[name]} {push.way} {name})")
    return steps, waiting


def _walk(room: Room, blocked: set[Cell], start: Cell, end: Cell) -> list[str]:
    """The robot's shortest walk, which is known to be there."""
    back: dict[Cell, tuple[Cell, str]] = {}
    queue = deque([start])
    while end not in back and end != start:
        here = queue.popleft()
        for way, there in room[here].items():
            if there not in back and there not in blocked and there != start:
                back[there] = (here, way)
                queue.append(there)
    steps, there = [], end
    while there != start:
        here, way = back[there]
        steps.append(f"(move {here} {there} {way})")
        there = here
    return steps[::-1]


def _way(room: Room, others: set[Cell], start: _Place, goal: Cell, most: int) -> list[_Push] | None:
    """The cheapest pushes of a box to its goal while the others stand still (A*); None if there are none."""
    left = _push_counts(room, others, goal, start.box)
    if start.box not in left:
        return None
    known: dict[_Place, _Push | None] = {start: None}
    costs = {start: 0}
    heap = [(left[start.box], 0, start)]
    while heap:
        _, cost, place = heappop(heap)
        if cost > costs[place]:
            continue
        if place.box == goal:
            return _traced(known, place)
        for push in _pushes(room, others, place, len(room) + 1 if place == start else most):
            after = push.after(room)
            reached = cost + push.cost
            if after.box in left and reached < costs.get(after, reached + 1):
                costs[after], known[after] = reached, push
                heappush(heap, (reached + left[after.box], reached, after))
    return None


def _traced(known: Mapping[_Place, _Push | None], place: _Place) -> list[_Push]:
    pushes: list[_Push] = []
    while push := known[place]:
        pushes.append(push)
        place = push.before
    return pushes[::-1]


SLACK = 12  # pushes more than needed, that are looked at


def _push_counts(room: Room, others: set[Cell], goal: Cell, start: Cell) -> dict[Cell, int]:
    """Pushes that a box needs to its goal from around `start`, if the robot could fly: at least so many are needed."""
    if goal in others:
        return {}
    counts = {goal: 0}
    edge, count, last = [goal], 0, len(room)
    while edge and count < last:
        count += 1
        grown = []
        for there in edge:
            for way, here in room[
                there
            ].items():  # the box came from `here`, pushed the opposite way from behind it
                behind = room[here].get(way)
                if here not in counts and here not in others and behind is not None and behind not in others:
                    counts[here] = count
                    grown.append(here)
        edge = grown
        if start in counts and last == len(room):
            last = count + SLACK
    return counts


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
