"""Small domains as plain data, with a simulator of ten lines: the truth about a plan, without any reader of PDDL."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Fact = tuple[str, ...]
State = frozenset[Fact]


@dataclass(frozen=True, slots=True)
class Act:
    """An action: parameters with their types, and facts over them by use."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    needs: tuple[Fact, ...]
    adds: tuple[Fact, ...]
    deletes: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A domain. A fact's words that name no parameter stand for themselves."""

    name: str
    parents: Mapping[str, str]  # each type, and the one above it; "" at the top
    predicates: tuple[Fact, ...]  # ("on", "object", "object")
    acts: tuple[Act, ...]

    def kinds(self, kind: str) -> list[str]:
        """A type and those above it."""
        found = []
        while kind:
            found.append(kind)
            kind = self.parents[kind]
        return found

    def pddl(self) -> str:
        """The domain's text, without types where there is one alone."""
        if len(self.parents) == 1:
            return self._pddl().replace(" - object", "").replace(" (:types )\n", "").replace(" :typing", "")
        return self._pddl()

    def _pddl(self) -> str:
        types = " ".join(f"{kind} - {above}" for kind, above in self.parents.items() if above)
        declared = " ".join(
            f"({name} {' '.join(f'?x{i} - {kind}' for i, kind in enumerate(kinds))})"
            for name, *kinds in self.predicates
        )
        lines = [f"(define (domain {self.name}) (:requirements :strips :typing)", f" (:types {types})"]
        lines.append(f" (:predicates {declared})")
        for act in self.acts:
            names = {name for name, _ in act.parameters}
            parameters = " ".join(f"?{name} - {kind}" for name, kind in act.parameters)
            effects = [_pddl(fact, names) for fact in act.adds]
            effects += [f"(not {_pddl(fact, names)})" for fact in act.deletes]
            needs = " ".join(_pddl(fact, names) for fact in act.needs)
            lines.append(f" (:action {act.name} :parameters ({parameters})")
            lines.append(f"  :precondition (and {needs})\n  :effect (and {' '.join(effects)}))")
        return "\n".join(lines) + ")\n"


def _pddl(fact: Fact, names: set[str] | frozenset[str] = frozenset()) -> str:
    return f"({' '.join(f'?{word}' if word in names else word for word in fact)})"


@dataclass(frozen=True, slots=True)
class Situation:
    """A problem of a world, without its goal."""

    world: World
    objects: Mapping[str, str]  # each with its type
    start: State

    def pddl(self, goal: Iterable[Fact]) -> str:
        """The problem's text."""
        typed = len(self.world.parents) > 1
        objects = " ".join(f"{name} - {kind}" if typed else name for name, kind in self.objects.items())
        start, wanted = (" ".join(map(_pddl, sorted(facts))) for facts in (self.start, goal))
        return (
            f"(define (problem one) (:domain {self.world.name})\n (:objects {objects})\n"
            f" (:init {start})\n (:goal (and {wanted})))\n"
        )

    def after(self, steps: Iterable[Sequence[str]]) -> State | None:
        """The state after the steps, each an action's name and its arguments; None if one cannot be done."""
        state: State | None = self.start
        for step in steps:
            state = None if state is None else self._after_step(state, step)
        return state

    def _after_step(self, state: State, step: Sequence[str]) -> State | None:
        name, *args = step
        act = next((act for act in self.world.acts if act.name == name), None)
        if act is None or len(args) != len(act.parameters):
            return None
        for arg, (_, kind) in zip(args, act.parameters, strict=True):
            if arg not in self.objects or kind not in self.world.kinds(self.objects[arg]):
                return None
        bound = {parameter: arg for (parameter, _), arg in zip(act.parameters, args, strict=True)}
        for fact in act.needs:
            if tuple(bound.get(word, word) for word in fact) not in state:
                return None
        adds, deletes = (
            {tuple(bound.get(word, word) for word in fact) for fact in facts}
            for facts in (act.adds, act.deletes)
        )
        return (state - deletes) | adds

    def walk(self, length: int, rng: random.Random) -> list[list[str]]:
        """So many random steps that can be done, fewer where none is found."""
        state, steps = self.start, []
        fitting = {
            kind: [name for name, own in self.objects.items() if kind in self.world.kinds(own)]
            for kind in self.world.parents
        }
        for _ in range(length):
            for _ in range(60):
                act = rng.choice(self.world.acts)
                step = [act.name, *(rng.choice(fitting[kind]) for _, kind in act.parameters)]
                later = self._after_step(state, step)
                if later is not None:
                    state = later
                    steps.append(step)
                    break
        return steps


def _act(name: str, parameters: str, needs: str, adds: str, deletes: str) -> Act:
    """From "b block, g hand" and "on b c, clear b"."""

    def facts(text: str) -> tuple[Fact, ...]:
        return tuple(tuple(part.split()) for part in text.split(",") if part.strip())

    return Act(name, tuple((p, k) for p, k in facts(parameters)), facts(needs), facts(adds), facts(deletes))


BLOCKS = World(
    "blocks",
    {"object": ""},
    (
        ("on", "object", "object"),
        ("ontable", "object"),
        ("clear", "object"),
        ("handempty",),
        ("holding", "object"),
    ),
    (
        _act(
            "pick-up",
            "x object",
            "clear x, ontable x, handempty",
            "holding x",
            "ontable x, clear x, handempty",
        ),
        _act("put-down", "x object", "holding x", "ontable x, clear x, handempty", "holding x"),
        _act(
            "stack",
            "x object, y object",
            "holding x, clear y",
            "on x y, clear x, handempty",
            "holding x, clear y",
        ),
        _act(
            "unstack",
            "x object, y object",
            "on x y, clear x, handempty",
            "holding x, clear y",
            "on x y, clear x, handempty",
        ),
    ),
)
CARRIER = World(
    "carrier",
    {"object": "", "place": "object", "ball": "object", "hand": "object"},
    (("here", "place"), ("at", "ball", "place"), ("free", "hand"), ("holds", "hand", "ball")),
    (
        _act("go", "f place, t place", "here f", "here t", "here f"),
        _act("take", "b ball, p place, h hand", "at b p, here p, free h", "holds h b", "at b p, free h"),
        _act("leave", "b ball, p place, h hand", "holds h b, here p", "at b p, free h", "holds h b"),
    ),
)
DELIVERY = World(
    "delivery",
    {
        "object": "", "place": "object", "port": "place", "thing": "object", "parcel": "thing",
        "mover": "thing", "van": "mover", "plane": "mover",
    },
    (("at", "thing", "place"), ("inside", "parcel", "mover"), ("road", "place", "place")),
    (
        _act("drive", "v van, f place, t place", "at v f, road f t", "at v t", "at v f"),
        _act("fly", "v plane, f port, t port", "at v f", "at v t", "at v f"),
        _act("load", "p parcel, m mover, l place", "at p l, at m l", "inside p m", "at p l"),
        _act("unload", "p parcel, m mover, l place", "inside p m, at m l", "at p l", "inside p m"),
    ),
)  # fmt: skip


def random_situation(rng: random.Random) -> Situation:
    """A problem of one of the three worlds."""
    return rng.choice((_blocks, _carrier, _delivery))(rng)


def _blocks(rng: random.Random) -> Situation:
    names = [f"b{i}" for i in range(rng.randint(2, 5))]
    towers: list[list[str]] = []
    for name in rng.sample(names, len(names)):
        if towers and rng.random() < 0.5:
            rng.choice(towers).append(name)
        else:
            towers.append([name])
    facts: set[Fact] = {("handempty",)}
    for tower in towers:
        facts |= {("ontable", tower[0]), ("clear", tower[-1])}
        facts |= {("on", above, below) for below, above in pairwise(tower)}
    return Situation(BLOCKS, dict.fromkeys(names, "object"), frozenset(facts))


def _carrier(rng: random.Random) -> Situation:
    places = [f"room-{i}" for i in range(rng.randint(1, 3))]
    balls = [f"ball{i}" for i in range(rng.randint(1, 3))]
    objects = {
        "left": "hand",
        "right": "hand",
        **dict.fromkeys(places, "place"),
        **dict.fromkeys(balls, "ball"),
    }
    facts: set[Fact] = {("here", rng.choice(places)), ("free", "left"), ("free", "right")}
    return Situation(
        CARRIER, objects, frozenset(facts | {("at", ball, rng.choice(places)) for ball in balls})
    )


def _delivery(rng: random.Random) -> Situation:
    ports, towns = ["p1", "p2"], [f"t{i}" for i in range(rng.randint(1, 2))]
    everywhere = ports + towns
    objects = {**dict.fromkeys(ports, "port"), **dict.fromkeys(towns, "place"), "jet": "plane"}
    facts: set[Fact] = {("at", "jet", rng.choice(ports))}
    for name, kind in (("van1", "van"), ("van2", "van"), ("box1", "parcel"), ("box2", "parcel")):
        objects[name] = kind
        facts.add(("at", name, rng.choice(everywhere)))
    facts |= {("road", a, b) for a in everywhere for b in everywhere if a != b and rng.random() < 0.6}
    return Situation(DELIVERY, objects, frozenset(facts))
