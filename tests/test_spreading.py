"""How answers are spread over tasks: as many in all, and most where the generation before was undecided."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from fake_run import recipe, write
from hypothesis import given
from hypothesis import strategies as st
from scripted_run import RECIPE, go

from iterdeploy.report.markdown import markdown
from iterdeploy.report.numbers import read_numbers
from iterdeploy.steps.answering import requests_of
from iterdeploy.steps.spreading import dealt, samples_of
from iterdeploy.store import Run


def test_an_undecided_task_gets_more_than_one_that_is_decided_either_way() -> None:
    never, half, always = dealt([(4, 0), (4, 2), (4, 4)], 12)
    assert half > never == always >= 1


@given(
    st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1),
    st.integers(1, 6),
)
def test_all_answers_are_dealt_and_each_task_gets_one(counts: list[tuple[int, int]], samples: int) -> None:
    found = dealt(counts, samples * len(counts))
    assert sum(found) == samples * len(counts)
    assert min(found) >= 1


def test_one_answer_a_task_leaves_nothing_to_spread() -> None:
    assert dealt([(1, 0), (1, 1)], 2) == [1, 1]


def test_at_the_edge_the_requests_are_as_many_and_the_base_is_asked_evenly(tmp_path: Path) -> None:
    even = recipe(samples=3)
    run = write(tmp_path / "run", replace(even, deploy=replace(even.deploy, spread="edge")))
    assert samples_of(run, 0) == [3] * 30
    asked = Counter(request.task_id for request in requests_of(run, 1))
    assert sum(asked.values()) == 90
    assert len(asked) == 30
    assert max(asked.values()) > 3
    assert requests_of(run, 1) == requests_of(run, 1)
    assert len(requests_of(run, 1, "heldout")) == 12


def test_a_run_at_the_edge_is_judged_and_reported_like_any(tmp_path: Path) -> None:
    deploy = replace(RECIPE.deploy, samples=3, spread="edge")
    rows = go(tmp_path / "run", replace(RECIPE, deploy=deploy))
    assert [row.asked for row in rows] == [12, 12, 12]
    run = Run.open(tmp_path / "run")
    assert [len(run.traces(number)) for number in range(3)] == [36, 36, 36]
    text = markdown(read_numbers(run, None))
    assert "unanimous@3" in text
    assert "| 2 |" in text
