"""From objects and atoms to the text of a PDDL problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from iterdeploy.domains.atoms import Atom

WIDTH = 100  # characters of a line; some readers of PDDL need time quadratic in it


def state_problem(
    name: str, domain: str, objects: Mapping[str, Sequence[str]], init: Sequence[Atom], goal: Sequence[Atom]
) -> str:
    """The problem as text. `objects` are lists by their type, the type "" for an untyped domain."""
    listed = [" ".join((*names, *(("-", kind) if kind else ()))) for kind, names in objects.items() if names]
    words = [word for line in listed for word in [*line.split(" "), "\n"]]
    return (
        f"(define (problem {name})\n  (:domain {domain})\n"
        f"  (:objects{_lines(words)})\n"
        f"  (:init{_lines(_by_predicate(init))})\n"
        f"  (:goal (and{_lines(_by_predicate(goal))})))\n"
    )


def _by_predicate(atoms: Sequence[Atom]) -> list[str]:
    """The atoms as words, with a new line where the predicate changes."""
    words: list[str] = []
    for number, atom in enumerate(atoms):
        if number and atom[0] != atoms[number - 1][0]:
            words.append("\n")
        words.append(f"({' '.join(atom)})")
    return words


def _lines(words: Iterable[str]) -> str:
    """The words in lines of at most WIDTH characters, each begun anew at a "\\n"."""
    lines: list[list[str]] = [[]]
    used = 0
    for word in words:
        if word == "\n" or used + len(word) > WIDTH:
            lines.append([])
            used = 0
        if word != "\n":
            lines[-1].append(word)
            used += len(word) + 1
    return "".join(f"\n    {' '.join(line)}" for line in lines if line)
