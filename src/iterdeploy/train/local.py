"""Training and deployment on this machine: transformers and PEFT, in this process or in a crew of workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import TracebackType
from typing import Any

from iterdeploy.errors import BadInput
from iterdeploy.models.chat import opened, prompt_ids
from iterdeploy.models.chat_audit import audit_chat, end_ids
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.train.adapters import base_folder, content_id, open_tokenizer, refuse_unknown_targets
from iterdeploy.train.crew import Crew
from iterdeploy.types import Names, Progress, Request, Trace, TrainingJob, groups_of


class LocalModel:
    """One generation; `answer` hands whole blocks to whoever is free."""

    def __init__(self, trainer: LocalTrainer, adapter: Path | None) -> None:
        self.id = content_id(trainer.recipe.base.model, adapter)
        self._trainer, self._adapter = trainer, str(adapter) if adapter else None

    def answer(self, requests: Sequence[Request], done: AbstractSet[str] = frozenset()) -> Iterator[Trace]:
        """Traces of all requests that are not done, block by block."""
        from iterdeploy.models.engine import blocks

        prompts = self._trainer.prompt_ids(requests)
        work = [
            ([requests[i] for i in block], [prompts[i] for i in block])
            for block in blocks(requests, [len(p) for p in prompts])
            if any(requests[i].trace_id not in done for i in block)
        ]
        opened = self._trainer.opened(requests)
        for traces in self._trainer.answer_blocks(self._adapter, self.id, work):
            yield from (replace(t, text=opened + t.text) if opened else t for t in traces if t.id not in done)

    def score(self, answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """How likely given answers are, as types.Scorer has it; computed in this process."""
        return self._trainer.score(self._adapter, self.id, answers)


Work = tuple[list[Request], list[list[int]]]


class LocalTrainer:
    """A Trainer for one recipe. With `workers` of 1 all is computed in this process."""

    def __init__(self, recipe: Recipe, workers: int = 1, names: Names = ()) -> None:
        self.recipe, self.workers, self.names = recipe, workers, groups_of(names)
        self._crew: Crew | None = None
        self._worker: Any = None
        # what can only fail later is tried at once, before anything is computed
        _refuse_ratio_unless_sampled_whole(recipe)
        self.tokenizer = open_tokenizer(recipe.base.model)
        ends = end_ids(Path(base_folder(recipe.base.model)), self.tokenizer)
        self.chat = audit_chat(self.tokenizer, recipe.base.chat, ends, recipe.base.model)
        if recipe.train.method == "lora":
            refuse_unknown_targets(recipe.base.model, recipe.train.targets)
        if recipe.train.augment == "rename" and recipe.generations:
            self._name_ids()

    def __enter__(self) -> LocalTrainer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers."""
        self._end_crew()
        self._worker = None

    def _end_crew(self) -> None:
        """Replies that nobody waits for must not be taken for those to the next order: the next gets a new crew."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None

    def load(self, adapter: Path | None) -> LocalModel:
        """The model of one generation; None is the base."""
        return LocalModel(self, adapter)

    def prompt_ids(self, requests: Sequence[Request]) -> list[list[int]]:
        """Token ids of the prompts as the model reads them."""
        ids = prompt_ids(self.tokenizer, [request.prompt for request in requests], self.recipe.base.chat)
        unknown = self.tokenizer.unk_token_id
        for request, row in zip(requests, ids, strict=True):
            if unknown is not None and unknown in row:
                raise BadInput(
                    f"the prompt of task {request.task_id} has a word that the base {self.recipe.base.model} "
                    "does not know; use names that it knows, or another base or prompt template"
                )
        self._refuse_too_long(requests, ids)
        return ids

    def opened(self, requests: Sequence[Request]) -> str:
        """What the chat template has opened of each answer, such as "<think>"; a trace's text begins with it."""
        return opened(self.tokenizer, [request.prompt for request in requests], self.recipe.base.chat)

    def _refuse_too_long(self, requests: Sequence[Request], ids: Sequence[Sequence[int]]) -> None:
        """An answer of any length that may be sampled must be one that can be trained on."""
        longest = max(range(len(ids)), key=lambda i: len(ids[i]))
        room, most = self.recipe.train.max_length, len(ids[longest]) + self.recipe.deploy.max_tokens
        if most > room and self.recipe.generations:
            raise BadInput(
                f"the prompt of task {requests[longest].task_id} has {len(ids[longest])} tokens, and "
                f"deploy.max_tokens allows {self.recipe.deploy.max_tokens} more, but train.max_length is {room}: "
                f"such an answer could not be trained on; set train.max_length={most}, or a smaller deploy.max_tokens"
            )

    def answer_blocks(
        self, adapter: str | None, model_id: str, work: Sequence[Work]
    ) -> Iterator[list[Trace]]:
        """Blocks of traces as they are finished."""
        if self.workers == 1:
            for requests, prompts in work:
                yield self._alone().answer(adapter, model_id, requests, prompts)
            return
        crew, waiting = self._together(), deque(work)
        busy: set[int] = set()
        for rank in range(crew.size):
            if waiting:
                crew.send(rank, "answer", adapter, model_id, *waiting.popleft())
                busy.add(rank)
        try:
            while busy:
                for rank, _, traces in crew.replies(sorted(busy)):
                    if waiting:
                        crew.send(rank, "answer", adapter, model_id, *waiting.popleft())
                    else:
                        busy.discard(rank)
                    yield traces
        finally:
            if busy:
                self._end_crew()

    def score(
        self, adapter: str | None, model_id: str, answers: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[float]:
        """How likely one generation finds given answers, in nats."""
        found: list[float] = self._alone().score(adapter, model_id, answers)
        if self.workers > 1:
            self._worker = None  # the others compute the rest
        return found

    def train(self, job: TrainingJob) -> None:
        """Leave the adapter of a job in `job.out`; goes on from a checkpoint in `job.scratch`."""
        from iterdeploy.train.work import Lesson

        start = str(job.start) if job.start else None
        names = self._name_ids() if self.recipe.train.augment == "rename" else ()
        parent = content_id(self.recipe.base.model, job.start)
        digest = f"{seed_of(job.seed, parent, repr(job.examples), repr(self.recipe.train)):016x}"
        lesson = Lesson(tuple(job.examples), start, str(job.out), str(job.scratch), job.seed, names, digest)
        self._compute(lesson, _reporter(job))

    def _compute(self, lesson: Any, report: Callable[[int, int, str], None]) -> None:
        if self.workers == 1:
            from iterdeploy.train.fit import Alone

            worker = self._alone()
            worker.parameters(lesson)
            worker.train(lesson, Alone(), report)
        else:
            self._train_together(lesson, report)

    def _train_together(self, lesson: Any, report: Callable[[int, int, str], None]) -> None:
        from iterdeploy.train.diet import SHARDS

        crew = self._together()
        team = list(range(min(crew.size, SHARDS)))
        try:
            for rank in team:
                crew.send(rank, "prepare", lesson)
            sizes = dict(self._all(crew, team, "prepared", report))
            with _shared(2 * SHARDS * (sizes[0] + 1) * 4) as memory:
                for rank in team:
                    crew.send(rank, "train", memory.name, sizes[0])
                list(self._all(crew, team, "trained", report))
        except BaseException:
            self._end_crew()
            raise

    @staticmethod
    def _all(
        crew: Crew, team: Sequence[int], wanted: str, report: Callable[[int, int, str], None]
    ) -> Iterator[tuple[int, Any]]:
        open_orders = set(team)
        while open_orders:
            for rank, kind, content in crew.replies(sorted(open_orders)):
                if kind == wanted:
                    open_orders.discard(rank)
                    yield rank, content
                else:
                    report(*content)

    def _alone(self) -> Any:
        if self._worker is None:
            from iterdeploy.train.work import Worker

            self._worker = Worker(self.recipe)
        return self._worker

    def _together(self) -> Crew:
        if self._crew is None:
            self._crew = Crew(self.recipe, self.workers)
        return self._crew

    def _name_ids(self) -> tuple[tuple[int, ...], ...]:
        """Token ids of the names that renaming permutes, in groups; each must be one token."""
        names = [name for group in self.names for name in group]
        rows = [self.tokenizer(f" {name}", add_special_tokens=False)["input_ids"] for name in names]
        unknown = self.tokenizer.unk_token_id
        wrong = [n for n, row in zip(names, rows, strict=True) if len(row) != 1 or row[0] == unknown]
        if wrong or not rows:
            raise BadInput(
                f"train.augment = 'rename' needs object names that are one token each; {wrong[:3] or 'none'} are not; "
                "set train.augment = 'none'"
            )
        ids = {name: row[0] for name, row in zip(names, rows, strict=True)}
        return tuple(tuple(ids[name] for name in group) for group in self.names)


def _refuse_ratio_unless_sampled_whole(recipe: Recipe) -> None:
    how = recipe.deploy
    if recipe.curate.weights == "ratio" and (how.top_p < 1 or how.top_k or not how.temperature):
        raise BadInput(
            f"curate.weights = 'ratio' needs answers that were drawn from all tokens, and deploy.top_p is {how.top_p}, "
            f"top_k {how.top_k}, temperature {how.temperature}: a token that was cut away has no likelihood; "
            "set top_p=1, top_k=0 and a temperature above 0, or curate.weights='equal'"
        )


@contextmanager
def _shared(size: int) -> Iterator[SharedMemory]:
    """Memory that all processes see, and that is gone afterwards."""
    memory = SharedMemory(create=True, size=size)
    try:
        yield memory
    finally:
        memory.close()
        memory.unlink()


def _reporter(job: TrainingJob) -> Callable[[int, int, str], None]:
    """Progress of a worker, as the run's observer and its named points see it."""
    from iterdeploy.train.fit import CHECKPOINT

    def report(done: int, total: int, note: str) -> None:
        job.observe(Progress(job.generation, "train", done, total, note))
        if done == 0:
            job.point(f"gen-{job.generation}/train/audited")
        elif done == 1:
            job.point(f"gen-{job.generation}/train/row")
        elif done == CHECKPOINT:
            job.point(f"gen-{job.generation}/train/checkpoint")

    return report
