"""Blocksworld: random towers, their PDDL, and a lower bound on the length of a plan.

A state is its towers, each a tuple of block names from the bottom up. States are drawn uniformly:
n labelled blocks form k towers in L(n, k) ways (the Lah numbers), so k is drawn by L(n, k) first
(Slaney and Thiebaux, "Blocks World revisited", 2001, discuss why naive draws are not uniform).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Recipe
from iterdeploy.types import Task

Tower = tuple[str, ...]

NAMES = tuple(f"b{i}" for i in range(1, 21))
"""The blocks that instances draw their names from."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Towers at the start and towers wanted, over the same blocks."""

    start: tuple[Tower, ...]
    goal: tuple[Tower, ...]

    @property
    def blocks(self) -> list[str]:
        return [block for tower in self.start for block in tower]


@lru_cache(maxsize=64)
def _lah(n: int) -> list[int]:
    """Ways to make k = 1..n towers of n labelled blocks."""
    return [math.comb(n - 1, k - 1) * math.factorial(n) // math.factorial(k) for k in range(1, n + 1)]


def random_towers(blocks: Sequence[str], rng: random.Random) -> tuple[Tower, ...]:
    """A state drawn uniformly from all states over `blocks`; the order of towers is random too."""
    n = len(blocks)
    k = rng.choices(range(1, n + 1), weights=_lah(n))[0]
    order = rng.sample(list(blocks), n)
    cuts = [0, *sorted(rng.sample(range(1, n), k - 1)), n]
    return tuple(tuple(order[a:b]) for a, b in itertools.pairwise(cuts))


def random_blocks(size: int, rng: random.Random) -> list[str]:
    """The names of `size` blocks; raises BadInput if it is not between 2 and the number of names."""
    if not 2 <= size <= len(NAMES):
        raise BadInput(f"blocksworld has sizes from 2 to {len(NAMES)} blocks, not {size}")
    return rng.sample(NAMES, size)


def random_instance(size: int, rng: random.Random) -> Instance:
    """An instance of `size` blocks whose goal is not reached at the start."""
    blocks = random_blocks(size, rng)
    while True:
        instance = Instance(random_towers(blocks, rng), random_towers(blocks, rng))
        if set(instance.start) != set(instance.goal):
            return instance


def related_instance(size: int, rng: random.Random) -> Instance:
    """An instance whose goal keeps the lower part of some towers; the other blocks are put anywhere.

    In a uniform instance next to nothing stands right (two blocks or more in one of twenty); here most have something
    that a plan may leave alone, so that one problem has valid plans of different length.
    """
    blocks = random_blocks(size, rng)
    while True:
        start = random_towers(blocks, rng)
        goal = [list(tower[: rng.randrange(len(tower) + 1)]) for tower in start]
        goal = [tower for tower in goal if tower]
        rest = [block for tower in start for block in tower if not any(block in kept for kept in goal)]
        for block in rng.sample(rest, len(rest)):
            place = rng.randrange(len(goal) + 1)
            if place == len(goal):
                goal.append([])
            goal[place].append(block)
        rng.shuffle(goal)
        if {tuple(tower) for tower in goal} != set(start):
            return Instance(start, tuple(tuple(tower) for tower in goal))


def state_atoms(towers: Iterable[Tower]) -> list[Atom]:
    """The atoms of a state: on, then clear, then ontable, each in the order of the towers."""
    on: list[Atom] = []
    clear: list[Atom] = []
    table: list[Atom] = []
    for tower in towers:
        table.append(("ontable", tower[0]))
        clear.append(("clear", tower[-1]))
        on += [("on", above, below) for below, above in itertools.pairwise(tower)]
    return on + clear + table


def shuffled(atoms: Sequence[Atom], rng: random.Random) -> list[Atom]:
    """The atoms grouped by predicate as before, in random order within each group."""
    groups: dict[str, list[Atom]] = {}
    for atom in atoms:
        groups.setdefault(atom[0], []).append(atom)
    return [atom for group in groups.values() for atom in rng.sample(group, len(group))]


def problem_text(name: str, objects: Sequence[str], init: Sequence[Atom], goal: Sequence[Atom]) -> str:
    """The instance as a PDDL problem."""

    def row(atoms: Sequence[Atom]) -> str:
        return " ".join(f"({' '.join(atom)})" for atom in atoms)

    return (
        f"(define (problem {name})\n  (:domain blocksworld)\n  (:objects {' '.join(objects)})\n"
        f"  (:init {row(init)} (handempty))\n  (:goal (and {row(goal)})))\n"
    )


def below(towers: Iterable[Tower]) -> dict[str, str | None]:
    """What each block stands on; None is the table."""
    return {block: (tower[i - 1] if i else None) for tower in towers for i, block in enumerate(tower)}


def standing_right(instance: Instance) -> set[str]:
    """Blocks that need not move: they and all below them already stand as the goal wants."""
    now = below(instance.start)
    right: set[str] = set()
    for tower in instance.goal:
        for i, block in enumerate(tower):
            wanted = tower[i - 1] if i else None
            if now[block] != wanted:
                break
            right.add(block)
    return right


def plan_bound(instance: Instance) -> int:
    """A lower bound on plan steps: each block that stands wrong is lifted and set down once."""
    return 2 * (len(instance.blocks) - len(standing_right(instance)))


def make_problem(size: int, rng: random.Random) -> str:
    """The PDDL text of a random problem: half are uniform, half related to their start. All are solvable."""
    make = random_instance if rng.random() < 0.5 else related_instance
    return instance_text(make(size, rng), rng)


def make_uniform_problem(size: int, rng: random.Random) -> str:
    """The same with start and goal drawn uniformly and apart."""
    return instance_text(random_instance(size, rng), rng)


def instance_text(instance: Instance, rng: random.Random) -> str:
    """An instance as PDDL, its atoms in random order within each predicate."""
    objects = sorted(instance.blocks, key=lambda block: int(block[1:]))
    init, goal = shuffled(state_atoms(instance.start), rng), shuffled(state_atoms(instance.goal), rng)
    return problem_text(f"blocks-{len(objects)}", objects, init, goal)


def task_bound(task: Task) -> int:
    """`plan_bound` of a task."""
    said = atoms_of(task.spec["problem"])
    return plan_bound(Instance(towers_of(said.init), towers_of(said.goal)))


def towers_of(atoms: Iterable[Atom]) -> tuple[Tower, ...]:
    """The towers that complete atoms describe."""
    above = {atom[2]: atom[1] for atom in atoms if atom[0] == "on"}
    towers = []
    for atom in atoms:
        if atom[0] == "ontable":
            tower = [atom[1]]
            while tower[-1] in above:
                tower.append(above[tower[-1]])
            towers.append(tuple(tower))
    return tuple(towers)


def open_blocksworld(recipe: Recipe, name: str = "blocksworld") -> PddlDomain:
    """Blocksworld as a recipe asks for it; `blocksworld-uniform` has uniform problems alone."""
    text = (files("iterdeploy.domains") / "blocksworld.domain.pddl").read_text(encoding="utf-8")
    make = make_uniform_problem if name == "blocksworld-uniform" else make_problem
    return open_pddl(recipe, name, text, make, NAMES, task_bound)
