"""What a worker does with a model: answer a block, or compute its share of a training. Runs in any process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from iterdeploy.errors import RunError
from iterdeploy.models.device import release
from iterdeploy.models.engine import Engine, Sampling
from iterdeploy.models.kernels import use_fast_norms
from iterdeploy.models.score import Given, score
from iterdeploy.recipe import Recipe, Train
from iterdeploy.store import disk
from iterdeploy.train.adapters import (
    added_up,
    content_id,
    open_base,
    open_generation,
    quietly,
    settle_config,
    with_lora,
)
from iterdeploy.train.batches import Row
from iterdeploy.train.diet import audit, split, steps_of
from iterdeploy.train.fit import Exchange, State, fit, token_losses
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.types import Example, Request, Trace


@dataclass(frozen=True, slots=True)
class Lesson:
    """A TrainingJob as it travels to a worker."""

    examples: tuple[Example, ...]
    start: str | None
    out: str
    scratch: str
    seed: int
    names: tuple[tuple[int, ...], ...]  # token ids of objects that may be renamed, in groups
    job: str  # digest of all of the above: a checkpoint of another job is not used


Report = Callable[[int, int, str], None]  # steps done, steps in all, note


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, so that sums are made in one order; a GPU does not mind."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Worker:
    """Holds the model that answers, and trains new ones."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.engine: Engine | None = None
        self.model: Any = None  # of a training
        self.named: list[tuple[str, torch.nn.Parameter]] = []
        self.loaded: str | None = None

    def load(self, adapter: str | None, model_id: str) -> Engine:
        """The engine of one generation; opened once."""
        if self.engine is None or self.loaded != model_id:
            self._let_go()
            folder = Path(adapter) if adapter else None
            model, tokenizer = open_generation(
                self.recipe.base.model, folder, precision=self.recipe.base.precision
            )
            self._refuse_unless(model_id, folder)
            how = self.recipe.deploy
            sampling = Sampling(how.temperature, how.top_p, how.top_k, how.max_tokens)
            self.engine = Engine(added_up(model), tokenizer, sampling, model_id)
            self.loaded = model_id
        return self.engine

    def _refuse_unless(self, model_id: str, adapter: Path | None) -> None:
        """What was read must be what was asked for, for its answers will bear that name."""
        found = content_id(self.recipe.base.model, adapter)
        if found != model_id:
            raise RunError(
                f"{adapter or self.recipe.base.model} was opened as {model_id} and is now {found}: somebody replaced "
                "it meanwhile; put it back, or start the command again"
            )

    def answer(
        self,
        adapter: str | None,
        model_id: str,
        requests: Sequence[Request],
        prompts: Sequence[Sequence[int]],
    ) -> list[Trace]:
        """One block of answers."""
        with one_thread():
            return self.load(adapter, model_id).answer_block(requests, prompts)

    def score(self, adapter: str | None, model_id: str, answers: Sequence[Given]) -> list[float]:
        """How likely given answers are, in nats."""
        with one_thread():
            engine = self.load(adapter, model_id)
            pad = engine.tokenizer.pad_token_id or 0
            return score(engine.model, answers, self.recipe.deploy.temperature, pad)

    def parameters(self, lesson: Lesson) -> int:
        """Open the model of a training; how many numbers are trained."""
        self._let_go()
        with one_thread():
            torch.manual_seed(lesson.seed)
            self.model, self.tokenizer = trainable(self.recipe, lesson.start)
        self.named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        return sum(p.numel() for _, p in self.named)

    def train(self, lesson: Lesson, exchange: Exchange, report: Report) -> None:
        """Train after `parameters`; the worker of rank 0 leaves the adapter in `lesson.out`."""
        recipe = self.recipe.train
        kept, validation = split(lesson.examples, recipe.validation_share, lesson.seed)
        ends = end_ids(self.model, self.tokenizer)
        checked = audit(kept, validation, ends, recipe, self.recipe.curate.rule != "none")
        total = sum(1 for _ in steps_of(kept, recipe, lesson.names, lesson.seed))
        if exchange.rank == 0:
            report(0, total, checked.sentence())
        optimizer = Optimizer(
            self.named, recipe.optimizer, recipe.learning_rate, weight_decay=recipe.weight_decay, steps=total,
            warmup_share=recipe.warmup_share, schedule=recipe.schedule, clip=recipe.clip,
        )  # fmt: skip
        state = State(Path(lesson.scratch) / "training.safetensors", lesson.job)
        pad = self.tokenizer.pad_token_id or 0
        steps = steps_of(kept, recipe, lesson.names, lesson.seed)
        with one_thread():
            outcome = fit(
                self.model, steps, optimizer, recipe, pad, lesson.seed, exchange, state,
                lambda done, loss: report(done, total, f"loss {loss:.4f}"),
            )  # fmt: skip
            if exchange.rank == 0:
                last = validation_loss(self.model, validation, pad)
                with disk.filling(Path(lesson.out)):
                    self.leave(Path(lesson.out), asdict(checked), outcome.losses, last)
        del optimizer, steps
        self._let_go()

    def _let_go(self) -> None:
        """Hold no model, before another is opened: two may be more than the memory holds."""
        self.engine = None
        self.model, self.named = None, []
        release()

    def leave(
        self, out: Path, checked: dict[str, int], losses: Sequence[float], validation: float | None
    ) -> None:
        """Write the adapter that `model` is, and what is to be known of its training."""
        with quietly():
            self.model.save_pretrained(str(out))
        if self.recipe.train.method == "full":
            self.tokenizer.save_pretrained(str(out))
        (out / "README.md").unlink(missing_ok=True)
        settle_config(out / "adapter_config.json", self.recipe.base.model)
        rows = [{"step": i + 1, "loss": loss} for i, loss in enumerate(losses)]
        if validation is not None:
            rows.append({"step": len(losses), "validation_loss": round(validation, 6)})
        (out / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (out / "audit.json").write_text(json.dumps(checked, indent=1) + "\n")
        for leftover in out.glob("*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)


def trainable(recipe: Recipe, start: str | None) -> tuple[Any, Any]:
    """(model, tokenizer) of a training: the base with a fresh adapter, or what it starts from."""
    how = recipe.train
    if how.method == "full" or start is not None:
        folder, precision = Path(start) if start else None, recipe.base.precision
        if how.method == "full":  # a small step is lost in the rounding of a weight of less than that
            precision = "float32"
        model, tokenizer = open_generation(recipe.base.model, folder, trainable=True, precision=precision)
    else:
        base, tokenizer = open_base(recipe.base.model, recipe.base.precision)
        model = with_lora(base, how)
    use_fast_norms(model)
    if _is_checkpointed(how, model):
        with quietly():  # by its name of transformers 5.15, which later versions call deprecated
            model.gradient_checkpointing_enable({"use_reentrant": False})
    return model, tokenizer


LONG = 4096
"""Tokens of an example from which its activations are made anew for its gradient, on a GPU."""


def _is_checkpointed(how: Train, model: Any) -> bool:
    on_gpu: bool = model.device.type == "cuda"
    return how.checkpointing == "on" or (how.checkpointing == "auto" and on_gpu and how.max_length > LONG)


def end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    ends = model.generation_config.eos_token_id
    return frozenset([ends] if isinstance(ends, int) else ends or [tokenizer.eos_token_id])


def validation_loss(
    model: Any,
    examples: Sequence[Example],
    pad: int,
    losses: Callable[[Any, Sequence[Row], int], torch.Tensor] = token_losses,
) -> float | None:
    """Mean cross-entropy per completion token of examples that were kept out, in nats; None without any."""
    if not examples:
        return None
    model.eval()
    with torch.no_grad():
        sums = [float(losses(model, [Row(e.prompt_ids, e.completion_ids)], pad)[0]) for e in examples]
    return sum(sums) / sum(len(e.completion_ids) for e in examples)
