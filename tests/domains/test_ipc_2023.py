"""Ten domains as one: dealt evenly, told apart, judged each by its own rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from iterdeploy.check import check_domain
from iterdeploy.domains import COMPETITION, JOINT, load
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Base, Recipe, Tasks
from iterdeploy.types import SPLITS, Fault, Task, Trace


def opened(span: str = "easy") -> PddlDomain:
    return load(JOINT, Recipe(base=Base(prompt="paper"), tasks=Tasks(domain=JOINT, range=span)))


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return opened().tasks("deployed", 45, (), 0)


def answer(task: Task, text: str) -> Trace:
    return Trace("t", task.id, 0, 0, "m", text, (1,), (2,), (0.0,), "stop")


def test_tasks_are_dealt_over_the_ten_in_turn(tasks: list[Task]) -> None:
    families = [task.spec["family"] for task in tasks]
    assert tuple(families[:10]) == tuple(families[10:20]) == COMPETITION
    assert set(Counter(families).values()) == {4, 5}
    assert {task.domain for task in tasks} == {JOINT}


def test_a_size_is_a_tenth_of_the_range_in_every_domain(tasks: list[Task]) -> None:
    sizes = [task.size for task in tasks]
    assert sizes == sorted(sizes)
    assert set(Counter(sizes).values()) == {4, 5}
    assert set(sizes) == set(range(1, 11))
    cars = [task for task in tasks if task.spec["family"] == "ferry"]
    assert [task.spec["parameters"] for task in cars] == [
        "cars=1 locations=5", "cars=6 locations=7", "cars=10 locations=10", "cars=14 locations=12",
        "cars=19 locations=14",
    ]  # fmt: skip


def test_ids_and_problems_are_distinct_and_splits_never_meet(tasks: list[Task]) -> None:
    heldout = opened().tasks("heldout", 21, (), 1)
    both = [*tasks, *heldout]
    assert len({task.id for task in both}) == len({task.spec["canonical"] for task in both}) == 66
    assert tasks[2].id == "d01-0002-ferry"
    assert {share_of(task.spec["canonical"]) for task in tasks} == {"deployed"}
    assert {share_of(task.spec["canonical"]) for task in heldout} == {"heldout"}


def test_each_is_judged_by_its_own_domain(tasks: list[Task]) -> None:
    joint = opened()
    assert joint.solve is not None
    for task, other in pairwise(tasks[:11]):
        plan = "<plan>\n" + "\n".join(joint.solve(task.spec["problem"])) + "\n</plan>"
        assert joint.validate(task, answer(task, plan)).valid
        assert joint.validate(other, answer(other, plan)).fault == Fault.UNKNOWN_ACTION


def test_prompts_hold_the_domain_that_is_asked(tasks: list[Task]) -> None:
    for task in tasks[:10]:
        assert task.spec["domain"].strip() in task.prompt


def test_it_keeps_the_promises_of_a_domain() -> None:
    made = load(JOINT, Recipe(base=Base(prompt="paper")))
    broken = [f for f in check_domain(made, (5, 6, 7), count=20) if not f.kept and "quick" not in f.promise]
    assert not broken


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11])
def test_any_number_can_be_asked_for(count: int) -> None:
    for split in SPLITS:
        assert len(opened().tasks(split, count, (), 3)) == count


def test_a_problem_of_another_domain_has_no_plan(tasks: list[Task]) -> None:
    joint = opened()
    assert joint.solve is not None
    with pytest.raises(BadInput, match="'gripper', which is none of ipc-2023"):
        joint.solve(tasks[2].spec["problem"].replace("(:domain ferry)", "(:domain gripper)"))


def test_a_range_of_one_domain_alone_is_refused() -> None:
    with pytest.raises(BadInput, match="has no parameter 'cars'"):
        opened("cars=1-20 locations=5-15")


def test_the_whole_task_is_a_function_of_the_seed() -> None:
    assert opened().tasks("deployed", 12, (), 5) == opened().tasks("deployed", 12, (), 5)
    first, other = (opened().tasks("deployed", 12, (), seed) for seed in (5, 6))
    assert [replace(task, prompt="") for task in first] != [replace(task, prompt="") for task in other]
