"""Sokoban: every problem is solved by the reference plan, and needs each of its steps."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import ends, judged, read, solved, spared

from iterdeploy.domains.sokoban import CELLS_A_BOX, FAMILY, make, solve
from iterdeploy.errors import BadInput

SMALL = {"grid": 7, "boxes": 2}


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 12), st.integers(1, 6), st.integers(0, 2**32))
def test_any_size_is_solved(grid: int, boxes: int, seed: int) -> None:
    solved(FAMILY, {"grid": grid, "boxes": min(boxes, max(1, grid * grid // CELLS_A_BOX))}, seed)


@pytest.mark.parametrize("parameters", ends(FAMILY, "easy") + ends(FAMILY, "medium")[:1])
def test_the_ranges_are_solved(parameters: dict[str, int]) -> None:
    for seed in range(3):
        solved(FAMILY, parameters, seed)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ends(FAMILY, "medium")[1:] + ends(FAMILY, "hard"))
def test_large_problems_are_solved_in_seconds(parameters: dict[str, int]) -> None:
    before = time.process_time()
    solved(FAMILY, parameters, 1)
    assert time.process_time() - before < 30


@pytest.mark.slow
def test_rooms_as_full_as_they_may_be_are_solved() -> None:
    for grid in range(3, 16):
        for seed in range(2):
            solved(FAMILY, {"grid": grid, "boxes": max(1, grid * grid // CELLS_A_BOX)}, seed)


@pytest.mark.parametrize("seed", range(5))
def test_no_step_of_a_plan_can_be_dropped(seed: int) -> None:
    assert spared(FAMILY, SMALL, seed) == []


def test_the_same_seed_makes_the_same_problem_and_another_a_new_one() -> None:
    assert make(SMALL, random.Random(3)) == make(SMALL, random.Random(3))
    assert len({make(SMALL, random.Random(seed)) for seed in range(50)}) == 50


def test_plans_are_the_same_in_every_process() -> None:
    """Python salts the hashes of strings; no choice may hang on the order of a set."""
    code = (
        "import random; from iterdeploy.domains.sokoban import make, solve;"
        "print(solve(make({'grid': 10, 'boxes': 4}, random.Random(5))))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert len(said) == 1


def test_each_box_stands_off_its_goal_and_the_robot_on_clear_floor() -> None:
    problem = read(FAMILY, make({"grid": 10, "boxes": 4}, random.Random(1)))
    goals = problem.goal_facts or frozenset()
    assert len(goals) == 4
    assert not goals & problem.init
    (robot,) = (fact.split()[1] for fact in problem.init if fact.startswith("at-robot"))
    assert f"clear {robot}" in problem.init


@pytest.mark.parametrize(("name", "value"), [("grid", 2), ("boxes", 0), ("boxes", 9)])
def test_what_does_not_fit_is_refused(name: str, value: int) -> None:
    with pytest.raises(BadInput, match=name):
        make(SMALL | {name: value}, random.Random(0))


def by_hand(*rows: str) -> str:
    """A room from a drawing: # wall, @ robot, a and b boxes, A and B where these are to go."""
    cells = {(r, c): sign for r, row in enumerate(rows) for c, sign in enumerate(row) if sign != "#"}
    name = {place: f"c{place[0]}-{place[1]}" for place in cells}
    ways = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    adjacent = "".join(
        f"(adjacent {name[r, c]} {name[r + y, c + x]} {way})"
        for r, c in cells
        for way, (y, x) in ways.items()
        if (r + y, c + x) in cells
    )
    boxes = {sign: name[place] for place, sign in cells.items() if sign in "ab"}
    goal = "".join(f"(at {sign.lower()} {name[place]})" for place, sign in cells.items() if sign in "AB")
    (robot,) = (name[place] for place, sign in cells.items() if sign == "@")
    clear = "".join(f"(clear {cell})" for cell in name.values() if cell not in boxes.values())
    at = "".join(f"(at {box} {cell})" for box, cell in boxes.items())
    return f"""(define (problem by-hand) (:domain sokoban)
      (:objects {" ".join(name.values())} - location {" ".join(boxes)} - box)
      (:init (at-robot {robot}) {at} {clear} {adjacent}) (:goal (and {goal})))"""


def test_a_box_in_the_way_is_moved_first_though_its_goal_is_named_last() -> None:
    problem = by_hand("        ", "@a b   A", "###B####")
    plan = solve(problem)
    assert judged(FAMILY, problem, plan).valid
    pushed = [step.rstrip(")").split()[-1] for step in plan if step.startswith("(push")]
    assert pushed[0] == "b"
    assert pushed[-1] == "a"


def test_a_room_without_an_order_is_refused() -> None:
    with pytest.raises(BadInput, match="no order"):
        solve(by_hand("@a#A"))
