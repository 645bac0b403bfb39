"""The packaged answers: our validator is right on all, and each that must be rejected is near to one that is right."""

from __future__ import annotations

from collections import Counter

import pytest

from iterdeploy.audit.answers import Answer, answers
from iterdeploy.pddl import PddlError, parse_domain, parse_problem, read_plan, validate

ALL = list(answers())


@pytest.mark.parametrize("answer", ALL, ids=lambda answer: answer.name.replace(" ", "-"))
def test_our_validator_is_right(answer: Answer) -> None:
    domain = parse_domain(answer.domain)
    problem = parse_problem(answer.problem, domain)
    try:
        valid = validate(domain, problem, read_plan(answer.plan).actions).valid
    except PddlError:
        valid = False
    assert valid is answer.valid


def test_there_are_many_of_both_and_no_name_stands_twice() -> None:
    counts = Counter(answer.valid for answer in ALL)
    assert counts[False] > 80
    assert counts[True] >= 20
    assert len({answer.name for answer in ALL}) == len({(a.problem, a.plan) for a in ALL}) == len(ALL)


def test_every_goal_of_a_rejected_plan_can_be_reached() -> None:
    """Else to reject would be no merit: for each problem with a wrong plan some right plan is known, or follows."""
    solvable = {answer.problem for answer in ALL if answer.valid}
    unsolved = {answer.problem for answer in ALL if not answer.valid} - solvable
    assert len(unsolved) <= 5  # the lamps, which ask for small things
