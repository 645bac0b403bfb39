"""Rovers: waypoints, the ways between them and the rovers on them; beside it what they have and must report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from iterdeploy.draw.layout import Point, layout
from iterdeploy.draw.scene import Drawing, Facts, Scene, short_names
from iterdeploy.draw.svg import SMALL, cut, filled, outline, tag, titled, words
from iterdeploy.pddl import Domain

PANEL, LINE, RADIUS = 240, 15, 12
SIGHTS = 40  # lines from objectives to waypoints; more would hide the map
LISTED = 14  # goals in the panel, and rovers


def can_paint(domain: Domain) -> bool:
    """Whether a domain speaks of rovers at waypoints and a lander."""
    known = {name: len(types) for name, types in domain.predicates.items()}
    return [known.get(name) for name in ("at", "at_lander", "can_traverse", "visible")] == [2, 2, 3, 2]


def paint(scene: Scene) -> Drawing:
    """Solid ways can be taken by some rover, dashed ones are only seen; what a step has changed is orange."""
    first = scene.facts(0)
    waypoints = scene.of_type("waypoint") or sorted(
        {name for pair in first.get("visible", ()) for name in pair}
    )
    side = 190 + 46 * math.sqrt(len(waypoints))
    seen = {tuple(sorted(pair)) for pair in first.get("visible", ()) if len(pair) == 2}
    edges = sorted((a, b) for a, b in seen if a != b)
    places = layout(waypoints, edges, side)
    labels = short_names(waypoints)
    lines = max(len(_panel_lines(scene, first, None)), 8)
    height = max(side, lines * LINE + 20)
    bodies, before = [], None
    for number in range(len(scene.states)):
        facts = scene.facts(number)
        bodies.append(
            _moving(scene, facts, before, places) + _panel(_panel_lines(scene, facts, before), side)
        )
        before = facts
    return Drawing(
        side + PANEL,
        height,
        _ground(first, edges, places, labels, side),
        tuple(bodies),
        min(side + PANEL, 538.0),
        _notice(first),
    )


def _ground(
    facts: Facts,
    edges: Sequence[tuple[str, str]],
    places: Mapping[str, Point],
    labels: Mapping[str, str],
    side: float,
) -> str:
    """What never changes: ways, sights, waypoints and the lander."""
    taken = {tuple(sorted(args[1:])) for args in facts.get("can_traverse", ())}
    drawn = [(a, b) for a, b in edges if a in places and b in places]
    ways = _lines([(places[a], places[b]) for a, b in drawn if (a, b) in taken])
    sights = _lines([(places[a], places[b]) for a, b in drawn if (a, b) not in taken])
    parts = [
        tag("path", d=sights, **outline("line"), stroke_dasharray="3 4") if sights else "",
        tag("path", d=ways, **outline("soft"), stroke_width=1.6) if ways else "",
        _objectives(facts, places, side),
    ]
    for _, waypoint in facts.get("at_lander", ()):
        if waypoint in places:
            x, y = places[waypoint]
            flag = f"M{x - 19:.1f} {y + 15:.1f}L{x:.1f} {y - 24:.1f}L{x + 19:.1f} {y + 15:.1f}z"
            parts.append(
                tag("g", titled("lander"), tag("path", d=flag, class_="it-good"), data_name="lander")
            )
    parts += [_waypoint(name, labels[name], at) for name, at in places.items()]
    return "".join(parts)


def _lines(pairs: Sequence[tuple[Point, Point]]) -> str:
    return "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in pairs)


def _between(start: Point, end: Point) -> tuple[Point, Point]:
    """The part of a line that lies outside the circles at its ends."""
    share = min(0.5, RADIUS / (math.dist(start, end) or 1.0))
    dx, dy = share * (end[0] - start[0]), share * (end[1] - start[1])
    return (start[0] + dx, start[1] + dy), (end[0] - dx, end[1] - dy)


def _waypoint(name: str, label: str, at: Point) -> str:
    x, y = at
    return tag(
        "g",
        titled(name),
        tag("circle", cx=x, cy=y, r=RADIUS, class_=filled("floor", "soft")),
        words(cut(label, 2 * RADIUS - 2), x, y + 3.5, anchor="middle"),
        data_name=name,
    )


def _sights(facts: Facts) -> dict[str, list[str]]:
    sights: dict[str, list[str]] = {}
    for objective, waypoint in facts.get("visible_from", ()):
        sights.setdefault(objective, []).append(waypoint)
    return sights


def _notice(facts: Facts) -> str:
    count = len(facts.get("visible_from", ()))
    return f"where objectives are seen from is not drawn ({count} lines)" if count > SIGHTS else ""


def _objectives(facts: Facts, places: Mapping[str, Point], side: float) -> str:
    """Objectives at the rim, near the waypoints that see them; none where there are too many lines."""
    sights = _sights(facts)
    if sum(map(len, sights.values())) > SIGHTS:
        return ""
    labels = short_names(list(sights))
    parts = []
    for number, (objective, waypoints) in enumerate(sights.items()):
        turn = 2 * math.pi * number / len(sights) - math.pi / 2
        rim = side / 2 - 14
        x, y = side / 2 + rim * math.cos(turn), side / 2 + rim * math.sin(turn)
        lines = _lines([((x, y), places[w]) for w in waypoints if w in places])
        star = f"M{x:.1f} {y - 11:.1f}L{x + 11:.1f} {y:.1f}L{x:.1f} {y + 11:.1f}L{x - 11:.1f} {y:.1f}z"
        parts.append(tag("path", d=lines, **outline("mark"), stroke_width=0.7, stroke_dasharray="1 4"))
        parts.append(
            tag(
                "g",
                titled(objective),
                tag("path", d=star, class_="it-new"),
                words(cut(labels[objective], 18, 9), x, y + 3, 9, anchor="middle"),
                data_name=objective,
            )
        )
    return "".join(parts)


def _moving(scene: Scene, facts: Facts, before: Facts | None, places: Mapping[str, Point]) -> str:
    """Samples that still lie there, and the rovers beside their waypoints."""
    parts = []
    for kind, look, shift in (("soil", "mark", -1), ("rock", "edge", 1)):
        for (waypoint,) in facts.get(f"at_{kind}_sample", ()):
            if waypoint in places:
                x, y = places[waypoint]
                parts.append(_sample(kind, look, x + shift * 11, y - 11))
    rovers = scene.of_type("rover") or [rover for rover, _ in facts.get("at", ())]
    labels = short_names(rovers)
    was = {args[0]: args[1] for args in before.get("at", ())} if before else {}
    here: dict[str, list[str]] = {}
    for rover, waypoint in facts.get("at", ()):
        here.setdefault(waypoint, []).append(rover)
    for waypoint, group in here.items():
        for number, rover in enumerate(group):
            if waypoint in places:
                x, y = places[waypoint]
                left = x - 11 * len(group) + 22 * number
                moved = was.get(rover, waypoint) != waypoint
                if moved and was[rover] in places:
                    trail = _lines([_between(places[was[rover]], (x, y))])
                    parts.append(tag("path", d=trail, **outline("mark"), stroke_width=2.5, opacity=0.7))
                parts.append(_rover(rover, labels.get(rover, rover), left, y + 9, moved, waypoint))
    return "".join(parts)


def _sample(kind: str, look: str, x: float, y: float) -> str:
    shape = (
        tag("rect", x=x - 4, y=y - 4, width=8, height=8, class_=f"it-{look}")
        if kind == "soil"
        else tag("circle", cx=x, cy=y, r=4.5, class_=f"it-{look}")
    )
    return tag("g", titled(f"{kind} sample"), shape, class_=kind)


def _rover(name: str, label: str, x: float, y: float, moved: bool, waypoint: str) -> str:
    fill, line = ("new", "mark") if moved else ("thing", "edge")
    wheels = tag("circle", cx=x + 6, cy=y + 15, r=2.5, class_=f"it-{line}")
    wheels += tag("circle", cx=x + 15, cy=y + 15, r=2.5, class_=f"it-{line}")
    return tag(
        "g",
        titled(name),
        wheels,
        tag("rect", x=x + 0.5, y=y, width=20, height=14, rx=3, class_=filled(fill, line)),
        words(cut(label, 18), x + 10.5, y + 10.5, SMALL, anchor="middle"),
        data_name=name,
        data_place=waypoint,
    )


def _panel_lines(scene: Scene, facts: Facts, before: Facts | None) -> list[tuple[str, str]]:
    """What stands beside the map: each line with its colour."""
    lines = [("■ soil ● rock ▲ lander ◆ objective", "soft")]
    rovers = scene.of_type("rover")
    for rover in rovers[:LISTED]:
        lines.append((_load(rover, facts), "ink"))
    if len(rovers) > LISTED:
        lines.append((f"+ {len(rovers) - LISTED} rovers more", "soft"))
    goals = [(name, args) for name, every in scene.goals().items() for args in every]
    done = [goal for goal in goals if goal[1] in facts.get(goal[0], ())]
    lines.append((f"goals: {len(done)} of {len(goals)}", "soft"))
    waiting = [goal for goal in goals if goal not in done]
    for name, args in (goals if len(goals) <= LISTED else [*done[-4:], *waiting])[:LISTED]:
        said = f"{name.replace('communicated_', '').replace('_data', '')} {' '.join(args)}"
        new = before is not None and (name, args) in done and args not in before.get(name, ())
        lines.append(
            (
                f"{'✓' if (name, args) in done else '·'} {said}",
                "mark" if new else "good" if (name, args) in done else "ink",
            )
        )
    if len(goals) > LISTED:
        lines.append((f"+ {len(goals) - LISTED} goals more", "soft"))
    return lines


def _load(rover: str, facts: Facts) -> str:
    """A rover's name and what it holds: analyses, images, a full store, calibrated cameras."""
    said = []
    for kind in ("soil", "rock"):
        found = [args[1] for args in facts.get(f"have_{kind}_analysis", ()) if args[0] == rover]
        said += [f"{kind} {len(found)}"] if found else []
    images = [args for args in facts.get("have_image", ()) if args[0] == rover]
    said += [f"images {len(images)}"] if images else []
    stores = {store for store, owner in facts.get("store_of", ()) if owner == rover}
    said += ["full"] if any(store in stores for (store,) in facts.get("full", ())) else []
    ready = [camera for camera, owner in facts.get("calibrated", ()) if owner == rover]
    said += [f"calibrated {len(ready)}"] if ready else []
    return f"{rover}: {', '.join(said) or '-'}"


def _panel(lines: Sequence[tuple[str, str]], left: float) -> str:
    return "".join(
        words(cut(text, PANEL - 8), left + 2, 18 + LINE * i, SMALL, look)
        for i, (text, look) in enumerate(lines)
    )
