"""Plans changed at random: most become wrong, some keep their meaning; a validator must tell which."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from iterdeploy.pddl import Action

Steps = list[list[str]]
"""A plan as words: ["stack", "a", "b"] is a step."""


@dataclass(frozen=True, slots=True)
class Words:
    """What plans of a problem are written with: each action's number of parameters, and the objects."""

    arities: Mapping[str, int]
    objects: Sequence[str]


Change = Callable[[Steps, Words, random.Random], None]
"""Changes steps in place; does nothing where it cannot be done, as dropping a step of the empty plan."""

Layout = Callable[[list[str], random.Random], str]
"""Writes lines "(stack a b)" as a text of the same meaning."""


def steps_of(plan: Sequence[Action]) -> Steps:
    """The steps of a plan, as a list that may be changed."""
    return [[action.name, *action.args] for action in plan]


def written(steps: Steps) -> list[str]:
    """Each step as a line."""
    return [f"({' '.join(step)})" for step in steps]


def mutated(plan: Sequence[Action], kind: str, words: Words, rng: random.Random) -> list[str]:
    """The lines of a plan after a change of a kind in CHANGES."""
    steps = steps_of(plan)
    CHANGES[kind](steps, words, rng)
    return written(steps)


def _drop(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps:
        del steps[rng.randrange(len(steps))]


def _cut(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps:
        del steps[rng.randrange(len(steps)) :]


def _behead(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps:
        del steps[: rng.randrange(len(steps)) + 1]


def _swap_neighbours(steps: Steps, words: Words, rng: random.Random) -> None:
    if len(steps) > 1:
        i = rng.randrange(len(steps) - 1)
        steps[i], steps[i + 1] = steps[i + 1], steps[i]


def _swap(steps: Steps, words: Words, rng: random.Random) -> None:
    if len(steps) > 1:
        i, j = rng.sample(range(len(steps)), 2)
        steps[i], steps[j] = steps[j], steps[i]


def _duplicate(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps:
        i = rng.randrange(len(steps))
        steps.insert(i, list(steps[i]))


def _twice(steps: Steps, words: Words, rng: random.Random) -> None:
    steps += [list(step) for step in steps]


def _reverse(steps: Steps, words: Words, rng: random.Random) -> None:
    steps.reverse()


def _shuffle(steps: Steps, words: Words, rng: random.Random) -> None:
    rng.shuffle(steps)


def _insert(steps: Steps, words: Words, rng: random.Random) -> None:
    steps.insert(rng.randint(0, len(steps)), _any_step(words, rng))


def _append(steps: Steps, words: Words, rng: random.Random) -> None:
    steps.append(_any_step(words, rng))


def _any_step(words: Words, rng: random.Random) -> list[str]:
    name = rng.choice(sorted(words.arities))
    return [name, *(rng.choice(words.objects or ["x"]) for _ in range(words.arities[name]))]


def _argument(steps: Steps, rng: random.Random) -> tuple[list[str], int] | None:
    """A step and the place of one of its arguments; None where no step has any."""
    long = [step for step in steps if len(step) > 1]
    if not long:
        return None
    step = rng.choice(long)
    return step, rng.randrange(1, len(step))


def _replace_argument(steps: Steps, words: Words, rng: random.Random) -> None:
    found = _argument(steps, rng)
    if found and words.objects:
        found[0][found[1]] = rng.choice(words.objects)


def _swap_arguments(steps: Steps, words: Words, rng: random.Random) -> None:
    long = [step for step in steps if len(step) > 2]
    if long:
        step = rng.choice(long)
        i, j = rng.sample(range(1, len(step)), 2)
        step[i], step[j] = step[j], step[i]


def _rename_object(steps: Steps, words: Words, rng: random.Random) -> None:
    """One object takes the place of another in the whole plan."""
    if len(words.objects) > 1:
        old, new = rng.sample(list(words.objects), 2)
        for step in steps:
            step[1:] = [new if word == old else word for word in step[1:]]


def _unknown_object(steps: Steps, words: Words, rng: random.Random) -> None:
    found = _argument(steps, rng)
    if found:
        step, place = found
        step[place] = rng.choice([step[place] + "x", step[place] + "-1", "nobody", step[place] * 2])


def _fewer_arguments(steps: Steps, words: Words, rng: random.Random) -> None:
    found = _argument(steps, rng)
    if found:
        del found[0][found[1]]


def _more_arguments(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps and words.objects:
        step = rng.choice(steps)
        place = len(step) if rng.random() < 0.5 else rng.randint(1, len(step))
        step.insert(place, rng.choice(words.objects))


def _other_action(steps: Steps, words: Words, rng: random.Random) -> None:
    """The name of another action, with as many arguments where there is one."""
    if steps:
        step = rng.choice(steps)
        others = sorted(name for name in words.arities if name != step[0])
        same = [name for name in others if words.arities[name] == len(step) - 1]
        if others:
            step[0] = rng.choice(same or others)


def _unknown_action(steps: Steps, words: Words, rng: random.Random) -> None:
    if steps:
        step = rng.choice(steps)
        step[0] = rng.choice([step[0] + "s", step[0][:-1] or "x", "do-" + step[0]])


def _two(first: Change, second: Change) -> Change:
    def both(steps: Steps, words: Words, rng: random.Random) -> None:
        first(steps, words, rng)
        second(steps, words, rng)

    return both


CHANGES: Mapping[str, Change] = {
    "drop": _drop,
    "cut": _cut,
    "behead": _behead,
    "swap-neighbours": _swap_neighbours,
    "swap": _swap,
    "duplicate": _duplicate,
    "twice": _twice,
    "reverse": _reverse,
    "shuffle": _shuffle,
    "insert": _insert,
    "append": _append,
    "replace-argument": _replace_argument,
    "swap-arguments": _swap_arguments,
    "rename-object": _rename_object,
    "unknown-object": _unknown_object,
    "fewer-arguments": _fewer_arguments,
    "more-arguments": _more_arguments,
    "other-action": _other_action,
    "unknown-action": _unknown_action,
    "drop-and-insert": _two(_drop, _insert),
    "swap-and-replace": _two(_swap, _replace_argument),
}


def _random_case(lines: list[str], rng: random.Random) -> str:
    return "\n".join("".join(rng.choice((c.upper(), c)) for c in line) for line in lines)


def _commented(lines: list[str], rng: random.Random) -> str:
    said = [line + rng.choice(("", " ; done", "\n; (not an action)", "\n\n;;")) for line in lines]
    return "; a plan\n" + "\n".join(said) + "\n"


def _spaced(lines: list[str], rng: random.Random) -> str:
    return "\n".join(rng.choice(("", " ", "\t", "\n")) + line.replace(" ", "  ") + " " for line in lines)


LAYOUTS: Mapping[str, Layout] = {
    "plain": lambda lines, rng: "".join(f"{line}\n" for line in lines),
    "no-newline": lambda lines, rng: "\n".join(lines),
    "capitals": lambda lines, rng: "\n".join(lines).upper(),
    "random-case": _random_case,
    "comments": _commented,
    "spaces": _spaced,
    "carriage-returns": lambda lines, rng: "".join(f"{line}\r\n" for line in lines),
}
