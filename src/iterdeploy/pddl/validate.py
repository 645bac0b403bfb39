"""Whether a plan solves a problem, and if not, the first step and literal that say why.

Lifted: an action is filled in when a plan uses it, and nothing is grounded ahead of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from iterdeploy.errors import nearest
from iterdeploy.pddl.conditions import MOST_CHOICES, State, TooManyChoicesError, test_of, unmet
from iterdeploy.pddl.lexer import fold
from iterdeploy.pddl.steps import Blueprint, Step, workshop
from iterdeploy.pddl.structures import Action, Binding, Domain, Formula, Problem, Variable, Vocabulary
from iterdeploy.types import Fault

_LONGEST = 120  # characters of an action in a reason
_KEPT = 5_000  # steps kept filled in for one set of objects


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


class _Arena:
    """The objects of a problem, and the steps that are known to fit them."""

    def __init__(self, domain: Domain, vocabulary: Vocabulary) -> None:
        self.objects = vocabulary.objects
        self.members = vocabulary.members
        self.workshop = workshop(domain)
        self.steps: dict[tuple[str, Binding], Step] = {}
        self.places: dict[str, tuple[Mapping[str, None], ...]] = {}

    def step(self, action: Action) -> Step:
        """The action filled in. Raises _MisfitError if it cannot be."""
        key = (action.name, action.args)
        step = self.workshop.steps.get(key) or self._new_step(action)
        taken = step.blueprint
        places = self.places.get(taken.schema.name) or self._places(taken)
        for place, arg in zip(places, step.binding, strict=True):
            if arg not in place:
                raise self._unfit(action, step.binding, taken.schema.parameters)
        if len(self.steps) < _KEPT:
            self.steps[key] = step
        return step

    def _new_step(self, action: Action) -> Step:
        taken = self.workshop.blueprints.get(action.name)
        if taken is None or len(action.args) != len(taken.schema.parameters):
            return self._folded_step(action)
        if not all(arg in self.objects for arg in action.args):
            return self._folded_step(action)
        return self.workshop.step(taken, action.args)

    def _folded_step(self, action: Action) -> Step:
        """The step of an action whose names are not written as the domain and problem write them."""
        name, args = fold(action.name), tuple(map(fold, action.args))
        taken = self.workshop.blueprints.get(name)
        if taken is None:
            there = nearest(name, self.workshop.blueprints)
            raise _MisfitError(
                Fault.UNKNOWN_ACTION, f"no action {_brief(name)!r} in {_brief(action)}; {there}"
            )
        parameters = taken.schema.parameters
        if len(args) != len(parameters):
            counts = f"takes {_arguments(len(parameters))}, and {_brief(action)} has {len(args)}"
            raise _MisfitError(Fault.ARITY, f"{name} {counts}")
        for arg in args:
            if arg not in self.objects:
                raise self._unknown(action, arg)
        return self.workshop.step(taken, args)

    def _places(self, taken: Blueprint) -> tuple[Mapping[str, None], ...]:
        """The objects that each parameter of an action takes."""
        places = tuple(map(self._place, taken.schema.parameters))
        self.places[taken.schema.name] = places
        return places

    def _place(self, variable: Variable) -> Mapping[str, None]:
        members = self.members
        if len(variable.types) == 1:
            return members[variable.types[0]]
        return {name: None for kind in variable.types for name in members[kind]}

    def _unfit(self, action: Action, args: Binding, parameters: tuple[Variable, ...]) -> _MisfitError:
        objects = self.objects
        for arg in args:
            if arg not in objects:
                return self._unknown(action, arg)
        for number, (arg, variable) in enumerate(zip(args, parameters, strict=True), 1):
            if arg not in self._place(variable):
                have, want = " or ".join(objects[arg]), " or ".join(variable.types)
                return _MisfitError(
                    Fault.TYPE,
                    f"argument {number} of {action} takes type {want}, and {arg} is of type {have}",
                )
        raise AssertionError(f"{action} fits")  # the caller found an argument that does not

    def _unknown(self, action: Action, arg: str) -> _MisfitError:
        there = nearest(arg, self.objects)
        return _MisfitError(Fault.UNKNOWN_OBJECT, f"no object {_brief(arg)!r} for {_brief(action)}; {there}")


@lru_cache(maxsize=128)
def _arena(domain: Domain, vocabulary: Vocabulary) -> _Arena:
    return _Arena(domain, vocabulary)


def validate(domain: Domain, problem: Problem, plan: Sequence[Action]) -> Judgement:
    """Judge a plan; the first step that is wrong decides, then the goal after the last step.

    Within a step: the action's name, the number of arguments, their names, their types, the precondition.
    Names are compared without regard to ASCII case. A wrong plan is a Judgement, never an exception.
    """
    arena = _arena(domain, problem.vocabulary)
    state = State(domain, problem)
    kept, atoms, number = arena.steps, state.atoms, 0
    try:
        for number, action in enumerate(plan, 1):
            step = kept.get((action.name, action.args)) or arena.step(action)
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
