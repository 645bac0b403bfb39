"""Whether a plan solves a problem, and if not, the first step and literal that say why.

Lifted: an action is filled in when a plan uses it, and nothing is grounded ahead of time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from iterdeploy.errors import nearest
from iterdeploy.pddl.conditions import State, unmet
from iterdeploy.pddl.lexer import fold
from iterdeploy.pddl.steps import Blueprint, Step, blueprint, blueprints, fill_in
from iterdeploy.pddl.structures import Action, Binding, Domain, Formula, Problem, Schema, Variable
from iterdeploy.types import Fault

_KEPT = 20_000  # steps kept filled in for one problem


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


@dataclass(frozen=True, slots=True)
class _Misfit:
    """Why an action is none of the domain's, whatever the state."""

    fault: Fault
    reason: str


class _Arena:
    """A problem with what validating plans for it has worked out so far."""

    def __init__(self, domain: Domain, problem: Problem) -> None:
        self.domain = domain
        self.problem = problem
        self.blueprints = blueprints(domain)
        self.goal = fill_in(blueprint(Schema("goal", (), problem.goal, ())), ())
        self.steps: dict[tuple[str, Binding], Step] = {}
        self.places: dict[str, tuple[Mapping[str, None], ...]] = {}

    def step(self, action: Action) -> Step | _Misfit:
        """The action filled in, or why it cannot be."""
        name, args = fold(action.name), tuple(map(fold, action.args))
        taken = self.blueprints.get(name)
        if taken is None:
            there = nearest(name, self.blueprints)
            return _Misfit(Fault.UNKNOWN_ACTION, f"no action {name!r} in {action}; {there}")
        parameters = taken.schema.parameters
        if len(args) != len(parameters):
            counts = f"takes {_arguments(len(parameters))}, and {action} has {len(args)}"
            return _Misfit(Fault.ARITY, f"{name} {counts}")
        for place, arg in zip(self._places(taken), args, strict=True):
            if arg not in place:
                return self._unfit(action, args, parameters)
        step = fill_in(taken, args)
        if len(self.steps) < _KEPT:
            self.steps[action.name, action.args] = step
        return step

    def _places(self, taken: Blueprint) -> tuple[Mapping[str, None], ...]:
        """The objects that each parameter of an action takes."""
        name = taken.schema.name
        places = self.places.get(name)
        if places is None:
            places = tuple(map(self._place, taken.schema.parameters))
            self.places[name] = places
        return places

    def _place(self, variable: Variable) -> Mapping[str, None]:
        members = self.problem.members
        if len(variable.types) == 1:
            return members[variable.types[0]]
        return {name: None for kind in variable.types for name in members[kind]}

    def _unfit(self, action: Action, args: Binding, parameters: tuple[Variable, ...]) -> _Misfit:
        objects = self.problem.objects
        for arg in args:
            if arg not in objects:
                return _Misfit(
                    Fault.UNKNOWN_OBJECT, f"no object {arg!r} for {action}; {nearest(arg, objects)}"
                )
        for number, (arg, variable) in enumerate(zip(args, parameters, strict=True), 1):
            if arg not in self._place(variable):
                have, want = " or ".join(objects[arg]), " or ".join(variable.types)
                return _Misfit(
                    Fault.TYPE, f"argument {number} of {action} takes type {want}, and {arg} is of type {have}"
                )
        raise AssertionError(f"{action} fits")  # the caller found an argument that does not


@lru_cache(maxsize=128)
def _arena(domain: Domain, problem: Problem) -> _Arena:
    return _Arena(domain, problem)


def validate(domain: Domain, problem: Problem, plan: Sequence[Action]) -> Judgement:
    """Judge a plan; the first step that is wrong decides, then the goal after the last step.

    Within a step: the action's name, the number of arguments, their names, their types, the precondition.
    Names are compared without regard to ASCII case. A wrong plan is a Judgement, never an exception.
    """
    arena = _arena(domain, problem)
    state = State(domain, problem)
    kept = arena.steps
    for number, action in enumerate(plan, 1):
        step = kept.get((action.name, action.args)) or arena.step(action)
        if isinstance(step, _Misfit):
            reason = f"step {number}: {step.reason}"
            return Judgement(False, step.fault, reason, number, str(action), "", len(plan))
        if not step.applies(state):
            return _inapplicable(step, state, number, action, len(plan))
        step.apply(state)
    if not arena.goal.applies(state):
        return _goal_missed(problem.goal, state, len(plan))
    return Judgement(True, None, "", None, "", "", len(plan))


def _inapplicable(step: Step, state: State, number: int, action: Action, cost: int) -> Judgement:
    literal = unmet(step.blueprint.schema.precondition, state, step.binding)
    reason = f"step {number}: {action} needs {literal}, which is false"
    return Judgement(False, Fault.PRECONDITION, reason, number, str(action), literal, cost)


def _goal_missed(goal: Formula, state: State, cost: int) -> Judgement:
    literal = unmet(goal, state, ())
    end = f"after the last step, {cost}" if cost else "and the plan is empty"
    reason = f"the goal needs {literal}, which is false {end}"
    return Judgement(False, Fault.GOAL, reason, None, "", literal, cost)


def _arguments(count: int) -> str:
    return f"{count or 'no'} argument{'' if count == 1 else 's'}"
