"""Prompt templates: from a PDDL task to what the model reads.

`compact` is for small models with a vocabulary of words: the atoms of the initial state and of the goal, one word a
token. A goal atom is marked with `!` and written last argument first, so that a tower is read upwards in the goal
as it is read downwards in the initial state. Grouping by predicate is the problem's own order.
"""

from __future__ import annotations

from collections.abc import Sequence

Atom = tuple[str, ...]


def compact_prompt(init: Sequence[Atom], goal: Sequence[Atom], cue: str = "<think>") -> str:
    """The compact prompt; it ends in the cue that the answer follows."""
    start = "".join(f" {' '.join(atom)}" for atom in ordered(init))
    wanted = "".join(f" !{' '.join((atom[0], *reversed(atom[1:])))}" for atom in ordered(goal))
    return f"<bos> init{start}\ngoal{wanted}\n{cue}"


def ordered(atoms: Sequence[Atom]) -> list[Atom]:
    """Atoms grouped by predicate, groups by name, the problem's order within a group."""
    return sorted(atoms, key=lambda atom: atom[0])
