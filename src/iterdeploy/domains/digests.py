"""The canonical digest of any problem that a validator reads.

Where start and goal are plain atoms it is `canonical_digest` of these. Otherwise the goal's formula is told apart by
its shape too: each atom in it counts as one of the goal under the operators that it stands below, and the whole
formula, with the colours of its objects and the numbers of its variables, goes into the digest. The order of the parts
of `and` and `or`, and the names of variables, count for nothing; nor do numbers, which never make a plan valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from iterdeploy.domains.atoms import atoms_of, words_of
from iterdeploy.domains.canonical import Atom, canonical_digest, digest_number, refined
from iterdeploy.errors import BadInput
from iterdeploy.pddl import parse_domain, parse_problem
from iterdeploy.pddl import structures as pddl
from iterdeploy.pddl.errors import BeyondError


def digest_of(problem: str, domain: str) -> str:
    """The digest of the text of a problem of the domain; raises PddlError if they cannot be read."""
    try:
        said = atoms_of(problem)
    except BadInput:
        try:
            return formula_digest(parse_problem(problem, parse_domain(domain)))
        except BeyondError:
            return words_digest(problem)
    typed = any(kind not in ("", "object") for _, kind in said.objects)
    return canonical_digest(said.init, said.goal, said.objects if typed else ())


def formula_digest(problem: pddl.Problem) -> str:
    """16 hex digits that do not change when objects or variables are renamed or parts reordered."""
    init: list[Atom] = [("i", *fact.split(" ")) for fact in sorted(problem.init)]
    below = [(f"g {' '.join(path)}", *atom) for path, atom in _atoms_below(problem.goal, ())]
    types = [(name, "/".join(kinds)) for name, kinds in problem.objects.items()]
    variables = [(word, word) for _, _, *args in below for word in args if word.startswith("?")]
    colour = refined([*init, *below], [*types, *variables])
    rows = sorted((kind, predicate, tuple(colour[o] for o in args)) for kind, predicate, *args in init)
    colours = sorted(colour[name] for name in problem.objects)
    return f"{digest_number((rows, colours, _shape(problem.goal, colour.__getitem__))):016x}"


def words_digest(problem: str) -> str:
    """The digest of a problem that only VAL can read, by its words: the order within a condition does count."""
    said = words_of(problem)
    names = {name for name, _ in said.objects}

    def pattern(words: Atom) -> Atom:
        slots = {
            word: f"?{slot}" for slot, word in enumerate(dict.fromkeys(w for w in words if w[:1] == "?"))
        }
        shape = " ".join("_" if word in names else slots.get(word, word) for word in words)
        return (shape, *(word for word in words if word in names))

    return canonical_digest(map(pattern, said.init), map(pattern, said.goal), said.objects)


def _atoms_below(formula: pddl.Formula, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Atom]]:
    """Each atom of a formula, variables named by their slots, with the operators above it."""
    here = (*path, type(formula).__name__)
    match formula:
        case pddl.Atom(predicate, terms):
            yield path, (predicate, *map(_term, terms))
        case pddl.Equal(left, right):
            yield path, ("=", _term(left), _term(right))
            yield path, ("=", _term(right), _term(left))
        case pddl.Not(part):
            yield from _atoms_below(part, here)
        case pddl.And(parts) | pddl.Or(parts):
            for part in parts:
                yield from _atoms_below(part, here)
        case pddl.Exists(_, variables, part) | pddl.Forall(_, variables, part):
            yield from _atoms_below(part, (*here, *("/".join(v.types) for v in variables)))


def _term(term: pddl.Term) -> str:
    return f"?{term}" if isinstance(term, int) else term


def _shape(formula: pddl.Formula, colour: Callable[[str], int]) -> Any:
    """The formula as nested tuples of names and colours."""
    name = type(formula).__name__
    match formula:
        case pddl.Atom(predicate, terms):
            return (name, predicate, tuple(colour(_term(term)) for term in terms))
        case pddl.Equal(left, right):
            return (name, tuple(sorted((colour(_term(left)), colour(_term(right))))))
        case pddl.Not(part):
            return (name, _shape(part, colour))
        case pddl.And(parts) | pddl.Or(parts):
            return (name, tuple(sorted((_shape(part, colour) for part in parts), key=repr)))
        case pddl.Exists(_, variables, part) | pddl.Forall(_, variables, part):
            return (name, tuple("/".join(v.types) for v in variables), _shape(part, colour))
