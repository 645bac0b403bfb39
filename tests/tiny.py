"""A tiny real model (Qwen3, two layers of width 32), taught in seconds to solve some of its tasks, and its recipe."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from iterdeploy.domains import load
from iterdeploy.domains.atoms import atoms_of
from iterdeploy.domains.blocksworld import NAMES, Instance, towers_of
from iterdeploy.domains.demonstrations import Way, plan_lines, reasoning
from iterdeploy.domains.pddl import PddlDomain
from iterdeploy.models.words import word_tokenizer
from iterdeploy.recipe import Base, Deploy, Recipe, Tasks, Train
from iterdeploy.train.base import WORDS, BaseRecipe, new_model
from iterdeploy.train.batches import Row
from iterdeploy.train.fit import set_gradients, shard_gradient
from iterdeploy.train.local import LocalTrainer
from iterdeploy.train.optimizers import Optimizer
from iterdeploy.types import Request, Task

SHAPE = BaseRecipe(hidden=32, layers=2, heads=2, kv_heads=1, feed_forward=64)
WAYS: tuple[Way, ...] = ("table", "keep")
STEPS = 95  # it then solves about half of what it is asked


def recipe(base: Path, **settings: Any) -> Recipe:
    """A run of two sizes and few steps on the model in `base`."""
    return Recipe(
        name="tiny",
        seed=1,
        generations=1,
        tasks=Tasks(sizes=(3, 4), count=16, heldout=4),
        base=Base(model=str(base), ready_share=0.0),
        deploy=settings.pop("deploy", Deploy(samples=5, max_tokens=80)),
        train=settings.pop("train", Train(rank=4, alpha=8.0, epochs=8.0, tokens_per_step=256)),
        **settings,
    )


def domain() -> PddlDomain:
    return load("blocksworld", Recipe())


def tasks() -> list[Task]:
    return domain().tasks("deployed", 16, (3, 4), 0)


def requests(samples: int = 5) -> list[Request]:
    """80 requests, so that there are two blocks of them; prompts of many lengths."""
    return [
        Request(f"g0.{task.id}.{sample}", task.id, task.prompt, 0, sample, seed=100 * number + sample)
        for number, task in enumerate(tasks())
        for sample in range(samples)
    ]


def trainer(of: Recipe, workers: int = 1) -> LocalTrainer:
    return LocalTrainer(of, workers=workers, names=NAMES)


def solution(task: Task, way: Way) -> str:
    """What a model should answer, in its own words."""
    said = atoms_of(task.spec["problem"])
    text, apart, build = reasoning(Instance(towers_of(said.init), towers_of(said.goal)), way, task.prompt)
    plan = "".join(f"\n{line}" for line in plan_lines(apart, build))
    return f"{text}\n</think>\n<plan>{plan}\n</plan><eos>"


def rows(tokenizer: Any) -> list[Row]:
    """Every task with its solution, both ways."""
    pairs = [(task.prompt, solution(task, way)) for task in tasks() for way in WAYS]
    prompts = tokenizer([prompt for prompt, _ in pairs], add_special_tokens=False)["input_ids"]
    answers = tokenizer([answer for _, answer in pairs], add_special_tokens=False)["input_ids"]
    return [Row(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]


def fresh(seed: int = 0) -> tuple[Any, Any]:
    """(model, tokenizer) with weights from a seed."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(WORDS)
    return new_model(SHAPE, len(tokenizer)), tokenizer


def make(folder: Path) -> Path:
    """Teach the model some of its tasks by heart, and leave it in `folder`."""
    model, tokenizer = fresh()
    optimizer = Optimizer(model.named_parameters(), "muon", 2e-2, rest_rate=1e-2, steps=STEPS)
    lessons, chance = rows(tokenizer), random.Random(0)
    for _ in range(STEPS):
        chosen = chance.sample(lessons, 8)
        scales = [1 / sum(len(row.completion) for row in chosen)] * 8
        set_gradients(optimizer.parameters, shard_gradient(model, optimizer.parameters, chosen, scales, 0))
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
