"""Tasks are the same if only names differ; the digest of that also says who may see a task."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from towers import BLOCKSWORLD, instances

from iterdeploy import domains
from iterdeploy.domains.blocksworld import NAMES, Instance, Tower, random_instance, random_towers, state_atoms
from iterdeploy.domains.canonical import Atom, canonical_digest, share_of
from iterdeploy.domains.demonstrations import instance_digest

SUSSMAN = Instance(start=(("a", "c"), ("b",)), goal=(("c", "b", "a"),))
GRIPPER = (
    (("at", "r1"), ("ball", "x", "r1"), ("ball", "y", "r2")),
    (("ball", "x", "r2"), ("ball", "y", "r2")),
    (("r1", "room"), ("r2", "room"), ("x", "ball"), ("y", "ball")),
)


def renamed(atoms: list[Atom], names: dict[str, str]) -> list[Atom]:
    return [(atom[0], *(names[o] for o in atom[1:])) for atom in atoms]


@given(instances(2, 14), st.randoms(use_true_random=False))
def test_neither_names_nor_order_move_the_digest(instance: Instance, chance: random.Random) -> None:
    init, goal = state_atoms(instance.start), state_atoms(instance.goal)
    names = dict(zip(instance.blocks, chance.sample(NAMES, len(instance.blocks)), strict=True))
    other_init, other_goal = renamed(init, names), renamed(goal, names)
    chance.shuffle(other_init)
    chance.shuffle(other_goal)
    assert canonical_digest(other_init, other_goal) == canonical_digest(init, goal)


def test_start_and_goal_are_told_apart() -> None:
    init, goal = state_atoms(SUSSMAN.start), state_atoms(SUSSMAN.goal)
    assert canonical_digest(init, goal) != canonical_digest(goal, init)


def test_types_count_and_names_of_typed_objects_do_not() -> None:
    init, goal, types = GRIPPER
    names = {"r1": "hall", "r2": "attic", "x": "q", "y": "p"}
    same = canonical_digest(
        renamed(list(init), names), renamed(list(goal), names), [(names[o], t) for o, t in reversed(types)]
    )
    assert same == canonical_digest(init, goal, types)
    other = [(o, "room" if o == "y" else t) for o, t in types]
    assert canonical_digest(init, goal, other) != canonical_digest(init, goal, types)


@pytest.mark.parametrize("size", [2, 3])
def test_the_digest_tells_all_small_instances_apart(size: int) -> None:
    """Against renaming by brute force: as many digests as there are instances that are truly different."""
    blocks = NAMES[:size]
    rng = random.Random(0)
    states = {frozenset(random_towers(blocks, rng)) for _ in range(400)}
    digests: dict[str, frozenset[tuple[frozenset[Tower], frozenset[Tower]]]] = {}
    for start in states:
        for goal in states - {start}:
            ways = [dict(zip(blocks, way, strict=True)) for way in permutations(blocks)]
            orbit = frozenset((_mapped(start, names), _mapped(goal, names)) for names in ways)
            digest = instance_digest(Instance(tuple(start), tuple(goal)))
            assert digests.setdefault(digest, orbit) == orbit, "two different instances share a digest"
    assert len(digests) == {2: 3, 3: 26}[size]  # Burnside: 156 pairs of states, none fixed, over 6 renamings


def _mapped(state: frozenset[Tower], names: dict[str, str]) -> frozenset[Tower]:
    return frozenset(tuple(names[block] for block in tower) for tower in state)


def test_digests_are_the_same_in_every_process() -> None:
    """Python salts the hashes of strings, and a changed digest would move tasks between the splits."""
    code = (
        "from iterdeploy.domains.canonical import canonical_digest as d\n"
        "print(d([('ontable','a'),('on','c','a'),('ontable','b')], [('on','a','b'),('on','b','c')]),"
        " d([('at','r')], [('at','s')], [('r','room'),('s','room')]))"
    )
    for salt in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(Path(domains.__file__).parents[2])}
        said = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert said.stdout.split() == ["07c0351434867eb9", "e5855ca7b8bf7fc3"]


# --- who may see a problem -------------------------------------------------------------------


def test_half_are_for_the_base_three_tenths_deployed_the_rest_held_out() -> None:
    rng = random.Random(0)
    seen = Counter(share_of(instance_digest(random_instance(6, rng))) for _ in range(1500))
    assert seen["base"] == pytest.approx(750, abs=75)
    assert seen["deployed"] == pytest.approx(450, abs=75)
    assert seen["heldout"] == pytest.approx(300, abs=75)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
def test_deployed_and_heldout_never_meet_whatever_the_seeds(one: int, other: int) -> None:
    deployed = {task.spec["canonical"] for task in BLOCKSWORLD.tasks("deployed", 20, (4, 6), one)}
    heldout = {task.spec["canonical"] for task in BLOCKSWORLD.tasks("heldout", 10, (4, 6), other)}
    assert {share_of(digest) for digest in deployed} == {"deployed"}
    assert {share_of(digest) for digest in heldout} == {"heldout"}
    assert not deployed & heldout


@given(st.integers(0, 2**63 - 1))
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
def test_no_two_tasks_of_a_split_are_the_same_but_for_names(seed: int) -> None:
    tasks = BLOCKSWORLD.tasks("deployed", 30, (3, 4, 5, 6, 7), seed)
    assert len({task.spec["canonical"] for task in tasks}) == 30
