"""PDDL: read a domain, a problem and a plan, judge the plan, and say what is wrong with it."""

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.plan import Plan, read_plan
from iterdeploy.pddl.structures import Action, Domain, Problem
from iterdeploy.pddl.validate import Judgement, validate

__all__ = [
    "Action",
    "Domain",
    "Judgement",
    "PddlError",
    "Plan",
    "Problem",
    "parse_domain",
    "parse_problem",
    "read_plan",
    "validate",
]
