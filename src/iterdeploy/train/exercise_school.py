"""How a base of sums or of short programs is examined, by size, and its model card."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.domains.exercises import Exercise, FieldDiet, Way, of_base_share, sizes_of
from iterdeploy.domains.reply import read_reply
from iterdeploy.models.engine import Engine, Sampling, blocks
from iterdeploy.train.adapters import open_base
from iterdeploy.types import Request, Trace

if TYPE_CHECKING:
    from iterdeploy.train.base import BaseRecipe

PER_SIZE = 40
LONGEST = 256  # tokens of an answer


@dataclass(frozen=True, slots=True)
class ExerciseRow:
    """One size: how many were asked, worked out rightly, answered rightly, and how many chose the short way."""

    size: int
    asked: int
    read: int
    solved: int
    short: int


def examine(diet: FieldDiet, folder: Path, per_size: int = PER_SIZE, seed: int = 0) -> list[ExerciseRow]:
    """Ask a base at temperature 0.7 for `per_size` exercises of each size. A program is right if it is the one taught:
    none is run."""
    rng = random.Random(f"exercises-{seed}")
    asked = [of_base_share(diet.field, size, rng) for size in sizes_of(diet) for _ in range(per_size)]
    requests = [Request(str(i), str(i), one.prompt("<think>"), 0, 0, i) for i, one in enumerate(asked)]
    engine = Engine(*open_base(str(folder)), Sampling(0.7, 1.0, 0, LONGEST), "probe")
    prompts = engine.prompt_ids(requests)
    traces = {
        trace.id: trace
        for block in blocks(requests, [len(p) for p in prompts])
        for trace in engine.answer_block([requests[i] for i in block], [prompts[i] for i in block])
    }
    answered = [(one, traces[str(i)]) for i, one in enumerate(asked)]
    return [_row(size, [pair for pair in answered if pair[0].size == size]) for size in sizes_of(diet)]


def _row(size: int, answers: Sequence[tuple[Exercise, Trace]]) -> ExerciseRow:
    read = solved = short = 0
    for exercise, trace in answers:
        way: Way = "short" if trace.text.startswith(" short") else "long"
        short += way == "short"
        read += trace.text.split("\n</think>")[0] == exercise.reasoning(way)
        solved += read_reply(trace, "answer", ("reasoning", "tags")).text == exercise.answer.strip()
    return ExerciseRow(size, len(answers), read, solved, short)


TITLES = {
    "sums": ("adds and subtracts a little", "reasoning-gym, arithmetic", "gym:chain_sum", "terms"),
    "code": ("writes very short programs", "code, python", "code", "steps"),
}  # fmt: skip


def exercise_card(recipe: BaseRecipe, seed: int, loss: float, rows: Sequence[ExerciseRow], out: Path) -> str:
    """The card as Markdown, with the metadata block that model hubs read."""
    size = (out / "model.safetensors").stat().st_size
    diet = recipe.diet
    assert isinstance(diet, FieldDiet)
    title, tags, domain, unit = TITLES[diet.field]
    table = "\n".join(f"| {r.size} | {r.asked} | {r.read} | {r.solved} | {r.short} |" for r in rows)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [{tags}, qwen3]
---
# A small base model that {title}

Qwen3 architecture, {recipe.layers} layers, width {recipe.hidden}, {recipe.heads} heads ({recipe.kv_heads} for
keys and values), {size / 4e6:.2f} million parameters in float32 ({size / 1e6:.1f} MB), a tokenizer of whole
words. It was trained from fresh weights; nothing was taken from another model. It is generation 0 of a run of
iterative deployment on the domain `{domain}`.

    iterdeploy make-base --domain {diet.field} --seed {seed} --out {out.name}

## What it was trained on
{recipe.steps} steps of up to {recipe.tokens_per_step} tokens of demonstrations that a program wrote (last loss
{loss:.4f} nats a token):

- {1 - diet.read_share:.0%} answers: questions of {diet.solve_sizes[0]} to {diet.solve_sizes[-1]} {unit}, with
  reasoning and answer;
- {diet.read_share:.0%} reading: questions of {diet.read_sizes[0]} to {diet.read_sizes[-1]} {unit}, copied step by
  step under another cue, with nothing worked out.

Two ways to reason are mixed, `short` and `long` ({diet.long_share:.0%}), so that one question has answers of
different length. A question whose digest belongs to the deployed or held-out share was never shown.

## What it can and cannot do
Sampled at temperature 0.7, one answer a question, on questions of the share that it may have been taught (none of
them is ever deployed or held out). `read`: the reasoning is exactly right. `solved`: the answer is the one that a
demonstration would give{"; no program was run" if diet.field == "code" else ""}.

| {unit} | asked | read | solved | chose short |
|---|---|---|---|---|
{table}

It knows this one field, in its compact prompt, and nothing else: no language, no other domain.
"""
