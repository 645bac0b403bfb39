"""Trained tokens per CPU second: our LoRA training against TRL's SFTTrainer, on the same examples and the same LoRA.

Counted are all tokens of the examples, prompts too, without padding. Models are opened, and examples packed,
before the clock starts; our writing of the adapter is inside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from finished import arguments, open_finished, spread
from machine import this_machine
from race import Contender, race
from write import write_races

from iterdeploy.recipe import Recipe, Train
from iterdeploy.store.rows import read_rows
from iterdeploy.train.adapters import open_base, quietly, with_lora
from iterdeploy.train.fit import Alone
from iterdeploy.train.work import Lesson, Worker
from iterdeploy.types import Example

Losses = dict[str, float]
"""Mean training loss by contender, in nats per completion token: a sign that all did the same work."""


@dataclass(frozen=True, slots=True)
class Packing:
    """A way for TRL to make a step of about 2048 tokens: `rows` of `length` tokens, `parts` times."""

    name: str
    rows: int
    parts: int = 1
    length: int = 1024
    strategy: Literal["wrapped", "bfd", "none"] = "none"


PACKINGS = (
    Packing("wrapped, rows of 256", 8, 1, 256, "wrapped"),
    Packing("wrapped, rows of 1024", 2, 1, 1024, "wrapped"),
    Packing("bfd, rows of 1024", 2, 1, 1024, "bfd"),
    Packing("bfd, rows of 512 one by one", 1, 4, 512, "bfd"),
    Packing("padded rows of like length", 12),
)


def ours(
    optimizer: Literal["muon", "adamw"], recipe: Recipe, examples: Sequence[Example], losses: Losses
) -> Contender:
    """Our training as a run does it, in one process."""
    name = f"iterdeploy, {optimizer}"
    mine = replace(recipe, train=replace(recipe.train, optimizer=optimizer))

    def prepare(share: float) -> Callable[[], int]:
        chosen = tuple(spread(examples, round(share * len(examples))))
        folder = tempfile.TemporaryDirectory()
        lesson = Lesson(chosen, None, folder.name, folder.name, 0, (), "bench")
        worker = Worker(mine)
        worker.parameters(lesson)

        def work() -> int:
            with folder:
                worker.train(lesson, Alone(), lambda done, total, note: None)
                rows = read_rows(Path(folder.name) / "training.jsonl", dict[str, Any])
            losses[name] = sum(row["loss"] for row in rows) / len(rows)
            return sum(len(e.prompt_ids) + len(e.completion_ids) for e in chosen)

        return work

    return Contender(name, prepare)


def theirs(packing: Packing, recipe: Recipe, examples: Sequence[Example], losses: Losses) -> Contender:
    """SFTTrainer with the same LoRA, AdamW, schedule and clipping; no logging, saving or checkpointing."""
    name = f"TRL, {packing.name}"

    def prepare(share: float) -> Callable[[], int]:
        chosen = spread(examples, round(share * len(examples)))
        folder = tempfile.TemporaryDirectory()
        trainer = _sft_trainer(packing, recipe, chosen, folder.name)
        tokens = sum(len(row) for row in trainer.train_dataset["input_ids"])

        def work() -> int:
            with folder:
                losses[name] = trainer.train().training_loss
            return tokens

        return work

    return Contender(name, prepare)


def _sft_trainer(packing: Packing, recipe: Recipe, examples: Sequence[Example], out: str) -> Any:
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback
    from trl.trainer.sft_trainer import SFTTrainer

    disable_progress_bars()
    base, tokenizer = open_base(recipe.base.model)
    torch.manual_seed(0)
    rows = Dataset.from_dict(
        {
            "input_ids": [[*e.prompt_ids, *e.completion_ids] for e in examples],
            "completion_mask": [[0] * len(e.prompt_ids) + [1] * len(e.completion_ids) for e in examples],
        }
    )
    with quietly():
        trainer = SFTTrainer(
            model=with_lora(base, recipe.train), args=_sft_config(packing, recipe.train, out), train_dataset=rows,
            processing_class=tokenizer,
        )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return trainer


def _sft_config(packing: Packing, train: Train, out: str) -> Any:
    from trl.trainer.sft_config import SFTConfig

    packs: dict[str, Any] = {"packing": True, "packing_strategy": packing.strategy}
    return SFTConfig(
        output_dir=out, num_train_epochs=train.epochs, max_length=packing.length,
        per_device_train_batch_size=packing.rows, gradient_accumulation_steps=packing.parts,
        **(packs if packing.strategy != "none" else {"train_sampling_strategy": "group_by_length"}),
        learning_rate=train.learning_rate, lr_scheduler_type=train.schedule, max_grad_norm=train.clip,
        weight_decay=train.weight_decay, adam_beta2=0.98, use_cpu=True, bf16=False, gradient_checkpointing=False,
        completion_only_loss=True,  # by default a completion_mask beside input_ids is ignored, prompts are trained
        logging_strategy="no", save_strategy="no", eval_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip


def contenders(recipe: Recipe, examples: Sequence[Example], losses: Losses) -> Iterator[Contender]:
    """Ours with both optimizers, then TRL with each packing."""
    yield ours("muon", recipe, examples, losses)
    yield ours("adamw", recipe, examples, losses)
    for packing in PACKINGS:
        yield theirs(packing, recipe, examples, losses)


def main() -> None:
    """Race over one epoch of a run's last examples."""
    given = arguments(__doc__.split("\n")[0], rounds=3, rows=256).parse_args()
    torch.set_num_threads(1)
    run = open_finished(given.run)
    train = replace(run.recipe.train, epochs=1.0, augment="none", learning_rate=1e-3, validation_share=0.0)
    recipe = replace(run.recipe, train=train)
    examples = spread(run.examples(len(run.generations()) - 1), given.rows)
    machine, losses = this_machine(), Losses()
    laps = race(list(contenders(recipe, examples, losses)), given.rounds)
    notes = ["Mean loss in nats: " + "; ".join(f"{name} {loss:.3f}" for name, loss in losses.items()) + "."]
    tokens = sum(len(e.prompt_ids) + len(e.completion_ids) for e in examples)
    settings = {
        "examples": len(examples), "tokens": tokens, "epochs": 1, "tokens per step": train.tokens_per_step,
        "LoRA rank": train.rank, "precision": "float32", "threads": 1,
    }  # fmt: skip
    races = {f"One epoch, LoRA of rank {train.rank} on all linear layers": laps}
    print(write_races("training", "Training: trained tokens per CPU second", machine, settings, races, notes))


if __name__ == "__main__":
    main()
