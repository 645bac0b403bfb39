"""What a domain, a problem and a plan are once they are read: frozen data, names folded.

A term is a slot of the current binding (a number) or an object (a name). An action's parameters are the
first slots; each quantifier binds the next ones, and says from which slot on: a condition may be read under
a longer binding than it was written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from iterdeploy.pddl.names import Names
    from iterdeploy.pddl.steps import Step

Types = tuple[str, ...]
"""The types that a variable may take: one, or those of an `either`."""

Term = int | str
Binding = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A parameter or quantified variable, with its "?"."""

    name: str
    types: Types


@dataclass(frozen=True, slots=True)
class Atom:
    """A predicate over terms."""

    predicate: str
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Equal:
    """Both terms are the same object."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: Formula


@dataclass(frozen=True, slots=True)
class And:
    """All parts are true; true if there are none."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part is true; false if there are none."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The part is true for some objects in the slots from `slot` on."""

    slot: int
    variables: tuple[Variable, ...]
    part: Formula


@dataclass(frozen=True, slots=True)
class Forall:
    """The part is true for all objects in the slots from `slot` on."""

    slot: int
    variables: tuple[Variable, ...]
    part: Formula


Formula = Atom | Equal | Not | And | Or | Exists | Forall


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes true and false for each binding of `variables` under which `condition` held before."""

    variables: tuple[Variable, ...]
    condition: Formula
    adds: tuple[Atom, ...]
    deletes: tuple[Atom, ...]

    @property
    def plain(self) -> bool:
        """Whether it always happens, once."""
        return not self.variables and self.condition == And(())


@dataclass(frozen=True, slots=True)
class Schema:
    """An action of the domain."""

    name: str
    parameters: tuple[Variable, ...]
    precondition: Formula
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A derived predicate: the atom over `parameters` holds where `condition` does."""

    predicate: str
    parameters: tuple[Variable, ...]
    condition: Formula


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """A domain. Two are equal only if they are the same one; `parse_domain` returns one object a text."""

    name: str
    requirements: tuple[str, ...]
    types: Mapping[str, frozenset[str]]  # each type, to itself and all above it
    constants: Mapping[str, Types]
    predicates: Mapping[str, tuple[Types, ...]]
    functions: Mapping[str, tuple[Types, ...]]
    actions: Mapping[str, Schema]
    strata: tuple[tuple[Rule, ...], ...]  # derived predicates, in the order in which they must be closed


class Vocabulary:
    """The objects of a problem, the domain's constants first."""

    def __init__(
        self, objects: Mapping[str, Types], types: Mapping[str, frozenset[str]], names: Names
    ) -> None:
        self.objects = objects
        self.types = types  # of the domain
        self.names = names  # shared with other problems
        self.steps: dict[Action, Step] | None = None  # known to fit, from the second plan on

    @cached_property
    def members(self) -> Mapping[str, Mapping[str, None]]:
        """Each type, to its objects in the order of the text."""
        members: dict[str, dict[str, None]] = {name: {} for name in self.types}
        for name, named in self.objects.items():
            for below in named:
                for above in self.types[below]:
                    members[above][name] = None
        return members


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A problem of one domain."""

    name: str
    domain_name: str
    vocabulary: Vocabulary
    init: frozenset[str]  # ground atoms, "on a b"
    stated_goal: Formula | tuple[str, ...]  # as ground atoms where it is nothing else
    goal_facts: frozenset[str] | None  # the same atoms

    @property
    def goal(self) -> Formula:
        """The goal as a formula."""
        if isinstance(self.stated_goal, tuple):
            return And(tuple(map(_ground_atom, self.stated_goal)))
        return self.stated_goal

    @property
    def objects(self) -> Mapping[str, Types]:
        """Every object and its types."""
        return self.vocabulary.objects


def _ground_atom(fact: str) -> Atom:
    predicate, *objects = fact.split(" ")
    return Atom(predicate, tuple(objects))


class Action(NamedTuple):
    """One step of a plan."""

    name: str
    args: tuple[str, ...]

    def __str__(self) -> str:
        return f"({' '.join((self.name, *self.args))})"
