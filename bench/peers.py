"""Validators side by side: each is given the text of a domain, and judges cases; peers are there if installed.

A peer may do before the clock starts what need be done once: import, read the domain, and, if it reads files, have
them written. unified-planning and pyperplan bring no reader of plan texts that is made for speed; their plans are
read by a regular expression and their own look-up of actions. pyperplan has no validator: its operators are applied.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from plans import Case

from iterdeploy.pddl import parse_domain, parse_problem, read_plan, validate
from iterdeploy.pddl.val import find_val

Judge = Callable[[], list[bool]]
"""Judges the cases that it was set up for."""

PLANS = 500
"""Plan files that one process of VAL is given."""

_STEP = re.compile(r"\(([^()]*)\)")


class Validator(NamedTuple):
    """`prepare` sets up what judges some cases; at most `limit` of them, where it is slow."""

    name: str
    prepare: Callable[[str, Sequence[Case]], Judge]
    limit: int


def ours(domain_text: str, cases: Sequence[Case]) -> Judge:
    """All from text: domain, problem and plan."""

    def judge() -> list[bool]:
        verdicts = []
        for case in cases:
            domain = parse_domain(domain_text)
            problem = parse_problem(case.problem, domain)
            verdicts.append(validate(domain, problem, read_plan(case.plan).actions).valid)
        return verdicts

    return judge


def ours_read(domain_text: str, cases: Sequence[Case]) -> Judge:
    """Problems and plans are read before the clock starts."""
    domain = parse_domain(domain_text)
    read = [(parse_problem(case.problem, domain), read_plan(case.plan).actions) for case in cases]
    return lambda: [validate(domain, problem, actions).valid for problem, actions in read]


def kairos(domain_text: str, cases: Sequence[Case]) -> Judge:
    """In process; a problem is read again where it changes."""
    import kairos as peer

    domain = peer.parse_domain(domain_text)

    def judge() -> list[bool]:
        verdicts = []
        for text, group in groupby(cases, key=lambda case: case.problem):
            problem = peer.parse_problem(text, domain)
            verdicts += [bool(peer.validate(problem, peer.parse_plan(c.plan)).valid) for c in group]
        return verdicts

    return judge


def val_fresh(domain_text: str, cases: Sequence[Case]) -> Judge:
    """A process a plan, its output read as `pddl.val` reads it."""
    folder = _written(domain_text, cases)
    program = str(find_val())

    def judge() -> list[bool]:
        with folder:
            return [
                _valid(program, folder.name, f"problem{number}", [f"plan{number}"])[0]
                for number in range(len(cases))
            ]

    return judge


def val_many(domain_text: str, cases: Sequence[Case]) -> Judge:
    """A process for each lot of plans of one problem."""
    folder = _written(domain_text, cases)
    program = str(find_val())
    assert len({case.problem for case in cases}) == 1, "VAL takes many plans of one problem"

    def judge() -> list[bool]:
        with folder:
            files = [f"plan{number}" for number in range(len(cases))]
            lots = [files[at : at + PLANS] for at in range(0, len(files), PLANS)]
            return [verdict for lot in lots for verdict in _valid(program, folder.name, "problem0", lot)]

    return judge


def _written(domain_text: str, cases: Sequence[Case]) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="bench-")
    Path(folder.name, "domain").write_text(domain_text)
    for number, case in enumerate(cases):
        Path(folder.name, f"problem{number}").write_text(case.problem)
        Path(folder.name, f"plan{number}").write_text(case.plan)
    return folder


def _valid(program: str, folder: str, problem: str, plans: Sequence[str]) -> list[bool]:
    """Whether each of the plans is valid, from VAL's sections "Checking plan: FILE"."""
    command = [program, "domain", problem, *plans]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout.split("Checking plan: ")[1:]
    assert len(said) == len(plans), done.stdout[-300:]
    return [re.search(r"^Plan valid[ \t]*$", section, re.MULTILINE) is not None for section in said]


def pyperplan(domain_text: str, cases: Sequence[Case]) -> Judge:
    """Read and ground each problem, then apply its operators."""
    from pyperplan.grounding import ground
    from pyperplan.pddl.parser import Parser

    folder = _written(domain_text, cases)
    parser = Parser(str(Path(folder.name, "domain")))
    domain = parser.parse_domain()

    def judge() -> list[bool]:
        verdicts, last = [], ""
        with folder:
            for number, case in enumerate(cases):
                if case.problem != last:
                    parser.set_prob_file(str(Path(folder.name, f"problem{number}")))
                    task = ground(parser.parse_problem(domain))
                    operators = {operator.name: operator for operator in task.operators}
                    last = case.problem
                verdicts.append(_carried_out(task, operators, case.plan))
        return verdicts

    return judge


def _carried_out(task: Any, operators: dict[str, Any], plan: str) -> bool:
    state = task.initial_state
    for step in _STEP.findall(plan):
        operator = operators.get(f"({step})")
        if operator is None or not operator.applicable(state):
            return False
        state = operator.apply(state)
    return bool(task.goal_reached(state))


def unified_planning(domain_text: str, cases: Sequence[Case]) -> Judge:
    """Its reader, and its sequential validator."""
    from unified_planning.engines import SequentialPlanValidator, ValidationResultStatus
    from unified_planning.io import PDDLReader

    def judge() -> list[bool]:
        verdicts, reader = [], PDDLReader()
        for text, group in groupby(cases, key=lambda case: case.problem):
            problem = reader.parse_problem_string(domain_text, text)
            for case in group:
                plan = reader.parse_plan_string(problem, case.plan)
                status = SequentialPlanValidator().validate(problem, plan).status
                verdicts.append(status == ValidationResultStatus.VALID)
        return verdicts

    return judge


def peers() -> Iterator[Validator]:
    """Those that are installed, the fastest first; a limit keeps each lap to some seconds."""
    if find_spec("kairos"):
        yield Validator("kairos", kairos, 10_000)
    if find_val():
        yield Validator("VAL, a process for each plan", val_fresh, 100)
    if find_spec("pyperplan"):
        yield Validator("pyperplan, grounded", pyperplan, 200)
    if find_spec("unified_planning"):
        yield Validator("unified-planning", unified_planning, 16)
