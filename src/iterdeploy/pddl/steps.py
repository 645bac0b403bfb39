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
    """A schema filled in with objects: the atoms it needs, forbids, deletes and adds."""

    needs: list[str]
    forbids: list[str]
    deletes: list[str]
    adds: list[str]
    blueprint: Blueprint
    binding: Binding

    def applies(self, state: State) -> bool:
        """Whether the precondition holds."""
        true = state.true
        return (
            true.issuperset(self.needs)
            and true.isdisjoint(self.forbids)
            and all(guard(state, self.binding) for guard in self.blueprint.guards)
        )

    def apply(self, state: State) -> None:
        """Change the state; every condition is read before anything changes."""
        deletes, adds = self.deletes, self.adds
        for when in self.blueprint.whens:
            for chosen in state.bindings(when.variables):
                binding = self.binding + chosen
                if when.test(state, binding):
                    deletes = deletes + [template.format(*binding) for template in when.deletes]
                    adds = adds + [template.format(*binding) for template in when.adds]
        state.change(deletes, adds)


@lru_cache(maxsize=64)
def blueprints(domain: Domain) -> dict[str, Blueprint]:
    """Every action of the domain, taken apart."""
    return {name: blueprint(schema) for name, schema in domain.actions.items()}


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


def fill_in(taken: Blueprint, binding: Binding) -> Step:
    """The step of a blueprint for objects that are known to fit."""
    atoms = taken.template.format(*binding).split("\n")
    forbids, deletes, adds = taken.cuts
    return Step(atoms[:forbids], atoms[forbids:deletes], atoms[deletes:adds], atoms[adds:], taken, binding)
