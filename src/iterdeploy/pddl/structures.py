"""What a domain, a problem and a plan are once they are read: frozen data, names folded.

A term is a slot of the current binding (a number) or an object (a name). An action's parameters are the
first slots; each quantifier binds the next ones, and says from which slot on: a condition may be read under
a longer binding than it was written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The objects of a problem, the domain's constants first; problems of the same objects share one."""

    objects: Mapping[str, Types]
    members: Mapping[str, Mapping[str, None]]  # each type, to its objects in the order of the text


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A problem of one domain."""

    name: str
    domain_name: str
    vocabulary: Vocabulary
    init: frozenset[str]  # ground atoms, "on a b"
    goal: Formula
    goal_facts: frozenset[str] | None  # what the goal asks for, where it is nothing but ground atoms

    @property
    def objects(self) -> Mapping[str, Types]:
        """Every object and its types."""
        return self.vocabulary.objects


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a plan."""

    name: str
    args: tuple[str, ...]

    def __str__(self) -> str:
        return f"({' '.join((self.name, *self.args))})"
