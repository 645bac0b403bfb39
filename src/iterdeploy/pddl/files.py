"""Judge a plan that lies in files: an exit code for scripts, and a report for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from iterdeploy.errors import BadInput
from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.plan import Plan, read_plan
from iterdeploy.pddl.structures import Domain, Problem
from iterdeploy.pddl.validate import Judgement, validate
from iterdeploy.types import Fault

VALID, INVALID, BAD_INPUT, FAILED = range(4)


class FileReport(NamedTuple):
    """The exit code: 0 valid, 1 invalid, 2 a file is wrong or missing, 3 we failed; and a report for JSON."""

    exit_code: int
    report: dict[str, Any]


def validate_files(domain_path: str | Path, problem_path: str | Path, plan_path: str | Path) -> FileReport:
    """Judge the plan of a file. Never raises: what went wrong stands in the report.

    A plan file that cannot be read as a plan is an invalid plan (fault "syntax"); a domain or problem that
    cannot be read, or a file that is not there, is bad input. The report's keys are always the same: valid
    (None if not judged), fault, reason, file, step, action, literal, line, column, cost, notes.
    """
    try:
        return _judged(Path(domain_path), Path(problem_path), Path(plan_path))
    except BadInput as error:
        return FileReport(BAD_INPUT, _report(reason=str(error)))
    except Exception as error:  # the boundary of exit code 3: a failure of ours must not look like a verdict
        return FileReport(FAILED, _report(reason=f"iterdeploy failed: {type(error).__name__}: {error}"))


def _judged(domain_path: Path, problem_path: Path, plan_path: Path) -> FileReport:
    try:
        at = domain_path
        domain = parse_domain(_text(domain_path))
        at = problem_path
        problem = parse_problem(_text(problem_path), domain)
    except PddlError as error:
        return FileReport(BAD_INPUT, _misread(at, error))
    notes = _notes(domain, problem)
    try:
        plan = read_plan(_text(plan_path))
    except PddlError as error:
        return FileReport(INVALID, _misread(plan_path, error) | {"valid": False, "notes": notes} | _SYNTAX)
    judgement = validate(domain, problem, plan.actions)
    report = _report(file=str(plan_path), notes=notes, **_parts(judgement, plan))
    return FileReport(VALID if judgement.valid else INVALID, report)


_SYNTAX = {"fault": Fault.SYNTAX.value}


def _text(path: Path) -> str:
    """The file as UTF-8. Other bytes are replaced: they may stand in comments, and never in a name."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error


def _report(**known: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "valid": None,
        "fault": None,
        "reason": "",
        "file": None,
        "step": None,
        "action": "",
        "literal": "",
        "line": None,
        "column": None,
        "cost": 0,
        "notes": [],
    }
    return empty | known


def _misread(path: Path, error: PddlError) -> dict[str, Any]:
    place = {"line": error.line or None, "column": error.column or None}
    return _report(file=str(path), reason=error.message, **place)


def _parts(judgement: Judgement, plan: Plan) -> dict[str, Any]:
    line, column = plan.place(judgement.step) if judgement.step else (None, None)
    return {
        "valid": judgement.valid,
        "fault": judgement.fault.value if judgement.fault else None,
        "reason": judgement.reason,
        "step": judgement.step,
        "action": judgement.action,
        "literal": judgement.literal,
        "line": line,
        "column": column,
        "cost": judgement.cost,
    }


def _notes(domain: Domain, problem: Problem) -> list[str]:
    if problem.domain_name == domain.name:
        return []
    return [f"the problem names the domain {problem.domain_name!r}, and this one is {domain.name!r}"]
