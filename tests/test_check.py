"""A domain that keeps its promises passes; one that breaks a promise is caught, and the promise named."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from iterdeploy.check import check_domain
from iterdeploy.cli import main
from iterdeploy.types import Fault, Split, Task, Trace, Verdict


class Adding:
    """Add n numbers; a held-out sum begins with an odd number, a deployed one with an even number."""

    name = "adding"

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        chance = random.Random(f"{split} {seed}")
        found: dict[str, Task] = {}
        while len(found) < count:
            size = sizes[len(found) % len(sizes)]
            numbers = [chance.randrange(0, 1000, 2) + (split == "heldout")]
            numbers += chance.choices(range(1000), k=size - 1)
            prompt = " + ".join(map(str, numbers))
            found[prompt] = Task(f"{split}-{len(found)}", self.name, prompt, {}, split, size)
        return list(found.values())

    def validate(self, task: Task, trace: Trace) -> Verdict:
        valid = trace.text == str(eval_sum(task.prompt))
        fault = None if valid else Fault.GOAL
        return Verdict(trace.id, "sum", valid, 1, fault, "" if valid else "it is another sum")


def eval_sum(prompt: str) -> int:
    return sum(int(number) for number in prompt.split(" + "))


class FewTasks(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return super().tasks(split, count - 1, sizes, seed)


class OneSize(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return super().tasks(split, count, sizes[:1], seed)


class SharedSplits(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        made = super().tasks("deployed", count, sizes, seed)
        return [replace(task, id=f"{split}-{n}", split=split) for n, task in enumerate(made)]


class SameId(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return [replace(task, id="one") for task in super().tasks(split, count, sizes, seed)]


class NoSeed(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return super().tasks(split, count, sizes, 0)


class Moody(Adding):
    calls = 0

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        self.calls += 1
        return super().tasks(split, count, sizes, self.calls)


class NoPrompt(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        first, *rest = super().tasks(split, count, sizes, seed)
        return [replace(first, prompt=" "), *rest]


class WrongName(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return [replace(task, domain="other") for task in super().tasks(split, count, sizes, seed)]


class Raises(Adding):
    def validate(self, task: Task, trace: Trace) -> Verdict:
        int(trace.text)
        return super().validate(task, trace)


class Generous(Adding):
    def validate(self, task: Task, trace: Trace) -> Verdict:
        return Verdict(trace.id, "generous", True, 1, None, "")


class Silent(Adding):
    def validate(self, task: Task, trace: Trace) -> Verdict:
        return replace(super().validate(task, trace), reason="")


class NoTasks(Adding):
    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        raise RuntimeError("the disk ate them")


def broken(domain: Adding) -> dict[str, str]:
    return {f.promise: f.detail for f in check_domain(domain, sizes=(2, 3)) if not f.kept}


def test_a_good_domain_keeps_all_its_promises() -> None:
    findings = check_domain(Adding(), sizes=(2, 3))
    assert all(finding.kept for finding in findings)
    assert len(findings) == 16


@pytest.mark.parametrize(
    ("domain", "promise", "detail"),
    [
        (FewTasks(), "as many as are asked for", "30 were asked for; it made {'deployed': 29"),
        (OneSize(), "spread evenly over the sizes", "{2: 30}"),
        (SharedSplits(), "the two splits share no task", "30 held-out tasks are deployed too"),
        (SameId(), "each has an id of its own", "'one' came 60 times"),
        (NoSeed(), "another seed gives other tasks", "the same tasks"),
        (Moody(), "the same seed gives the same tasks", "other tasks"),
        (NoPrompt(), "no prompt is empty", "deployed-0 has an empty prompt"),
        (WrongName(), "each says its split and its domain", "domain 'other'"),
        (Raises(), "a bad answer is a verdict with a fault and a reason", "it raised ValueError"),
        (Generous(), "a bad answer is a verdict with a fault and a reason", "an empty answer was accepted"),
        (Generous(), "a truncated answer is not valid", "it was accepted"),
        (Silent(), "a bad answer is a verdict with a fault and a reason", "no fault or no reason"),
        (NoTasks(), "it makes tasks in both splits", "RuntimeError: the disk ate them"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Adding) else "",
)
def test_a_broken_promise_is_found_and_named(domain: Adding, promise: str, detail: str) -> None:
    assert detail in broken(domain)[promise]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "test_check:Adding"]) == 0
    assert "test_check:Adding is ready for a run" in capsys.readouterr().out
    assert main(["check", "test_check:Raises", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] is False
    assert main(["check", "test_check:SameId"]) == 1
    assert "BROKEN  each has an id of its own" in capsys.readouterr().out
