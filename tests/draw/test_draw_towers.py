"""Blocksworld is drawn as towers, the right block on top."""

from __future__ import annotations

import pytest
from pictures import box, looks, parsed, planned, shown, texts

from iterdeploy.domains import blocksworld_ipc, load
from iterdeploy.draw import draw_plan, draw_state
from iterdeploy.pddl import parse_domain, parse_problem
from iterdeploy.recipe import Recipe

ONE = load("blocksworld", Recipe()).text
OTHER = blocksworld_ipc.FAMILY.text  # the same with other names


def problem(text: str) -> str:
    """Blocks a, b and c in a tower, a on top, and d beside it."""
    table, hand = ("ontable", "handempty") if text == ONE else ("on-table", "arm-empty")
    return f"""(define (problem p) (:domain blocksworld) (:objects a b c d)
      (:init (on a b) (on b c) ({table} c) ({table} d) (clear a) (clear d) ({hand})) (:goal (on a d)))"""


@pytest.mark.parametrize("text", [ONE, OTHER])
def test_a_tower_of_three_with_the_right_block_on_top(text: str) -> None:
    domain = parse_domain(text)
    picture = parsed(draw_state(domain, parse_problem(problem(text), domain)))
    a, b, c, d = (box(picture, name) for name in "abcd")
    assert a[0] == b[0] == c[0] != d[0]
    assert a[1] < b[1] < c[1] == d[1]  # y grows downwards
    assert {"a", "b", "c", "d"} <= set(texts(picture))


def test_the_hand_holds_a_block_above_all_towers() -> None:
    drawn = draw_plan(*planned(ONE, problem(ONE), "(unstack a b) (stack a d)"))
    held = shown(drawn, 1)
    assert box(held, "a")[1] < box(shown(drawn, 0), "a")[1]
    last = shown(drawn, 2)
    assert box(last, "a")[0] == box(last, "d")[0]
    assert box(last, "a")[1] < box(last, "d")[1]


def test_what_moved_stands_out_and_what_did_not_stays_in_its_place() -> None:
    drawn = draw_plan(*planned(ONE, problem(ONE), "(unstack a b) (put-down a) (unstack b c)"))
    for number, moved in ((1, "a"), (2, "a"), (3, "b")):
        picture = shown(drawn, number)
        for name in "abcd":
            assert ("it-new" in looks(picture, name)) == (name == moved)
            if name != moved:
                assert box(picture, name) == box(shown(drawn, number - 1), name)
