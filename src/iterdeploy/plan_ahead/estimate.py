"""What a run would do and cost, before it does it: tasks, samples, tokens, time, disk.

Counts of tasks and samples are exact. Tokens, examples, seconds and bytes are estimates from the
assumptions below, which stand here so that they can be argued with; a run under way corrects them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from iterdeploy.plan_ahead.memory import BLOCK, Memory
from iterdeploy.plan_ahead.pace import Pace, assumed
from iterdeploy.plan_ahead.shape import Shape
from iterdeploy.recipe import Recipe

ANSWER_SHARE = 0.35  # of max_tokens: the length of a typical answer of the base
GROWTH = 0.04  # by which answers get longer from one generation to the next
EXAMPLE_SHARE = (
    0.7  # length of a curated example to that of a mean answer and prompt: what is solved is short
)
POOL_FIRST, POOL_STEP, POOL_MOST = 0.14, 0.09, 0.9  # share of tasks ever solved: by the base, more each time
CHARACTERS_PER_TOKEN = 3.5  # of a subword tokenizer on PDDL
BYTES_PER_TOKEN = 28  # of a trace: its id and its log-probability as text
BYTES_PER_ROW = 900  # of a trace and its verdict besides the tokens

VALIDATED_PER_SECOND = 2_000.0  # plans
SHARDS = 2  # of a training step's gradient: more workers than these speed up sampling alone


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
    read_tokens: int = 0  # prompts, as often as they are asked
    workers: int = 1  # processes, or cards
    basis: str = ""  # where the speeds come from
    cards: bool = False  # whether the workers are cards
    memory: Memory | None = None  # of one worker, or of one card
    cost: float | None = None  # in the currency of the prices given
    prompt_longest: int = 0
    prompt_counted: bool = False  # by the model's own tokenizer; else prompt tokens are estimated


def plan(
    recipe: Recipe,
    prompt_tokens: int = 200,
    shape: Shape | None = None,
    workers: int = 1,
    pace: Pace | None = None,
) -> Plan:
    """The plan of a recipe, given the mean length of a prompt in tokens and the shape or the pace of the base."""
    if pace is None and shape is not None:
        pace = assumed(shape)
    steps = tuple(
        step
        for number in range(recipe.generations + 1)
        for step in _generation(recipe, number, prompt_tokens, pace, workers)
    )
    seconds = [step.seconds for step in steps]
    known = [second for second in seconds if second is not None]
    sampled = sum(step.tokens for step in steps if step.step.endswith("deploy"))
    answers = sum(step.units for step in steps if step.step.endswith("deploy"))
    trained = sum(step.tokens for step in steps if step.step == "train")
    whole = pace is not None and len(known) == len(seconds)
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
        seconds=pace.starting + sum(known) if pace and whole else None,
        disk_bytes=_disk(recipe, answers, sampled + answers * prompt_tokens, shape),
        steps=steps,
        read_tokens=answers * prompt_tokens,
        workers=workers,
        basis=pace.source if pace else "",
    )


def _generation(
    recipe: Recipe, number: int, prompt_tokens: int, pace: Pace | None, workers: int
) -> list[Step]:
    first = pace.answer if pace and pace.answer else ANSWER_SHARE * recipe.deploy.max_tokens
    answer = min(recipe.deploy.max_tokens, max(1, round(first * (1 + GROWTH) ** number)))
    deployed = recipe.tasks.count * recipe.deploy.samples
    heldout = recipe.tasks.heldout
    steps = []
    if number:
        examples = expected_examples(recipe, number)
        share = 1.0 if recipe.curate.rule == "none" else EXAMPLE_SHARE
        tokens = _trained_tokens(recipe, examples, round(share * (prompt_tokens + answer)))
        seconds = tokens / (pace.trained * min(workers, SHARDS)) if pace else None
        steps.append(Step(number, "train", examples, tokens, seconds))
    for prefix, answers in (("", deployed), ("heldout/", heldout)):
        tokens = answers * answer
        seconds = _rows(answers, workers) * answer / pace.sampled if pace else None
        steps.append(Step(number, f"{prefix}deploy", answers, tokens, seconds))
        judged = answers / VALIDATED_PER_SECOND
        steps.append(Step(number, f"{prefix}validate-traces", answers, 0, judged))
    return steps


def _rows(answers: int, workers: int) -> int:
    """Answers that the busiest worker samples, in whole blocks."""
    return min(answers, BLOCK * math.ceil(answers / BLOCK / workers))


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


def _disk(recipe: Recipe, answers: int, tokens: int, shape: Shape | None) -> int | None:
    if shape is None:
        return None
    weights = shape.adapter_parameters if recipe.train.method == "lora" else shape.parameters
    return answers * BYTES_PER_ROW + tokens * BYTES_PER_TOKEN + recipe.generations * weights * 4


def estimated_tokens(prompts: Sequence[str]) -> list[int]:
    """Tokens of each prompt by its characters, for a model whose tokenizer is not on this machine."""
    return [math.ceil(len(prompt) / CHARACTERS_PER_TOKEN) for prompt in prompts]
