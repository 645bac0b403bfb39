"""In which order derived predicates must be closed: one that is negated, before the one that negates it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iterdeploy.pddl.lexer import Group, flaw
from iterdeploy.pddl.structures import And, Atom, Exists, Forall, Formula, Not, Or, Rule


def predicates_in(formula: Formula, positive: bool = True) -> Iterator[tuple[str, bool]]:
    """Each predicate of the formula, and whether it stands under an even number of `not`s."""
    match formula:
        case Atom(predicate):
            yield predicate, positive
        case Not(part):
            yield from predicates_in(part, not positive)
        case And(parts) | Or(parts):
            for part in parts:
                yield from predicates_in(part, positive)
        case Exists(part=part) | Forall(part=part):
            yield from predicates_in(part, positive)


def stratify(rules: Sequence[tuple[Rule, Group]]) -> tuple[tuple[Rule, ...], ...]:
    """The rules in strata; within one, they are applied until nothing is new.

    Raises MisreadError where a predicate depends on its own negation: such rules have no one meaning.
    """
    level = {rule.predicate: 0 for rule, _ in rules}
    for _ in range(len(level) + 1):
        raised = [(rule, where) for rule, where in rules if _raise_level(rule, level)]
        if not raised:
            top = max(level.values(), default=-1)
            return tuple(
                tuple(rule for rule, _ in rules if level[rule.predicate] == height)
                for height in range(top + 1)
            )
    rule, where = raised[0]
    raise flaw(f"the derived predicate {rule.predicate!r} depends on its own negation", where)


def _raise_level(rule: Rule, level: dict[str, int]) -> bool:
    before = level[rule.predicate]
    for predicate, positive in predicates_in(rule.condition):
        if predicate in level:
            needed = level[predicate] + (not positive)
            level[rule.predicate] = max(level[rule.predicate], needed)
    return level[rule.predicate] > before
