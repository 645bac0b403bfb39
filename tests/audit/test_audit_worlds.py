"""The simulator, which knows no PDDL, by hand; and that the texts say what it does."""

from __future__ import annotations

import random

import pytest

from iterdeploy.audit.worlds import BLOCKS, CARRIER, DELIVERY, Situation, random_situation
from iterdeploy.pddl import parse_domain, parse_problem

TWO = Situation(
    BLOCKS,
    {"a": "object", "b": "object"},
    frozenset({("handempty",), ("ontable", "a"), ("ontable", "b"), ("clear", "a"), ("clear", "b")}),
)


def test_blocks_by_hand() -> None:
    assert TWO.after([]) == TWO.start
    assert TWO.after([["pick-up", "a"]]) == frozenset({("holding", "a"), ("ontable", "b"), ("clear", "b")})
    stacked = TWO.after([["pick-up", "a"], ["stack", "a", "b"]])
    assert stacked == frozenset({("on", "a", "b"), ("clear", "a"), ("ontable", "b"), ("handempty",)})


@pytest.mark.parametrize(
    "step", [["fly", "a"], ["pick-up"], ["pick-up", "a", "b"], ["pick-up", "c"], ["put-down", "a"]]
)
def test_steps_that_cannot_be_done(step: list[str]) -> None:
    assert TWO.after([step]) is None
    assert TWO.after([step, ["pick-up", "a"]]) is None


def test_types_count_and_stand_under_one_another() -> None:
    truck = Situation(
        DELIVERY,
        {"v": "van", "j": "plane", "p": "port", "t": "place", "b": "parcel"},
        frozenset({("at", "v", "p"), ("at", "j", "p"), ("at", "b", "p"), ("road", "p", "t")}),
    )
    assert (
        truck.after([["load", "b", "v", "p"], ["drive", "v", "p", "t"], ["unload", "b", "v", "t"]])
        is not None
    )
    assert truck.after([["fly", "j", "p", "t"]]) is None  # t is no port
    assert truck.after([["drive", "j", "p", "t"]]) is None
    assert truck.after([["load", "v", "j", "p"]]) is None


@pytest.mark.parametrize("world", [BLOCKS, CARRIER, DELIVERY], ids=lambda world: world.name)
def test_the_text_of_a_world_says_the_same(world: object) -> None:
    found = 0
    for seed in range(30):
        situation = random_situation(random.Random(seed))
        if situation.world is not world:
            continue
        found += 1
        domain = parse_domain(situation.world.pddl())
        assert set(domain.actions) == {act.name for act in situation.world.acts}
        problem = parse_problem(situation.pddl(sorted(situation.start)), domain)
        facts = frozenset(" ".join(fact) for fact in situation.start)
        assert problem.init == problem.goal_facts == facts
        plan = situation.walk(5, random.Random(seed))
        assert situation.after(plan) is not None
    assert found > 2
