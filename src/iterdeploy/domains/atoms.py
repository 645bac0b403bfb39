"""The atoms of a PDDL problem in the order of its text, for templates and for telling problems apart."""

from __future__ import annotations

from dataclasses import dataclass

from iterdeploy.errors import BadInput
from iterdeploy.pddl.lexer import Group, read

Atom = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemAtoms:
    """What a problem says: objects with their types ("" if none), the initial atoms, and the goal's."""

    objects: tuple[tuple[str, str], ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]


def atoms_of(problem: str) -> ProblemAtoms:
    """Read a problem whose goal is a conjunction of atoms. Raises PddlError, or BadInput for another goal."""
    sections = {str(g.items[0]): g for g in read(problem).items if isinstance(g, Group) and g.items}
    goal = sections[":goal"].items[-1] if ":goal" in sections else None
    if not isinstance(goal, Group):
        raise BadInput("the problem has no (:goal ...)")
    wanted = goal.items[1:] if goal.items[:1] == ["and"] else [goal]
    return ProblemAtoms(
        _typed(sections[":objects"].items[1:] if ":objects" in sections else []),
        tuple(_atom(item) for item in sections[":init"].items[1:]) if ":init" in sections else (),
        tuple(_atom(item) for item in wanted),
    )


def _typed(items: list[str | Group]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    words = iter(str(item) for item in items)
    for word in words:
        if word == "-":
            kind = next(words, "")
            found += [(name, kind) for name in waiting]
            waiting = []
        else:
            waiting.append(word)
    return tuple(found + [(name, "") for name in waiting])


def _atom(item: str | Group) -> Atom:
    if isinstance(item, Group) and all(isinstance(word, str) for word in item.items):
        atom = tuple(str(word) for word in item.items)
        if atom and atom[0] not in ("not", "or", "and", "forall", "exists", "imply", "=", "when"):
            return atom
    raise BadInput(
        "this template and the canonical form take problems whose initial state and goal are plain atoms; "
        "use the 'paper' template"
    )
