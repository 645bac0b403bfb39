"""What a run would do and cost, before it does it: tasks, samples, tokens, time, disk.

Counts of tasks and samples are exact. Tokens, examples, seconds and bytes are estimates from the
assumptions below, which stand here so that they can be argued with; a run under way corrects them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from iterdeploy.recipe import Recipe

ANSWER_SHARE = 0.35  # of max_tokens: the length of a typical answer
POOL_FIRST, POOL_STEP, POOL_MOST = 0.14, 0.09, 0.9  # share of tasks ever solved: by the base, more each time
CHARACTERS_PER_TOKEN = 3.5  # of a subword tokenizer on PDDL
BYTES_PER_TOKEN = 28  # of a trace: its id and its log-probability as text
BYTES_PER_ROW = 900  # of a trace and its verdict besides the tokens

# Tokens times parameters per second and core: the base that ships, of 0.8 M parameters, sampled 2,900 and
# trained on 4,500 tokens per CPU second (bench/). A larger model is more efficient, a GPU far faster.
SAMPLED_PER_SECOND = 2_900 * 0.8e6
TRAINED_PER_SECOND = 4_500 * 0.8e6
VALIDATED_PER_SECOND = 2_000.0  # plans
STARTING_SECONDS = 12.0  # imports, making tasks, loading the base


@dataclass(frozen=True, slots=True)
class Shape:
    """What the cost of a model depends on."""

    parameters: int
    adapter_parameters: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run: units are answers, plans, or training examples; seconds are None if unknown."""

    generation: int
    step: str
    units: int
    tokens: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it runs; what is None depends on a model that is not on this machine."""

    name: str
    seed: int
    domain: str
    model: str
    generations: int
    tasks: int
    heldout: int
    answers: int
    prompt_tokens: int
    sampled_tokens: int
    trained_tokens: int
    seconds: float | None
    disk_bytes: int | None
    steps: tuple[Step, ...]
    prompt_longest: int = 0
    prompt_counted: bool = False  # by the model's own tokenizer; else prompt tokens are estimated


def plan(recipe: Recipe, prompt_tokens: int = 200, shape: Shape | None = None, workers: int = 1) -> Plan:
    """The plan of a recipe, given the mean length of a prompt in tokens and the shape of the base."""
    steps = tuple(
        step
        for number in range(recipe.generations + 1)
        for step in _generation(recipe, number, prompt_tokens, shape, workers)
    )
    seconds = [step.seconds for step in steps]
    known = [second for second in seconds if second is not None]
    sampled = sum(step.tokens for step in steps if step.step.endswith("deploy"))
    answers = sum(step.units for step in steps if step.step.endswith("deploy"))
    trained = sum(step.tokens for step in steps if step.step == "train")
    return Plan(
        name=recipe.name,
        seed=recipe.seed,
        domain=recipe.tasks.domain,
        model=recipe.base.model,
        generations=recipe.generations,
        tasks=recipe.tasks.count,
        heldout=recipe.tasks.heldout,
        answers=answers,
        prompt_tokens=prompt_tokens,
        sampled_tokens=sampled,
        trained_tokens=trained,
        seconds=STARTING_SECONDS + sum(known) if len(known) == len(seconds) else None,
        disk_bytes=_disk(recipe, answers, sampled + answers * prompt_tokens, shape),
        steps=steps,
    )


def _generation(
    recipe: Recipe, number: int, prompt_tokens: int, shape: Shape | None, workers: int
) -> list[Step]:
    answer = max(1, round(ANSWER_SHARE * recipe.deploy.max_tokens))
    deployed = recipe.tasks.count * recipe.deploy.samples
    heldout = recipe.tasks.heldout
    steps = []
    if number:
        examples = expected_examples(recipe, number)
        tokens = _trained_tokens(recipe, examples, prompt_tokens + answer)
        steps.append(
            Step(number, "train", examples, tokens, _seconds(tokens, TRAINED_PER_SECOND, shape, workers))
        )
    for prefix, answers in (("", deployed), ("heldout/", heldout)):
        tokens = answers * answer
        seconds = _seconds(tokens, SAMPLED_PER_SECOND, shape, workers)
        steps.append(Step(number, f"{prefix}deploy", answers, tokens, seconds))
        steps.append(Step(number, f"{prefix}validate-traces", answers, 0, answers / VALIDATED_PER_SECOND))
    return steps


def expected_examples(recipe: Recipe, generation: int) -> int:
    """How many examples a generation may be trained on, by the assumptions above."""
    earlier = generation if recipe.curate.pool == "all" else 1
    answers = recipe.tasks.count * recipe.deploy.samples
    if recipe.curate.rule == "none":
        return answers * earlier
    share = min(POOL_MOST, POOL_FIRST + POOL_STEP * (generation - 1))
    if recipe.curate.rule == "all-valid":
        return round(share * answers * earlier)
    kept = recipe.curate.k if recipe.curate.rule == "best-k" else 1
    return round(share * recipe.tasks.count * min(kept, recipe.deploy.samples * earlier))


def _trained_tokens(recipe: Recipe, examples: int, length: int) -> int:
    train = recipe.train
    kept = round(examples * (1 - train.validation_share))
    tokens = round(train.epochs * kept * length)
    if not train.max_steps:
        return tokens
    per_step = train.examples_per_step * length or train.tokens_per_step
    return min(tokens, train.max_steps * per_step)


def _seconds(tokens: int, speed: float, shape: Shape | None, workers: int) -> float | None:
    return tokens * shape.parameters / (speed * workers) if shape else None


def _disk(recipe: Recipe, answers: int, tokens: int, shape: Shape | None) -> int | None:
    if shape is None:
        return None
    weights = shape.adapter_parameters if recipe.train.method == "lora" else shape.parameters
    return answers * BYTES_PER_ROW + tokens * BYTES_PER_TOKEN + recipe.generations * weights * 4


def estimated_tokens(prompts: Sequence[str]) -> list[int]:
    """Tokens of each prompt by its characters, for a model whose tokenizer is not on this machine."""
    return [math.ceil(len(prompt) / CHARACTERS_PER_TOKEN) for prompt in prompts]


def base_folder(model: str) -> Path | None:
    """Where the files of a base are, if they are on this machine: one that ships, or a local folder."""
    for folder in (Path(str(files("iterdeploy").joinpath("bases", model))), Path(model)):
        if (folder / "config.json").is_file():
            return folder
    return None


def shape_of(folder: Path, rank: int) -> Shape:
    """The shape of a decoder from its config.json: its parameters, and those of LoRA on all projections."""
    config = json.loads((folder / "config.json").read_text())
    hidden, wide, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    queries, keys = _head_widths(config)
    tables = 1 if config.get("tie_word_embeddings") else 2
    ends = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    ends += [(hidden, wide), (hidden, wide), (wide, hidden)]
    return Shape(
        parameters=layers * sum(a * b for a, b in ends) + tables * config["vocab_size"] * hidden,
        adapter_parameters=layers * rank * sum(a + b for a, b in ends),
    )


def _head_widths(config: dict[str, Any]) -> tuple[int, int]:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    return heads * width, (config.get("num_key_value_heads") or heads) * width
