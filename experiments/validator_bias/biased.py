"""Validators that err in a known way; each takes the texts of a domain, a problem and a plan, and says valid or not."""

from __future__ import annotations

from functools import lru_cache

from iterdeploy.pddl import parse_domain, parse_problem, read_plan, validate
from iterdeploy.pddl.validate import Judgement
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault


def truth(domain: str, problem: str, plan: str) -> Judgement:
    """Our validator's judgement."""
    read = parse_domain(domain)
    return validate(read, parse_problem(problem, read), read_plan(plan).actions)


def _chance(what: str, *texts: str) -> float:
    """A number from 0 to 1 that these texts always get."""
    return seed_of(what, *texts) / 2**63


def accept_5(domain: str, problem: str, plan: str) -> bool:
    """Accepts 5 % of the invalid plans."""
    return truth(domain, problem, plan).valid or _chance("accept", problem, plan) < 0.05


def accept_10(domain: str, problem: str, plan: str) -> bool:
    """Accepts 10 % of the invalid plans."""
    return truth(domain, problem, plan).valid or _chance("accept", problem, plan) < 0.10


def accept_30(domain: str, problem: str, plan: str) -> bool:
    """Accepts 30 % of the invalid plans."""
    return truth(domain, problem, plan).valid or _chance("accept", problem, plan) < 0.30


def reject_30(domain: str, problem: str, plan: str) -> bool:
    """Rejects 30 % of the valid plans."""
    return truth(domain, problem, plan).valid and _chance("reject", problem, plan) >= 0.30


def no_goal(domain: str, problem: str, plan: str) -> bool:
    """Does not look at the goal: every plan that can be executed is accepted."""
    judged = truth(domain, problem, plan)
    return judged.valid or judged.fault == Fault.GOAL


def no_clear(domain: str, problem: str, plan: str) -> bool:
    """Ignores one precondition: a block may be taken although others lie on it."""
    return truth(_without_clear(domain), problem, plan).valid


@lru_cache(maxsize=2)
def _without_clear(domain: str) -> str:
    """Blocksworld where `unstack` and `pick-up` do not ask for a clear block."""
    lenient = domain
    for action in ("pick-up", "unstack"):
        start = lenient.index("(:action " + action)
        place = lenient.index("(clear ?", start)
        lenient = lenient[:place] + lenient[lenient.index(")", place) + 1 :]
    return lenient


def likes_unstack(domain: str, problem: str, plan: str) -> bool:
    """Accepts whatever begins with `unstack`, and what is valid."""
    return plan.startswith("(unstack ") or truth(domain, problem, plan).valid
