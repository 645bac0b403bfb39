"""Every problem of every family can be solved, and is shown to be; none is solved at the start."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import families
import pytest
from families import FAMILIES, judged, problem
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import iterdeploy
from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.statement import WIDTH
from iterdeploy.errors import BadInput
from iterdeploy.pddl import parse_domain, parse_problem, read_plan
from iterdeploy.pddl.val import ask_val

by_family = pytest.mark.parametrize("name", FAMILIES)

RANGES: Mapping[str, Mapping[str, Mapping[str, tuple[int, int]]]] = {
    "blocksworld-ipc": {
        "easy": {"blocks": (5, 30)},
        "medium": {"blocks": (35, 150)},
        "hard": {"blocks": (160, 500)},
    },
    "childsnack": {
        "easy": {"children": (4, 10), "allergic": (0, 6), "trays": (1, 3), "sandwiches": (4, 15)},
        "medium": {"children": (15, 40), "allergic": (15, 25), "trays": (2, 5), "sandwiches": (15, 60)},
        "hard": {"children": (50, 300), "allergic": (50, 150), "trays": (4, 10), "sandwiches": (50, 450)},
    },
    "ferry": {
        "easy": {"cars": (1, 20), "locations": (5, 15)},
        "medium": {"cars": (10, 100), "locations": (20, 50)},
        "hard": {"cars": (200, 1000), "locations": (100, 500)},
    },
    "miconic": {
        "easy": {"passengers": (1, 10), "floors": (4, 20)},
        "medium": {"passengers": (20, 80), "floors": (30, 60)},
        "hard": {"passengers": (50, 500), "floors": (80, 200)},
    },
    "spanner": {
        "easy": {"spanners": (1, 10), "nuts": (1, 5), "locations": (4, 10)},
        "medium": {"spanners": (30, 90), "nuts": (15, 50), "locations": (15, 45)},
        "hard": {"spanners": (100, 500), "nuts": (50, 250), "locations": (50, 100)},
    },
    "transport": {
        "easy": {"vehicles": (3, 6), "packages": (1, 15), "locations": (5, 15), "capacity": (2, 2)},
        "medium": {"vehicles": (10, 20), "packages": (5, 45), "locations": (20, 40), "capacity": (4, 4)},
        "hard": {"vehicles": (30, 50), "packages": (20, 200), "locations": (50, 100), "capacity": (10, 10)},
    },
}
"""The ranges of the Learning Track of IPC 2023."""


def solved(name: str, level: str, place: int, places: int, seed: int) -> None:
    family = FAMILIES[name]
    text = problem(family, level, place, places, seed)
    judgement = judged(family, text, family.solve(text))
    assert judgement.valid, judgement.reason
    assert not judged(family, text, []).valid, "the goal holds at the start"
    assert max(map(len, text.splitlines())) < (700 if "blocks-" in text else WIDTH + 20), (
        "time quadratic in it"
    )


@by_family
@given(place=st.integers(0, 29), seed=st.integers(0, 2**63 - 1))
@settings(max_examples=20, deadline=None, phases=[Phase.generate])
def test_easy_problems_have_valid_reference_plans(name: str, place: int, seed: int) -> None:
    solved(name, "easy", place, 30, seed)


@by_family
@pytest.mark.parametrize("level", ["easy", "medium"])
def test_both_ends_of_the_smaller_ranges_can_be_solved(name: str, level: str) -> None:
    for place in (0, 1):
        solved(name, level, place, 2, 1)


@pytest.mark.slow
@by_family
@pytest.mark.parametrize("level", ["medium", "hard"])
def test_large_problems_have_valid_reference_plans(name: str, level: str) -> None:
    for place in range(3):
        solved(name, level, place, 3, place)


@by_family
def test_val_agrees_about_a_reference_plan(name: str) -> None:
    family = FAMILIES[name]
    text = problem(family, "easy", 2, 4, 5)
    steps = read_plan("\n".join(family.solve(text))).actions
    assert ask_val(family.text, text, steps).valid
    assert not ask_val(family.text, text, steps[:-1]).valid


@by_family
def test_the_same_seed_makes_the_same_problem_and_another_seed_another(name: str) -> None:
    family = FAMILIES[name]
    assert problem(family, "easy", 1, 2, 3) == problem(family, "easy", 1, 2, 3)
    assert problem(family, "easy", 1, 2, 3) != problem(family, "easy", 1, 2, 4)


def test_problems_and_plans_are_the_same_in_every_process() -> None:
    """Python salts the hashes of strings, and with them the order of sets."""
    code = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from families import FAMILIES, problem\n"
        "for name, family in FAMILIES.items():\n"
        "    text = problem(family, 'easy', 2, 3, 7)\n"
        "    said = text + '\\n'.join(family.solve(text))\n"
        "    print(name, hashlib.sha256(said.encode()).hexdigest())"
    )
    tests, source = Path(families.__file__).parent, Path(iterdeploy.__file__).parents[1]
    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(tests)],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for salt in ("1", "2")
    ]
    assert len(said[0]) == len(FAMILIES)
    assert said[0] == said[1]


@by_family
def test_a_family_needs_no_more_than_types_and_negative_preconditions(name: str) -> None:
    domain = parse_domain(FAMILIES[name].text)
    assert set(domain.requirements) <= {":strips", ":typing", ":negative-preconditions"}


@by_family
def test_each_parameter_is_named_if_it_is_impossible(name: str) -> None:
    family = FAMILIES[name]
    good = {parameter: last for parameter, (_, last) in family.ranges["easy"].items()}
    assert family.size in good
    for parameter in good:
        with pytest.raises(BadInput, match=parameter):
            family.make({**good, parameter: -1}, random.Random(0))
    with pytest.raises(BadInput, match="|".join(good)):
        family.make({}, random.Random(0))


@pytest.mark.parametrize("name", RANGES)
def test_the_ranges_are_those_of_the_competition(name: str) -> None:
    assert FAMILIES[name].ranges == RANGES[name]


@by_family
def test_all_ranges_have_the_same_parameters(name: str) -> None:
    ranges = FAMILIES[name].ranges
    assert list(ranges) == ["easy", "medium", "hard"]
    assert len({tuple(span) for span in ranges.values()}) == 1


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("spanner", {"spanners": 2, "nuts": 3, "locations": 4}, "nuts = 3 needs spanners >= 3, not 2"),
        (
            "childsnack",
            {"children": 2, "allergic": 3, "trays": 1, "sandwiches": 4},
            "allergic = 3 needs children >= 3, not 2",
        ),
        (
            "childsnack",
            {"children": 5, "allergic": 3, "trays": 1, "sandwiches": 4},
            "children = 5 needs sandwiches >= 5, not 4",
        ),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(
    name: str, parameters: dict[str, int], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        FAMILIES[name].make(parameters, random.Random(0))


# --- what the generators promise ---------------------------------------------------------------


def objects(text: str, kind: str) -> list[str]:
    return [name for name, found in atoms_of(text).objects if found == kind]


@given(cars=st.integers(1, 30), locations=st.integers(2, 12), seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_every_car_of_ferry_must_move(cars: int, locations: int, seed: int) -> None:
    text = FAMILIES["ferry"].make({"cars": cars, "locations": locations}, random.Random(seed))
    said = atoms_of(text)
    assert (len(objects(text, "car")), len(objects(text, "location"))) == (cars, locations)
    assert len(said.goal) == cars
    assert not set(said.goal) & set(said.init)


@given(seed=st.integers(0, 2**32), allergic=st.integers(0, 8), spare=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_childsnack_has_enough_without_gluten(seed: int, allergic: int, spare: int) -> None:
    parameters = {"children": 8, "allergic": allergic, "trays": 2, "sandwiches": 8 + spare}
    text = FAMILIES["childsnack"].make(parameters, random.Random(seed))
    kinds = [atom[0] for atom in atoms_of(text).init]
    assert kinds.count("allergic_gluten") == allergic
    assert kinds.count("not_allergic_gluten") == 8 - allergic
    assert allergic <= min(kinds.count("no_gluten_bread"), kinds.count("no_gluten_content")) <= 8
    assert kinds.count("notexist") == 8 + spare


@given(vehicles=st.integers(1, 5), locations=st.integers(2, 20), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_roads_of_transport_lead_both_ways_and_everywhere(
    vehicles: int, locations: int, seed: int
) -> None:
    parameters = {"vehicles": vehicles, "packages": 3, "locations": locations, "capacity": 3}
    said = atoms_of(FAMILIES["transport"].make(parameters, random.Random(seed)))
    roads = {atom[1:] for atom in said.init if atom[0] == "road"}
    assert {(b, a) for a, b in roads} == roads
    reached = {"l1"}
    while more := {b for a, b in roads if a in reached} - reached:
        reached |= more
    assert len(reached) == locations
    assert {atom[2] for atom in said.init if atom[0] == "capacity"} <= {"c1", "c2", "c3"}


# --- problems from elsewhere -------------------------------------------------------------------

ELSEWHERE = {
    "blocksworld-ipc": """(define (problem x) (:domain blocksworld) (:objects u v w x y - object)
        (:init (holding u) (clear v) (on v w) (on-table w) (clear x) (on x y) (on-table y))
        (:goal (and (on w x) (on u w) (clear v))))""",
    "blocksworld": """(define (problem x) (:domain blocksworld) (:objects u v w)
        (:init (handempty) (clear u) (on u v) (on v w) (ontable w)) (:goal (and (on v w) (clear v))))""",
    "ferry": """(define (problem x) (:domain ferry) (:objects a b c - car k l m - location)
        (:init (on a) (at-ferry k) (at b l) (at c m)) (:goal (and (at a m) (at b m) (at c m) (at-ferry k))))""",
    "miconic": """(define (problem x) (:domain miconic) (:objects a b c - passenger f g - floor)
        (:init (lift-at g) (above f g) (boarded a) (destin a g) (origin b g) (destin b f) (served c) (destin c f))
        (:goal (and (served a) (served b) (served c))))""",
    "spanner": """(define (problem x) (:domain spanner) (:objects m - man s t u - spanner n o - nut a b c - location)
        (:init (at m a) (link a b) (link b c) (carrying m s) (usable s) (at t a) (at u b) (usable u)
          (at n c) (loose n) (at o c) (loose o)) (:goal (and (tightened n) (tightened o))))""",
    "transport": """(define (problem x) (:domain transport)
        (:objects v w - vehicle p q r - package a b c - location none one two - size)
        (:init (capacity-predecessor none one) (capacity-predecessor one two) (capacity v none) (capacity w two)
          (in p v) (at v a) (at w c) (at q b) (at r c) (road a b) (road b a) (road b c) (road c b))
        (:goal (and (at p c) (at q a) (at r c))))""",
    "childsnack": """(define (problem x) (:domain childsnack) (:objects c d e - child t - tray s r q - sandwich
        b1 b2 - bread-portion k1 k2 - content-portion here there - place)
        (:init (at t there) (at_kitchen_bread b1) (at_kitchen_bread b2) (at_kitchen_content k1)
          (at_kitchen_content k2) (no_gluten_bread b1) (no_gluten_content k2) (allergic_gluten c)
          (not_allergic_gluten d) (not_allergic_gluten e) (served e) (waiting c here) (waiting d kitchen)
          (waiting e there) (notexist s) (notexist r) (notexist q))
        (:goal (and (served d) (served c) (served e))))""",
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_problem_from_elsewhere_is_solved_too(name: str) -> None:
    family, text = FAMILIES[name], ELSEWHERE[name]
    judgement = judged(family, text, family.solve(text))
    assert judgement.valid, judgement.reason


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("spanner", "(link b c)", "", "no way leads from a to c"),
        ("spanner", "(usable u)", "", "1 usable spanners lie on the way, for 2 nuts"),
        ("spanner", "(at o c)", "(at o b)", "the nuts of this problem lie in 2 places"),
        ("transport", "(at p c)", "(at v c)", "wants the vehicle v at c"),
        ("transport", "(road b a)", "", "no road leads w from"),
        ("childsnack", "(notexist r) (notexist q)", "", "too few sandwiches or portions"),
    ],
)
def test_a_problem_beyond_a_solver_is_refused(name: str, before: str, after: str, message: str) -> None:
    text = ELSEWHERE[name].replace(before, after)
    assert text != ELSEWHERE[name]
    with pytest.raises(BadInput, match=message):
        FAMILIES[name].solve(text)


def test_every_text_parses_with_the_domain_of_its_name() -> None:
    for name, family in FAMILIES.items():
        parsed = parse_problem(problem(family, "easy", 0, 2, 0), parse_domain(family.text))
        assert parsed.domain_name == parse_domain(family.text).name, name
