"""The search behind Sokoban: how one box is pushed to its goal while the others stand still, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush
from typing import NamedTuple

OPPOSITE = {"up": "down", "down": "up", "left": "right", "right": "left"}

NEAR = 200  # cells that the robot looks at for a way around a box, at first
ORDERS = 40  # in which the boxes are tried
SLACK = 12  # pushes more than needed, that are looked at

Cell = str
Room = Mapping[Cell, Mapping[str, Cell]]
"""Each location, to those next to it by direction."""


class Scene(NamedTuple):
    """A room, where the robot and each box stand, and where each box is to go."""

    room: Room
    robot: Cell
    boxes: dict[str, Cell]
    goals: dict[str, Cell]


class Place(NamedTuple):
    """Where a box is, and the robot: anywhere at first, then behind the box."""

    box: Cell
    robot: Cell


class Push(NamedTuple):
    """A box pushed once: from where, which way, and how many steps it took with the walk to get there."""

    before: Place
    way: str
    cost: int

    def after(self, room: Room) -> Place:
        """The place that it leads to."""
        return Place(room[self.before.box][self.way], self.before.box)


def pushes(room: Room, others: set[Cell], place: Place, most: int) -> Iterator[Push]:
    """The pushes of one box that are possible from a place, the nearest first, `others` standing still."""
    around = room[place.box]
    ways: dict[Cell, str] = {}  # where the robot must stand
    for way, there in around.items():
        behind = around.get(OPPOSITE[way])
        if behind is not None and behind not in others and there not in others:
            ways[behind] = way
    for cell, steps in _distances(room, others, place, ways, most):
        yield Push(place, ways[cell], steps + 1)


def _distances(
    room: Room, others: set[Cell], place: Place, ends: Mapping[Cell, str], most: int
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


def find_plan(scene: Scene, most: int) -> list[str] | None:
    """A plan that moves one box after another to its goal, if one is found; `most` as in `pushes`.

    Boxes that were left over are tried first the next time.
    """
    order = [name for name, goal in scene.goals.items() if scene.boxes[name] != goal]
    for _ in range(ORDERS):
        steps, left = _plan_in_order(scene, order, most)
        if not left:
            return steps
        order = left + [name for name in order if name not in left]
    return None


def _plan_in_order(scene: Scene, order: list[str], most: int) -> tuple[list[str], list[str]]:
    """Each time the first box of the order that can be moved to its goal; the steps, and the boxes left over."""
    room, boxes, robot = scene.room, dict(scene.boxes), scene.robot
    waiting, steps = list(order), list[str]()
    while waiting:
        for name in waiting:
            others = {cell for other, cell in boxes.items() if other != name}
            way = _way(room, others, Place(boxes[name], robot), scene.goals[name], most)
            if way is not None:
                break
        else:
            break
        waiting.remove(name)
        for push in way:
            behind = room[push.before.box][OPPOSITE[push.way]]
            steps += walk(room, others | {push.before.box}, robot, behind)
            robot, boxes[name] = push.before.box, room[push.before.box][push.way]
            steps.append(f"(push {behind} {robot} {boxes[name]} {push.way} {name})")
    return steps, waiting


def walk(room: Room, blocked: set[Cell], start: Cell, end: Cell) -> list[str]:
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


def _way(room: Room, others: set[Cell], start: Place, goal: Cell, most: int) -> list[Push] | None:
    """The cheapest pushes of a box to its goal while the others stand still (A*); None if there are none."""
    left = _push_counts(room, others, goal, start.box)
    if start.box not in left:
        return None
    known: dict[Place, Push | None] = {start: None}
    costs = {start: 0}
    heap = [(left[start.box], 0, start)]
    while heap:
        _, cost, place = heappop(heap)
        if cost > costs[place]:
            continue
        if place.box == goal:
            return _traced(known, place)
        for push in pushes(room, others, place, len(room) + 1 if place == start else most):
            after = push.after(room)
            reached = cost + push.cost
            if after.box in left and reached < costs.get(after, reached + 1):
                costs[after], known[after] = reached, push
                heappush(heap, (reached + left[after.box], reached, after))
    return None


def _traced(known: Mapping[Place, Push | None], place: Place) -> list[Push]:
    pushes: list[Push] = []
    while push := known[place]:
        pushes.append(push)
        place = push.before
    return pushes[::-1]


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
