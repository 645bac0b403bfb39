"""In which order derived predicates must be closed: one that is negated, before the one that negates it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from iterdeploy.pddl.lexer import Group, flaw
from iterdeploy.pddl.structures import And, Atom, Exists, Forall, Formula, Not, Or, Rule

MOST_ROUNDS = 50  # so that finding the order takes time linear in the text


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
    for _ in range(min(len(level), MOST_ROUNDS) + 1):
        raised = [(rule, where) for rule, where in rules if _raise_level(rule, level)]
        if not raised:
            top = max(level.values(), default=-1)
            return tuple(
                tuple(rule for rule, _ in rules if level[rule.predicate] == height)
                for height in range(top + 1)
            )
    rule, where = raised[0]
    if len(level) > MOST_ROUNDS:
        raise flaw(
            f"derived predicates rest on one another more than {MOST_ROUNDS} deep, up to {rule.predicate!r}",
            where,
        )
    raise flaw(f"the derived predicate {rule.predicate!r} depends on its own negation", where)


def _raise_level(rule: Rule, level: dict[str, int]) -> bool:
    before = level[rule.predicate]
    for predicate, positive in predicates_in(rule.condition):
        if predicate in level:
            needed = level[predicate] + (not positive)
            level[rule.predicate] = max(level[rule.predicate], needed)
    return level[rule.predicate] > before
