"""How a base that is taught two ways is examined, by size, on what it may have been taught; and its model card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from iterdeploy.models.engine import Engine, Sampling, blocks
from iterdeploy.train.adapters import open_base
from iterdeploy.types import Request, Trace

if TYPE_CHECKING:
    from iterdeploy.train.base import BaseRecipe

PER_SIZE = 40  # questions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """One question of an examination."""

    size: int
    prompt: str
    longest: int  # tokens of an answer
    told: Mapping[Any, str]  # the reasoning of each way, by the word that it begins with
    right: Callable[[Trace], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One size: how many were asked, reasoned rightly, answered rightly, and how many chose the first way."""

    size: int
    asked: int
    read: int
    solved: int
    first: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What the card says of what was taught."""

    title: str  # "A small base model that ..."
    tags: str
    domain: str
    taught: str  # the name that `make-base --domain` knows
    unit: str  # what sizes count
    teaches: str  # a list, what is shown in which share
    ways: str  # about the two ways
    first: str  # the first of them
    knows: str  # "It knows this one domain, ..."


def drawn(
    sizes: Sequence[int], per_size: int, draw: Callable[[int], T], may_be_taught: Callable[[T], bool]
) -> Iterator[tuple[int, T]]:
    """So many of each size, of those that a base may have been taught; with their sizes."""
    for size in sizes:
        allowed = (one for one in map(draw, repeat(size)) if may_be_taught(one))
        yield from ((size, one) for one in islice(allowed, per_size))


def examine(questions: Sequence[ExamQuestion], folder: Path) -> list[Row]:
    """Ask a base each question once, at temperature 0.7."""
    longest = max(question.longest for question in questions)
    traces = answered(folder, [question.prompt for question in questions], longest)
    pairs = list(zip(questions, traces, strict=True))
    sizes = sorted({question.size for question in questions})
    return [_row(size, [pair for pair in pairs if pair[0].size == size]) for size in sizes]


def answered(folder: Path, prompts: Sequence[str], longest: int) -> list[Trace]:
    """What a base answers to each prompt at temperature 0.7."""
    requests = [Request(str(i), str(i), prompt, 0, 0, i) for i, prompt in enumerate(prompts)]
    engine = Engine(*open_base(str(folder)), Sampling(0.7, 1.0, 0, longest), "probe")
    ids = engine.prompt_ids(requests)
    found = {
        trace.id: trace
        for block in blocks(requests, [len(p) for p in ids])
        for trace in engine.answer_block([requests[i] for i in block], [ids[i] for i in block])
    }
    return [found[str(i)] for i in range(len(prompts))]


def _row(size: int, pairs: Sequence[tuple[ExamQuestion, Trace]]) -> Row:
    read = solved = first = 0
    for question, trace in pairs:
        way = next((w for w in question.told if trace.text.startswith(f" {w}")), "")
        first += way == next(iter(question.told))
        read += bool(way) and trace.text.split("\n</think>")[0] == question.told[way]
        solved += trace.finish == "stop" and question.right(trace)
    return Row(size, len(pairs), read, solved, first)


def card(subject: Subject, recipe: BaseRecipe, seed: int, loss: float, rows: Sequence[Row], out: Path) -> str:
    """The card as Markdown, with the metadata block that model hubs read."""
    size = (out / "model.safetensors").stat().st_size
    table = "\n".join(f"| {r.size} | {r.asked} | {r.read} | {r.solved} | {r.first} |" for r in rows)
    return f"""---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
tags: [{subject.tags}, qwen3]
---
# A small base model that {subject.title}

Qwen3 architecture, {recipe.layers} layers, width {recipe.hidden}, {recipe.heads} heads ({recipe.kv_heads} for
keys and values), {size / 4e6:.2f} million parameters in float32 ({size / 1e6:.1f} MB), a tokenizer of whole
words. It was trained from fresh weights; nothing was taken from another model. It is generation 0 of a run of
iterative deployment on the domain `{subject.domain}`.

    iterdeploy make-base --domain {subject.taught} --seed {seed} --out {out.name}

## What it was trained on
{recipe.steps} steps of up to {recipe.tokens_per_step} tokens of demonstrations that a program wrote (last loss
{loss:.4f} nats a token):

{subject.teaches}

{subject.ways} What belongs to the deployed or held-out share, told by a digest of its content, was never shown.

## What it can and cannot do
Sampled at temperature 0.7, one answer a question, on questions of the share that it may have been taught (none of
them is ever deployed or held out). `read`: the reasoning is exactly right.

| {subject.unit} | asked | read | solved | chose {subject.first} |
|---|---|---|---|---|
{table}

{subject.knows}
"""


def shares(read_share: float, taught: Sequence[int], read: Sequence[int], what: tuple[str, str, str]) -> str:
    """The list of what is shown: `what` is the noun, the unit, and what reading means."""
    noun, unit, reading = what
    return (
        f"- {1 - read_share:.0%} {noun}: {taught[0]} to {taught[-1]} {unit}, with reasoning and answer;\n"
        f"- {read_share:.0%} reading: {read[0]} to {read[-1]} {unit}, {reading}."
    )
