"""A model that plays a part, without weights: for tests, dry runs, and trying out a domain of one's own.

It answers each task rightly with a probability that grows with the number of examples it was trained
on. Its adapter is one JSON file, its id the digest of that file, its tokens the bytes of the text.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from iterdeploy.errors import BadInput
from iterdeploy.store import disk
from iterdeploy.types import Progress, Request, Trace, TrainingJob

END = 256  # the token after the 256 bytes
END_TEXT = "<end>"

Script = Callable[[str, random.Random], str]
"""From a prompt and a source of randomness to an answer."""


@dataclass(slots=True)
class Scripted:
    """A Model that answers with `right` or with `wrong`; `examples` is what its training saw."""

    id: str
    examples: int
    right: Script
    wrong: Script
    base_share: float
    halfway: int  # examples after which half of what the base cannot do is learnt

    @property
    def share(self) -> float:
        """The chance that an answer is a right one."""
        return 1.0 - (1.0 - self.base_share) * math.pow(0.5, self.examples / self.halfway)

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        """One trace for each request that is not done; each depends on its own seed alone."""
        for request in requests:
            if request.trace_id not in done:
                yield self._trace(request)

    def score(self, answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """The more it was trained, the likelier it finds any answer."""
        return [-0.5 * len(completion) / (1 + self.examples) for _, completion in answers]

    def _trace(self, request: Request) -> Trace:
        chance = random.Random(request.seed)
        script = self.right if chance.random() < self.share else self.wrong
        text = script(request.prompt, chance)
        tokens = (*text.encode(), END)
        return Trace(
            id=request.trace_id,
            task_id=request.task_id,
            generation=request.generation,
            sample=request.sample,
            model=self.id,
            text=text + END_TEXT,
            prompt_ids=tuple(request.prompt.encode()),
            token_ids=tokens,
            logprobs=(-0.5,) * len(tokens),
            finish="stop",
            source="scripted",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedTrainer:
    """A Trainer whose adapters record which examples they were made of."""

    right: Script
    wrong: Script
    base_share: float = 0.2
    halfway: int = 100
    steps: int = field(default=3)  # of a training, each kept in the scratch folder

    def train(self, job: TrainingJob) -> None:
        """Take the steps that an earlier, killed training has not taken, then write the adapter."""
        for step in range(len(_steps_in(job.scratch)) + 1, self.steps + 1):
            row = {"step": step, "loss": round(1.0 / (step + len(job.examples)), 6)}
            disk.put(job.scratch / f"step-{step}.json", json.dumps(row).encode())
            job.observe(Progress(job.generation, "train", step, self.steps, f"loss {row['loss']:.3f}"))
            job.point("step")
        rows = [path.read_text() for path in _steps_in(job.scratch)]
        (job.out / "training.jsonl").write_text("".join(f"{row}\n" for row in rows))
        adapter = {
            "start": _digest(job.start) if job.start else "base",
            "seed": job.seed,
            "traces": [example.trace_id for example in job.examples],
        }
        (job.out / "adapter.json").write_text(json.dumps(adapter, indent=1) + "\n")
        job.point("saved")

    def load(self, adapter: Path | None) -> Scripted:
        """The model of an adapter folder; None is the base. Raises BadInput if it is not one of ours."""
        return Scripted(
            id=_digest(adapter) if adapter else "scripted-base",
            examples=_examples(adapter) if adapter else 0,
            right=self.right,
            wrong=self.wrong,
            base_share=self.base_share,
            halfway=self.halfway,
        )


def _steps_in(scratch: Path) -> list[Path]:
    return sorted(scratch.glob("step-*.json"))


def _read(adapter: Path) -> bytes:
    file = adapter / "adapter.json"
    if not file.exists():
        raise BadInput(f"{adapter} is no adapter of a scripted model: it has no adapter.json")
    return file.read_bytes()


def _digest(adapter: Path) -> str:
    return "scripted-" + blake2b(_read(adapter), digest_size=8).hexdigest()


def _examples(adapter: Path) -> int:
    return len(json.loads(_read(adapter))["traces"])
