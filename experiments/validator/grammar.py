"""Random domains: types, constants, derived predicates, any formula and any effect, well typed throughout."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from worlds import World

Scope = list[tuple[str, str]]
"""Variables and objects that may be named, each with its type."""


@dataclass
class Grammar:
    """One random domain, as its parts are drawn."""

    rng: random.Random
    strange: bool = (
        False  # also what VAL cannot read: (and) as a part, and in and, no :precondition, no :types
    )
    types: dict[str, str] = field(default_factory=dict)  # each with its parent
    constants: Scope = field(default_factory=list)
    predicates: dict[str, tuple[str, ...]] = field(default_factory=dict)
    derived: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fresh: int = 0

    def below(self, kind: str, wanted: str) -> bool:
        """Whether a type is the wanted one or under it; "a|b" is an either, and must fit as a whole."""
        if "|" in kind:
            return all(self.below(part, wanted) for part in kind.split("|"))
        while kind not in wanted.split("|") and kind != "object":
            kind = self.types[kind]
        return kind in wanted.split("|") or wanted == "object"

    def type(self, either: float = 0.0) -> str:
        names = ["object", *self.types] if self.types else ["object"]
        if len(names) > 2 and self.rng.random() < either:
            return "|".join(sorted(self.rng.sample(names[1:], 2)))
        return self.rng.choice(names)

    def terms(self, signature: tuple[str, ...], scope: Scope) -> list[str] | None:
        found = []
        for wanted in signature:
            fitting = [name for name, kind in scope if self.below(kind, wanted)]
            if not fitting:
                return None
            found.append(self.rng.choice(fitting[-4:] if self.rng.random() < 0.5 else fitting))
        return found

    def atom(self, scope: Scope, predicates: dict[str, tuple[str, ...]]) -> str | None:
        for _ in range(6):
            name = self.rng.choice(list(predicates))
            terms = self.terms(predicates[name], scope)
            if terms is not None:
                return f"({' '.join([name, *terms])})"
        return None

    def variables(self, scope: Scope, count: int, either: float = 0.1) -> Scope:
        """New variables; one may hide an outer one of its name."""
        found: dict[str, str] = {}
        for _ in range(count):
            outer = [name for name, _ in scope if name.startswith("?") and name not in found]
            if outer and self.rng.random() < 0.15:
                name = self.rng.choice(outer)
            else:
                self.fresh += 1
                name = f"?v{self.fresh}"
            found[name] = self.type(either)
        return list(found.items())

    def condition(self, depth: int, scope: Scope, known: dict[str, tuple[str, ...]]) -> str:
        """A formula over predicates in `known`."""
        rng = self.rng
        kind = rng.choices(
            ["atom", "not", "and", "or", "imply", "exists", "forall", "=", "true"],
            [8, 5, 4, 4, 2, 3, 3, 2, self.strange] if depth else [8, 5, 0, 0, 0, 0, 0, 2, self.strange],
        )[0]
        inner = [self.condition(depth - 1, scope, known) for _ in range(rng.randint(1, 3))] if depth else []
        match kind:
            case "not":
                part = inner[0] if inner and rng.random() < 0.5 else self.atom(scope, known)
                return f"(not {part})" if part else self.true()
            case "and" | "or":
                return f"({kind} {' '.join(inner)})"
            case "imply":
                return f"(imply {inner[0]} {inner[-1]})"
            case "exists" | "forall":
                new = self.variables(scope, rng.randint(1, 2))
                hidden = {name for name, _ in new}
                inside = [pair for pair in scope if pair[0] not in hidden] + new
                return f"({kind} ({typed(new)}) {self.condition(depth - 1, inside, known)})"
            case "=" if scope:
                return f"(= {rng.choice(scope)[0]} {rng.choice(scope)[0]})"
            case "true":
                return self.true()
        return self.atom(scope, known) or self.true()

    def true(self) -> str:
        return "(and)" if self.strange else "(forall (?all - object) (= ?all ?all))"

    def effect(self, depth: int, scope: Scope) -> str:
        rng = self.rng
        kind = rng.choices(
            ["add", "delete", "and", "when", "forall"],
            [5, 4, 12 * (depth > 0), 3 * (depth != 0), 2 * (depth != 0)],
        )[0]
        match kind:
            case "and":
                deeper = depth - 1 if self.strange else -1
                return f"(and {' '.join(self.effect(deeper, scope) for _ in range(rng.randint(1, 5)))})"
            case "when":
                known = self.predicates | self.derived
                return f"(when {self.condition(1, scope, known)} {self.effect(0, scope)})"
            case "forall":
                new = self.variables(scope, 1, either=0)
                hidden = {name for name, _ in new}
                inside = [pair for pair in scope if pair[0] not in hidden] + new
                part = self.effect(0, inside)
                if rng.random() < 0.6:
                    part = f"(when {self.condition(1, inside, self.predicates | self.derived)} {part})"
                return f"(forall ({typed(new)}) {part})"
        atom = self.atom(scope, self.predicates)
        if atom is None:
            return "(and)"
        return atom if kind == "add" else f"(not {atom})"

    def text(self) -> str:
        """Draw all parts; the PDDL text."""
        rng = self.rng
        self.strange = rng.random() < 0.1
        for number in range(rng.choice((0, 1, 2, 3) if self.strange else (1, 1, 2, 3))):
            self.types[f"t{number}"] = rng.choice(["object", *self.types])
        self.constants = [(f"c{i}", self.type()) for i in range(rng.choice((0, 0, 1, 2)))]
        for number in range(rng.randint(2, 5)):
            arity = rng.choice((0, 1, 1, 1, 2, 2, 3))
            self.predicates[f"p{number}"] = tuple(self.type(0.1) for _ in range(arity))
        rules = [self.rule(number) for number in range(rng.choice((0, 0, 0, 1, 2)))]
        actions = [self.action(number) for number in range(rng.randint(1, 4))]
        every = self.predicates | self.derived
        declared = " ".join(
            f"({name} {typed([(f'?a{i}', kind) for i, kind in enumerate(kinds)])})"
            for name, kinds in every.items()
        )
        types = " ".join(f"{name} - {parent}" for name, parent in self.types.items())
        lines = [
            "(define (domain d) (:requirements :adl :derived-predicates)",
            f" (:types {types})" if types else "",
            f" (:constants {typed(self.constants)})" if self.constants else "",
            f" (:predicates {declared})",
            *rules,
            *actions,
        ]
        return "\n".join(line for line in lines if line) + ")"

    def rule(self, number: int) -> str:
        """A derived predicate: of those before it, in any way; and of itself, positively."""
        name = f"d{number}"
        kinds = tuple(self.type() for _ in range(self.rng.randint(0, 2)))
        own = [(f"?d{i}", kind) for i, kind in enumerate(kinds)]
        condition = self.condition(2, self.constants + own, self.predicates | self.derived)
        if kinds and self.rng.random() < 0.5:
            extra = (f"?e{number}", kinds[0])
            step = self.atom([*self.constants, *own, extra], self.predicates)
            again = " ".join([name, extra[0], *(variable for variable, _ in own[1:])])
            if step:
                condition = f"(or {condition} (exists ({typed([extra])}) (and {step} ({again}))))"
        self.derived[name] = kinds
        return f" (:derived ({' '.join([name, typed(own)])}) {condition})"

    def action(self, number: int) -> str:
        own = self.variables([], self.rng.choice((0, 1, 1, 2, 2, 3)))
        scope = self.constants + own
        known = self.predicates | self.derived
        needs = self.condition(self.rng.randint(0, 3), scope, known)
        precondition = "" if self.strange and self.rng.random() < 0.3 else f"\n  :precondition {needs}"
        return f" (:action a{number} :parameters ({typed(own)}){precondition}\n  :effect {self.effect(3, scope)})"

    def problem(self, rng: random.Random) -> str:
        """A problem without a goal."""
        objects = [(f"o{i}", self.type()) for i in range(rng.randint(1, 4))]
        names = objects + self.constants
        facts = {self.atom(names, self.predicates) for _ in range(rng.randint(0, 12))} - {None}
        init = " ".join(sorted(map(str, facts)))
        return (
            f"(define (problem p) (:domain d)\n (:objects {typed(objects)})\n (:init {init})\n (:goal (and)))"
        )


def typed(pairs: Scope) -> str:
    """ "a - t b - object"; an either as "(either t u)"."""
    return " ".join(
        f"{name} - (either {' '.join(kind.split('|'))})" if "|" in kind else f"{name} - {kind}"
        for name, kind in pairs
    )


def random_world(seed: int) -> tuple[World, Grammar]:
    """A random domain, and its grammar, which makes goals over its problems."""
    grammar = Grammar(random.Random(seed))
    text = grammar.text()
    return World(f"random-{seed}", text, grammar.problem, grammar.strange), grammar
