"""Tasks along a range: parameters grow linearly, no task comes twice, and what is impossible is said."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest
from families import FAMILIES, judged
from hypothesis import given, settings
from hypothesis import strategies as st

from iterdeploy.check import check_domain
from iterdeploy.domains import COMPETITION, load
from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.domains.ranges import parameters_at, parameters_of, range_of
from iterdeploy.errors import BadInput
from iterdeploy.pddl import Action
from iterdeploy.recipe import Recipe, Tasks, preset
from iterdeploy.types import SPLITS, Task, Trace

FERRY = FAMILIES["ferry"]


def opened(name: str, span: str = "") -> PddlDomain:
    return load(name, Recipe(tasks=Tasks(domain=name, range=span)))


def said(tasks: list[Task]) -> list[str]:
    return [task.spec["parameters"] for task in tasks]


# --- the tasks of before -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count", "heldout", "digest"),
    [
        ("blocksworld", 600, 200, "20ba337dd79f977ba148d6b831a7174f"),
        ("blocksworld-uniform", 60, 20, "d84aaf427280ad4661ba533927994b2c"),
    ],
)
def test_the_tasks_of_published_runs_stay_byte_for_byte(
    name: str, count: int, heldout: int, digest: str
) -> None:
    """Ids, prompts, texts and splits of the demo's tasks: results stand on them."""
    wanted = preset("demo").tasks
    domain = load(name, replace(preset("demo"), tasks=replace(wanted, domain=name)))
    tasks = domain.tasks("deployed", count, wanted.sizes, wanted.seed)
    tasks += domain.tasks("heldout", heldout, wanted.sizes, wanted.seed)
    assert hashlib.blake2b(msgspec.json.encode(tasks), digest_size=16).hexdigest() == digest


# --- ranges --------------------------------------------------------------------------------------


def test_parameters_grow_linearly_from_the_first_to_the_last() -> None:
    span = FERRY.ranges["easy"]
    assert parameters_at(span, 0, 20) == {"cars": 1, "locations": 5}
    assert parameters_at(span, 10, 20) == {"cars": 11, "locations": 10}
    assert parameters_at(span, 19, 20) == {"cars": 20, "locations": 15}
    assert parameters_at(span, 0, 1) == {"cars": 1, "locations": 5}


@given(places=st.integers(1, 50), first=st.integers(0, 50), last=st.integers(0, 50))
def test_no_parameter_leaves_its_range(places: int, first: int, last: int) -> None:
    values = [parameters_at({"n": (first, last)}, place, places)["n"] for place in range(places)]
    assert all(min(first, last) <= value <= max(first, last) for value in values)
    assert values == sorted(values, reverse=first > last)
    assert values[0] == first
    assert places == 1 or values[-1] == last


def test_a_size_scales_the_other_parameters_and_goes_on_beyond_the_range() -> None:
    assert parameters_of(FERRY, 1) == {"cars": 1, "locations": 5}
    assert parameters_of(FERRY, 20) == {"cars": 20, "locations": 15}
    assert parameters_of(FERRY, 39) == {"cars": 39, "locations": 25}
    assert parameters_of(FAMILIES["childsnack"], 2) == {
        "children": 2,
        "allergic": 0,
        "trays": 1,
        "sandwiches": 4,
    }
    assert parameters_of(FAMILIES["transport"], 15)["capacity"] == 2


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [2, 5, 12, 40])
def test_every_size_can_be_made_and_solved(name: str, size: int) -> None:
    family = FAMILIES[name]
    if size < family.ranges["easy"][family.size][0] and name not in ("childsnack", "transport"):
        size = family.ranges["easy"][family.size][0]
    domain = opened(name)
    (task,) = domain.tasks("deployed", 1, (size,), 0)
    assert task.size == size
    assert judged(family, task.spec["problem"], family.solve(task.spec["problem"])).valid


@pytest.mark.parametrize(
    "text", ["cars=1-20 locations=5-15", "locations=5-15,cars=1-20", "  cars=1-20,  locations=5-15 "]
)
def test_a_stated_range_has_the_order_of_the_family(text: str) -> None:
    assert list(range_of(FERRY, text).items()) == [("cars", (1, 20)), ("locations", (5, 15))]


def test_one_number_is_a_range_too() -> None:
    assert range_of(FERRY, "cars=7 locations=3-4") == {"cars": (7, 7), "locations": (3, 4)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "eazy",
            r"ferry has no range 'eazy'; there are easy, hard, medium \(did you mean easy\?\), or state one",
        ),
        ("cars=1-20", 'lacks locations; write one like "cars=1-20 locations=5-15"'),
        ("cars=1-20 places=5", r"ferry has no parameter 'places'; there are cars, locations"),
        ("cars=1-20 cars=3 locations=5", "states cars twice"),
        ("cars=1..20 locations=5", r"'cars=1\.\.20' is no part of a range; write NAME=FROM-TO"),
        ("cars=-3 locations=5", "'cars=-3' is no part of a range"),
        ("easy hard", "ferry has no range 'easy hard'"),
    ],
)
def test_a_wrong_range_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        opened("ferry", text)


def test_a_range_for_a_domain_that_has_none_is_refused() -> None:
    from iterdeploy.domains.pddl import open_pddl

    with pytest.raises(
        BadInput, match=r"tasks\.range = 'easy', but the domain 'mine' makes its tasks by size"
    ):
        open_pddl(Recipe(tasks=Tasks(range="easy")), "mine", "", lambda size, rng: "")


# --- tasks along a range -------------------------------------------------------------------------


def test_tasks_follow_the_range_and_state_their_parameters() -> None:
    tasks = opened("ferry", "cars=2-11 locations=8").tasks("deployed", 10, (99,), 0)
    assert said(tasks) == [f"cars={n} locations=8" for n in range(2, 12)]
    assert [task.size for task in tasks] == list(range(2, 12))
    assert [task.id for task in tasks][:2] == ["d02-0000", "d03-0001"]


def test_where_all_problems_of_some_parameters_are_taken_the_next_larger_ones_serve() -> None:
    tasks = opened("ferry", "cars=1-4 locations=4").tasks("deployed", 30, (), 0)
    counts = [said(tasks).count(f"cars={n} locations=4") for n in (1, 2, 3, 4)]
    assert counts[0] < 4, "one car among four places: only the ferry's place differs"
    assert counts[3] > 1, "on the line, the last task alone would have four cars"
    assert said(tasks) == sorted(said(tasks))
    assert len({task.spec["canonical"] for task in tasks}) == 30


def test_a_range_with_too_few_problems_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"ferry with cars=1 locations=2 has too few problems for deployed task \d"
    ):
        opened("ferry", "cars=1 locations=2").tasks("deployed", 10, (), 0)


def test_a_size_with_too_few_problems_is_refused_and_not_exchanged() -> None:
    with pytest.raises(BadInput, match="ferry with cars=1 locations=5 has too few problems"):
        opened("ferry").tasks("deployed", 10, (1, 9), 0)


@pytest.mark.parametrize("name", [*COMPETITION, "blocksworld"])
@given(seed=st.integers(0, 2**63 - 1), other=st.integers(0, 2**63 - 1))
@settings(max_examples=3, deadline=None)
def test_deployed_and_heldout_never_meet(name: str, seed: int, other: int) -> None:
    domain = opened(name, "easy")
    deployed = domain.tasks("deployed", 12, (), seed)
    heldout = domain.tasks("heldout", 8, (), other)
    assert {share_of(task.spec["canonical"]) for task in deployed} == {"deployed"}
    assert {share_of(task.spec["canonical"]) for task in heldout} == {"heldout"}
    assert len({task.spec["canonical"] for task in [*deployed, *heldout]}) == 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["childsnack", "spanner"])  # those with the fewest problems
def test_the_easy_range_has_tasks_for_the_paper(name: str) -> None:
    """1000 tasks and more held out, all distinct: the paper's number."""
    domain = opened(name, "easy")
    tasks = domain.tasks("deployed", 1000, (), 0) + domain.tasks("heldout", 200, (), 0)
    assert len({task.spec["canonical"] for task in tasks}) == 1200


@pytest.mark.parametrize("name", COMPETITION)
def test_a_family_keeps_the_promises_of_a_domain(name: str) -> None:
    broken = [
        f for f in check_domain(opened(name), (5, 6, 7), count=6) if not f.kept and "quick" not in f.promise
    ]
    assert not broken


def test_the_reference_plan_is_a_valid_answer() -> None:
    domain = opened("ferry", "easy")
    for split in SPLITS:
        task = domain.tasks(split, 3, (), 0)[2]
        assert domain.solve is not None
        steps = domain.solve(task.spec["problem"])
        text = "<plan>\n" + "\n".join(steps) + "\n</plan>"
        verdict = domain.validate(task, Trace("t", task.id, 0, 0, "m", text, (1,), (2,), (0.0,), "stop"))
        assert verdict.valid, verdict.reason
        assert verdict.plan == tuple(map(str, (Action(*_words(step)) for step in steps)))


def _words(step: str) -> tuple[str, tuple[str, ...]]:
    name, *objects = step.strip("()").split()
    return name, tuple(objects)
