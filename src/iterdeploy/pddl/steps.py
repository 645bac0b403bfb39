"""Actions ready to be applied: a schema is taken apart once, and filled in with objects by one format.

Nothing is grounded ahead of time; a step that was filled in once is kept with its problem.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from iterdeploy.pddl.conditions import State, Test, template_of, test_of
from iterdeploy.pddl.structures import (
    And,
    Atom,
    Binding,
    Domain,
    Effect,
    Formula,
    Not,
    Schema,
    Variable,
)


class When(NamedTuple):
    """A conditional or quantified effect; deletes and adds are templates."""

    variables: tuple[Variable, ...]
    test: Test
    deletes: tuple[str, ...]
    adds: tuple[str, ...]


class Blueprint(NamedTuple):
    """A schema taken apart: `template` lists its plain atoms, one a line, and the cuts part them by use."""

    schema: Schema
    template: str
    cuts: tuple[int, int, int]  # where what is forbidden, deleted and added begins
    guards: tuple[Test, ...]
    whens: tuple[When, ...]


class Step(NamedTuple):
    """A schema filled in with objects: the atoms it needs, forbids, deletes and adds.

    A plain one is applicable exactly if what it needs holds, and does no more than delete and add.
    """

    plain: bool
    needs: frozenset[str]
    forbids: frozenset[str]
    deletes: frozenset[str]
    adds: frozenset[str]
    blueprint: Blueprint
    binding: Binding

    def applies(self, state: State) -> bool:
        """Whether the precondition holds."""
        true = state.true
        return (
            self.needs <= true
            and self.forbids.isdisjoint(true)
            and all(guard(state, self.binding) for guard in self.blueprint.guards)
        )

    def apply(self, state: State) -> None:
        """Change the state; every condition is read before anything changes, and adding wins."""
        deletes, adds = set(self.deletes), set(self.adds)
        for when in self.blueprint.whens:
            for chosen in state.bindings(when.variables):
                binding = self.binding + chosen
                if when.test(state, binding):
                    deletes.update(template.format(*binding) for template in when.deletes)
                    adds.update(template.format(*binding) for template in when.adds)
        state.change(deletes, adds)


class Workshop:
    """All actions of a domain taken apart, and the steps filled in so far: problems share most of theirs."""

    def __init__(self, domain: Domain) -> None:
        self.blueprints = {name: blueprint(schema) for name, schema in domain.actions.items()}
        self._derives = bool(domain.strata)
        self.steps: dict[tuple[str, Binding], Step] = {}

    def step(self, taken: Blueprint, binding: Binding) -> Step:
        """The step of a blueprint for objects that are known to fit."""
        key = (taken.schema.name, binding)
        step = self.steps.get(key)
        if step is None:
            if len(self.steps) >= _KEPT:
                self.steps.clear()
            step = self.steps[key] = self._fill_in(taken, binding)
        return step

    def _fill_in(self, taken: Blueprint, binding: Binding) -> Step:
        atoms = taken.template.format(*binding).split("\n") if taken.template else []
        forbids, deletes, adds = taken.cuts
        return Step(
            not (self._derives or taken.guards or taken.whens or forbids < deletes),
            frozenset(atoms[:forbids]),
            frozenset(atoms[forbids:deletes]),
            frozenset(atoms[deletes:adds]),
            frozenset(atoms[adds:]),
            taken,
            binding,
        )


_KEPT = 50_000  # steps


@lru_cache(maxsize=64)
def workshop(domain: Domain) -> Workshop:
    """The one workshop of a domain."""
    return Workshop(domain)


def blueprint(schema: Schema) -> Blueprint:
    """One action taken apart: plain literals into the template, all other conditions into guards."""
    needs: list[Atom] = []
    forbids: list[Atom] = []
    guards: list[Test] = []
    for part in _conjuncts(schema.precondition):
        match part:
            case Atom():
                needs.append(part)
            case Not(Atom() as atom):
                forbids.append(atom)
            case _:
                guards.append(test_of(part))
    plain = [effect for effect in schema.effects if effect.plain]
    deletes = [atom for effect in plain for atom in effect.deletes]
    adds = [atom for effect in plain for atom in effect.adds]
    template = "\n".join(map(template_of, needs + forbids + deletes + adds))
    first = len(needs)
    cuts = (first, first + len(forbids), first + len(forbids) + len(deletes))
    whens = tuple(_when(effect) for effect in schema.effects if not effect.plain)
    return Blueprint(schema, template, cuts, tuple(guards), whens)


def _conjuncts(formula: Formula) -> list[Formula]:
    if isinstance(formula, And):
        return [inner for part in formula.parts for inner in _conjuncts(part)]
    return [formula]


def _when(effect: Effect) -> When:
    deletes, adds = (tuple(map(template_of, atoms)) for atoms in (effect.deletes, effect.adds))
    return When(effect.variables, test_of(effect.condition), deletes, adds)
