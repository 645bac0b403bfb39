"""How much memory a run would take, on a card or in RAM: sampling and training come one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from iterdeploy.plan_ahead.shape import Shape
from iterdeploy.recipe import Recipe

BLOCK = 64  # rows that the engine samples together, where they fit
CACHE_SHARE = 0.8  # of a card, for weights and cache: a block that needs more is sampled in halves
MOST_LOGITS = 1 << 28  # that a training step makes at once; more are made a chunk at a time
LONG = 4096  # tokens of an example from which activations are made anew, on a card
PROGRAM_BYTES = 450 * 2**20  # of a worker with torch and transformers, before any model
SCORES = 3  # copies of the logits, in float64, that a draw holds at once
KEPT = 14  # numbers of width `hidden` that a layer keeps for each token of a backward pass
KEPT_WIDE = 3  # and of the feed-forward's width


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one worker, or of one card."""

    weights: int
    rows: int  # answers that are sampled together
    cache: int  # keys and values of so many answers that are all of the greatest length
    sampling: int  # the peak while answers are sampled
    optimizer: int  # what is trained in float32, its gradient, and what the optimizer keeps of it
    activations: int
    training: int  # the peak of a training step

    @property
    def peak(self) -> int:
        """The greater of the two: never are both models held at once."""
        return max(self.sampling, self.training)


def memory(
    recipe: Recipe, shape: Shape, prompt_longest: int, on_card: bool, card_bytes: float = math.inf
) -> Memory | None:
    """What one worker needs; in bfloat16 on a card, in float32 in RAM. None if the shape is not known.

    `card_bytes` is the memory of a card, by which blocks are cut; whether the whole fits is for the reader to see.
    """
    if not shape.cached:
        return None
    size = 2 if on_card else 4
    program = 0 if on_card else PROGRAM_BYTES
    weights = size * shape.parameters
    rows = min(BLOCK, recipe.tasks.count * recipe.deploy.samples)
    each = (prompt_longest + recipe.deploy.max_tokens) * shape.cached * size
    while on_card and rows > 1 and rows * each > CACHE_SHARE * card_bytes - weights:
        rows = -(-rows // 2)
    cache = rows * each
    scores = rows * shape.vocabulary * 8 * SCORES
    trained = shape.parameters if recipe.train.method == "full" else shape.adapter_parameters
    moments = 1 if recipe.train.optimizer == "muon" else 2
    optimizer = trained * 4 * (2 + moments)
    activations = _activations(recipe, shape, prompt_longest, size, on_card)
    return Memory(
        weights=weights,
        rows=rows,
        cache=cache,
        sampling=program + weights + cache + scores,
        optimizer=optimizer,
        activations=activations,
        training=program + weights + optimizer + activations,
    )


def _activations(recipe: Recipe, shape: Shape, prompt_longest: int, size: int, on_card: bool) -> int:
    """Of one shard of a step, which is half of it but at least one example of the greatest length."""
    train = recipe.train
    longest = min(train.max_length, prompt_longest + recipe.deploy.max_tokens)
    step = train.examples_per_step * longest if train.examples_per_step else train.tokens_per_step
    tokens = max(longest, step // 2)
    layer = KEPT * shape.hidden + KEPT_WIDE * shape.wide
    # a layer whose activations are made anew keeps its input alone
    anew = train.checkpointing == "on" or (
        train.checkpointing == "auto" and on_card and train.max_length > LONG
    )
    kept = shape.layers * shape.hidden + layer if anew else shape.layers * layer
    logits = min(tokens * shape.vocabulary, MOST_LOGITS)
    return tokens * kept * size + logits * 4 * 2
