"""The model card of a base, written from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.domains.demonstrations import Diet
from iterdeploy.train.probe import ProbeRow

if TYPE_CHECKING:
    from iterdeploy.train.base import BaseRecipe


def model_card(recipe: BaseRecipe, seed: int, loss: float, rows: Sequence[ProbeRow], out: Path) -> str:
    """The card as Markdown, with the metadata block that model hubs read."""
    size = (out / "model.safetensors").stat().st_size
    assert isinstance(recipe.diet, Diet)
    diet, table = recipe.diet, "\n".join(_line(row) for row in rows)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [planning, blocksworld, pddl, qwen3]
---
# A small base model that reads Blocksworld and plans a little

Qwen3 architecture, {recipe.layers} layers, width {recipe.hidden}, {recipe.heads} heads ({recipe.kv_heads} for
keys and values), {size / 4e6:.2f} million parameters in float32 ({size / 1e6:.1f} MB), a tokenizer of whole
words. It was trained from fresh weights; nothing was taken from another model. It is generation 0 of a run of
iterative deployment.

    iterdeploy make-base --seed {seed} --out {out.name}

## What it was trained on
{recipe.steps} steps of up to {recipe.tokens_per_step} tokens of demonstrations that a program wrote (last loss
{loss:.4f} nats a token):

- {1 - diet.read_share:.0%} plans: problems of {diet.plan_sizes[0]} to {diet.plan_sizes[-1]} blocks, with
  reasoning and plan;
- {diet.read_share:.0%} reading: problems of {diet.read_sizes[0]} to {diet.read_sizes[-1]} blocks, with the
  reasoning alone, under another cue.

The reasoning names the towers to take apart and the towers to build. Two ways are mixed: `keep`
({diet.keep_share:.0%}; blocks that stand right stay) and `table` (all are put on the table), so that one problem
has plans of different length. In {diet.related_share:.0%} of the problems the goal keeps part of the start.
Problems are told apart by a canonical form; a problem whose form belongs to the deployed or held-out share was
never shown.

## What it can and cannot do
Sampled at temperature 0.7, one answer a problem, on problems of the share that it may have been taught (none of
them is ever deployed or held out). `read`: the reasoning is exactly right. `steps/bound`: plan steps over a
lower bound, of the solved ones.

| blocks | asked | read | solved | chose keep | steps/bound |
|---|---|---|---|---|---|
{table}

It knows this one domain, in the compact prompt, with the names b1 to b20, and nothing else: no language, no
other domain.
"""


def _line(row: ProbeRow) -> str:
    ratio = f"{row.steps / row.bound:.2f}" if row.bound else "-"
    return f"| {row.size} | {row.asked} | {row.read} | {row.solved} | {row.kept} | {ratio} |"
