"""Rovers: every problem is solved by the reference plan, and needs each of its steps."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import ends, judged, read, solved, spared

from iterdeploy.domains.rovers import FAMILY, make, solve
from iterdeploy.errors import BadInput

SMALL = {"rovers": 2, "waypoints": 5, "cameras": 2, "objectives": 3}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(2, 12), st.integers(1, 5), st.integers(1, 10), st.integers(0, 2**32))
def test_any_size_is_solved(rovers: int, waypoints: int, cameras: int, objectives: int, seed: int) -> None:
    solved(
        FAMILY, {"rovers": rovers, "waypoints": waypoints, "cameras": cameras, "objectives": objectives}, seed
    )


@pytest.mark.parametrize("parameters", ends(FAMILY, "easy") + ends(FAMILY, "medium")[:1])
def test_the_ranges_are_solved(parameters: dict[str, int]) -> None:
    for seed in range(5):
        solved(FAMILY, parameters, seed)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ends(FAMILY, "medium")[1:] + ends(FAMILY, "hard"))
def test_large_problems_are_solved_in_seconds(parameters: dict[str, int]) -> None:
    before = time.process_time()
    solved(FAMILY, parameters, 1)
    assert time.process_time() - before < 30


@pytest.mark.parametrize("seed", range(5))
def test_no_step_of_a_plan_can_be_dropped(seed: int) -> None:
    assert spared(FAMILY, SMALL, seed) == []


def test_the_same_seed_makes_the_same_problem_and_another_a_new_one() -> None:
    assert make(SMALL, random.Random(3)) == make(SMALL, random.Random(3))
    assert len({make(SMALL, random.Random(seed)) for seed in range(50)}) == 50


def test_a_problem_has_what_was_asked_for() -> None:
    kinds = [types[0] for types in read(FAMILY, make(SMALL, random.Random(0))).objects.values()]
    for name, kind in (("rovers", "rover"), ("waypoints", "waypoint"), ("cameras", "camera")):
        assert kinds.count(kind) == SMALL[name]
    assert kinds.count("objective") == SMALL["objectives"]


@pytest.mark.parametrize("name", SMALL)
def test_too_few_of_one_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        make(SMALL | {name: 0}, random.Random(0))


FOREIGN = """(define (problem by-hand) (:domain rover)
  (:objects base - lander colour - mode r1 r2 - rover s1 s2 - store a b c - waypoint cam - camera rock - objective)
  (:init (at_lander base c) (at r1 a) (at r2 b) (full s1) (empty s2) (store_of s1 r1) (store_of s2 r2)
    (equipped_for_soil_analysis r1) (equipped_for_imaging r2) (on_board cam r2) (supports cam colour)
    (calibration_target cam rock) (visible_from rock a) (at_soil_sample a)
    (visible a b) (visible b a) (visible b c) (visible c b)
    (can_traverse r1 a b) (can_traverse r2 b a) (can_traverse r2 a b))
  (:goal (and (communicated_soil_data a) (communicated_image_data rock colour))))"""


def test_a_full_store_and_ways_of_one_rover_alone() -> None:
    plan = solve(FOREIGN)
    assert judged(FAMILY, FOREIGN, plan).valid
    assert plan[0] == "(drop r1 s1)"


def test_a_goal_that_no_rover_reaches_is_named() -> None:
    with pytest.raises(BadInput, match=r"communicated_image_data rock colour"):
        solve(FOREIGN.replace("(can_traverse r2 b a)", ""))
