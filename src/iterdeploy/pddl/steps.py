"""Actions ready to be applied: a schema is taken apart once, and filled in with objects by one format.

Nothing is grounded ahead of time; a step that was filled in once is kept with its problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
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
    Types,
    Variable,
)

Pick = Callable[[Sequence[str]], tuple[str, ...] | list[str]]
"""Some items of a tuple or list, as one: str.__mod__ takes a tuple."""


class When(NamedTuple):
    """A conditional or quantified effect; deletes and adds are templates."""

    variables: tuple[Variable, ...]
    test: Test
    deletes: tuple[str, ...]
    adds: tuple[str, ...]


class Blueprint(NamedTuple):
    """A schema taken apart: its plain atoms, each once, and which of them are needed, forbidden, deleted, added."""

    schema: Schema
    types: tuple[Types, ...]  # of the parameters
    plain: bool  # a step does no more than delete and add, if what it needs holds
    template: str  # the atoms, one a line, with "%s" for each object
    objects: Pick  # from a binding, one for each "%s"
    needs: Pick  # from the atoms, as the others
    forbids: Pick
    deletes: Pick
    adds: Pick
    guards: tuple[Test, ...]
    whens: tuple[When, ...]

    def fill_in(self, binding: Binding) -> Step:
        """The step for objects that are known to fit."""
        atoms = (self.template % self.objects(binding)).split("\n")
        return Step(
            self.plain,
            frozenset(self.needs(atoms)),
            frozenset(self.forbids(atoms)),
            frozenset(self.deletes(atoms)),
            frozenset(self.adds(atoms)),
            self,
            binding,
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
    atoms = list(dict.fromkeys(needs + forbids + deletes + adds))
    return Blueprint(
        schema,
        types=tuple(parameter.types for parameter in schema.parameters),
        plain=not (derives or guards or whens or forbids),
        template="\n".join(map(_with_places, atoms)),
        objects=_pick([term for atom in atoms for term in atom.terms if isinstance(term, int)]),
        needs=_pick([atoms.index(atom) for atom in needs]),
        forbids=_pick([atoms.index(atom) for atom in forbids]),
        deletes=_pick([atoms.index(atom) for atom in deletes]),
        adds=_pick([atoms.index(atom) for atom in adds]),
        guards=tuple(guards),
        whens=whens,
    )


def _with_places(atom: Atom) -> str:
    """The atom's text with "%s" for each slot; names hold no per cent signs."""
    return " ".join((atom.predicate, *("%s" if isinstance(term, int) else term for term in atom.terms)))


def _pick(numbers: list[int]) -> Pick:
    first = numbers[0] if numbers else 0
    if numbers == list(range(first, first + len(numbers))):
        return itemgetter(slice(first, first + len(numbers)))
    return itemgetter(*numbers)


def _conjuncts(formula: Formula) -> list[Formula]:
    if isinstance(formula, And):
        return [inner for part in formula.parts for inner in _conjuncts(part)]
    return [formula]


def _when(effect: Effect) -> When:
    deletes, adds = (tuple(map(template_of, atoms)) for atoms in (effect.deletes, effect.adds))
    return When(effect.variables, test_of(effect.condition), deletes, adds)
