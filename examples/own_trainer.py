"""A domain without PDDL and a model that is no language model, side by side: what the loop asks of either.

The parrot remembers what was curated and guesses the rest, so deployed tasks get solved and held-out ones do not:
this is why every run keeps tasks that are never trained on. With the loop it meets nothing but these two objects:

    iterdeploy run demo --set tasks.domain=own_trainer:Sums --set base.model=own_trainer:ParrotTrainer \
        --set tasks.sizes=[2] --set tasks.count=200 --set tasks.heldout=100 --out runs/parrot
"""

import json
import random
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path

from iterdeploy.types import Fault, Request, Split, Task, Trace, TrainingJob, Verdict


class Sums:
    """Tasks "17 + 25 ="; a size is a number of digits, and held-out are the sums whose first number is odd."""

    name = "sums"

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        rng, made = random.Random(f"{split} {seed}"), dict[str, Task]()
        while len(made) < count:
            size = sizes[len(made) * len(sizes) // count]
            first = rng.randrange(10**size // 2) * 2 + (split == "heldout")
            prompt = f"{first} + {rng.randrange(10**size)} ="
            made.setdefault(prompt, Task(f"{split}-{len(made)}", self.name, prompt, {}, split, size))
        return list(made.values())

    def validate(self, task: Task, trace: Trace) -> Verdict:
        a, b = (int(number) for number in task.prompt.removesuffix(" =").split(" + "))
        valid = trace.text == str(a + b)
        fault, reason = (None, "") if valid else (Fault.GOAL, f"the sum is {a + b}")
        return Verdict(trace.id, "sums", valid, cost=1, fault=fault, reason=reason, plan=(trace.text,))


class Parrot:
    """A Model: says what it remembers of a prompt, and else guesses, right one time in four or so."""

    def __init__(self, memory: dict[str, str]) -> None:
        self.memory = memory
        self.id = "parrot-" + sha256(json.dumps(memory, sort_keys=True).encode()).hexdigest()[:12]

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        for request in requests:
            if request.trace_id not in done:
                text = self.memory.get(request.prompt) or self.guess(request)
                yield Trace(
                    id=request.trace_id,
                    task_id=request.task_id,
                    generation=request.generation,
                    sample=request.sample,
                    model=self.id,
                    text=text,
                    prompt_ids=tuple(request.prompt.encode()),
                    token_ids=tuple(text.encode()),
                    logprobs=(0.0,) * len(text),
                    finish="stop",
                )

    def guess(self, request: Request) -> str:
        a, b = (int(number) for number in request.prompt.removesuffix(" =").split(" + "))
        return str(a + b + random.Random(request.seed).choice([-10, -1, 0, 1]))


class ParrotTrainer:
    """A Trainer: its adapter is a file of prompts and answers."""

    def train(self, job: TrainingJob) -> None:
        memory = {bytes(e.prompt_ids).decode(): bytes(e.completion_ids).decode() for e in job.examples}
        (job.out / "memory.json").write_text(json.dumps(memory))

    def load(self, adapter: Path | None) -> Parrot:
        return Parrot(json.loads((adapter / "memory.json").read_text()) if adapter else {})
