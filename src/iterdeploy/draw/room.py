"""Sokoban: the room seen from above. Where there is no location there is wall."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from iterdeploy.draw.scene import Drawing, Facts, Scene, short_names
from iterdeploy.draw.svg import cut, filled, outline, tag, titled, words
from iterdeploy.pddl import Domain

CELL = 28
TURNS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}

Place = tuple[int, int]
"""Column and row, from the upper left."""


def can_paint(domain: Domain) -> bool:
    """Whether a domain speaks of boxes and a robot at adjacent locations."""
    known = {name: len(types) for name, types in domain.predicates.items()}
    return (known.get("at-robot"), known.get("at"), known.get("adjacent")) == (1, 2, 3)


def paint(scene: Scene) -> Drawing:
    """Boxes on their goals are green; what a step has moved is orange."""
    first = scene.facts(0)
    places = _places(first)
    columns = max((x for x, _ in places.values()), default=0) + 1
    rows = max((y for _, y in places.values()), default=0) + 1
    goals = {box: cell for box, cell in scene.goals().get("at", ()) if cell in places}
    labels = short_names([box for box, _ in first.get("at", ())])
    marks = "".join(_goal(places[cell], labels.get(box, box)) for box, cell in goals.items())
    bodies, before = [], dict[str, str]()
    for number in range(len(scene.states)):
        facts = scene.facts(number)
        now = dict(_pairs(facts, "at"))
        robots = [args[0] for args in facts.get("at-robot", ())]
        drawn = [
            _box(
                places[cell], box, labels.get(box, box), goals.get(box) == cell, before.get(box, cell) != cell
            )
            for box, cell in now.items()
            if cell in places
        ]
        bodies.append("".join(drawn) + "".join(_robot(places[cell]) for cell in robots if cell in places))
        before = now
    width, height = (columns + 1) * CELL, (rows + 1) * CELL
    shown = max(150.0, min(width, 120 + 7.0 * columns))
    return Drawing(width, height, _floor(places, width, height) + marks, tuple(bodies), shown)


def _pairs(facts: Facts, predicate: str) -> list[tuple[str, str]]:
    return [(args[0], args[1]) for args in facts.get(predicate, ())]


def _places(facts: Facts) -> dict[str, Place]:
    """Where each location lies, from the directions that lead to it; parts that do not touch stand side by side."""
    around: dict[str, list[tuple[str, Place]]] = {}
    for here, there, way in facts.get("adjacent", ()):
        if way in TURNS:
            dx, dy = TURNS[way]
            around.setdefault(here, []).append((there, (dx, dy)))
            around.setdefault(there, []).append((here, (-dx, -dy)))
    taken = [args[-1] for name in ("at", "at-robot") for args in facts.get(name, ())]
    places: dict[str, Place] = {}
    left = 0
    for start in (*around, *taken):
        if start not in places:
            part = _part(start, around)
            low_x, low_y = (min(place[axis] for place in part.values()) for axis in (0, 1))
            places |= {name: (x - low_x + left, y - low_y) for name, (x, y) in part.items()}
            left = max(x for x, _ in places.values()) + 2
    return places


def _part(start: str, around: Mapping[str, list[tuple[str, Place]]]) -> dict[str, Place]:
    part, queue = {start: (0, 0)}, deque([start])
    while queue:
        here = queue.popleft()
        for there, (dx, dy) in around.get(here, ()):
            if there not in part:
                part[there] = (part[here][0] + dx, part[here][1] + dy)
                queue.append(there)
    return part


def _floor(places: Mapping[str, Place], width: float, height: float) -> str:
    """Walls all over, and the floor cut out of them: one path, a stroke for each run of cells."""
    cells = set(places.values())
    runs = []
    for x, y in sorted(cells, key=lambda place: (place[1], place[0])):
        if (x - 1, y) not in cells:
            length = 1
            while (x + length, y) in cells:
                length += 1
            runs.append(f"M{_edge(x)} {_edge(y)}h{length * CELL}v{CELL}h{-length * CELL}z")
    return tag("rect", width=width, height=height, rx=4, class_="it-wall") + tag(
        "path", d="".join(runs), class_="it-floor"
    )


def _edge(cells: int) -> float:
    return CELL / 2 + cells * CELL


def _goal(place: Place, label: str) -> str:
    x, y = _edge(place[0]), _edge(place[1])
    return tag(
        "g",
        titled(f"goal of {label}"),
        tag(
            "rect",
            x=x + 3,
            y=y + 3,
            width=CELL - 6,
            height=CELL - 6,
            rx=3,
            **outline("good"),
            stroke_dasharray="4 3",
            stroke_width=2,
        ),
        words(cut(label, CELL - 6, 11), x + CELL / 2, y + CELL / 2 + 4, 11, "good", "middle"),
    )


def _box(place: Place, name: str, label: str, home: bool, moved: bool) -> str:
    x, y = _edge(place[0]), _edge(place[1])
    fill = "done" if home else "new" if moved else "thing"
    line = "good" if home else "mark" if moved else "edge"
    return tag(
        "g",
        titled(name),
        tag(
            "rect",
            x=x + 3,
            y=y + 3,
            width=CELL - 6,
            height=CELL - 6,
            rx=3,
            class_=filled(fill, line),
            stroke_width=1.5,
        ),
        words(cut(label, CELL - 6, 11), x + CELL / 2, y + CELL / 2 + 4, 11, anchor="middle"),
        data_name=name,
        data_place=f"{place[0]} {place[1]}",
    )


def _robot(place: Place) -> str:
    x, y = _edge(place[0]) + CELL / 2, _edge(place[1]) + CELL / 2
    eyes = tag("circle", cx=x - 3.5, cy=y - 2, r=1.6, class_="it-paper") + tag(
        "circle", cx=x + 3.5, cy=y - 2, r=1.6, class_="it-paper"
    )
    body = tag("circle", cx=x, cy=y, r=CELL / 2 - 5, class_="it-ink")
    return tag("g", titled("robot"), body, eyes, data_name="robot", data_place=f"{place[0]} {place[1]}")
