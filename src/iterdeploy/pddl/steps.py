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
    """A schema taken apart: its plain atoms, each once, and which of them are needed, forbidden, deleted, added."""

    schema: Schema
    plain: bool  # a step does no more than delete and add, if what it needs holds
    template: str  # the atoms, one a line, with "%s" for each object
    slots: tuple[int, ...]  # which parameter each "%s" stands for
    uses: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]  # numbers of atoms
    guards: tuple[Test, ...]
    whens: tuple[When, ...]

    def fill_in(self, binding: Binding) -> Step:
        """The step for objects that are known to fit."""
        atoms = (self.template % tuple(map(binding.__getitem__, self.slots))).split("\n")
        needs, forbids, deletes, adds = self.uses
        needed = frozenset(map(atoms.__getitem__, needs))
        deleted = needed if deletes == needs else frozenset(map(atoms.__getitem__, deletes))
        forbidden = frozenset(map(atoms.__getitem__, forbids))
        return Step(
            self.plain, needed, forbidden, deleted, frozenset(map(atoms.__getitem__, adds)), self, binding
        )


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


@lru_cache(maxsize=64)
def blueprints(domain: Domain) -> dict[str, Blueprint]:
    """All actions of a domain, taken apart."""
    return {name: _blueprint(schema, bool(domain.strata)) for name, schema in domain.actions.items()}


def _blueprint(schema: Schema, derives: bool) -> Blueprint:
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
    whens = tuple(_when(effect) for effect in schema.effects if not effect.plain)
    number = {atom: at for at, atom in enumerate(dict.fromkeys(needs + forbids + deletes + adds))}
    of_needs, of_forbids, of_deletes, of_adds = (
        tuple(map(number.__getitem__, atoms)) for atoms in (needs, forbids, deletes, adds)
    )
    return Blueprint(
        schema,
        not (derives or guards or whens or forbids),
        "\n".join(
            " ".join((atom.predicate, *("%s" if isinstance(term, int) else term for term in atom.terms)))
            for atom in number
        ),
        tuple(term for atom in number for term in atom.terms if isinstance(term, int)),
        (of_needs, of_forbids, of_deletes, of_adds),
        tuple(guards),
        whens,
    )


def _conjuncts(formula: Formula) -> list[Formula]:
    if isinstance(formula, And):
        return [inner for part in formula.parts for inner in _conjuncts(part)]
    return [formula]


def _when(effect: Effect) -> When:
    deletes, adds = (tuple(map(template_of, atoms)) for atoms in (effect.deletes, effect.adds))
    return When(effect.variables, test_of(effect.condition), deletes, adds)
