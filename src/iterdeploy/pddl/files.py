"""Judge a plan that lies in files: an exit code for scripts, and a report for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from iterdeploy.errors import BadInput
from iterdeploy.pddl.errors import BeyondError, PddlError
from iterdeploy.pddl.judges import GET_VAL, Judge, OwnJudge, Ruling, hand_over
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.plan import Plan, read_plan
from iterdeploy.pddl.structures import Domain, Problem
from iterdeploy.pddl.val import find_val
from iterdeploy.pddl.validate import validate
from iterdeploy.types import Fault

VALID, INVALID, BAD_INPUT, FAILED = range(4)


class FileReport(NamedTuple):
    """The exit code: 0 valid, 1 invalid, 2 a file is wrong or missing, 3 we failed; and a report for JSON."""

    exit_code: int
    report: dict[str, Any]


def validate_files(
    domain_path: str | Path, problem_path: str | Path, plan_path: str | Path, judge: Judge | None = None
) -> FileReport:
    """Judge the plan of a file, with our own validator or another judge. Never raises: the report says what went wrong.

    A plan file that cannot be read as a plan is an invalid plan (fault "syntax"); a domain or problem that
    cannot be read, or a file that is not there, is bad input; a judge that gives no answer is a failure. The report's
    keys are always the same: valid (None if not judged), validator (who judged; None likewise), fault, reason, file,
    step, action, literal, line, column, cost, notes.
    """
    paths = (Path(domain_path), Path(problem_path), Path(plan_path))
    try:
        return _judged(*paths) if judge is None or isinstance(judge, OwnJudge) else _judged_by(judge, *paths)
    except BadInput as error:
        return FileReport(BAD_INPUT, _report(reason=str(error)))
    except Exception as error:  # the boundary of exit code 3: a failure of ours must not look like a verdict
        return FileReport(FAILED, _report(reason=f"iterdeploy failed: {type(error).__name__}: {error}"))


def _judged(domain_path: Path, problem_path: Path, plan_path: Path) -> FileReport:
    domain_text, problem_text = _text(domain_path), _text(problem_path)
    beyond: BeyondError | None = None
    notes: list[str] = []
    at = domain_path
    try:
        domain = parse_domain(domain_text)
        at = problem_path
        problem = parse_problem(problem_text, domain)
        notes = _notes(domain, problem)
    except BeyondError as error:
        if find_val() is None:
            return FileReport(BAD_INPUT, _misread(at, error, f"{error.message}; {GET_VAL}"))
        beyond = error
    except PddlError as error:
        return FileReport(BAD_INPUT, _misread(at, error))
    try:
        plan = read_plan(_text(plan_path))
    except PddlError as error:
        return _unread(plan_path, error, notes, "pddl")
    if beyond:
        ruling = hand_over(beyond, domain_text, problem_text, plan.actions)
        notes.append(ruling.note)
    else:
        ruling = Ruling(validate(domain, problem, plan.actions), "pddl")
    return _ruled(ruling, plan, plan_path, notes)


def _judged_by(judge: Judge, domain_path: Path, problem_path: Path, plan_path: Path) -> FileReport:
    domain, problem = _text(domain_path), _text(problem_path)
    try:
        plan = read_plan(_text(plan_path))
    except PddlError as error:
        return _unread(plan_path, error, [], judge.name)
    ruling = judge.rule(domain, problem, plan.actions)
    return _ruled(ruling, plan, plan_path, [ruling.note] if ruling.note else [])


def _ruled(ruling: Ruling, plan: Plan, plan_path: Path, notes: list[str]) -> FileReport:
    report = _report(file=str(plan_path), notes=notes, **_parts(ruling, plan))
    return FileReport(VALID if ruling.judgement.valid else INVALID, report)


def _unread(plan_path: Path, error: PddlError, notes: list[str], by: str) -> FileReport:
    """A plan file that holds something else than a plan: invalid, whoever judges."""
    said = {"valid": False, "validator": by, "fault": Fault.SYNTAX.value, "notes": notes}
    return FileReport(INVALID, _misread(plan_path, error) | said)


def _text(path: Path) -> str:
    """The file as UTF-8. Other bytes are replaced: they may stand in comments, and never in a name."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}") from error


def _report(**known: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "valid": None,
        "validator": None,
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


def _misread(path: Path, error: PddlError, reason: str = "") -> dict[str, Any]:
    place = {"line": error.line or None, "column": error.column or None}
    return _report(file=str(path), reason=reason or error.message, **place)


def _parts(ruling: Ruling, plan: Plan) -> dict[str, Any]:
    judgement = ruling.judgement
    line, column = plan.place(judgement.step) if judgement.step else (None, None)
    return {
        "valid": judgement.valid,
        "validator": ruling.by,
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
