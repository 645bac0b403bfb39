"""The families that ship, for tests: problems anywhere in a range, and the verdict on their reference plans."""

from __future__ import annotations

import random

from iterdeploy.domains import COMPETITION, family_of
from iterdeploy.domains.blocksworld import FAMILY, UNIFORM
from iterdeploy.domains.family import Family
from iterdeploy.domains.ranges import parameters_at
from iterdeploy.pddl import Judgement, parse_domain, parse_problem, read_plan, validate

FAMILIES = {family.name: family for family in (*map(family_of, COMPETITION), FAMILY, UNIFORM)}


def problem(family: Family, level: str, place: int, places: int, seed: int) -> str:
    """A problem at a place of a range."""
    return family.make(parameters_at(family.ranges[level], place, places), random.Random(seed))


def judged(family: Family, text: str, steps: list[str]) -> Judgement:
    """The validator's answer about a plan of lines such as "(board c1 l1)"."""
    domain = parse_domain(family.text)
    return validate(domain, parse_problem(text, domain), read_plan("\n".join(steps)).actions)
