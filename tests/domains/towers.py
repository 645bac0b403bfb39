"""Blocksworld seen from outside the code under test: instances to draw, shortest plans by search, prompts read back."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import strategies as st

from iterdeploy.domains import load
from iterdeploy.domains.atoms import Atom
from iterdeploy.domains.blocksworld import (
    Instance,
    Tower,
    problem_text,
    random_instance,
    related_instance,
    towers_of,
)
from iterdeploy.pddl import Action, Judgement, parse_domain, parse_problem, validate
from iterdeploy.recipe import Recipe

BLOCKSWORLD = load("blocksworld", Recipe())
DOMAIN = parse_domain(BLOCKSWORLD.text)

State = frozenset[Tower]


def instances(low: int = 2, high: int = 8) -> st.SearchStrategy[Instance]:
    """Instances of both generators, by size and seed."""
    return st.builds(
        lambda make, size, seed: make(size, random.Random(seed)),
        st.sampled_from([random_instance, related_instance]),
        st.integers(low, high),
        st.integers(0, 2**32),
    )


def judged(problem: str, lines: list[str]) -> Judgement:
    """The validator's answer about a plan of lines such as "stack b1 b2"."""
    actions = [Action(words[0], tuple(words[1:])) for words in map(str.split, lines)]
    return validate(DOMAIN, parse_problem(problem, DOMAIN), actions)


def put_everything_down(start: tuple[Tower, ...], goal: tuple[Tower, ...]) -> list[str]:
    """The plan that always works: all blocks onto the table, then each goal tower from its base up."""
    steps: list[str] = []
    for tower in start:
        for height in range(len(tower) - 1, 0, -1):
            steps += [f"unstack {tower[height]} {tower[height - 1]}", f"put-down {tower[height]}"]
    for tower in goal:
        for height in range(1, len(tower)):
            steps += [f"pick-up {tower[height]}", f"stack {tower[height]} {tower[height - 1]}"]
    return steps


def shortest_plan(instance: Instance) -> int:
    """Steps of a shortest plan, by breadth-first search; each move of a block is two steps."""
    goal = frozenset(instance.goal)
    edge, seen, moves = {frozenset(instance.start)}, {frozenset(instance.start)}, 0
    while goal not in edge:
        edge = {after for state in edge for after in _moves(state)} - seen
        seen |= edge
        moves += 1
    return 2 * moves


def _moves(state: State) -> Iterator[State]:
    for tower in state:
        others, block, rest = state - {tower}, tower[-1], tower[:-1]
        if rest:
            yield others | {rest, (block,)}
        for other in others:
            yield (others - {other}) | {(*other, block)} | ({rest} if rest else set())


def read_back(prompt: str) -> Instance:
    """The instance that a compact prompt describes."""
    init, goal = prompt.split("\ngoal")
    return Instance(towers_of(_atoms(init, "")), towers_of([_turned(atom) for atom in _atoms(goal, "!")]))


def _atoms(text: str, mark: str) -> list[Atom]:
    arities = {"clear": 1, "handempty": 0, "holding": 1, "on": 2, "ontable": 1}
    words, atoms = text.split(), []
    for at, word in enumerate(words):
        name = word.removeprefix(mark)
        if word == mark + name and name in arities:
            atoms.append((name, *words[at + 1 : at + 1 + arities[name]]))
    return atoms


def _turned(atom: Atom) -> Atom:
    return (atom[0], *reversed(atom[1:]))


def problem_of(prompt: str) -> str:
    """The PDDL of a compact prompt."""
    init, goal = prompt.split("\ngoal")
    wanted = [_turned(atom) for atom in _atoms(goal, "!")]
    start = [atom for atom in _atoms(init, "") if atom[0] != "handempty"]
    return problem_text("again", sorted({o for atom in start for o in atom[1:]}), start, wanted)
