"""Any other domain: cards by type, what holds of each, and lines between those that are related."""

from __future__ import annotations

from pictures import SVG, Element, looks, named, planned, shown, texts

from iterdeploy.draw import draw_plan

DOMAIN = """(define (domain ferry) (:requirements :typing) (:types car place)
  (:predicates (at ?c - car ?p - place) (here ?p - place) (on ?c - car) (free) (near ?p ?q - place))
  (:action board :parameters (?c - car ?p - place) :precondition (and (at ?c ?p) (here ?p) (free))
    :effect (and (on ?c) (not (at ?c ?p)) (not (free))))
  (:action sail :parameters (?p ?q - place) :precondition (here ?p) :effect (and (here ?q) (not (here ?p)))))"""
PROBLEM = """(define (problem f) (:domain ferry) (:objects a b - car left right - place)
  (:init (at a left) (at b right) (here left) (free) (near left right)) (:goal (on a)))"""


def test_cards_stand_in_groups_by_type_and_say_what_holds() -> None:
    picture = shown(draw_plan(*planned(DOMAIN, PROBLEM, "")), 0)
    said = texts(picture)
    assert {"car", "place", "a", "b", "left", "right", "free"} <= set(said)
    lines = [element.text for element in named(picture, "a").iter(f"{SVG}text")]
    assert lines == ["a", "at left"]
    tops = {name: float(_rect(picture, name)["y"]) for name in ("a", "b", "left", "right")}
    assert tops["a"] == tops["b"] < tops["left"] == tops["right"]


def test_related_objects_are_joined_and_what_is_new_stands_out() -> None:
    drawn = draw_plan(*planned(DOMAIN, PROBLEM, "(board a left)"))
    before, after = shown(drawn, 0), shown(drawn, 1)
    assert sorted(_joins(before)) == ["at a left", "at b right"]
    assert _joins(after) == ["at b right"]
    assert "it-new" in looks(after, "a")
    assert "it-new" not in looks(after, "b")
    assert "free" not in texts(after)


def test_facts_that_never_change_are_not_on_the_cards() -> None:
    assert not any("near" in line for line in texts(shown(draw_plan(*planned(DOMAIN, PROBLEM, "")), 0)))


def test_of_many_objects_those_that_the_plan_names_are_drawn_and_the_others_counted() -> None:
    cars = " ".join(f"c{i}" for i in range(500))
    problem = PROBLEM.replace("a b - car", f"{cars} a b - car")
    drawn = draw_plan(*planned(DOMAIN, problem, "(board a left)"))
    assert named(shown(drawn, 1), "a") is not None
    assert drawn.drawing.notice == "444 of 504 objects are not drawn"


def _rect(picture: Element, name: str) -> dict[str, str]:
    rect = named(picture, name).find(f"{SVG}rect")
    assert rect is not None
    return rect.attrib


def _joins(picture: Element) -> list[str]:
    return [path.findtext(f"{SVG}title") or "" for path in picture.iter(f"{SVG}path")]
