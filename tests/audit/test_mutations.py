"""Changes and layouts of plans: what each does, and what none may do."""

from __future__ import annotations

import random

import pytest

from iterdeploy.audit.mutations import CHANGES, LAYOUTS, Words, mutated, written
from iterdeploy.pddl import Action, read_plan

PLAN = [
    Action("load", ("a", "v")),
    Action("go", ("v", "x", "y")),
    Action("rest", ()),
    Action("unload", ("a", "v")),
]
WORDS = Words({"load": 2, "go": 3, "rest": 0, "unload": 2}, ["a", "v", "x", "y"])


def draws(kind: str, plan: list[Action]) -> list[tuple[Action, ...]]:
    return [
        read_plan("\n".join(mutated(plan, kind, WORDS, random.Random(seed)))).actions for seed in range(40)
    ]


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_changes_plans_and_can_be_read(kind: str) -> None:
    assert any(read != tuple(PLAN) for read in draws(kind, PLAN))
    assert PLAN[0] == Action("load", ("a", "v"))


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_takes_the_empty_plan_and_steps_without_arguments(kind: str) -> None:
    for plan in ([], [Action("rest", ())]):
        for read in draws(kind, plan):
            assert len(read) <= 2
    assert mutated([], kind, Words({"rest": 0}, []), random.Random(0)) in ([], ["(rest)"])


@pytest.mark.parametrize(
    ("kind", "lengths"),
    [("drop", {3}), ("duplicate", {5}), ("append", {5}), ("insert", {5}), ("twice", {8}), ("cut", {0, 1, 2, 3}),
     ("behead", {0, 1, 2, 3}), ("swap", {4}), ("reverse", {4}), ("drop-and-insert", {4})],
)  # fmt: skip
def test_how_long_the_plans_are(kind: str, lengths: set[int]) -> None:
    assert {len(read) for read in draws(kind, PLAN)} == lengths


def test_arguments_are_too_few_and_too_many() -> None:
    for kind, sign in (("fewer-arguments", -1), ("more-arguments", 1)):
        for read in draws(kind, PLAN):
            assert sum(len(step.args) for step in read) == 7 + sign


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_keeps_the_plan(layout: str) -> None:
    for seed in range(10):
        lines = written([[step.name, *step.args] for step in PLAN])
        text = LAYOUTS[layout](lines, random.Random(seed))
        assert [str(step).lower() for step in read_plan(text).actions] == lines
    assert read_plan(LAYOUTS[layout]([], random.Random(0))).actions == ()
