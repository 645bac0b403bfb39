"""From groups to formulas and effects, with every name checked against the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from iterdeploy.errors import nearest
from iterdeploy.pddl.lexer import FlatGroup, Group, MisreadError, beyond, flaw, head, is_name, subgroup
from iterdeploy.pddl.structures import (
    And,
    Atom,
    Effect,
    Equal,
    Exists,
    Forall,
    Formula,
    Not,
    Or,
    Term,
    Types,
    Variable,
)

OBJECT: Types = ("object",)
RESERVED = frozenset({"and", "or", "not", "imply", "exists", "forall", "when", "="})
TRUE = And(())
MOST_VARIABLES = 200  # of one list: they are looked up one by one

_NUMERIC = frozenset({"<", ">", "<=", ">=", "assign", "increase", "decrease", "scale-up", "scale-down"})
_PREFERENCES = frozenset(
    {
        "preference",
        "always",
        "sometime",
        "within",
        "at-most-once",
        "sometime-after",
        "sometime-before",
        "always-within",
        "hold-during",
        "hold-after",
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that may be used at one place of a text."""

    types: Mapping[str, frozenset[str]]
    predicates: Mapping[str, tuple[Types, ...]]
    functions: Mapping[str, tuple[Types, ...]]
    objects: Mapping[str, Types]
    variables: tuple[Variable, ...] = ()

    def within(self, variables: tuple[Variable, ...]) -> Scope:
        """The scope inside a quantifier; a variable hides an outer one of its name."""
        return replace(self, variables=self.variables + variables)


def typed_list(
    group: Group, start: int, types: Mapping[str, frozenset[str]] | None
) -> list[tuple[str, Types]]:
    """The `a b - t c` of a list from item `start` on; types are not checked where `types` is None."""
    pairs: list[tuple[str, Types]] = []
    waiting: list[str] = []
    items = group.items
    if isinstance(group, FlatGroup) and "-" not in items:
        return [(name, OBJECT) for name in cast("list[str]", items[start:])]
    index = start
    while index < len(items):
        item = items[index]
        if isinstance(item, Group):
            raise flaw("expected a name, found a list", group, index)
        if item == "-":
            index += 1
            named = _types_at(group, index, types)
            pairs += [(name, named) for name in waiting]
            waiting = []
        else:
            waiting.append(item)
        index += 1
    return pairs + [(name, OBJECT) for name in waiting]


def _types_at(group: Group, index: int, types: Mapping[str, frozenset[str]] | None) -> Types:
    if index >= len(group.items):
        raise flaw("expected a type after '-'", group, len(group.items) - 1)
    item = group.items[index]
    names = [item]
    if isinstance(item, Group):
        if head(item) != "either" or len(item.items) < 2:
            raise flaw("expected a type or (either ...)", group, index)
        names = item.items[1:]
    found: list[str] = []
    for name in names:
        if not isinstance(name, str) or not is_name(name):
            raise flaw("expected the name of a type", group, index)
        if types is not None and name not in types:
            raise flaw(f"no type {name!r}; {nearest(name, types)}", group, index)
        found.append(name)
    return tuple(found)


def variables_of(group: Group, start: int, types: Mapping[str, frozenset[str]]) -> tuple[Variable, ...]:
    """The variables of a parameter list; each must begin with "?" and stand once."""
    found: dict[str, Variable] = {}
    for name, named in typed_list(group, start, types):
        if not name.startswith("?") or not is_name(name[1:]):
            raise flaw(f"expected a variable such as ?x, found {name!r}", group)
        if name in found:
            raise flaw(f"variable {name} stands twice", group)
        found[name] = Variable(name, named)
    if len(found) > MOST_VARIABLES:
        raise flaw(f"{len(found)} variables in one list; {MOST_VARIABLES} are read", group)
    return tuple(found.values())


def formula_of(item: str | Group, parent: Group, scope: Scope) -> Formula:
    """The condition that `item` of `parent` is; `()` is true."""
    if isinstance(item, str):
        raise flaw(f"expected a condition in parentheses, found {item!r}", parent, parent.items.index(item))
    if not item.items:
        return TRUE
    match head(item):
        case "and":
            return And(tuple(formula_of(part, item, scope) for part in item.items[1:]))
        case "or":
            return Or(tuple(formula_of(part, item, scope) for part in item.items[1:]))
        case "not":
            _count(item, 2)
            return Not(formula_of(item.items[1], item, scope))
        case "imply":
            _count(item, 3)
            left, right = (formula_of(part, item, scope) for part in item.items[1:])
            return Or((Not(left), right))
        case "exists" | "forall" as quantifier:
            _count(item, 3)
            variables = variables_of(subgroup(item, 1, "the quantified variables"), 0, scope.types)
            part = formula_of(item.items[2], item, scope.within(variables))
            slot = len(scope.variables)
            return Exists(slot, variables, part) if quantifier == "exists" else Forall(slot, variables, part)
        case "=":
            return _equal(item, scope)
        case _:
            return atom_of(item, scope)


def _equal(group: Group, scope: Scope) -> Formula:
    _count(group, 3)
    if any(isinstance(item, Group) for item in group.items):
        raise beyond("numeric conditions are not supported (:numeric-fluents)", group)
    return Equal(_term(group, 1, scope), _term(group, 2, scope))


def _count(group: Group, items: int) -> None:
    if len(group.items) != items:
        raise flaw(f"({head(group)} ...) takes {items - 1} parts, found {len(group.items) - 1}", group)


def atom_of(group: Group, scope: Scope) -> Atom:
    """A declared predicate over terms, of the right number and, for objects, of the right types."""
    name = head(group)
    signature = scope.predicates.get(name)
    if signature is None:
        raise _no_predicate(name, group, scope)
    terms = _terms(group, signature, scope)
    return Atom(name, terms)


def fact_text(atom: Atom) -> str:
    """A ground atom as states hold it: "on a b"."""
    return " ".join((atom.predicate, *map(str, atom.terms)))


def _no_predicate(name: str, group: Group, scope: Scope) -> MisreadError:
    if name in _NUMERIC:
        return beyond(f"({name} ...) is not supported: only (increase (total-cost) ...) is", group)
    if name in _PREFERENCES:
        return beyond(f"({name} ...) is not supported (:preferences, :constraints)", group)
    if not name:
        return flaw("expected a predicate", group)
    return flaw(f"no predicate {name!r}; {nearest(name, scope.predicates)}", group)


def _terms(group: Group, signature: tuple[Types, ...], scope: Scope) -> tuple[Term, ...]:
    if len(group.items) - 1 != len(signature):
        raise flaw(f"{head(group)!r} takes {len(signature)} arguments, found {len(group.items) - 1}", group)
    terms = tuple(_term(group, index, scope) for index in range(1, len(group.items)))
    for index, (term, wanted) in enumerate(zip(terms, signature, strict=True), 1):
        if isinstance(term, str) and not fits(scope.objects[term], wanted, scope.types):
            have, want = " or ".join(scope.objects[term]), " or ".join(wanted)
            raise flaw(f"{term!r} is of type {have}, but {head(group)!r} takes {want} here", group, index)
    return terms


def _term(group: Group, index: int, scope: Scope) -> Term:
    word = group.items[index]
    if isinstance(word, Group):
        raise flaw("expected a variable or an object, found a list", group, index)
    if not word.startswith("?"):
        if word not in scope.objects:
            raise flaw(f"no object {word!r}; {nearest(word, scope.objects)}", group, index)
        return word
    for slot in range(len(scope.variables) - 1, -1, -1):
        if scope.variables[slot].name == word:
            return slot
    raise flaw(f"variable {word} is bound nowhere around", group, index)


def fits(have: Types, wanted: Types, types: Mapping[str, frozenset[str]]) -> bool:
    """Whether an object declared as `have` may stand where `wanted` is asked for."""
    return have == wanted or any(want in types[name] for name in have for want in wanted)


def all_fit(
    names: Sequence[str],
    wanted: Sequence[Types],
    objects: Mapping[str, Types],
    types: Mapping[str, frozenset[str]],
) -> bool:
    """Whether the names are so many objects of these types."""
    if len(names) != len(wanted):
        return False
    for name, want in zip(names, wanted, strict=True):
        have = objects.get(name)
        if have is not want and (have is None or not fits(have, want, types)):
            return False
    return True


def effects_of(item: str | Group, parent: Group, scope: Scope) -> tuple[Effect, ...]:
    """The effects that `item` of `parent` states: the plain ones gathered into one, then the others."""
    gathered = _Gathered([], [], [])
    _gather(item, parent, scope, gathered)
    plain = Effect((), TRUE, tuple(gathered.adds), tuple(gathered.deletes))
    return (plain, *gathered.others)


@dataclass(frozen=True, slots=True)
class _Gathered:
    adds: list[Atom]
    deletes: list[Atom]
    others: list[Effect]


def _gather(item: str | Group, parent: Group, scope: Scope, into: _Gathered) -> None:
    if isinstance(item, str):
        raise flaw(f"expected an effect in parentheses, found {item!r}", parent, parent.items.index(item))
    match head(item):
        case "and":
            for part in item.items[1:]:
                _gather(part, item, scope, into)
        case "not":
            _count(item, 2)
            into.deletes.append(atom_of(subgroup(item, 1, "an atom"), scope))
        case "when":
            _count(item, 3)
            _nested(item, (), formula_of(item.items[1], item, scope), scope, into)
        case "forall":
            _count(item, 3)
            variables = variables_of(subgroup(item, 1, "the quantified variables"), 0, scope.types)
            _nested(item, variables, TRUE, scope.within(variables), into)
        case "increase":
            _cost(item, scope)
        case _:
            if item.items:
                into.adds.append(atom_of(item, scope))


def _nested(
    group: Group, variables: tuple[Variable, ...], condition: Formula, scope: Scope, into: _Gathered
) -> None:
    """Effects under a `when` or a `forall`: the outer condition is put before the inner ones."""
    inside = effects_of(group.items[2], group, scope)
    for effect in inside:
        if effect.adds or effect.deletes:
            both = effect.condition if condition == TRUE else And((condition, effect.condition))
            into.others.append(replace(effect, variables=variables + effect.variables, condition=both))


def _cost(group: Group, scope: Scope) -> None:
    """Check an action's cost. Costs never decide whether a plan is valid, so nothing is kept."""
    _count(group, 3)
    total = group.items[1]
    if not isinstance(total, Group) or head(total) != "total-cost" or len(total.items) != 1:
        raise beyond("only (increase (total-cost) ...) is supported (:numeric-fluents)", group)
    amount = group.items[2]
    if isinstance(amount, Group):
        function_of(amount, scope)
    elif not is_number(amount):
        raise flaw(f"expected a cost, found {amount!r}", group, 2)


def function_of(group: Group, scope: Scope) -> None:
    """Check that a list is a declared function over terms."""
    name = head(group)
    signature = scope.functions.get(name)
    if signature is None:
        if name in {"+", "-", "*", "/"}:
            raise beyond("arithmetic is not supported (:numeric-fluents)", group)
        raise flaw(f"no function {name!r}; {nearest(name, scope.functions)}", group)
    _terms(group, signature, scope)


def is_number(word: str) -> bool:
    """Whether the word is an unsigned decimal number."""
    whole, _, part = word.partition(".")
    return (whole + part).isdigit() and word.isascii()
