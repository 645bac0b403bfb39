"""Shortest plans of small STRIPS problems by breadth-first search, to prove without the validator what is optimal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from iterdeploy.pddl import Domain, Problem, parse_domain, parse_problem
from iterdeploy.pddl.structures import And, Atom, Schema


class Step(NamedTuple):
    """A ground action."""

    needs: frozenset[str]
    adds: frozenset[str]
    deletes: frozenset[str]


def shortest_length(domain_text: str, problem_text: str) -> int:
    """Steps of a shortest plan; all preconditions and the goal are conjunctions of atoms."""
    domain = parse_domain(domain_text)
    problem = parse_problem(problem_text, domain)
    steps = [step for schema in domain.actions.values() for step in _ground(schema, domain, problem)]
    goal = problem.goal_facts
    assert goal is not None
    edge, seen, length = {problem.init}, {problem.init}, 0
    while not any(goal <= state for state in edge):
        edge = {
            (state - step.deletes) | step.adds for state in edge for step in steps if step.needs <= state
        } - seen
        seen |= edge
        length += 1
        assert edge, "no plan"
    return length


def _ground(schema: Schema, domain: Domain, problem: Problem) -> Iterator[Step]:
    members = problem.vocabulary.members
    for objects in product(*(members[parameter.types[0]] for parameter in schema.parameters)):
        (effect,) = schema.effects
        parts = schema.precondition.parts if isinstance(schema.precondition, And) else (schema.precondition,)
        atoms = [part for part in parts if isinstance(part, Atom)]
        assert len(atoms) == len(parts)
        yield Step(_facts(atoms, objects), _facts(effect.adds, objects), _facts(effect.deletes, objects))


def _facts(atoms: list[Atom] | tuple[Atom, ...], objects: tuple[str, ...]) -> frozenset[str]:
    return frozenset(
        " ".join([atom.predicate, *(objects[t] if isinstance(t, int) else t for t in atom.terms)])
        for atom in atoms
    )
