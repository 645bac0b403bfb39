"""Blocksworld: random towers, their PDDL, and a lower bound on the length of a plan.

A state is its towers, each a tuple of block names from the bottom up. States are drawn uniformly:
n labelled blocks form k towers in L(n, k) ways (the Lah numbers), so k is drawn by L(n, k) first
(Slaney and Thiebaux, "Blocks World revisited", 2001, discuss why naive draws are not uniform).
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.pddl import PddlDomain, open_pddl
from iterdeploy.domains.ranges import open_family
from iterdeploy.domains.statement import state_problem
from iterdeploy.recipe import Recipe
from iterdeploy.types import Task

Tower = tuple[str, ...]

NAMES = tuple(f"b{i}" for i in range(1, 21))
"""The blocks that instances of up to 20 blocks draw their names from; larger ones have b1 to bN."""


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
    if n <= len(NAMES):
        k = rng.choices(range(1, n + 1), weights=_lah(n))[0]
    else:  # the numbers are too large for the floats that `choices` adds up
        ways = list(itertools.accumulate(_lah(n)))
        k = bisect.bisect(ways, rng.randrange(ways[-1])) + 1
    order = rng.sample(list(blocks), n)
    cuts = [0, *sorted(rng.sample(range(1, n), k - 1)), n]
    return tuple(tuple(order[a:b]) for a, b in itertools.pairwise(cuts))


def random_blocks(size: int, rng: random.Random) -> list[str]:
    """The names of `size` blocks; raises BadInput for fewer than 2."""
    require("blocksworld", {"blocks": size}, blocks=2)
    return rng.sample(NAMES if size <= len(NAMES) else [f"b{i}" for i in range(1, size + 1)], size)


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
        kept = {block for tower in goal for block in tower}
        rest = [block for tower in start for block in tower if block not in kept]
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
    name, (init, goal) = f"blocks-{len(objects)}", instance_atoms(instance, rng)
    if len(objects) <= len(NAMES):  # each list on one line, as always: the text is part of a task
        return problem_text(name, objects, init, goal)
    return state_problem(name, "blocksworld", {"": objects}, [*init, ("handempty",)], goal)


def instance_atoms(instance: Instance, rng: random.Random) -> tuple[list[Atom], list[Atom]]:
    """The atoms of start and goal, in random order within each predicate."""
    return shuffled(state_atoms(instance.start), rng), shuffled(state_atoms(instance.goal), rng)


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


def standing(atoms: Iterable[Atom], on_table: str = "ontable") -> dict[str, str | None]:
    """What each block stands on by the atoms of a state or goal; None is the table, and the hand counts as such."""
    found: dict[str, str | None] = {}
    for atom in atoms:
        if atom[0] == "on":
            found[atom[1]] = atom[2]
        elif atom[0] in (on_table, "holding"):
            found[atom[1]] = None
    return found


def rebuild(stands: Mapping[str, str | None], wanted: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    """Moves such as ("unstack", a, b) from one state to another, in time linear in the blocks.

    What stands right stays. All else is put on the table, and then the wanted towers are built from below. A block of
    which `wanted` says nothing ends on the table.
    """
    above = {under: block for block, under in stands.items() if under is not None}
    built = {under: block for block, under in wanted.items() if under is not None}
    settled = {block for block, under in stands.items() if under is None and wanted.get(block) is None}
    moves: list[tuple[str, ...]] = []
    for bottom in [block for block, under in stands.items() if under is None]:
        tower = [bottom]
        while tower[-1] in above:
            tower.append(above[tower[-1]])
        stay = 1
        if bottom in settled:
            while stay < len(tower) and wanted.get(tower[stay]) == tower[stay - 1]:
                settled.add(tower[stay])
                stay += 1
        for under, block in reversed(list(itertools.pairwise(tower[stay - 1 :]))):
            moves += [("unstack", block, under), ("put-down", block)]
            if wanted.get(block) is None:
                settled.add(block)
    for under in [block for block in stands if block in settled and built.get(block) not in settled]:
        while under in built:
            block = built[under]
            moves += [("pick-up", block), ("stack", block, under)]
            under = block
    return moves


def solve(problem: str) -> list[str]:
    """The plan that `rebuild` makes."""
    said = atoms_of(problem)
    held = [("put-down", atom[1]) for atom in said.init if atom[0] == "holding"]
    moves = rebuild(standing(said.init), standing(said.goal))
    return [f"({' '.join(move)})" for move in [*held, *moves]]


def _family(name: str, make: Callable[[int, random.Random], str]) -> Family:
    def make_of(parameters: Parameters, rng: random.Random) -> str:
        require(name, parameters, blocks=2)
        return make(parameters["blocks"], rng)

    return Family(
        name=name,
        text=domain_text("blocksworld"),
        ranges={"easy": {"blocks": (5, 30)}, "medium": {"blocks": (35, 150)}, "hard": {"blocks": (160, 500)}},
        size="blocks",
        make=make_of,
        solve=solve,
    )


FAMILY = _family("blocksworld", make_problem)
UNIFORM = _family("blocksworld-uniform", make_uniform_problem)


def open_blocksworld(recipe: Recipe, name: str = "blocksworld") -> PddlDomain:
    """Blocksworld as a recipe asks for it; `blocksworld-uniform` has uniform problems alone."""
    family, make = (UNIFORM, make_uniform_problem) if name == UNIFORM.name else (FAMILY, make_problem)
    if recipe.tasks.range:
        return open_family(recipe, family, NAMES, task_bound)
    return open_pddl(recipe, name, family.text, make, NAMES, task_bound, solve=solve)
