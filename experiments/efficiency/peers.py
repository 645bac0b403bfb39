"""REINFORCE and GRPO by TRL's own trainers, with our validator as the reward function.

REINFORCE is RLOOTrainer without a KL term: the reward of a completion less the mean of the others of its prompt,
times the gradient of its log-likelihood. Nothing of TRL is replaced: its tokenisation, its sampling by transformers'
`generate`, its AdamW. Only bfloat16 and activation checkpointing are turned off, which its defaults have for GPUs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from ground import Course, Ground, Point, Spent

from iterdeploy.models.engine import Engine, Sampling
from iterdeploy.train.adapters import open_base, quietly, with_lora
from iterdeploy.types import Request, Task, Trace


def there() -> bool:
    """Whether TRL is installed."""
    return find_spec("trl") is not None and find_spec("datasets") is not None


@dataclass(frozen=True, slots=True)
class Peer:
    """A trainer of TRL and the settings that were chosen for it (tries.md)."""

    trainer: str  # "grpo" or "rloo"
    learning_rate: float
    temperature: float = 1.0
    generations: int = 8  # completions of one prompt
    rows: int = 64  # completions of one optimizer step, which are sampled together


@dataclass(slots=True)
class Validator:
    """Our validator as a reward function: 1 for a valid plan, else 0. It also counts."""

    ground: Ground
    tokenizer: Any
    spent: Spent
    tokens: int = 0  # of the latest completions
    given: list[float] = field(default_factory=list)  # mean reward of each lot

    def __call__(
        self,
        prompts: Sequence[str],
        completion_ids: Sequence[Sequence[int]],
        task_id: Sequence[str],
        **_: Any,
    ) -> list[float]:
        tasks = {task.id: task for task in self.ground.deployed}
        rewards = [
            float(self.ground.domain.validate(tasks[name], self.trace(tasks[name], prompt, ids)).valid)
            for prompt, ids, name in zip(prompts, completion_ids, task_id, strict=True)
        ]
        self.spent.samples += len(rewards)
        self.spent.valid += int(sum(rewards))
        self.tokens = sum(map(len, completion_ids))
        self.given.append(sum(rewards) / len(rewards))
        return rewards

    def trace(self, task: Task, prompt: str, ids: Sequence[int]) -> Trace:
        """A completion as our engine would have left it: the text with its special tokens, and why it ended."""
        end, limit = self.tokenizer.eos_token_id, self.ground.recipe.deploy.max_tokens
        assert prompt == task.prompt, f"TRL asks something else than task {task.id}: {prompt[:80]!r}"
        assert end not in ids[:-1], "tokens after the end token"
        assert ids[-1] == end or len(ids) == limit, f"{len(ids)} tokens, not ended and not cut at {limit}"
        return Trace(
            id=task.id,
            task_id=task.id,
            generation=0,
            sample=0,
            model="trl",
            text=self.tokenizer.decode(list(ids), skip_special_tokens=False),
            prompt_ids=(),
            token_ids=tuple(ids),
            logprobs=(),
            finish="stop" if ids[-1] == end else "length",
        )


def train_until(ground: Ground, course: Course, folder: Path, peer: Peer) -> None:
    """Train and measure; TRL keeps no state that goes on to the same end, so a begun arm is begun anew."""
    spent = Spent()
    trainer, reward = trainer_of(ground, peer, folder, spent)
    check_same_tokens(trainer, ground)
    course.points.append(Point.of(spent, ground.solved(None, ground.heldout)))
    adapter = folder / "adapter"
    clock = _Clock(ground, course, spent, reward, adapter)
    trainer.add_callback(clock.callback())
    trainer.train()
    rows = [row for row in trainer.state.log_history if "reward" in row]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    check_rewards(rows, reward.given)
    course.deployed = ground.solved(adapter, ground.deployed)


class _Clock:
    """Counts the CPU seconds between measurements, and ends the training."""

    def __init__(
        self, ground: Ground, course: Course, spent: Spent, reward: Validator, adapter: Path
    ) -> None:
        self.ground, self.course, self.spent, self.reward, self.adapter = (
            ground,
            course,
            spent,
            reward,
            adapter,
        )
        self.started, self.due = time.process_time(), ground.size.measured_every

    def callback(self) -> Any:
        """What TRL calls; TrainerCallback is imported with it."""
        from transformers import TrainerCallback

        class Callback(TrainerCallback):
            def on_train_begin(_, *args: Any, **kwargs: Any) -> None:  # noqa: N805
                self.started = time.process_time()

            def on_step_end(_, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: N805
                control.should_training_stop |= self.step(kwargs["model"])

        return Callback()

    def step(self, model: Any) -> bool:
        """Note a step; measure where it is due. Whether the arm is over."""
        self.spent.trained_tokens += self.reward.tokens
        if self.spent.samples < self.due:
            return False
        self.spent.cpu_seconds += time.process_time() - self.started
        with quietly():
            model.save_pretrained(str(self.adapter))
        self.course.points.append(Point.of(self.spent, self.ground.solved(self.adapter, self.ground.heldout)))
        print(self.course.points[-1], flush=True)
        self.due += self.ground.size.measured_every
        self.started = time.process_time()
        return self.course.over()


def trainer_of(ground: Ground, peer: Peer, folder: Path, spent: Spent) -> tuple[Any, Validator]:
    """TRL's trainer with a fresh LoRA of the demo's rank on the demo's base."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    disable_progress_bars()
    kinds: dict[str, tuple[Any, Any]] = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}
    kind, config = kinds[peer.trainer]
    torch.set_num_threads(1)
    base, tokenizer = open_base(ground.recipe.base.model)
    torch.manual_seed(ground.seed)
    reward = Validator(ground, tokenizer, spent)
    how = ground.recipe.deploy
    with quietly():
        trainer = kind(
            model=with_lora(base, ground.recipe.train),
            reward_funcs=reward,
            train_dataset=Dataset.from_list([{"prompt": t.prompt, "task_id": t.id} for t in ground.deployed]),
            processing_class=tokenizer,
            args=config(
                output_dir=str(folder / "trl"), seed=ground.seed, max_steps=ground.size.budget // peer.rows,
                per_device_train_batch_size=peer.rows, num_generations=peer.generations,
                max_completion_length=how.max_tokens, temperature=peer.temperature, beta=0.0,
                learning_rate=peer.learning_rate, lr_scheduler_type="constant",
                use_cpu=True, bf16=False, gradient_checkpointing=False,
                logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
            ),
        )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return trainer, reward


def check_same_tokens(trainer: Any, ground: Ground) -> None:
    """Raise AssertionError unless TRL reads the very prompts that we read and, always taking the likeliest token,
    completes them as our engine does, token by token, end token included."""
    ours = ground.prompt_ids(ground.deployed)
    theirs = trainer._tokenize_prompts([task.prompt for task in ground.deployed])[0]
    assert [list(row) for row in theirs] == ours, "TRL reads other prompt tokens than we do"
    some = ground.deployed[:: max(len(ground.deployed) // 8, 1)][:8]
    base, tokenizer = open_base(ground.recipe.base.model)
    greedy = Sampling(0.0, 1.0, 0, ground.recipe.deploy.max_tokens)
    requests = [Request(t.id, t.id, t.prompt, 0, 0, 0) for t in some]
    traces = Engine(base, tokenizer, greedy, "base").answer_block(requests, ground.prompt_ids(some))
    drawn = trainer.generation_config.do_sample
    trainer.generation_config.do_sample = False
    completed = trainer._generate([task.prompt for task in some])[1]
    trainer.generation_config.do_sample = drawn
    assert [tuple(row) for row in completed] == [t.token_ids for t in traces], (
        "TRL completes otherwise than we do"
    )


def check_rewards(rows: Sequence[dict[str, Any]], given: Sequence[float]) -> None:
    """Raise AssertionError unless TRL's own log has the verdicts as its rewards, step by step."""
    seen = [row["reward"] for row in rows]
    assert len(seen) == len(given), f"{len(seen)} steps logged, {len(given)} judged"
    for mean, verdicts in zip(seen, given, strict=True):
        assert abs(mean - verdicts) < 1e-6, (
            f"the trainer saw a mean reward of {mean}, the verdicts give {verdicts}"
        )
