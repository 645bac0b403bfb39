"""A plan as frames: what is drawn of it, where it fails, and that no text and no size can harm the picture."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import SVG, frames_of, parsed, planned, texts

from iterdeploy.domains import COMPETITION, blocksworld_ipc, family_of, rovers, satellite
from iterdeploy.domains.family import Family
from iterdeploy.draw import draw_plan, plan_svg, strip
from iterdeploy.draw.svg import DARK, LIGHT, document, wrapped
from iterdeploy.pddl import Action

BLOCKS = blocksworld_ipc.FAMILY
PROBLEM = """(define (problem p) (:domain blocksworld) (:objects a b)
  (:init (on-table a) (on-table b) (clear a) (clear b) (arm-empty)) (:goal (on a b)))"""
FAMILIES = [*map(family_of, COMPETITION)]


def test_a_valid_plan_has_a_frame_for_each_state_and_the_last_one_says_so() -> None:
    drawn = draw_plan(*planned(BLOCKS.text, PROBLEM, "(pickup a) (stack a b)"))
    assert [(frame.number, frame.action, frame.mark) for frame in drawn.frames] == [
        (0, "", ""),
        (1, "(pickup a)", ""),
        (2, "(stack a b)", "reached"),
    ]
    assert (drawn.left_out, drawn.judgement.valid) == (0, True)


def test_a_failing_step_ends_the_frames_with_the_state_it_failed_in() -> None:
    drawn = draw_plan(*planned(BLOCKS.text, PROBLEM, "(pickup a) (pickup b) (stack a b)"))
    last = drawn.frames[-1]
    assert (last.number, last.action, last.mark) == (2, "(pickup b)", "failed")
    assert "needs (arm-empty)" in last.note or "needs" in last.note
    assert drawn.left_out == 0
    picture = parsed(strip(drawn, "p"))
    (failed,) = picture.findall(".//*[@class='frame failed']")
    assert failed.attrib["data-step"] == "2"
    assert "2 (pickup b)" in texts(failed)
    assert any(line == "the 1 step after the failing one are not drawn" for line in texts(picture))


def test_a_goal_that_is_missed_is_marked_on_the_last_state() -> None:
    drawn = draw_plan(*planned(BLOCKS.text, PROBLEM, "(pickup a)"))
    assert drawn.frames[-1].mark == "missed"
    assert "(on a b)" in drawn.frames[-1].note
    empty = draw_plan(*planned(BLOCKS.text, PROBLEM, ""))
    assert [frame.mark for frame in empty.frames] == ["missed"]


def test_a_long_plan_is_abridged_and_says_by_how_much() -> None:
    plan = "(pickup a) (putdown a)" * 500
    drawn = draw_plan(*planned(BLOCKS.text, PROBLEM, plan))
    assert len(drawn.frames) == 60
    assert (drawn.frames[-1].number, drawn.left_out) == (1000, 941)
    picture = parsed(strip(drawn, "p"))
    assert "941 of 1001 states are not drawn" in texts(picture)
    assert len(picture.findall(".//*[@class='skipped']")) == 1
    numbers = [frame.number for frame in drawn.frames]
    assert numbers == sorted(numbers)


def test_a_long_plan_that_fails_shows_the_failing_step() -> None:
    drawn = draw_plan(*planned(BLOCKS.text, PROBLEM, "(pickup a) (putdown a)" * 300 + "(pickup c)"), most=10)
    assert (len(drawn.frames), drawn.frames[-1].number, drawn.frames[-1].mark) == (10, 601, "failed")
    assert drawn.left_out == 592


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_domain_that_ships_can_be_drawn(family: Family) -> None:
    small = {name: first for name, (first, _) in family.ranges["easy"].items()}
    for drop in (None, 0):
        drawn = frames_of(family, small, drop=drop)
        picture = parsed(strip(drawn, family.name))
        assert len(picture.findall(".//*[@data-step]")) == len(drawn.frames)


HOSTILE = [
    "<script>alert(1)</script>",
    'a" onload="x',
    "&lt;",
    "]]>",
    "\x00\x1b[2J",
    "\ud800",
    "￾",
    "b" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_plan_gets_out_of_its_place(text: str) -> None:
    domain, problem, _ = planned(BLOCKS.text, PROBLEM, "")
    svg = plan_svg(domain, problem, [Action(text, (text, "a"))], heading=text)
    picture = parsed(svg.encode("utf-8", "surrogatepass").decode("utf-8"))
    assert not list(picture.iter(f"{SVG}script"))
    assert not any(name.startswith("on") for element in picture.iter() for name in element.attrib)
    assert len(svg) < 20_000 + 40 * min(len(text), 1000)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.lists(st.text(max_size=9), max_size=3)), max_size=4))
def test_any_plan_at_all_becomes_a_picture(steps: list[tuple[str, list[str]]]) -> None:
    domain, problem, _ = planned(BLOCKS.text, PROBLEM, "")
    parsed(plan_svg(domain, problem, [Action(name, tuple(args)) for name, args in steps]))


@pytest.mark.parametrize("name", ["blocks", "rovers", "satellite"])
def test_five_hundred_objects_take_a_moment(name: str) -> None:
    family, parameters = {
        "blocks": (BLOCKS, {"blocks": 500}),
        "rovers": (rovers.FAMILY, {"rovers": 15, "waypoints": 200, "cameras": 60, "objectives": 200}),
        "satellite": (
            satellite.FAMILY,
            {"satellites": 100, "instruments": 200, "modes": 10, "directions": 190},
        ),
    }[name]
    problem = family.make(parameters, random.Random(1))
    read = planned(family.text, problem, "\n".join(family.solve(problem)))
    before = time.process_time()
    svg = plan_svg(*read)
    assert time.process_time() - before < 3  # a third of it on an idle machine
    assert len(svg) < 4_000_000
    assert "states are not drawn" in svg


def test_the_same_plan_gives_the_same_bytes() -> None:
    read = planned(BLOCKS.text, PROBLEM, "(pickup a) (stack a b)")
    assert plan_svg(*read) == plan_svg(*read)


def _light(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_can_be_read_on_light_and_on_dark(palette: dict[str, str]) -> None:
    pairs = [*itertools.product(("ink",), ("paper", "card", "floor", "thing", "new", "done"))]
    pairs += itertools.product(("soft", "good", "bad"), ("paper", "card"))
    pairs += [("good", "floor")]
    for text, ground in pairs:
        low, high = sorted((_light(palette[text]), _light(palette[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def test_both_palettes_are_in_every_picture() -> None:
    svg = document(10, 10)
    assert LIGHT["ink"] in svg
    assert DARK["ink"] in svg
    assert "prefers-color-scheme:dark" in svg


def test_long_actions_are_broken_into_lines_and_cut() -> None:
    assert wrapped("(go a b)", 200, 10, 3) == ["(go a b)"]
    lines = wrapped("(move " + "loc " * 50 + ")", 100, 10, 3)
    assert len(lines) == 3
    assert all(len(line) <= 16 for line in lines)
    assert lines[-1].endswith("…")
