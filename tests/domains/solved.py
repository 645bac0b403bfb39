"""What holds for every family: its problems are new to their goals and solved by its plans, to the last step."""

from __future__ import annotations

import random

from iterdeploy.domains.family import Family, Parameters
from iterdeploy.pddl import Judgement, Problem, parse_domain, parse_problem, read_plan, validate


def read(family: Family, problem: str) -> Problem:
    """The problem of a text."""
    return parse_problem(problem, parse_domain(family.text))


def judged(family: Family, problem: str, plan: list[str]) -> Judgement:
    """The validator's judgement of a plan of a problem."""
    return validate(parse_domain(family.text), read(family, problem), read_plan("\n".join(plan)).actions)


def solved(family: Family, parameters: Parameters, seed: int) -> list[str]:
    """The reference plan of a problem, after checking that it is valid and that no plan at all is not."""
    problem = family.make(parameters, random.Random(seed))
    plan = family.solve(problem)
    judgement = judged(family, problem, plan)
    assert judgement.valid, f"{parameters}, seed {seed}: {judgement.reason}"
    assert not judged(family, problem, []).valid
    return plan


def spared(family: Family, parameters: Parameters, seed: int) -> list[int]:
    """The steps, from 0, without which the reference plan is still accepted."""
    problem = family.make(parameters, random.Random(seed))
    plan = family.solve(problem)
    return [i for i in range(len(plan)) if judged(family, problem, plan[:i] + plan[i + 1 :]).valid]


def ends(family: Family, name: str) -> list[dict[str, int]]:
    """The parameters at both ends of a range."""
    span = family.ranges[name]
    return [{key: both[end] for key, both in span.items()} for end in (0, 1)]
