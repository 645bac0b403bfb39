"""The atoms of a PDDL problem in the order of its text, for templates and for telling problems apart."""

from __future__ import annotations

from dataclasses import dataclass

from iterdeploy.errors import BadInput
from iterdeploy.pddl.lexer import Group, head, read, words

Atom = tuple[str, ...]

_NOT_PREDICATES = frozenset({"not", "or", "and", "forall", "exists", "imply", "=", "when"})


@dataclass(frozen=True, slots=True)
class ProblemAtoms:
    """What a problem says: objects with their types ("" if none), the initial atoms, and the goal's.

    A literal of the initial state, or a goal, that is more than atoms stands as its words, ("(", "not", ...).
    """

    objects: tuple[tuple[str, str], ...]
    init: tuple[Atom, ...]
    goal: tuple[Atom, ...]


def atoms_of(problem: str) -> ProblemAtoms:
    """Read a problem whose state and goal are atoms. Raises PddlError, or BadInput for another problem."""
    said = words_of(problem)
    if not all(map(is_plain, (*said.init, *said.goal))):
        raise BadInput(
            "this problem is more than atoms: its initial state or its goal holds other conditions"
        )
    return said


def words_of(problem: str) -> ProblemAtoms:
    """Read any problem. Raises PddlError, or BadInput for one without a goal."""
    sections = {head(group): group for group in read(problem).items if isinstance(group, Group)}
    goal = sections[":goal"].items[-1] if ":goal" in sections else None
    if not isinstance(goal, Group):
        raise BadInput("the problem has no (:goal ...)")
    wanted = goal.parts[1:] if goal.parts[:1] == ["and"] else sections[":goal"].parts[-1:]
    atoms = tuple(map(_atom, wanted))
    return ProblemAtoms(
        _typed(sections[":objects"].items[1:] if ":objects" in sections else []),
        tuple(map(_atom, sections[":init"].parts[1:])) if ":init" in sections else (),
        atoms if all(map(is_plain, atoms)) else (tuple(_words(goal)),),
    )


def is_plain(atom: Atom) -> bool:
    """Whether it is an atom, and not the words of something else."""
    return atom[:1] != ("(",)


def _typed(items: list[str | Group]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    said = iter(" ".join(_words(item)) for item in items)
    for word in said:
        if word == "-":
            kind = next(said, "")
            found += [(name, kind) for name in waiting]
            waiting = []
        else:
            waiting.append(word)
    return tuple(found + [(name, "") for name in waiting])


def _atom(part: str | Group) -> Atom:
    """A part of a list, in which a list of words is still text."""
    if isinstance(part, str) and part[0] == "(":
        atom = tuple(words(part[1:-1]))
        return atom if atom and atom[0] not in _NOT_PREDICATES else ("(", *atom, ")")
    return tuple(_words(part))


def _words(item: str | Group) -> list[str]:
    """The item in words, parentheses too."""
    if isinstance(item, str):
        return [item]
    return ["(", *(word for part in item.items for word in _words(part)), ")"]
