"""What a painter is given, and what it gives back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from iterdeploy.pddl import Action, Domain, Problem
from iterdeploy.pddl.structures import And, Atom, Formula

Facts = Mapping[str, Sequence[tuple[str, ...]]]
"""The atoms that hold, by predicate: their arguments, in the order of the names."""


@dataclass(frozen=True, slots=True)
class Scene:
    """States of one problem, in the order in which they are shown, and the actions of the plan that are shown."""

    domain: Domain
    problem: Problem
    always: Facts  # what no action changes
    states: tuple[frozenset[str], ...]  # atoms such as "on a b" that hold, but for those
    actions: tuple[Action, ...] = ()

    def facts(self, number: int) -> Facts:
        """What holds in a state."""
        return {**self.always, **by_predicate(self.states[number])}

    def goals(self) -> Facts:
        """The atoms that the goal asks for; of a goal that is more than these, there may be none."""
        return by_predicate(_wanted(self.problem.goal))

    def of_type(self, *kinds: str) -> list[str]:
        """The objects of some types, in the order of the problem."""
        members = self.problem.vocabulary.members
        return list(dict.fromkeys(name for kind in kinds for name in members.get(kind, ())))


@dataclass(frozen=True, slots=True)
class Drawing:
    """States as SVG, all of one size: what never changes once, and what is drawn over it for each state."""

    width: float
    height: float
    backdrop: str
    bodies: tuple[str, ...]
    shown: float  # the width, in pixels, at which it can be read
    notice: str = ""  # what was left out, if anything


Painter = Callable[[Scene], Drawing]


def _wanted(goal: Formula) -> Iterator[str]:
    match goal:
        case Atom(predicate, terms):
            yield " ".join((predicate, *map(str, terms)))
        case And(parts):
            for part in parts:
                yield from _wanted(part)


def changing(domain: Domain) -> set[str]:
    """Predicates that some action changes, or that follow from others."""
    effects = [effect for schema in domain.actions.values() for effect in schema.effects]
    changed = {atom.predicate for effect in effects for atom in (*effect.adds, *effect.deletes)}
    return changed | {rule.predicate for stratum in domain.strata for rule in stratum}


def by_predicate(atoms: Iterable[str]) -> Facts:
    """Atoms such as "on a b" by their predicate."""
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for atom in sorted(atoms):
        name, *args = atom.split(" ")
        found[name].append(tuple(args))
    return found


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names without the letters that all of them begin with, as long as something is left: waypoint12 is 12."""
    stem = names[0].rstrip("0123456789") if names else ""
    same = bool(names) and all(name.startswith(stem) and name[len(stem) :].isdigit() for name in names)
    return {name: name[len(stem) :] if same else name for name in names}
