"""Blocksworld: towers on a table, and the hand above them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from iterdeploy.draw.scene import Drawing, Facts, Scene
from iterdeploy.draw.svg import NORMAL, cut, filled, outline, tag, titled, words
from iterdeploy.pddl import Domain

SIDE, GAP = 38, 12
TABLE = ("ontable", "on-table")


def can_paint(domain: Domain) -> bool:
    """Whether a domain speaks of blocks: `on`, `holding`, and a table."""
    known = {name: len(types) for name, types in domain.predicates.items()}
    return known.get("on") == 2 and known.get("holding") == 1 and any(known.get(name) == 1 for name in TABLE)


def paint(scene: Scene) -> Drawing:
    """Each tower keeps its place from state to state, as long as its lowest block stays."""
    facts = [scene.facts(number) for number in range(len(scene.states))]
    towers = [_towers(here) for here in facts]
    columns = _columns(towers)
    across = max((len(row) for row in columns), default=1)
    tallest = max((len(tower) for state in towers for tower in state.values()), default=1)
    width = max(across, 1) * (SIDE + GAP) + GAP
    floor = (tallest + 1) * SIDE + 30
    table = tag("rect", x=0, y=floor, width=width, height=5, rx=2, class_="it-wall")
    bodies, before = [], dict[str, tuple[float, float]]()
    for number, state in enumerate(towers):
        held = [args[0] for args in facts[number].get("holding", ())]
        places = _places(state, columns[number], held, floor)
        bodies.append(
            _hand(bool(held))
            + "".join(_block(name, at, before.get(name, at) != at) for name, at in places.items())
        )
        before = places
    return Drawing(width, floor + 12, table, tuple(bodies), max(110.0, min(0.7 * width, 600.0)))


def _towers(facts: Facts) -> dict[str, list[str]]:
    """The towers by their lowest block, from the bottom up."""
    above = {below: block for block, below in facts.get("on", ())}
    towers = {}
    for (lowest,) in (args for name in TABLE for args in facts.get(name, ())):
        tower = [lowest]
        while tower[-1] in above and len(tower) <= len(above):
            tower.append(above[tower[-1]])
        towers[lowest] = tower
    return towers


def _columns(states: Sequence[dict[str, list[str]]]) -> list[list[str | None]]:
    """For each state, the lowest block of each column: a new tower takes the first free one."""
    row: list[str | None] = []
    rows = []
    for towers in states:
        row = [lowest if lowest in towers else None for lowest in row]
        for lowest in towers:
            if lowest not in row:
                if None not in row:
                    row.append(None)
                row[row.index(None)] = lowest
        rows.append(list(row))
    return rows


def _places(
    towers: dict[str, list[str]], row: Sequence[str | None], held: Sequence[str], floor: float
) -> dict[str, tuple[float, float]]:
    """The upper left corner of each block."""
    places: dict[str, tuple[float, float]] = {block: (float(GAP), 12.0) for block in held}
    for column, lowest in enumerate(row):
        for level, block in enumerate(towers[lowest] if lowest is not None else ()):
            places[block] = (GAP + column * (SIDE + GAP), floor - (level + 1) * SIDE)
    return places


@lru_cache
def _hand(holds: bool) -> str:
    x, y = GAP + SIDE / 2, 6
    fingers = f"M{x} 0V{y}M{x - 19} {y + 7}V{y}H{x + 19}V{y + 7}"
    return tag("path", d=fingers, **outline("soft"), stroke_width=2, opacity=None if holds else 0.55)


@lru_cache(maxsize=10_000)  # the states of a plan, and the plans of a domain, share most of their blocks
def _block(name: str, at: tuple[float, float], moved: bool) -> str:
    x, y = at
    look = filled("new", "mark") if moved else filled("thing", "edge")
    return tag(
        "g",
        titled(name),
        tag("rect", x=x + 1, y=y + 1, width=SIDE - 2, height=SIDE - 2, rx=5, class_=look),
        words(cut(name, SIDE - 4, NORMAL), x + SIDE / 2, y + SIDE / 2 + 4, NORMAL, anchor="middle"),
        data_name=name,
    )
