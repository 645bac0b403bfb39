"""Whether an answer of an examination is a plan."""

from __future__ import annotations

from collections.abc import Callable

from iterdeploy.pddl import parse_domain, parse_problem, validate
from iterdeploy.pddl.extract import extract
from iterdeploy.recipe import Validate
from iterdeploy.types import Trace


def is_plan(domain: str, problem: str) -> Callable[[Trace], bool]:
    """Whether an answer holds a valid plan for a PDDL problem."""
    return lambda trace: plan_length(domain, problem, trace) is not None


def plan_length(domain: str, problem: str, trace: Trace) -> int | None:
    """Steps of the valid plan that an answer holds; None if it holds none."""
    read = parse_domain(domain)
    found = extract(trace.text, read, Validate().rules)
    if found.fault is not None or not validate(read, parse_problem(problem, read), found.actions).valid:
        return None
    return len(found.actions)
