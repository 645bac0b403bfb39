"""The meaning of PDDL once more, as plainly as it can be written: a third voice beside kairos and VAL, and slow.

It shares the reading of texts with our validator, and nothing of how plans are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from iterdeploy.pddl import Action, Domain, Problem
from iterdeploy.pddl.structures import (
    And,
    Atom,
    Binding,
    Equal,
    Exists,
    Forall,
    Formula,
    Not,
    Or,
    Schema,
    Term,
    Variable,
)

Fact = tuple[str, ...]
State = frozenset[Fact]


@dataclass(frozen=True)
class Naive:
    """One problem."""

    domain: Domain
    problem: Problem

    def start(self) -> State:
        return frozenset(tuple(fact.split(" ")) for fact in self.problem.init)

    def judge(self, plan: Sequence[Action]) -> tuple[str, int | None]:
        """The fault of a plan, "" if it is valid, and its step."""
        state = self.start()
        for number, action in enumerate(plan, 1):
            fault, later = self.after(state, action)
            if later is None:
                return fault, number
            state = later
        return ("", None) if self.reached(state) else ("goal", None)

    def reached(self, state: State) -> bool:
        return self.holds(self.problem.goal, self.closed(state), ())

    def after(self, state: State, action: Action) -> tuple[str, State | None]:
        """The next state; or the fault."""
        schema = self.domain.actions.get(action.name)
        if schema is None:
            return "unknown-action", None
        if len(action.args) != len(schema.parameters):
            return "arity", None
        if not all(arg in self.problem.objects for arg in action.args):
            return "unknown-object", None
        if not all(map(self.fits, action.args, schema.parameters)):
            return "type", None
        true = self.closed(state)
        if not self.holds(schema.precondition, true, action.args):
            return "precondition", None
        return "", self.changed(state, true, schema, action.args)

    def changed(self, state: State, true: State, schema: Schema, args: Binding) -> State:
        adds: set[Fact] = set()
        deletes: set[Fact] = set()
        for effect in schema.effects:
            for chosen in self.choices(effect.variables):
                binding = args + chosen
                if self.holds(effect.condition, true, binding):
                    adds |= {ground(atom, binding) for atom in effect.adds}
                    deletes |= {ground(atom, binding) for atom in effect.deletes}
        return (state - deletes) | adds

    def fits(self, name: str, variable: Variable) -> bool:
        kinds = {above for kind in self.problem.objects[name] for above in self.domain.types[kind]}
        return bool(kinds & set(variable.types))

    def choices(self, variables: tuple[Variable, ...]) -> Iterator[Binding]:
        return product(*([name for name in self.problem.objects if self.fits(name, v)] for v in variables))

    def closed(self, state: State) -> State:
        """The state with the derived facts."""
        true = set(state)
        for stratum in self.domain.strata:
            before = -1
            while before < len(true):
                before = len(true)
                for rule in stratum:
                    for binding in self.choices(rule.parameters):
                        if self.holds(rule.condition, frozenset(true), binding):
                            true.add((rule.predicate, *binding))
        return frozenset(true)

    def holds(self, formula: Formula, true: State, binding: Binding) -> bool:
        match formula:
            case Atom():
                return ground(formula, binding) in true
            case Equal(left, right):
                return term(left, binding) == term(right, binding)
            case Not(part):
                return not self.holds(part, true, binding)
            case And(parts):
                return all(self.holds(part, true, binding) for part in parts)
            case Or(parts):
                return any(self.holds(part, true, binding) for part in parts)
            case Exists(slot, variables, part):
                return any(self.holds(part, true, binding[:slot] + c) for c in self.choices(variables))
            case Forall(slot, variables, part):
                return all(self.holds(part, true, binding[:slot] + c) for c in self.choices(variables))


def ground(atom: Atom, binding: Binding) -> Fact:
    return (atom.predicate, *(term(one, binding) for one in atom.terms))


def term(one: Term, binding: Binding) -> str:
    return binding[one] if isinstance(one, int) else one
