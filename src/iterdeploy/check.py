"""Whether a domain of one's own keeps the promises that the loop relies on; each is tried out on it.

Use it in the tests of a plug-in: `assert all(f.kept for f in check_domain(domain, sizes=(3, 4)))`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from iterdeploy.types import SPLITS, Domain, Finish, Split, Task, Trace, Verdict

HOSTILE = {
    "an empty answer": "",
    "blanks": " \n\t ",
    "prose": "I would rather not plan today.",
    "an empty plan": "<plan></plan>",
    "open tags": "<think><plan>",
    "parentheses": "(((((((((" * 50,
    "a long answer": "(a b) " * 20_000,
    "control characters": "\x00\x1b[2J\ufffd\u202e",
    "code": "__import__('os').abort()",
}
SLOW = 0.5  # seconds for one verdict; a run asks for thousands

Made = Mapping[Split, Sequence[Task]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise, whether it was kept, and if not, how it was broken."""

    promise: str
    kept: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Trial:
    """A domain with the tasks it made; each method tries a promise and says what is wrong, or nothing."""

    domain: Domain
    made: Made
    sizes: Sequence[int]
    count: int
    seed: int

    @property
    def tasks(self) -> list[Task]:
        return [task for split in SPLITS for task in self.made[split]]

    def right_number(self) -> str:
        wrong = {split: len(tasks) for split, tasks in self.made.items() if len(tasks) != self.count}
        return f"{self.count} were asked for; it made {wrong}" if wrong else ""

    def labelled(self) -> str:
        for split, tasks in self.made.items():
            for task in tasks:
                if task.split != split or task.domain != self.domain.name:
                    return f"{task.id} says split {task.split!r}, domain {task.domain!r}"
        return ""

    def spread(self) -> str:
        for split, tasks in self.made.items():
            counts = Counter(task.size for task in tasks)
            if getattr(self.domain, "given", False):
                continue  # files have the sizes that they have
            foreign = sorted(counts.keys() - set(self.sizes))
            if foreign:
                return f"size {foreign[0]} was not asked for"
            per_size = [counts[size] for size in self.sizes]
            if max(per_size) - min(per_size) > 1:
                return f"{split} tasks by size: {dict(sorted(counts.items()))}"
        return ""

    def own_ids(self) -> str:
        return _twice([task.id for task in self.tasks])

    def distinct(self) -> str:
        for tasks in self.made.values():
            if found := _twice([_content(task) for task in tasks]):
                return found
        return ""

    def disjoint(self) -> str:
        deployed = {_content(task) for task in self.made["deployed"]}
        shared = [task.id for task in self.made["heldout"] if _content(task) in deployed]
        return f"{len(shared)} held-out tasks are deployed too, first {shared[0]}" if shared else ""

    def prompts(self) -> str:
        empty = [task.id for task in self.tasks if not task.prompt.strip()]
        return f"{empty[0]} has an empty prompt" if empty else ""

    def repeatable(self) -> str:
        again = {split: self.domain.tasks(split, self.count, self.sizes, self.seed) for split in SPLITS}
        return "" if all(list(self.made[s]) == again[s] for s in SPLITS) else "it made other tasks"

    def seeded(self) -> str:
        if getattr(self.domain, "given", False):
            return ""  # where all of the files are taken, a seed has nothing to choose
        other = self.domain.tasks("deployed", self.count, self.sizes, self.seed + 1)
        same = [task.prompt for task in other] == [task.prompt for task in self.made["deployed"]]
        return "it made the same tasks" if same else ""

    def storable(self) -> str:
        for task in self.tasks:
            if msgspec.json.decode(msgspec.json.encode(task), type=Task) != task:
                return f"{task.id} reads back differently"
        return ""

    def hostile(self) -> str:
        for name, text in HOSTILE.items():
            verdict = self._verdict(text)
            if verdict.valid:
                return f"{name} was accepted for {self.tasks[0].id}"
            if verdict.fault is None or not verdict.reason:
                return f"the verdict on {name} has no fault or no reason"
        return ""

    def truncated(self) -> str:
        return "it was accepted" if self._verdict("", finish="length").valid else ""

    def same_verdict(self) -> str:
        for text in HOSTILE.values():
            if self._verdict(text) != self._verdict(text):
                return "two verdicts on one trace differ"
        return ""

    def quick(self) -> str:
        started = time.process_time()
        for text in HOSTILE.values():
            self._verdict(text)
        each = (time.process_time() - started) / len(HOSTILE)
        return f"one takes {each:.2f} seconds" if each > SLOW else ""

    def named(self) -> str:
        verdict = self._verdict("")
        return "" if verdict.trace_id == "check" and verdict.validator else f"it says {verdict}"

    def _verdict(self, text: str, finish: Finish = "stop") -> Verdict:
        task = self.tasks[0]
        found = self.domain.validate(task, _trace(task, text, finish))
        if not isinstance(found, Verdict):
            raise TypeError(f"validate returned {found!r}, which is no Verdict")
        return found


def check_domain(domain: Domain, sizes: Sequence[int], count: int = 30, seed: int = 0) -> list[Finding]:
    """Try each promise; those that need tasks are left out if none could be made."""
    made: dict[Split, list[Task]] = {}

    def make() -> str:
        for split in SPLITS:
            made[split] = domain.tasks(split, count, sizes, seed)
        return "" if all(made.values()) else "it made none"

    first = _try("it makes tasks in both splits", make)
    if not first.kept:
        return [first]
    trial = _Trial(domain, made, sizes, count, seed)
    return [first, *(_try(promise, ask) for promise, ask in _promises(trial).items())]


def _promises(trial: _Trial) -> dict[str, Callable[[], str]]:
    return {
        "as many as are asked for": trial.right_number,
        "each says its split and its domain": trial.labelled,
        "spread evenly over the sizes": trial.spread,
        "each has an id of its own": trial.own_ids,
        "no task comes twice": trial.distinct,
        "the two splits share no task": trial.disjoint,
        "no prompt is empty": trial.prompts,
        "the same seed gives the same tasks": trial.repeatable,
        "another seed gives other tasks": trial.seeded,
        "a task can be stored and read back": trial.storable,
        "a bad answer is a verdict with a fault and a reason": trial.hostile,
        "a truncated answer is not valid": trial.truncated,
        "the same answer gets the same verdict": trial.same_verdict,
        "a verdict names its trace and its validator": trial.named,
        "a verdict is quick": trial.quick,
    }


def _try(promise: str, ask: Callable[[], str]) -> Finding:
    """Whatever a plug-in raises breaks its promise; it must not end the check."""
    try:
        detail = ask()
    except Exception as cause:
        detail = f"it raised {type(cause).__name__}: {cause}"
    return Finding(promise, not detail, detail)


def _content(task: Task) -> str:
    """What makes a task that task: its canonical form if the domain has one, else its prompt."""
    return task.spec.get("canonical") or task.prompt


def _twice(values: Sequence[str]) -> str:
    value, times = Counter(values).most_common(1)[0]
    return f"{value[:60]!r} came {times} times" if times > 1 else ""


def _trace(task: Task, text: str, finish: Finish) -> Trace:
    ids = tuple(text.encode()[:100])
    return Trace(
        id="check",
        task_id=task.id,
        generation=0,
        sample=0,
        model="check",
        text=text,
        prompt_ids=(),
        token_ids=ids,
        logprobs=(0.0,) * len(ids),
        finish=finish,
    )
