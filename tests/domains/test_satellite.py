"""Satellite: every problem is solved by the reference plan, and needs each of its steps."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import ends, judged, read, solved, spared

from iterdeploy.domains.satellite import FAMILY, make, solve
from iterdeploy.errors import BadInput

SMALL = {"satellites": 2, "instruments": 3, "modes": 2, "directions": 4}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 4), st.integers(2, 9), st.integers(0, 2**32))
def test_any_size_is_solved(
    satellites: int, instruments: int, modes: int, directions: int, seed: int
) -> None:
    counts = (satellites, instruments, modes, directions)
    solved(FAMILY, dict(zip(SMALL, counts, strict=True)), seed)


@pytest.mark.parametrize("parameters", ends(FAMILY, "easy") + ends(FAMILY, "medium"))
def test_the_ranges_are_solved(parameters: dict[str, int]) -> None:
    for seed in range(3):
        solved(FAMILY, parameters, seed)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ends(FAMILY, "hard"))
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


def test_a_problem_has_what_was_asked_for_and_no_satellite_is_empty() -> None:
    problem = read(FAMILY, make(SMALL, random.Random(0)))
    kinds = [types[0] for types in problem.objects.values()]
    assert [kinds.count(kind) for kind in ("satellite", "instrument", "mode", "direction")] == list(
        SMALL.values()
    )
    assert {fact.split()[2] for fact in problem.init if fact.startswith("on_board")} == {"sat1", "sat2"}


@pytest.mark.parametrize("name", SMALL)
def test_too_few_of_one_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        make(SMALL | {name: 0}, random.Random(0))


FOREIGN = """(define (problem by-hand) (:domain satellite)
  (:objects s - satellite i j - instrument thermal image - mode star moon - direction)
  (:init (pointing s star) (power_on j) (calibrated j) (on_board i s) (on_board j s) (supports i image)
    (supports j thermal) (calibration_target i star) (calibration_target j moon))
  (:goal (and (have_image moon image) (have_image moon thermal) (pointing s star))))"""


def test_an_instrument_that_is_on_already() -> None:
    plan = solve(FOREIGN)
    assert judged(FAMILY, FOREIGN, plan).valid
    assert plan[0] == "(switch_off j s)"


def test_a_mode_that_no_instrument_has_is_named() -> None:
    with pytest.raises(BadInput, match=r"have_image moon thermal"):
        solve(FOREIGN.replace("(supports j thermal)", ""))
