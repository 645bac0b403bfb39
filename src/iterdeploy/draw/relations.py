"""Any domain: a card for each object, grouped by type, with what holds of it; lines join what is related."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iterdeploy.draw.scene import Drawing, Scene
from iterdeploy.draw.svg import NORMAL, SMALL, cut, filled, outline, tag, titled, words

CARD, GAP, LINE, HEAD = 132, 12, 13, 24
ACROSS = 4  # cards in a row, at most
CARDS = 60  # objects drawn; those that the plan names come first
FACTS = 5  # lines on a card
JOINED = 40  # lines between cards; more would hide them

Atom = tuple[str, ...]
Point = tuple[float, float]


def paint(scene: Scene) -> Drawing:
    """Facts that can change stand on the card of their first object, each one that is new in orange."""
    objects = _shown(scene)
    states = [_atoms(state) for state in scene.states]
    lines = _depths(objects, states)
    cards, groups, height = _places(scene, objects, lines)
    width = max([x + CARD + GAP for x, _, _ in cards.values()], default=CARD)
    backdrop = "".join(words(text, GAP, y, NORMAL, "soft", bold=True) for text, y in groups)
    bodies, before = [], states[0]
    for state in states:
        bodies.append(
            _joins(cards, state, before)
            + "".join(_cards(cards, state, before))
            + _world(state, before, width)
        )
        before = state
    left_out = len(scene.problem.objects) - len(objects)
    notice = f"{left_out} of {len(scene.problem.objects)} objects are not drawn" if left_out else ""
    return Drawing(width, height, backdrop, tuple(bodies), min(width, 538.0), notice)


def _atoms(state: frozenset[str]) -> list[Atom]:
    return sorted(tuple(fact.split(" ")) for fact in state)


def _shown(scene: Scene) -> list[str]:
    """The objects that get a card, in the order of the problem."""
    everything = list(scene.problem.objects)
    named = dict.fromkeys(
        arg for action in scene.actions for arg in action.args if arg in scene.problem.objects
    )
    chosen = set(list(dict.fromkeys([*named, *everything]))[:CARDS])
    return [name for name in everything if name in chosen]


def _depths(objects: Sequence[str], states: Sequence[Sequence[Atom]]) -> dict[str, int]:
    """The lines that each card needs in its fullest state."""
    depths = dict.fromkeys(objects, 0)
    for state in states:
        counts: dict[str, int] = {}
        for atom in state:
            if len(atom) > 1 and atom[1] in depths:
                counts[atom[1]] = counts.get(atom[1], 0) + 1
        for name, count in counts.items():
            depths[name] = max(depths[name], min(count, FACTS))
    return depths


def _places(
    scene: Scene, objects: Sequence[str], lines: Mapping[str, int]
) -> tuple[dict[str, tuple[float, float, float]], list[tuple[str, float]], float]:
    """Left, top and height of each card, the heading of each type with its baseline, and the height of all."""
    groups: dict[str, list[str]] = {}
    for name in objects:
        groups.setdefault("/".join(scene.problem.objects[name]), []).append(name)
    cards: dict[str, tuple[float, float, float]] = {}
    headings: list[tuple[str, float]] = []
    top = 26.0
    for kind, names in groups.items():
        headings.append((kind, top + 10))
        top += 18
        for start in range(0, len(names), ACROSS):
            row = names[start : start + ACROSS]
            height = HEAD + LINE * max(lines[name] for name in row)
            for column, name in enumerate(row):
                cards[name] = (GAP + column * (CARD + GAP), top, height)
            top += height + GAP
        top += 4
    return cards, headings, top


def _cards(
    cards: Mapping[str, tuple[float, float, float]], state: Sequence[Atom], before: Sequence[Atom]
) -> list[str]:
    said: dict[str, list[Atom]] = {name: [] for name in cards}
    for atom in state:
        if len(atom) > 1 and atom[1] in said:
            said[atom[1]].append(atom)
    old = set(before)
    return [_card(name, place, said[name], old) for name, place in cards.items()]


def _card(name: str, place: tuple[float, float, float], atoms: Sequence[Atom], old: set[Atom]) -> str:
    x, y, height = place
    changed = any(atom not in old for atom in atoms)
    ordered = sorted(atoms, key=lambda atom: atom in old)
    shown = ordered if len(ordered) <= FACTS else ordered[: FACTS - 1]
    lines = [(" ".join((atom[0], *atom[2:])), "ink" if atom in old else "mark") for atom in shown]
    if len(shown) < len(ordered):
        lines.append((f"+ {len(ordered) - len(shown)} more", "soft"))
    look = filled("new", "mark") if changed else filled("thing", "edge")
    return tag(
        "g",
        titled(f"{name}: {', '.join(' '.join((a[0], *a[2:])) for a in ordered[:40])}"),
        tag("rect", x=x, y=y, width=CARD, height=height, rx=5, class_=look),
        words(cut(name, CARD - 12, NORMAL), x + 6, y + 15, NORMAL, bold=True),
        *(
            words(cut(text, CARD - 12), x + 6, y + 28 + LINE * i, SMALL, colour)
            for i, (text, colour) in enumerate(lines)
        ),
        data_name=name,
    )


def _joins(
    cards: Mapping[str, tuple[float, float, float]], state: Sequence[Atom], before: Sequence[Atom]
) -> str:
    """A line for each fact of two objects, where there are not too many."""
    pairs = [
        atom
        for atom in state
        if len(atom) == 3 and atom[1] in cards and atom[2] in cards and atom[1] != atom[2]
    ]
    if len(pairs) > JOINED:
        return ""
    old = set(before)
    parts = []
    for atom in pairs:
        (x1, y1), (x2, y2) = _middle(cards[atom[1]]), _middle(cards[atom[2]])
        bend = 18 if abs(y1 - y2) < 1 else 0
        path = f"M{x1:g} {y1:g}Q{(x1 + x2) / 2 + bend:g} {(y1 + y2) / 2 + 2 * bend:g} {x2:g} {y2:g}"
        new = atom not in old
        parts.append(
            tag(
                "path",
                titled(" ".join(atom)),
                d=path,
                **outline("mark" if new else "line"),
                stroke_width=2.5 if new else 1.5,
            )
        )
    return "".join(parts)


def _middle(place: tuple[float, float, float]) -> Point:
    return place[0] + CARD / 2, place[1] + place[2] / 2


def _world(state: Sequence[Atom], before: Sequence[Atom], width: float) -> str:
    """Facts of no object, in a line at the top."""
    names = [atom[0] for atom in state if len(atom) == 1]
    new = any((name,) not in before for name in names)
    return (
        words(cut(", ".join(names), width - 2 * GAP), GAP, 16, SMALL, "mark" if new else "soft")
        if names
        else ""
    )
