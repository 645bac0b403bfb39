"""Blocksworld problems and plans to judge, as texts, each with the verdict that it must get."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from iterdeploy.domains.blocksworld import (
    NAMES,
    Instance,
    Tower,
    instance_text,
    random_instance,
)

Naming = Literal["drawn", "first", "new"]
"""Names of a problem's blocks: drawn from b1 to b20 as the domain does, always the first ones, or never seen before."""

_unseen = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Case:
    """A problem, a plan for it, and whether the plan is valid."""

    problem: str
    plan: str
    valid: bool


def problems(count: int, naming: Naming, rng: random.Random) -> list[Case]:
    """Problems of 5 to 20 blocks in equal shares, each with one plan; every fourth plan lacks a step."""
    cases = []
    for number in range(count):
        instance = random_instance(5 + number % 16, rng)
        if naming != "drawn":
            instance = renamed(instance, naming)
        cases.append(case(instance_text(instance, rng), solution(instance, rng), number % 4 != 3, rng))
    return cases


def plans(count: int, size: int, steps: int, rng: random.Random) -> list[Case]:
    """So many plans of so many steps for one problem of `size` blocks; every fourth lacks a step."""
    while True:
        instance = random_instance(size, rng)
        if len(solution(instance, rng)) == steps:
            break
    text = instance_text(instance, rng)
    return [case(text, solution(instance, rng), number % 4 != 3, rng) for number in range(count)]


def large(blocks: int, rng: random.Random) -> Case:
    """A problem of any number of blocks, and a plan for it."""
    instance = Instance(random_start(blocks, rng), random_start(blocks, rng))
    return case(instance_text(instance, rng), solution(instance, rng), True, rng)


def long(blocks: int, steps: int, rng: random.Random) -> Case:
    """A plan of so many steps, an even number, that moves blocks about; the goal is where it ends."""
    start = random_start(blocks, rng)
    towers, plan = [list(tower) for tower in start], list[str]()
    while len(plan) < steps:
        plan += random_move(towers, rng)
    instance = Instance(start, tuple(map(tuple, towers)))
    return case(instance_text(instance, rng), plan, True, rng)


def random_start(blocks: int, rng: random.Random) -> tuple[Tower, ...]:
    """Blocks b1, b2, ... in random order; one in ten begins a tower (uniform draws are for smaller numbers)."""
    towers: list[list[str]] = []
    for number in rng.sample(range(1, blocks + 1), blocks):
        if not towers or rng.random() < 0.1:
            towers.append([])
        towers[-1].append(f"b{number}")
    return tuple(map(tuple, towers))


def case(problem: str, plan: Sequence[str], valid: bool, rng: random.Random) -> Case:
    """The plan as a text; one that is to be invalid loses a step, without which no other can do."""
    lost = None if valid else rng.randrange(len(plan))
    return Case(problem, "".join(f"({step})\n" for at, step in enumerate(plan) if at != lost), valid)


def renamed(instance: Instance, naming: Naming) -> Instance:
    """The same towers of other blocks."""
    blocks = sorted(instance.blocks, key=NAMES.index)
    names = NAMES if naming == "first" else (f"n{next(_unseen)}" for _ in blocks)
    new = dict(zip(blocks, names, strict=False))

    def towers(old: tuple[Tower, ...]) -> tuple[Tower, ...]:
        return tuple(tuple(new[block] for block in tower) for tower in old)

    return Instance(towers(instance.start), towers(instance.goal))


def solution(instance: Instance, rng: random.Random) -> list[str]:
    """All blocks onto the table, then each goal tower from its base up; the towers in random order, interleaved."""
    return [
        *shuffled_together([list(_taken_down(tower)) for tower in instance.start], rng),
        *shuffled_together([list(_built(tower)) for tower in instance.goal], rng),
    ]


def shuffled_together(parts: Sequence[list[list[str]]], rng: random.Random) -> Iterator[str]:
    """The moves of all parts, those of each part in its order."""
    order = [number for number, moves in enumerate(parts) for _ in moves]
    waiting = [iter(moves) for moves in parts]
    for number in rng.sample(order, len(order)):
        yield from next(waiting[number])


def _taken_down(tower: Tower) -> Iterator[list[str]]:
    for below, above in reversed(list(itertools.pairwise(tower))):
        yield [f"unstack {above} {below}", f"put-down {above}"]


def _built(tower: Tower) -> Iterator[list[str]]:
    for below, above in itertools.pairwise(tower):
        yield [f"pick-up {above}", f"stack {above} {below}"]


def random_move(towers: list[list[str]], rng: random.Random) -> list[str]:
    """Move the top of a tower onto another one or onto the table; the two steps of it."""
    source = rng.choice(towers)
    block = source.pop()
    lift = f"unstack {block} {source[-1]}" if source else f"pick-up {block}"
    target = rng.choice([*(tower for tower in towers if tower and tower is not source), []])
    drop = f"stack {block} {target[-1]}" if target else f"put-down {block}"
    if not target:
        towers.append(target)
    target.append(block)
    towers[:] = [tower for tower in towers if tower]
    return [lift, drop]
