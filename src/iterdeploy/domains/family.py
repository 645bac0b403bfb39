"""A family of planning problems: its PDDL text, how problems of any size are drawn, and a plan for each of them.

A family is data, as the domains that ship give it in one file each (`FAMILY` of domains/ferry.py). Tasks follow from
it in domains/ranges.py, prompts and verdicts in domains/pddl.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from iterdeploy.errors import BadInput

Parameters = Mapping[str, int]
"""What a problem is drawn from, by name, e.g. {"cars": 4, "locations": 6}."""

Range = Mapping[str, tuple[int, int]]
"""Each parameter from .. to, both included: the first problem has the first value, the last one the second, and those
between grow linearly with their place in the range."""


@dataclass(frozen=True, slots=True)
class Family:
    """The problems of one PDDL domain.

    `make` draws the PDDL text of a problem: solvable always, its goal not yet reached, and a function of its arguments
    alone; it raises BadInput naming the parameter where no such problem has these parameters. `solve` takes any problem
    of the family, ours or of the same domain's from elsewhere, and returns a plan, one "(board c1 l1)" a step. The plan
    is valid, not always shortest; it is found in time about linear in its length.
    """

    name: str
    text: str  # the PDDL domain
    ranges: Mapping[str, Range]  # "easy", "medium", "hard", each with all parameters in one order
    size: str  # the parameter that a task states as its size, e.g. "cars"
    make: Callable[[Parameters, random.Random], str]
    solve: Callable[[str], list[str]]


def domain_text(name: str) -> str:
    """The PDDL text of a domain that ships, e.g. "ferry"."""
    return (files("iterdeploy.domains") / f"{name}.domain.pddl").read_text(encoding="utf-8")


def require(family: str, parameters: Parameters, **least: int) -> None:
    """Raise BadInput, naming the parameter, unless each of `least` is there and not smaller."""
    for name, number in least.items():
        if parameters.get(name, number - 1) < number:
            said = parameters.get(name, "nothing")
            raise BadInput(f"{family}: {name} must be {number} or more, not {said}")
