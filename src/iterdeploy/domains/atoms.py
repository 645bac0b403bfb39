"""The atoms of a PDDL problem in the order of its text, for templates and for telling problems apart."""

from __future__ import annotations

from dataclasses import dataclass

from iterdeploy.errors import BadInput
from iterdeploy.pddl.lexer import Group, read

Atom = tuple[str, ...]

_NOT_PREDICATES = frozenset({"not", "or", "and", "forall", "exists", "imply", "=", "when"})


@dataclass(frozen=True, slots=True)
class ProblemAtoms:
    """What a problem says: objects with their types ("" if none), the initial atoms, and the goal's."""

    objects: tuple[tuple[str, str], ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Sections(ProblemAtoms):
    """The same for any problem: a literal or condition that is no atom is its words, ("(", "not", ...)."""

    whole_goal: Atom


def atoms_of(problem: str) -> ProblemAtoms:
    """Read a problem whose state and goal are atoms. Raises PddlError, or BadInput for another problem."""
    said = sections_of(problem)
    if not all(map(is_plain, (*said.init, *said.goal))):
        raise BadInput(
            "this problem is more than plain atoms: its initial state or its goal holds other conditions"
        )
    return ProblemAtoms(said.objects, said.init, said.goal)


def sections_of(problem: str) -> Sections:
    """Read any problem. Raises PddlError, or BadInput for one without a goal."""
    sections = {str(g.items[0]): g for g in read(problem).items if isinstance(g, Group) and g.items}
    goal = sections[":goal"].items[-1] if ":goal" in sections else None
    if not isinstance(goal, Group):
        raise BadInput("the problem has no (:goal ...)")
    wanted = goal.items[1:] if goal.items[:1] == ["and"] else [goal]
    return Sections(
        _typed(sections[":objects"].items[1:] if ":objects" in sections else []),
        tuple(map(_atom, sections[":init"].items[1:])) if ":init" in sections else (),
        tuple(map(_atom, wanted)),
        tuple(_words(goal)),
    )


def is_plain(atom: Atom) -> bool:
    """Whether it is an atom, and not the words of something else."""
    return atom[:1] != ("(",)


def _typed(items: list[str | Group]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    words = iter(" ".join(_words(item)) for item in items)
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
        if atom and atom[0] not in _NOT_PREDICATES:
            return atom
    return tuple(_words(item))


def _words(item: str | Group) -> list[str]:
    """The item in words, parentheses too."""
    if isinstance(item, str):
        return [item]
    return ["(", *(word for part in item.items for word in _words(part)), ")"]
