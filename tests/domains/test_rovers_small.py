"""Rovers for a small base: PDDL and compact prompt tell the same mission, the splits never meet."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from missions import DOMAIN, missions, read_back

from iterdeploy import domains
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.domains.rovers import FAMILY
from iterdeploy.domains.rovers import make as make_any
from iterdeploy.domains.rovers_small import (
    NAMES,
    brief,
    make,
    mission_of,
    mission_prompt,
    problem_of,
    random_mission,
)
from iterdeploy.errors import BadInput
from iterdeploy.pddl import parse_problem, validate
from iterdeploy.pddl.plan import read_plan
from iterdeploy.recipe import Base, Recipe, Tasks
from iterdeploy.types import SPLITS, groups_of


def small(prompt: str = "compact") -> PddlDomain:
    return domains.load("rovers-small", Recipe(base=Base(prompt=prompt)))


def test_the_pddl_and_the_prompt_tell_the_same_mission() -> None:
    for mission in missions(60, seed=1):
        problem = problem_of(mission)
        assert mission_of(problem) == mission
        assert problem_of(mission_of(problem)) == problem
        assert brief("", problem) == mission_prompt(mission)
        assert read_back(mission_prompt(mission)) == mission


def test_a_problem_that_the_prompt_could_not_tell_is_refused() -> None:
    """Two rovers, a waypoint out of sight, a store that is full: the compact prompt has no words for them."""
    any_rovers = make_any(
        {"rovers": 2, "waypoints": 4, "cameras": 1, "objectives": 1}, random.Random(0)
    )  # fmt: skip
    mission = missions(1, seed=2)[0]
    problem = problem_of(mission)
    a, b = next((w, near[0]) for w, near in mission.ways.items())
    for other in (
        any_rovers,
        problem.replace(f"(visible {a} {b})", "", 1),
        problem.replace("(empty s1)", "(full s1)"),
        problem.replace("(at_lander", "(at_landing"),
    ):
        assert other != problem
        with pytest.raises(BadInput, match=r"is not one of rovers-small: .*base\.prompt=paper"):
            brief("", other)


@pytest.mark.parametrize("size", [0, 13])
def test_sizes_that_there_are_none_of_are_refused(size: int) -> None:
    with pytest.raises(BadInput, match="goals must be"):
        make(size, random.Random(0))


def test_each_problem_can_be_solved_and_is_not_yet() -> None:
    for mission in missions(40, seed=3):
        assert len(mission.goals) == len(set(mission.goals)) > 0
        text = problem_of(mission)
        problem = parse_problem(text, DOMAIN)
        assert not validate(DOMAIN, problem, []).valid
        assert validate(DOMAIN, problem, read_plan("\n".join(FAMILY.solve(text))).actions).valid


def test_the_splits_never_meet_and_the_size_is_the_number_of_goals() -> None:
    asked = {split: small().tasks(split, 90, (1, 2, 3, 6, 9), 0) for split in SPLITS}
    digests = {split: {task.spec["canonical"] for task in tasks} for split, tasks in asked.items()}
    assert [len(found) for found in digests.values()] == [90, 90]
    assert not digests["deployed"] & digests["heldout"]
    for task in asked["deployed"]:
        assert len(read_back(task.prompt).goals) == task.size


def test_another_template_is_left_as_it_is() -> None:
    assert "(define (domain rover)" in small("paper").tasks("deployed", 1, (2,), 0)[0].prompt
    with pytest.raises(BadInput, match=r"tasks\.range"):
        domains.load("rovers-small", Recipe(tasks=Tasks(range="easy")))


def test_names_stand_in_groups_that_cover_all_objects() -> None:
    assert groups_of(small().names) == NAMES
    known = {name for group in NAMES for name in group}
    for mission in missions(20, seed=4):
        assert {*mission.ways, *mission.seen_from, *(c.name for c in mission.cameras)} <= known


def test_names_without_groups_are_one() -> None:
    assert groups_of(("a", "b")) == (("a", "b"),)
    assert groups_of([("a", "b"), ("c",)]) == (("a", "b"), ("c",))
    assert groups_of(()) == ()


def test_a_mission_is_drawn_from_its_randomness_alone() -> None:
    one, again, other = (random_mission(5, random.Random(seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert replace(one, start="w0") != one
