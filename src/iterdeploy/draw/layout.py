"""Places for what has none: neighbours near each other, nothing on top of another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Point = tuple[float, float]

MARGIN = 46  # around all places
CROWD = 40  # names; more are spread evenly


def layout(names: Sequence[str], edges: Sequence[tuple[str, str]], side: float) -> dict[str, Point]:
    """Places in a square, neighbours near each other: springs and repulsion (Fruchterman and Reingold, 1991).

    No chance is in it, and the number of rounds falls with the number of names, so that hundreds take a moment.
    """
    count = len(names)
    order = _near_first(names, edges)
    spots = [(math.cos(2 * math.pi * i / count), math.sin(2 * math.pi * i / count)) for i in range(count)]
    at = {name: list(spot) for name, spot in zip(order, spots, strict=True)}
    ideal = 1.6 / math.sqrt(max(count, 1))
    rounds = max(8, min(150, 400_000 // max(count * count, 1)))
    for step in range(rounds):
        _relax(at, edges, ideal, 0.25 * (1 - step / rounds))
    return _stretched(at, side)


def _near_first(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    """The names in the order of a depth-first walk: neighbours tend to follow each other."""
    around: dict[str, list[str]] = {name: [] for name in names}
    for a, b in edges:
        if a in around and b in around:
            around[a].append(b)
            around[b].append(a)
    order: dict[str, None] = {}
    for start in names:
        stack = [start]
        while stack:
            name = stack.pop()
            if name not in order:
                order[name] = None
                stack += reversed(around[name])
    return list(order)


def _relax(at: dict[str, list[float]], edges: Sequence[tuple[str, str]], ideal: float, most: float) -> None:
    """One round: all push each other off, edges pull, and nothing moves further than `most`."""
    names = list(at)
    force = {name: [0.0, 0.0] for name in names}
    for i, one in enumerate(names):
        x, y = at[one]
        for other in names[i + 1 :]:
            dx, dy = x - at[other][0], y - at[other][1]
            push = ideal * ideal / (dx * dx + dy * dy + 1e-6)
            force[one][0] += dx * push
            force[one][1] += dy * push
            force[other][0] -= dx * push
            force[other][1] -= dy * push
    for one, other in edges:
        if one in at and other in at:
            dx, dy = at[one][0] - at[other][0], at[one][1] - at[other][1]
            pull = math.hypot(dx, dy) / ideal
            for name, sign in ((one, -1), (other, 1)):
                force[name][0] += sign * dx * pull
                force[name][1] += sign * dy * pull
    for name, (fx, fy) in force.items():
        length = math.hypot(fx, fy) or 1.0
        at[name][0] += fx / length * min(length, most)
        at[name][1] += fy / length * min(length, most)


def _along(at: Mapping[str, Sequence[float]], axis: int) -> list[str]:
    return sorted(at, key=lambda name: at[name][axis])


def _ranked(at: Mapping[str, Sequence[float]]) -> dict[str, Point]:
    """Crowded places drawn apart: only their order counts, along each axis."""
    ranks = [{name: i / (len(at) - 1) for i, name in enumerate(_along(at, axis))} for axis in (0, 1)]
    return {name: (ranks[0][name], ranks[1][name]) for name in at}


def _stretched(at: Mapping[str, Sequence[float]], side: float) -> dict[str, Point]:
    """The places stretched to fill the square but for its margin."""
    low = [min((spot[axis] for spot in at.values()), default=0.0) for axis in (0, 1)]
    span = [max((spot[axis] for spot in at.values()), default=0.0) - low[axis] or 1.0 for axis in (0, 1)]
    room = side - 2 * MARGIN
    if len(at) > CROWD:
        at, low, span = _ranked(at), [0.0, 0.0], [1.0, 1.0]
    return {
        name: (MARGIN + room * (x - low[0]) / span[0], MARGIN + room * (y - low[1]) / span[1])
        for name, (x, y) in at.items()
    }
