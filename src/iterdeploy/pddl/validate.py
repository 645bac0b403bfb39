"""Whether a plan solves a problem, and if not, the first step and literal that say why.

Lifted: an action is filled in when a plan uses it, and nothing is grounded ahead of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iterdeploy.errors import nearest
from iterdeploy.pddl.conditions import MOST_CHOICES, State, TooManyChoicesError, test_of, unmet
from iterdeploy.pddl.formulas import all_fit, fits
from iterdeploy.pddl.kept import MOST
from iterdeploy.pddl.lexer import fold
from iterdeploy.pddl.steps import Step, blueprints
from iterdeploy.pddl.structures import Action, Domain, Formula, Problem, Vocabulary
from iterdeploy.types import Fault

_LONGEST = 120  # characters of an action in a reason


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer about one plan; step, action and literal name the place of the fault where it has one."""

    valid: bool
    fault: Fault | None
    reason: str  # one sentence; empty if valid
    step: int | None  # from 1; None if the fault is not of one step, as with the goal
    action: str  # "(stack a b)"; empty likewise
    literal: str  # "(clear b)", what was needed and is false; empty if that is not the fault
    cost: int  # steps of the plan


class _MisfitError(Exception):
    """An action is none of the problem's, whatever the state."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


def _step_of(action: Action, domain: Domain, vocabulary: Vocabulary) -> Step:
    """The action filled in with the objects of a problem. Raises _MisfitError if it cannot be."""
    taken, fitting = blueprints(domain).get(action.name), action
    if taken is None or not all_fit(action.args, taken.types, vocabulary.objects, vocabulary.types):
        fitting = _folded(action, domain, vocabulary)
        taken = blueprints(domain)[fitting.name]
    steps = vocabulary.names.steps
    step = steps.get(fitting) or steps.keep(fitting, taken.fill_in(fitting.args))
    if vocabulary.steps is not None and len(vocabulary.steps) < MOST:
        vocabulary.steps[action] = step
    return step


def _folded(action: Action, domain: Domain, vocabulary: Vocabulary) -> Action:
    """The action as the domain and problem write its names. Raises _MisfitError if it is none of theirs."""
    name, args, known = fold(action.name), tuple(map(fold, action.args)), blueprints(domain)
    if name not in known:
        there = nearest(name, known)
        raise _MisfitError(Fault.UNKNOWN_ACTION, f"no action {_brief(name)!r} in {_brief(action)}; {there}")
    wanted, objects = known[name].types, vocabulary.objects
    if len(args) != len(wanted):
        counts = f"takes {_arguments(len(wanted))}, and {_brief(action)} has {len(args)}"
        raise _MisfitError(Fault.ARITY, f"{name} {counts}")
    for arg in args:
        if arg not in objects:
            there = f"for {_brief(action)}; {nearest(arg, objects)}"
            raise _MisfitError(Fault.UNKNOWN_OBJECT, f"no object {_brief(arg)!r} {there}")
    for number, (arg, types) in enumerate(zip(args, wanted, strict=True), 1):
        if not fits(objects[arg], types, vocabulary.types):
            have, want = " or ".join(objects[arg]), " or ".join(types)
            reason = f"argument {number} of {action} takes type {want}, and {arg} is of type {have}"
            raise _MisfitError(Fault.TYPE, reason)
    return Action(name, args)


def _known_steps(plan: Sequence[Action], vocabulary: Vocabulary) -> Mapping[Action, Step]:
    """Steps that fit the objects: those of earlier plans for them, or for the first plan those of other problems."""
    if vocabulary.steps is not None:
        return vocabulary.steps
    vocabulary.steps = {}
    named = set[str]().union(*[action.args for action in plan])
    return vocabulary.names.steps if vocabulary.objects.keys() >= named else vocabulary.steps


def validate(domain: Domain, problem: Problem, plan: Sequence[Action]) -> Judgement:
    """Judge a plan; the first step that is wrong decides, then the goal after the last step.

    Within a step: the action's name, the number of arguments, their names, their types, the precondition.
    Names are compared without regard to ASCII case. A wrong plan is a Judgement, never an exception.
    """
    vocabulary, state, number = problem.vocabulary, State(domain, problem), 0
    atoms, known = state.atoms, _known_steps(plan, vocabulary).get
    try:
        for number, action in enumerate(plan, 1):
            step = known(action) or _step_of(action, domain, vocabulary)
            if step.plain and step.needs <= atoms:
                atoms -= step.deletes
                atoms |= step.adds
            elif step.applies(state):
                step.apply(state)
            else:
                return _inapplicable(step, state, number, action, len(plan))
        number = 0
        return _at_the_end(problem, state, len(plan))
    except TooManyChoicesError:
        where = f"step {number}" if number else "the goal"
        reason = f"{where}: conditions ask for more choices of objects than are tried, {MOST_CHOICES:,}"
        return Judgement(False, Fault.TIMEOUT, reason, number or None, "", "", len(plan))
    except _MisfitError as misfit:
        reason = f"step {number}: {misfit.reason}"
        return Judgement(False, misfit.fault, reason, number, _brief(plan[number - 1]), "", len(plan))


def _at_the_end(problem: Problem, state: State, cost: int) -> Judgement:
    if _reached(problem, state):
        return Judgement(True, None, "", None, "", "", cost)
    return _goal_missed(problem.goal, state, cost)


def _reached(problem: Problem, state: State) -> bool:
    if problem.goal_facts is not None:
        return problem.goal_facts <= state.atoms
    return test_of(problem.goal)(state, ())


def _inapplicable(step: Step, state: State, number: int, action: Action, cost: int) -> Judgement:
    literal = unmet(step.blueprint.schema.precondition, state, step.binding)
    reason = f"step {number}: {action} needs {literal}, which is false"
    return Judgement(False, Fault.PRECONDITION, reason, number, str(action), literal, cost)


def _goal_missed(goal: Formula, state: State, cost: int) -> Judgement:
    literal = unmet(goal, state, ())
    end = f"after the last step, {cost}" if cost else "and the plan is empty"
    reason = f"the goal needs {literal}, which is false {end}"
    return Judgement(False, Fault.GOAL, reason, None, "", literal, cost)


def _brief(thing: str | Action) -> str:
    """Its text, cut where a model has written a name without end."""
    text = str(thing)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _arguments(count: int) -> str:
    return f"{count or 'no'} argument{'' if count == 1 else 's'}"
