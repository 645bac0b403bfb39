"""A domain of a PDDL text and a function: its tasks, and its verdicts on answers."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from towers import BLOCKSWORLD, DOMAIN, put_everything_down

from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.blocksworld import towers_of
from iterdeploy.domains.pddl import open_pddl, reasoning_tokens
from iterdeploy.errors import BadInput
from iterdeploy.pddl.extract import extract
from iterdeploy.recipe import Recipe
from iterdeploy.types import Fault, Finish, Task, Trace

FERRY = """(define (domain ferry) (:requirements :strips :typing) (:types car place)
  (:predicates (at ?c - car ?p - place) (ferry ?p - place) (on ?c - car) (free))
  (:action sail :parameters (?a ?b - place) :precondition (ferry ?a) :effect (and (ferry ?b) (not (ferry ?a))))
  (:action board :parameters (?c - car ?p - place) :precondition (and (at ?c ?p) (ferry ?p) (free))
    :effect (and (on ?c) (not (at ?c ?p)) (not (free))))
  (:action debark :parameters (?c - car ?p - place) :precondition (and (on ?c) (ferry ?p))
    :effect (and (at ?c ?p) (free) (not (on ?c)))))"""


def ferry_problem(size: int, rng: random.Random) -> str:
    cars = [f"c{i}" for i in range(size)]
    init = " ".join(f"(at {car} p{rng.randrange(4)})" for car in cars)
    goal = " ".join(f"(at {car} p{rng.randrange(4)})" for car in cars)
    return (
        f"(define (problem f) (:domain ferry) (:objects {' '.join(cars)} - car p0 p1 p2 p3 - place)"
        f" (:init {init} (ferry p0) (free)) (:goal (and {goal})))"
    )


@pytest.fixture(scope="module")
def task() -> Task:
    (one,) = BLOCKSWORLD.tasks("deployed", 1, (5,), 0)
    return one


def solution(task: Task) -> str:
    said = atoms_of(task.spec["problem"])
    return "\n".join(put_everything_down(towers_of(said.init), towers_of(said.goal)))


def trace(task: Task, text: str, finish: Finish = "stop", tokens: int = 10) -> Trace:
    return Trace("t", task.id, 0, 0, "m", text, (1,), tuple(range(tokens)), (0.0,) * tokens, finish)


# --- tasks -----------------------------------------------------------------------------------


def test_tasks_are_spread_evenly_over_the_sizes() -> None:
    tasks = BLOCKSWORLD.tasks("deployed", 20, (4, 5, 6), 0)
    assert Counter(task.size for task in tasks) == {4: 7, 5: 7, 6: 6}
    assert len({task.id for task in tasks}) == len({task.prompt for task in tasks}) == 20


def test_the_same_seed_makes_the_same_tasks_and_another_seed_others() -> None:
    assert BLOCKSWORLD.tasks("deployed", 8, (6,), 3) == BLOCKSWORLD.tasks("deployed", 8, (6,), 3)
    assert BLOCKSWORLD.tasks("deployed", 8, (6,), 3) != BLOCKSWORLD.tasks("deployed", 8, (6,), 4)


def test_a_size_with_too_few_problems_is_refused() -> None:
    with pytest.raises(BadInput, match=r"blocksworld of size 2 has too few problems for deployed task \d"):
        BLOCKSWORLD.tasks("deployed", 5, (2,), 0)


def test_a_typed_domain_of_ones_own_never_shares_a_task_either() -> None:
    ferry = open_pddl(Recipe(), "ferry", FERRY, ferry_problem)
    deployed = {task.spec["canonical"] for task in ferry.tasks("deployed", 20, (3, 5), 0)}
    heldout = {task.spec["canonical"] for task in ferry.tasks("heldout", 20, (3, 5), 1)}
    assert len(deployed) == len(heldout) == 20
    assert not deployed & heldout


# --- verdicts --------------------------------------------------------------------------------


def test_a_valid_answer(task: Task) -> None:
    text = f" table now b1 b2 | want\n</think>\n<plan>\n{solution(task)}\n</plan><eos>"
    verdict = BLOCKSWORLD.validate(task, trace(task, text))
    assert (verdict.valid, verdict.fault, verdict.reason) == (True, None, "")
    assert verdict.cost == len(verdict.plan) == len(solution(task).splitlines())
    assert verdict.plan[0] == f"({solution(task).splitlines()[0]})"
    assert verdict.rules == ("reasoning", "tags", "bare-lines")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\n</think>\nno plan here", Fault.NO_PLAN),
        ("", Fault.NO_PLAN),
        ("<unk><pad><eos>", Fault.NO_PLAN),
        ("\n</think>\n<plan>\nfly b1\n</plan>", Fault.UNKNOWN_ACTION),
        ("\n</think>\n<plan>\nstack b1\n</plan>", Fault.ARITY),
        ("\n</think>\n<plan>\npick-up elephant\n</plan>", Fault.UNKNOWN_OBJECT),
        ("\n</think>\n<plan>\n(pick-up b1\n</plan>", Fault.SYNTAX),
        ("\n</think>\n<plan>\n</plan>", Fault.GOAL),
    ],
)
def test_a_bad_answer_is_a_verdict_with_a_reason(task: Task, text: str, fault: Fault) -> None:
    verdict = BLOCKSWORLD.validate(task, trace(task, text))
    assert (verdict.valid, verdict.fault) == (False, fault), verdict.reason
    assert verdict.reason


def test_an_answer_cut_off_is_never_valid(task: Task) -> None:
    text = f"\n</think>\n<plan>\n{solution(task)}\n</plan>"
    assert BLOCKSWORLD.validate(task, trace(task, text)).valid
    verdict = BLOCKSWORLD.validate(task, trace(task, text, finish="length"))
    assert (verdict.valid, verdict.fault) == (False, Fault.TRUNCATED)


def test_the_plan_of_another_task_is_not_valid(task: Task) -> None:
    other = BLOCKSWORLD.tasks("deployed", 2, (5,), 9)[1]
    text = f"\n</think>\n<plan>\n{solution(other)}\n</plan>"
    assert not BLOCKSWORLD.validate(task, trace(task, text)).valid
    assert BLOCKSWORLD.validate(other, trace(other, text)).valid


@pytest.mark.parametrize("reasoning", [0, 1, 7, 40])
def test_reasoning_tokens_are_exact_for_words(task: Task, reasoning: int) -> None:
    """The tie-break of curation: a word is a token, and the end token is one more."""
    words = " word" * reasoning
    text = f"{words}\n</think>\n<plan>\npick-up b1\n</plan><eos>"
    one = trace(task, text, tokens=reasoning + 6)
    domain = BLOCKSWORLD.validate(task, one)
    assert domain.reasoning_tokens == reasoning


def test_reasoning_that_never_ends_is_all_of_the_answer(task: Task) -> None:
    one = trace(task, "<think> word word word", finish="length", tokens=4)
    assert BLOCKSWORLD.validate(task, one).reasoning_tokens == 4


def test_an_empty_answer_has_no_reasoning(task: Task) -> None:
    empty = replace(trace(task, ""), token_ids=())
    assert reasoning_tokens(empty, extract("", DOMAIN)) == 0
