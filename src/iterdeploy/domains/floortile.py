"""Floortile: robots paint a floor in two colours and must not paint themselves in.

The floor has a row more than is painted, at the bottom, and each robot starts in a column of its own. So every problem
can be solved: each robot takes the columns around its own, paints them from below, row by row from the top down, and
ends in the bottom row. That is the reference plan.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem
from iterdeploy.errors import BadInput

COLORS = ("white", "black")
WAYS = {"up": (1, 0), "down": (-1, 0), "right": (0, 1), "left": (0, -1)}
"""What each way adds to row and column."""

Place = tuple[int, int]
"""Row, from 0 at the bottom, and column, from 1."""


def make(parameters: Parameters, rng: random.Random) -> str:
    """A random problem with "rows" to be painted, "columns" and "robots"; BadInput for more robots than columns.

    Half ask for a checkerboard, as the track's do, and half for random colours: of a small floor there are few boards.
    """
    require("floortile", parameters, rows=1, columns=1, robots=1)
    rows, columns, count = (parameters[name] for name in ("rows", "columns", "robots"))
    if count > columns:
        raise BadInput(f"floortile takes no more robots than columns ({columns}), not {count}")
    places = [(row, column) for row in range(rows + 1) for column in range(1, columns + 1)]
    robots = dict(
        zip([f"robot{i}" for i in range(1, count + 1)], _starts(rows, columns, count, rng), strict=True)
    )
    init: list[Atom] = [("robot-at", robot, _tile(place)) for robot, place in robots.items()]
    init += [("robot-has", robot, rng.choice(COLORS)) for robot in robots]
    init += [("available-color", color) for color in COLORS]
    init += [("clear", _tile(place)) for place in places if place not in robots.values()]
    floor = set(places)
    for way, (up, right) in WAYS.items():
        beside = [((row + up, column + right), (row, column)) for row, column in places]
        init += [(way, _tile(there), _tile(here)) for there, here in beside if there in floor]
    kinds = {"tile": [_tile(place) for place in places], "robot": list(robots), "color": COLORS}
    return state_problem(f"floortile-{rows}-{columns}", "floortile", kinds, init, _pattern(places, rng))


def _tile(place: Place) -> str:
    return f"tile_{place[0]}_{place[1]}"


def _starts(rows: int, columns: int, count: int, rng: random.Random) -> list[Place]:
    """A place for each robot, no two in one column."""
    return [(rng.randint(0, rows), column) for column in rng.sample(range(1, columns + 1), count)]


def _pattern(places: Sequence[Place], rng: random.Random) -> list[Atom]:
    """The colour wanted of each tile above the bottom row."""
    board, first = rng.random() < 0.5, rng.randrange(2)
    return [
        ("painted", _tile((row, column)), COLORS[(row + column + first) % 2] if board else rng.choice(COLORS))
        for row, column in places
        if row
    ]


def solve(problem: str) -> list[str]:
    """A plan for a Floortile problem. Raises BadInput where painting from below, top row first, does not do."""
    said = atoms_of(problem)
    wanted = {goal[1]: goal[2] for goal in said.goal if goal not in said.init}
    floor = _Floor(said.init)
    if len({floor.column(robot) for robot in floor.at}) < len(floor.at):
        floor.line_up()
    for robot, tiles in floor.shares(wanted):
        for tile in tiles:
            floor.paint(robot, tile, wanted[tile])
    return floor.steps


class _Floor:
    """Where the robots are and what they can enter, and what was done so far."""

    def __init__(self, init: Sequence[Atom]) -> None:
        self.steps: list[str] = []
        self.at = {a[1]: a[2] for a in init if a[0] == "robot-at"}
        self.color = {a[1]: a[2] for a in init if a[0] == "robot-has"}
        self.clear = {a[1] for a in init if a[0] == "clear"}
        self.beside: dict[str, dict[str, str]] = {}  # each tile, to those around it, by the way to them
        for way, *tiles in init:
            if way in WAYS:
                self.beside.setdefault(tiles[1], {})[way] = tiles[0]
        self.places = dict(self._places())

    def _places(self) -> Iterator[tuple[str, Place]]:
        """The row of each tile, from 0 at the bottom of its column, and a number for its column, from the left."""
        start = next(iter(self.at.values()))
        seen, queue = {start: (0, 0)}, deque([start])
        while queue:
            tile = queue.popleft()
            for way, there in self.beside.get(tile, {}).items():
                if there not in seen:
                    seen[there] = (seen[tile][0] + WAYS[way][0], seen[tile][1] + WAYS[way][1])
                    queue.append(there)
        low = min(row for row, _ in seen.values())
        return ((tile, (row - low, column)) for tile, (row, column) in seen.items())

    def column(self, robot: str) -> int:
        """The column that a robot stands in."""
        return self.places[self.at[robot]][1]

    def shares(self, wanted: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
        """Each robot with the tiles it is to paint, in order: those up to halfway to its neighbours.

        From the top row down; within a row to and fro, so that it goes on where it is.
        """
        robots = sorted(self.at, key=self.column)
        tiles: dict[str, list[str]] = {robot: [] for robot in robots}
        for tile in wanted:
            if tile not in self.places:
                raise BadInput(f"the goal wants {tile} painted, and no way leads there")
            column = self.places[tile][1]
            tiles[min(robots, key=lambda robot: abs(self.column(robot) - column))].append(tile)
        for robot in robots:
            yield robot, sorted(tiles[robot], key=lambda t: self._turn(*self.places[t]))

    def _turn(self, row: int, column: int) -> Place:
        return -row, column if row % 2 else -column

    def paint(self, robot: str, tile: str, color: str) -> None:
        """Go below a tile and paint it."""
        below = self.beside.get(tile, {}).get("down", "")
        self.go(robot, {below})
        if self.color[robot] != color:
            self.steps.append(f"(change-color {robot} {self.color[robot]} {color})")
            self.color[robot] = color
        self.steps.append(f"(paint-up {robot} {tile} {below} {color})")
        self.clear.discard(tile)

    def line_up(self) -> None:
        """Bring all robots to the bottom row, the lowest first."""
        bottom = {tile for tile, (row, _) in self.places.items() if row == 0}
        for robot in sorted(self.at, key=lambda robot: self.places[self.at[robot]]):
            taken = {tile for other, tile in self.at.items() if other != robot}
            self.go(robot, bottom - taken)

    def go(self, robot: str, ends: set[str]) -> None:
        """The shortest way over clear tiles to one of `ends`."""
        start = self.at[robot]
        back: dict[str, tuple[str, str]] = {}
        queue = deque([start])
        here = start
        while queue and here not in ends:
            here = queue.popleft()
            for way, there in self.beside.get(here, {}).items():
                if there in self.clear and there not in back:
                    back[there] = (here, way)
                    queue.append(there)
        if here not in ends:
            raise BadInput(f"the reference solver of floortile found no way for {robot} from {start}")
        self._walk(robot, start, here, back)

    def _walk(self, robot: str, start: str, end: str, back: dict[str, tuple[str, str]]) -> None:
        steps, there = [], end
        while there != start:
            here, way = back[there]
            steps.append(f"({way} {robot} {here} {there})")
            there = here
        self.steps += reversed(steps)
        self.clear.add(start)
        self.clear.discard(end)
        self.at[robot] = end


FAMILY = Family(
    name="floortile",
    text=domain_text("floortile"),
    ranges={
        "easy": {"rows": (3, 7), "columns": (3, 7), "robots": (1, 3)},
        "medium": {"rows": (10, 22), "columns": (10, 22), "robots": (4, 15)},
        "hard": {"rows": (25, 37), "columns": (25, 37), "robots": (15, 35)},
    },
    size="rows",
    make=make,
    solve=solve,
)
