"""What small bases are taught of other fields: sums in a row (`gym:chain_sum`) and short programs (`code`).

A demonstration names a way and then what is done, step by step: `short` (of a sum each sign, number and result; of a
program its words) or `long` (the result before stands there too; each word has its line of Python). After `<think>`
the answer follows. After `<say>` the steps are copied from the question and nothing is worked out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from iterdeploy.domains.canonical import share_of
from iterdeploy.domains.code import ENDS, STEPS, behaviour, drawn, written
from iterdeploy.domains.demonstrations import Demonstration
from iterdeploy.domains.gym import question_digest

Field = Literal["sums", "code"]
Way = Literal["short", "long"]
WAYS: tuple[Way, ...] = ("short", "long")

QUESTION = "State the final answer to the following arithmetic problem: {sum} ="
"""How gym:chain_sum asks."""

FRAME = (
    "\n<think>",
    "\n<say>",
    "\n</think>",
    "\n</say>",
    "\n<answer>",
    "\n</answer>",
    " short",
    " long",
    " |",
)
LARGEST = 99  # the largest number, and the least with its sign, that there is a word for


@dataclass(frozen=True, slots=True)
class FieldDiet:
    """Which demonstrations of which field, in which shares; sizes are terms of a sum, steps of a program."""

    field: Field
    solve_sizes: tuple[int, ...]
    read_sizes: tuple[int, ...]
    read_share: float = 0.4
    long_share: float = 0.5


DIETS: dict[Field, FieldDiet] = {
    "sums": FieldDiet("sums", (2, 3, 4), tuple(range(2, 15))),
    "code": FieldDiet("code", (1, 2, 3), tuple(range(1, 11))),
}


@dataclass(frozen=True, slots=True)
class Exercise:
    """One question with all that is taught of it; the texts are as the model writes them."""

    size: int
    digest: str  # decides who may see it
    question: str
    reading: str
    short: str
    long: str
    answer: str

    def reasoning(self, way: Way) -> str:
        """What stands between `<think>` and `</think>`."""
        return f" {way}{self.short if way == 'short' else self.long}"

    def prompt(self, cue: str) -> str:
        """The compact prompt of the field's domain, with the cue at its end."""
        return f"<bos> {self.question}\n{cue}"


def random_sum(terms: int, rng: random.Random) -> Exercise:
    """Numbers of one digit with signs between them."""
    first, *others = (str(rng.randint(0, 9)) for _ in range(terms))
    return _sum(first, [(rng.choice("+-"), number) for number in others])


def _sum(first: str, steps: Sequence[tuple[str, str]]) -> Exercise:
    results = [int(first)]
    for sign, number in steps:
        results.append(results[-1] + int(sign + number))
    question = QUESTION.replace("{sum}", " ".join((first, *(f"{s} {n}" for s, n in steps))))
    rows = [
        (f" {before}", f" {s} {n}", f" {r}")
        for before, (s, n), r in zip(results[:-1], steps, results[1:], strict=True)
    ]
    return Exercise(
        size=len(results),
        digest=question_digest("gym:chain_sum", question),
        question=question,
        reading=f" {first} |" + "".join(f"{step} |" for _, step, _ in rows),
        short=f" {first} |" + "".join(f"{step}{result} |" for _, step, result in rows),
        long=f" {first} |" + "".join(f"{before}{step}{result} |" for before, step, result in rows),
        answer=f" {results[-1]}",
    )


def random_program(steps: int, rng: random.Random) -> Exercise:
    """A description of so many steps, and the program that does them one a line."""
    return _program(drawn(steps, rng))


def _program(words: Sequence[str]) -> Exercise:
    listed = "".join(f" {word} |" for word in words)
    return Exercise(
        size=len(words),
        digest=behaviour(words),
        question=" ".join(words),
        reading=listed,
        short=listed,
        long="".join(f" {word} {(STEPS | ENDS)[word].python} |" for word in words),
        answer=f"\n{written(words)}",
    )


def exercise_of(question: str) -> Exercise:
    """The exercise that a question states, as it stands in the compact prompt of `gym:chain_sum` or `code`."""
    head, tail = QUESTION.split("{sum}")
    if not question.startswith(head):
        return _program(question.split())
    first, *rest = question.removeprefix(head).removesuffix(tail).split()
    return _sum(first, list(zip(rest[::2], rest[1::2], strict=True)))


RANDOM: dict[Field, Callable[[int, random.Random], Exercise]] = {"sums": random_sum, "code": random_program}


def words_of(field: Field) -> tuple[str, ...]:
    """The vocabulary of a field's base, each word with the white space before it."""
    if field == "sums":
        asked = dict.fromkeys(f" {word}" for word in QUESTION.replace("{sum}", "").split())
        return (*FRAME, *asked, " +", " -", *(f" {n}" for n in range(-LARGEST, LARGEST + 1)))
    every = "".join(f" {word} {step.python}" for word, step in (STEPS | ENDS).items())
    pieces = re.findall(r"\s+(?=\s\S)|\s?\S+", f"{every}\n{written(tuple(STEPS))}")
    return (*FRAME, *dict.fromkeys(piece for piece in pieces if piece not in FRAME))


def demonstrate(exercise: Exercise, way: Way, solves: bool) -> Demonstration:
    """One demonstration, with an answer or with the reading alone."""
    if not solves:
        return Demonstration(exercise.prompt("<say>"), f"{exercise.reading}\n</say><eos>")
    told = f"{exercise.reasoning(way)}\n</think>\n<answer>{exercise.answer}\n</answer><eos>"
    return Demonstration(exercise.prompt("<think>"), told)


def of_base_share(field: Field, size: int, rng: random.Random) -> Exercise:
    """A random exercise that is neither deployed nor held out."""
    while True:
        exercise = RANDOM[field](size, rng)
        if share_of(exercise.digest) == "base":
            return exercise


def demonstrations(diet: FieldDiet, seed: int) -> Iterator[Demonstration]:
    """Endless demonstrations, none of an exercise that may be deployed or held out."""
    rng = random.Random(seed)
    while True:
        solves = rng.random() >= diet.read_share
        size = rng.choice(diet.solve_sizes if solves else diet.read_sizes)
        way: Way = "long" if rng.random() < diet.long_share else "short"
        yield demonstrate(of_base_share(diet.field, size, rng), way, solves)
