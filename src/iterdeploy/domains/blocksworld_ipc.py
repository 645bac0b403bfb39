"""Blocksworld as in the Learning Track of IPC 2023: its predicates and actions, its ranges, its way to draw towers."""

from __future__ import annotations

import random
from collections.abc import Sequence

from iterdeploy.domains.atoms import Atom, atoms_of
from iterdeploy.domains.blocksworld import Instance, Tower, instance_atoms, rebuild, standing
from iterdeploy.domains.family import Family, Parameters, domain_text, require
from iterdeploy.domains.statement import state_problem

NEW_TOWER = (
    0.1  # chance of each block to stand on the table, as in the competition: far from uniform over states
)

_NAMES = {"ontable": "on-table", "handempty": "arm-empty"}
_ACTIONS = {"pick-up": "pickup", "put-down": "putdown"}


def make(parameters: Parameters, rng: random.Random) -> str:
    """Start and goal are drawn alike and apart; the goal is a whole state."""
    require("blocksworld-ipc", parameters, blocks=2)
    blocks = [f"b{i}" for i in range(1, parameters["blocks"] + 1)]
    while True:
        instance = Instance(_towers(blocks, rng), _towers(blocks, rng))
        if set(instance.start) != set(instance.goal):
            break
    init, goal = ([_named(atom) for atom in atoms] for atoms in instance_atoms(instance, rng))
    name = f"blocks-{len(blocks)}"
    return state_problem(name, "blocksworld", {"": blocks}, [*init, ("arm-empty",)], goal)


def _towers(blocks: Sequence[str], rng: random.Random) -> tuple[Tower, ...]:
    towers: list[list[str]] = []
    for block in rng.sample(list(blocks), len(blocks)):
        if not towers or rng.random() < NEW_TOWER:
            towers.append([])
        towers[-1].append(block)
    return tuple(map(tuple, towers))


def _named(atom: Atom) -> Atom:
    return (_NAMES.get(atom[0], atom[0]), *atom[1:])


def solve(problem: str) -> list[str]:
    """What does not stand as the goal wants is put on the table, then the towers are built."""
    said = atoms_of(problem)
    moves = rebuild(standing(said.init, "on-table"), standing(said.goal, "on-table"))
    held = [("put-down", *atom[1:]) for atom in said.init if atom[0] == "holding"]
    return [f"({_ACTIONS.get(act, act)} {' '.join(blocks)})" for act, *blocks in [*held, *moves]]


FAMILY = Family(
    name="blocksworld-ipc",
    text=domain_text("blocksworld-ipc"),
    ranges={"easy": {"blocks": (5, 30)}, "medium": {"blocks": (35, 150)}, "hard": {"blocks": (160, 500)}},
    size="blocks",
    make=make,
    solve=solve,
)
