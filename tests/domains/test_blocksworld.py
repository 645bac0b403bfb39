"""Blocksworld: states are drawn uniformly, every task can be solved, and the bound never exceeds a plan."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from towers import BLOCKSWORLD, instances, judged, put_everything_down, shortest_plan

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.blocksworld import (
    NAMES,
    Instance,
    make_problem,
    plan_bound,
    problem_text,
    random_instance,
    random_towers,
    related_instance,
    shuffled,
    standing_right,
    state_atoms,
    task_bound,
    towers_of,
)
from iterdeploy.errors import BadInput
from iterdeploy.types import SPLITS, Fault, Split

SUSSMAN = Instance(start=(("a", "c"), ("b",)), goal=(("c", "b", "a"),))


@pytest.mark.parametrize(("size", "states", "limit"), [(2, 3, 13.8), (3, 13, 32.9), (4, 73, 112.3)])
def test_states_are_drawn_uniformly(size: int, states: int, limit: float) -> None:
    """Chi-square below its 99.9 % point; the number of states is that of sets of towers."""
    draws = 200 * states
    rng = random.Random(11)
    seen = Counter(frozenset(random_towers(NAMES[:size], rng)) for _ in range(draws))
    assert len(seen) == states
    assert sum((count - 200) ** 2 / 200 for count in seen.values()) < limit


def test_towers_hold_each_block_once() -> None:
    rng = random.Random(0)
    for size in range(1, 21):
        towers = random_towers(NAMES[:size], rng)
        assert sorted(block for tower in towers for block in tower) == sorted(NAMES[:size])


@given(instances())
def test_an_instance_has_the_same_blocks_twice_and_a_goal_not_reached(instance: Instance) -> None:
    assert sorted(instance.blocks) == sorted(block for tower in instance.goal for block in tower)
    assert frozenset(instance.start) != frozenset(instance.goal)


@pytest.mark.parametrize("make", [random_instance, related_instance])
@pytest.mark.parametrize("size", [-1, 0, 1])
def test_sizes_without_instances_are_refused(
    size: int, make: Callable[[int, random.Random], Instance]
) -> None:
    with pytest.raises(BadInput, match=f"blocks must be 2 or more, not {size}"):
        make(size, random.Random(0))


@pytest.mark.parametrize("make", [random_instance, related_instance])
def test_beyond_twenty_blocks_the_names_go_on(make: Callable[[int, random.Random], Instance]) -> None:
    assert set(make(20, random.Random(0)).blocks) == set(NAMES)
    assert sorted(make(21, random.Random(0)).blocks) == sorted([*NAMES, "b21"])
    assert len(make(300, random.Random(0)).blocks) == 300


@given(instances(2, 12))
def test_atoms_describe_their_towers(instance: Instance) -> None:
    atoms = shuffled(state_atoms(instance.start), random.Random(1))
    assert set(towers_of(atoms)) == set(instance.start)
    assert sorted(atoms) == sorted(state_atoms(instance.start))


@given(instances(2, 12))
@settings(max_examples=50, deadline=None)
def test_putting_everything_down_solves_every_instance(instance: Instance) -> None:
    problem = problem_text("p", instance.blocks, state_atoms(instance.start), state_atoms(instance.goal))
    assert judged(problem, put_everything_down(instance.start, instance.goal)).valid
    assert judged(problem, []).fault is Fault.GOAL, "the goal is not reached at the start"


@pytest.mark.parametrize("split", SPLITS)
def test_every_task_is_solvable_and_unsolved(split: Split) -> None:
    for task in BLOCKSWORLD.tasks(split, 48, (4, 6, 9, 14), 0):
        said = atoms_of(task.spec["problem"])
        start, goal = towers_of(said.init), towers_of(said.goal)
        plan = put_everything_down(start, goal)
        assert judged(task.spec["problem"], plan).valid
        assert judged(task.spec["problem"], []).fault is Fault.GOAL
        assert len(said.objects) == task.size
        assert task_bound(task) == plan_bound(Instance(start, goal)) <= len(plan)


# --- the bound on plans ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance", "bound", "shortest"),
    [
        (Instance((("a",), ("b",)), (("a", "b"),)), 2, 2),
        (Instance((("a", "b"),), (("b",), ("a",))), 2, 2),
        (Instance((("a", "b"),), (("b", "a"),)), 4, 4),
        # c moves aside for b and back onto it: the bound does not see that, as it may not
        (Instance((("a", "b", "c"),), (("a",), ("b", "c"))), 4, 6),
        (Instance((("a", "b", "c"),), (("a", "c"), ("b",))), 4, 6),
        (SUSSMAN, 6, 6),  # all three stand wrong: c on a, a on the table, b on the table
        (Instance((("a", "b"), ("c", "d")), (("a", "d"), ("c", "b"))), 4, 6),
    ],
)
def test_the_bound_of_known_instances(instance: Instance, bound: int, shortest: int) -> None:
    assert plan_bound(instance) == bound
    assert shortest_plan(instance) == shortest


@given(instances(2, 5))
@settings(max_examples=60, deadline=None)
def test_the_bound_never_exceeds_a_shortest_plan(instance: Instance) -> None:
    assert 2 <= plan_bound(instance) <= shortest_plan(instance)


def test_a_block_stands_right_with_all_below_it() -> None:
    instance = Instance((("a", "b", "c"), ("d", "e")), (("a", "b", "d"), ("c", "e")))
    assert standing_right(instance) == {"a", "b"}


def test_the_same_randomness_makes_the_same_problem() -> None:
    assert make_problem(7, random.Random(5)) == make_problem(7, random.Random(5))
    assert make_problem(7, random.Random(5)) != make_problem(7, random.Random(6))
