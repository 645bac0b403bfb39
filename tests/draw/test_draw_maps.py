"""Rovers is drawn as a map with a list of what is to be reported."""

from __future__ import annotations

import itertools
import math

from pictures import SVG, frames_of, named, planned, shown, texts

from iterdeploy.domains.rovers import FAMILY
from iterdeploy.draw import draw_plan
from iterdeploy.draw.layout import layout

PROBLEM = """(define (problem m) (:domain rover)
  (:objects base - lander colour - mode rover1 rover2 - rover s1 s2 - store waypoint1 waypoint2 waypoint3 - waypoint
    camera1 - camera objective1 - objective)
  (:init (at_lander base waypoint3) (at rover1 waypoint1) (at rover2 waypoint2) (empty s1) (empty s2)
    (store_of s1 rover1) (store_of s2 rover2) (equipped_for_soil_analysis rover1) (at_soil_sample waypoint1)
    (at_rock_sample waypoint2) (visible_from objective1 waypoint2)
    (visible waypoint1 waypoint2) (visible waypoint2 waypoint1) (visible waypoint2 waypoint3)
    (visible waypoint3 waypoint2) (can_traverse rover1 waypoint1 waypoint2))
  (:goal (communicated_soil_data waypoint1)))"""
PLAN = """(sample_soil rover1 s1 waypoint1) (navigate rover1 waypoint1 waypoint2)
  (communicate_soil_data rover1 base waypoint1 waypoint2 waypoint3)"""


def test_rovers_stand_at_their_waypoints_and_samples_vanish_when_taken() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, PLAN))
    pictures = [shown(drawn, number) for number in range(4)]
    places = [named(picture, "rover1").attrib["data-place"] for picture in pictures]
    assert places == ["waypoint1", "waypoint1", "waypoint2", "waypoint2"]
    soil = [len(picture.findall(f"{SVG}g[@class='soil']")) for picture in pictures]
    rock = [len(picture.findall(f"{SVG}g[@class='rock']")) for picture in pictures]
    assert (soil, rock) == ([1, 0, 0, 0], [1, 1, 1, 1])


def test_the_panel_says_what_a_rover_has_and_which_goals_are_reached() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, PLAN))
    assert "rover1: -" in texts(shown(drawn, 0))
    assert "rover1: soil 1, full" in texts(shown(drawn, 1))
    assert "· soil waypoint1" in texts(shown(drawn, 2))
    assert "✓ soil waypoint1" in texts(shown(drawn, 3))


def test_lander_objective_and_ways_are_there() -> None:
    drawn = draw_plan(*planned(FAMILY.text, PROBLEM, ""))
    picture = shown(drawn, 0)
    assert named(picture, "lander") is not None
    assert named(picture, "objective1") is not None
    dashed = picture.find(f"{SVG}path[@class='it-line-line']")  # seen, and taken by none
    solid = picture.find(f"{SVG}path[@class='it-soft-line']")
    assert dashed is not None
    assert solid is not None
    assert dashed.attrib["d"].count("M") == solid.attrib["d"].count("M") == 1


def test_waypoints_do_not_cover_each_other() -> None:
    names = [f"w{i}" for i in range(12)]
    ring = list(itertools.pairwise([*names, names[0]]))
    places = layout(names, ring, 400)
    nearest = min(math.dist(places[a], places[b]) for a, b in itertools.combinations(names, 2))
    assert nearest > 24


def test_many_goals_are_counted_and_not_all_listed() -> None:
    drawn = frames_of(FAMILY, {"rovers": 2, "waypoints": 30, "cameras": 3, "objectives": 30}, seed=2)
    said = texts(shown(drawn, 0))
    assert any(line.startswith("goals: 0 of ") for line in said)
    assert any(line.endswith("goals more") for line in said)
