"""PDDL: read a domain, a problem and a plan, judge the plan, and say what is wrong with it."""

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.extract import Extraction, extract
from iterdeploy.pddl.files import FileReport, validate_files
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.plan import Plan, read_plan
from iterdeploy.pddl.rules import ALL_RULES, Rule
from iterdeploy.pddl.structures import Action, Domain, Problem
from iterdeploy.pddl.validate import Judgement, validate

__all__ = [
    "ALL_RULES",
    "Action",
    "Domain",
    "Extraction",
    "FileReport",
    "Judgement",
    "PddlError",
    "Plan",
    "Problem",
    "Rule",
    "extract",
    "parse_domain",
    "parse_problem",
    "read_plan",
    "validate",
    "validate_files",
]
