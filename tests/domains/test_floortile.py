"""Floortile: every problem is solved by the reference plan, and needs each of its steps."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import ends, judged, read, solved, spared

from iterdeploy.domains.floortile import FAMILY, make, solve
from iterdeploy.errors import BadInput

SMALL = {"rows": 3, "columns": 4, "robots": 2}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32))
def test_any_size_is_solved(rows: int, columns: int, robots: int, seed: int) -> None:
    solved(FAMILY, {"rows": rows, "columns": columns, "robots": min(robots, columns)}, seed)


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
    assert len({make(SMALL, random.Random(seed)) for seed in range(50)}) > 45


def test_half_of_the_problems_ask_for_a_checkerboard() -> None:
    boards = 0
    for seed in range(100):
        goal = read(FAMILY, make(SMALL, random.Random(seed))).goal_facts or ()
        colors = {tuple(map(int, fact.split()[1].split("_")[1:])): fact.split()[2] for fact in goal}
        assert len(colors) == 12
        boards += all(
            colors[row, column] != colors.get((row, column + 1)) != colors.get((row + 1, column + 1))
            for row, column in colors
            if row < 3 and column < 4
        )
    assert 30 < boards < 70


@pytest.mark.parametrize("name", SMALL)
def test_too_few_of_one_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        make(SMALL | {name: 0}, random.Random(0))


def test_more_robots_than_columns_are_refused() -> None:
    with pytest.raises(BadInput, match="robots"):
        make(SMALL | {"robots": 5}, random.Random(0))


def by_hand(robots: tuple[str, str], goal: str) -> str:
    """A floor of two columns and three rows, with two robots on the tiles given."""
    tiles = ["a0", "b0", "a1", "b1", "a2", "b2"]
    clear = "".join(f"(clear {tile})" for tile in tiles if tile not in robots)
    up = [("a1", "a0"), ("a2", "a1"), ("b1", "b0"), ("b2", "b1")]
    right = [("b0", "a0"), ("b1", "a1"), ("b2", "a2")]
    ways = "".join(f"(up {x} {y}) (down {y} {x})" for x, y in up)
    ways += "".join(f"(right {x} {y}) (left {y} {x})" for x, y in right)
    return f"""(define (problem by-hand) (:domain floortile)
      (:objects r s - robot {" ".join(tiles)} - tile white black - color)
      (:init (robot-at r {robots[0]}) (robot-at s {robots[1]}) (robot-has r white) (robot-has s white)
        (available-color white) (available-color black) {clear} {ways})
      (:goal (and {goal})))"""


@pytest.mark.parametrize("robots", [("a2", "a1"), ("a1", "a2"), ("a0", "a2"), ("b2", "b0"), ("a0", "b1")])
def test_robots_in_one_column_line_up_first(robots: tuple[str, str]) -> None:
    problem = by_hand(robots, "(painted a1 black) (painted a2 white) (painted b1 white) (painted b2 white)")
    assert judged(FAMILY, problem, solve(problem)).valid


def test_a_tile_that_cannot_be_painted_from_below_is_refused() -> None:
    with pytest.raises(BadInput, match="no way"):
        solve(by_hand(("a1", "b2"), "(painted a0 white)"))
