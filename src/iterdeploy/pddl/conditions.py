"""Formulas as tests of a state, made once and run often; and the literal that made one fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import product
from math import prod
from typing import NamedTuple

from iterdeploy.pddl.structures import (
    And,
    Atom,
    Binding,
    Domain,
    Equal,
    Exists,
    Forall,
    Formula,
    Not,
    Or,
    Problem,
    Rule,
    Term,
    Variable,
)

MOST_CHOICES = 20_000_000
"""Choices of objects for quantified variables that are tried for one plan: far more than real domains need."""


MOST_DERIVED = 1_000_000  # atoms of one derived predicate


class TooManyChoicesError(Exception):
    """Quantifiers and derived predicates ask for more than that: the plan is not judged to its end."""


class State:
    """The ground atoms that hold now; derived ones are worked out when they are first asked for."""

    __slots__ = ("_closed", "_left", "_strata", "_vocabulary", "atoms")

    def __init__(self, domain: Domain, problem: Problem) -> None:
        self.atoms = set(problem.init)
        self._vocabulary = problem.vocabulary
        self._strata = _closers(domain)
        self._closed: set[str] | None = None
        self._left = MOST_CHOICES

    @property
    def true(self) -> set[str]:
        """All atoms that hold, derived ones included."""
        if not self._strata:
            return self.atoms
        if self._closed is None:
            self._closed = self._close()
        return self._closed

    def change(self, deletes: AbstractSet[str], adds: AbstractSet[str]) -> None:
        """Make the first atoms false, then the others true: what is in both holds."""
        self.atoms -= deletes
        self.atoms |= adds
        self._closed = None

    def bindings(self, variables: tuple[Variable, ...]) -> Iterator[Binding]:
        """Every choice of objects for the variables, in the order of the problem's text."""
        for chosen in product(*(self._candidates(variable) for variable in variables)):
            self._left -= 1
            if self._left < 0:
                raise TooManyChoicesError
            yield chosen

    def _candidates(self, variable: Variable) -> Sequence[str]:
        members = self._vocabulary.members
        if len(variable.types) == 1:
            return tuple(members[variable.types[0]])
        return tuple(dict.fromkeys(name for kind in variable.types for name in members[kind]))

    def _refuse_too_many(self, rule: _Closer) -> None:
        """Before all choices for a derived predicate are put on a list."""
        if prod(len(self._candidates(variable)) for variable in rule.parameters) > MOST_DERIVED:
            raise TooManyChoicesError

    def _close(self) -> set[str]:
        closed = self._closed = set(self.atoms)  # the tests below read it while it grows
        for stratum in self._strata:
            for rule in stratum:
                self._refuse_too_many(rule)
            waiting = [(rule, binding) for rule in stratum for binding in self.bindings(rule.parameters)]
            grown = True
            while grown:
                left = []
                for rule, binding in waiting:
                    if rule.test(self, binding):
                        closed.add(rule.template.format(*binding))
                    else:
                        left.append((rule, binding))
                grown = len(left) < len(waiting)
                waiting = left
        return closed


Test = Callable[[State, Binding], bool]


class _Closer(NamedTuple):
    parameters: tuple[Variable, ...]
    test: Test
    template: str


@lru_cache(maxsize=64)
def _closers(domain: Domain) -> tuple[tuple[_Closer, ...], ...]:
    return tuple(tuple(_closer(rule) for rule in stratum) for stratum in domain.strata)


def _closer(rule: Rule) -> _Closer:
    head = Atom(rule.predicate, tuple(range(len(rule.parameters))))
    return _Closer(rule.parameters, test_of(rule.condition), template_of(head))


def template_of(atom: Atom) -> str:
    """The atom's text with a numbered brace for each slot; names hold no braces."""
    return " ".join((atom.predicate, *map(_place, atom.terms)))


def _place(term: Term) -> str:
    return f"{{{term}}}" if isinstance(term, int) else term


def test_of(formula: Formula) -> Test:
    """The formula as a function of state and binding."""
    match formula:
        case Atom():
            return _atom_test(template_of(formula))
        case Equal(left, right):
            return lambda state, binding: _object(left, binding) == _object(right, binding)
        case Not(part):
            return _not_test(test_of(part))
        case And(parts):
            return _all_test(tuple(map(test_of, parts)))
        case Or(parts):
            return _any_test(tuple(map(test_of, parts)))
        case Exists(slot, variables, part):
            return _exists_test(slot, variables, test_of(part))
        case Forall(slot, variables, part):
            return _not_test(_exists_test(slot, variables, test_of(Not(part))))


def _atom_test(template: str) -> Test:
    return lambda state, binding: template.format(*binding) in state.true


def _not_test(test: Test) -> Test:
    return lambda state, binding: not test(state, binding)


def _all_test(tests: tuple[Test, ...]) -> Test:
    return lambda state, binding: all(test(state, binding) for test in tests)


def _any_test(tests: tuple[Test, ...]) -> Test:
    return lambda state, binding: any(test(state, binding) for test in tests)


def _exists_test(slot: int, variables: tuple[Variable, ...], test: Test) -> Test:
    def some(state: State, binding: Binding) -> bool:
        outer = binding[:slot]
        return any(test(state, outer + chosen) for chosen in state.bindings(variables))

    return some


def _object(term: Term, binding: Binding) -> str:
    return binding[term] if isinstance(term, int) else term


def unmet(formula: Formula, state: State, binding: Binding) -> str:
    """The first part of a false formula, in the order of the text, that makes it false."""
    match formula:
        case And(parts):
            for part in parts:
                if not test_of(part)(state, binding):
                    return unmet(part, state, binding)
        case Forall(slot, variables, part):
            for chosen in state.bindings(variables):
                inner = binding[:slot] + chosen
                if not test_of(part)(state, inner):
                    return unmet(part, state, inner)
    return text_of(formula, binding)


def text_of(formula: Formula, binding: Binding) -> str:
    """The formula as PDDL under a binding; quantified variables keep their names."""
    match formula:
        case Atom(predicate, terms):
            return f"({' '.join((predicate, *(_object(term, binding) for term in terms)))})"
        case Equal(left, right):
            return f"(= {_object(left, binding)} {_object(right, binding)})"
        case Not(part):
            return f"(not {text_of(part, binding)})"
        case And(parts) | Or(parts):
            word = "and" if isinstance(formula, And) else "or"
            return f"({' '.join((word, *(text_of(part, binding) for part in parts)))})"
        case Exists(slot, variables, part) | Forall(slot, variables, part):
            word = "exists" if isinstance(formula, Exists) else "forall"
            names = tuple(variable.name for variable in variables)
            return f"({word} ({' '.join(names)}) {text_of(part, binding[:slot] + names)})"
