"""The words that a plan may use, read from domains of any PDDL: actions with parameters, types and objects.

Conditions and effects are left out, so an outline of a domain with numbers or preferences can be read where the whole
cannot. A plan that does not fit the outline is wrong whatever the rest says.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.lexer import Group, head, read
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.structures import Domain, Problem


@lru_cache(maxsize=16)
def outline_of_domain(text: str) -> Domain:
    """The domain with its types, constants and actions alone. Raises PddlError where these are malformed."""
    parts = []
    for section in _sections(text):
        if head(section) in (":types", ":constants"):
            parts.append(_written(section))
        elif head(section) == ":action":
            parts.append(_action(section))
    return parse_domain(f"(define (domain outline) {' '.join(parts)})")


@lru_cache(maxsize=16)
def outline_of_problem(text: str, domain: Domain) -> Problem:
    """The problem with its objects alone, and a goal that always holds. Raises PddlError unless it states a goal."""
    sections = _sections(text)
    goals = [section for section in sections if head(section) == ":goal"]
    if len(goals) != 1 or len(goals[0].items) != 2:
        raise PddlError("the problem must have one (:goal ...), with one condition in it", 1, 1)
    parts = [_written(section) for section in sections if head(section) == ":objects"]
    return parse_problem(
        f"(define (problem outline) (:domain outline) {' '.join(parts)} (:init) (:goal (and)))", domain
    )


def _sections(text: str) -> list[Group]:
    return [item for item in read(text).items[2:] if isinstance(item, Group)]


def _action(section: Group) -> str:
    items = section.items
    wanted = [":action", *items[1:2]]
    for keyword, value in pairwise(items[2:]):
        if keyword == ":parameters":
            wanted += [keyword, value]
            break
    return f"({' '.join(map(_written, wanted))})"


def _written(item: str | Group) -> str:
    if isinstance(item, str):
        return item
    return f"({' '.join(map(_written, item.items))})"
