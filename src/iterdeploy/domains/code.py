"""Short Python functions, made of a few steps over a list of whole numbers, judged by hidden cases in a sandbox.

What a function does to some fixed lists is its content: two descriptions of one behaviour are one task, and the digest
of the behaviour decides its split.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterdeploy.domains.canonical import digest_number, share_of
from iterdeploy.domains.pddl import too_few
from iterdeploy.domains.reply import read_reply, verdict
from iterdeploy.domains.sandbox import Sandbox, open_sandbox
from iterdeploy.errors import BadInput, nearest
from iterdeploy.pddl.rules import rules_of
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault, Split, Task, Trace, Verdict

ATTEMPTS = 2000
CASES = 12  # hidden ones of a task
SHOWN = 2  # cases in the prompt; no hidden one is among them
VARIED = 6  # different results among the hidden cases at least: no constant passes


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is called, said to a reader, and written in Python; `x` is the list."""

    said: str
    python: str
    act: Callable[[list[int]], Any]


STEPS = {
    "sort": Step("sort the list, least first", "sorted(x)", sorted),
    "reverse": Step("reverse the list", "x[::-1]", lambda x: x[::-1]),
    "double": Step("double every number", "[v * 2 for v in x]", lambda x: [v * 2 for v in x]),
    "negate": Step("negate every number", "[-v for v in x]", lambda x: [-v for v in x]),
    "increment": Step("add 1 to every number", "[v + 1 for v in x]", lambda x: [v + 1 for v in x]),
    "square": Step("square every number", "[v * v for v in x]", lambda x: [v * v for v in x]),
    "even": Step("keep the even numbers", "[v for v in x if v % 2 == 0]", lambda x: [v for v in x if v % 2 == 0]),
    "odd": Step("keep the odd numbers", "[v for v in x if v % 2 == 1]", lambda x: [v for v in x if v % 2 == 1]),
    "positive": Step("keep the numbers above 0", "[v for v in x if v > 0]", lambda x: [v for v in x if v > 0]),
    "tail": Step("leave out the first number", "x[1:]", lambda x: x[1:]),
    "front": Step("leave out the last number", "x[:-1]", lambda x: x[:-1]),
    "unique": Step(
        "keep each number only where it comes first", "list(dict.fromkeys(x))", lambda x: list(dict.fromkeys(x))
    ),
}  # fmt: skip
ENDS = {
    "sum": Step("return the sum", "sum(x)", sum),
    "max": Step("return the greatest number, or 0 if there is none", "max(x, default=0)", lambda x: max(x, default=0)),
    "min": Step("return the least number, or 0 if there is none", "min(x, default=0)", lambda x: min(x, default=0)),
    "length": Step("return how many there are", "len(x)", len),
}  # fmt: skip
"""What may stand last, in place of a step: it makes one number of the list."""

_FENCE = re.compile(r"^\s*```\w*\s*\n(.*?)\n?```\s*$", re.DOTALL)


def run(words: Sequence[str], given: list[int]) -> Any:
    """What the described function returns."""
    x: Any = list(given)
    for word in words:
        x = (STEPS | ENDS)[word].act(x)
    return x


def written(words: Sequence[str]) -> str:
    """A program that does it, one step a line."""
    lines = [f"    x = {(STEPS | ENDS)[word].python}" for word in words]
    return "\n".join(("def f(x):", *lines, "    return x"))


def drawn(size: int, rng: random.Random) -> tuple[str, ...]:
    """A description of `size` steps; half of them end in one number."""
    words = [rng.choice(list(STEPS)) for _ in range(size)]
    if rng.random() < 0.5:
        words[-1] = rng.choice(list(ENDS))
    return tuple(words)


def lists(count: int, rng: random.Random) -> list[list[int]]:
    """Different lists, the empty one among them from the third on."""
    found: list[list[int]] = []
    while len(found) < count:
        one = [rng.randint(-9, 9) for _ in range(rng.randint(3, 8))] if len(found) != SHOWN else []
        if one not in found:
            found.append(one)
    return found


_WATCHED = lists(40, random.Random(0))


def behaviour(words: Sequence[str]) -> str:
    """16 hex digits of what the function does to fixed lists."""
    return f"{digest_number([run(words, x) for x in _WATCHED]):016x}"


@dataclass(frozen=True, slots=True)
class CodeDomain:
    """Satisfies types.Domain. Without a sandbox it makes tasks and judges nothing."""

    prompt: str  # with {task}; or "compact"
    rules: tuple[str, ...]
    sandbox: Sandbox | None
    name: str = "code"

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        """`count` tasks, spread evenly over `sizes` (steps), no two of one behaviour. Raises BadInput if too few."""
        seen: set[str] = set()
        made: list[Task] = []
        for number in range(count):
            size = sizes[number * len(sizes) // count]
            rng = random.Random(seed_of(seed, self.name, split, size, number))
            task = next(
                filter(None, (self._task(split, size, number, rng, seen) for _ in range(ATTEMPTS))), None
            )
            if task is None:
                raise too_few(f"code of size {size}", split, number)
            made.append(task)
        return made

    def _task(self, split: Split, size: int, number: int, rng: random.Random, seen: set[str]) -> Task | None:
        words = drawn(size, rng)
        digest = behaviour(words)
        if share_of(digest) != split or digest in seen:
            return None
        inputs = lists(SHOWN + CASES, random.Random(seed_of(digest)))
        results = [run(words, x) for x in inputs]
        if len({json.dumps(result) for result in results[SHOWN:]}) < VARIED:
            return None
        seen.add(digest)
        spec = {
            "words": " ".join(words),
            "inputs": json.dumps(inputs[SHOWN:]),
            "results": json.dumps(results[SHOWN:]),
            "canonical": digest,
        }
        shown = list(zip(inputs, results, strict=True))[:SHOWN]
        task_id = f"{split[0]}{size:02d}-{number:04d}"
        return Task(task_id, self.name, self._prompt(words, shown), spec, split, size)

    def _prompt(self, words: Sequence[str], shown: Sequence[tuple[list[int], Any]]) -> str:
        if self.prompt == "compact":
            return f"<bos> {' '.join(words)}\n<think>"
        steps = "\n".join(f"{i}. {(STEPS | ENDS)[word].said}" for i, word in enumerate(words, 1))
        cases = "\n".join(f"f({given}) == {result}" for given, result in shown)
        return self.prompt.replace("{task}", f"{steps}\n\nFor example:\n{cases}")

    def validate(self, task: Task, trace: Trace) -> Verdict:
        """Read the program, run it on the hidden inputs, and compare what it returned, type and value."""
        reply = read_reply(trace, "answer", self.rules)
        if reply.fault is not None:
            return verdict(trace, "cases", reply, reply.fault, reply.reason)
        if self.sandbox is None:
            raise BadInput(
                "the domain code was opened to look at a run, and judges nothing without its sandbox"
            )
        fenced = _FENCE.match(reply.text)
        source = fenced[1] if fenced else reply.text
        values = self.sandbox.values(source, json.loads(task.spec["inputs"]))
        fault, reason = judged(values, json.loads(task.spec["results"]))
        return verdict(trace, "cases", reply, fault, reason)

    def reference(self, task: Task) -> str:
        """A program that passes."""
        return written(task.spec["words"].split())


def judged(values: list[Any] | None, results: list[Any]) -> tuple[Fault | None, str]:
    """What is wrong with the values of a program: text decides, so 1, 1.0 and true differ."""
    if values is None:
        return (
            Fault.TIMEOUT,
            "the program gave no values: it took too much, wrote something itself, or ended early",
        )
    if failed := sum(value is None for value in values):
        return Fault.PRECONDITION, f"the program fails on {failed} of {len(results)} cases"
    wrong = sum(json.dumps(v) != json.dumps(r) for v, r in zip(values, results, strict=True))
    return (Fault.GOAL, f"{wrong} of {len(results)} cases are wrong") if wrong else (None, "")


PAPER = """\
Write a Python function f(x), where x is a list of integers. It does this to the list, in this order, and returns what \
comes out:
{task}

Give the whole program between <answer> and </answer>. It prints nothing, reads no file, and imports nothing but \
Python's own modules of mathematics and collections."""


def open_code(recipe: Recipe, judging: bool = True) -> CodeDomain:
    """The domain with a recipe's prompt and reading rules; `judging` opens the sandbox, or raises BadInput."""
    if recipe.tasks.range:
        raise BadInput(
            f"tasks.range = {recipe.tasks.range!r}, but code makes its tasks by size alone; set tasks.sizes"
        )
    rules_of(recipe.validate.rules)
    return CodeDomain(
        _template(recipe.base.prompt), recipe.validate.rules, open_sandbox() if judging else None
    )


def _template(name: str) -> str:
    if name in ("compact", "paper"):
        return PAPER if name == "paper" else name
    if not Path(name).is_file():
        raise BadInput(
            f"no prompt template '{name}', neither a file nor a name; {nearest(name, ['compact', 'paper'])}"
        )
    text = Path(name).read_text(encoding="utf-8")
    if "{task}" not in text:
        raise BadInput(f"the prompt template {name} lacks {{task}}")
    return text
