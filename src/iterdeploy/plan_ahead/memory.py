"""How much memory a run would take, on a card or in RAM: sampling and training come one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from iterdeploy.plan_ahead.shape import Shape
from iterdeploy.recipe import Recipe

BLOCK = 64  # rows that the engine samples together
PROGRAM_BYTES = 450 * 2**20  # of a worker with torch and transformers, before any model
SCORES = 3  # copies of the logits, in float64, that a draw holds at once
KEPT = 14  # numbers of width `hidden` that a layer keeps for each token of a backward pass
KEPT_WIDE = 3  # and of the feed-forward's width


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one worker, or of one card."""

    weights: int
    cache: int  # keys and values of a full block whose answers are all of the greatest length
    sampling: int  # the peak while answers are sampled
    optimizer: int  # what is trained in float32, its gradient, and what the optimizer keeps of it
    activations: int
    training: int  # the peak of a training step

    @property
    def peak(self) -> int:
        """The greater of the two: never are both models held at once."""
        return max(self.sampling, self.training)


def memory(recipe: Recipe, shape: Shape, prompt_longest: int, on_card: bool) -> Memory | None:
    """What one worker needs; in bfloat16 on a card, in float32 in RAM. None if the shape is not known."""
    if not shape.cached:
        return None
    size = 2 if on_card else 4
    program = 0 if on_card else PROGRAM_BYTES
    weights = size * shape.parameters
    rows = min(BLOCK, recipe.tasks.count * recipe.deploy.samples)
    cache = rows * (prompt_longest + recipe.deploy.max_tokens) * shape.cached * size
    scores = rows * shape.vocabulary * 8 * SCORES
    trained = shape.parameters if recipe.train.method == "full" else shape.adapter_parameters
    moments = 1 if recipe.train.optimizer == "muon" else 2
    optimizer = trained * 4 * (2 + moments)
    activations = _activations(recipe, shape, prompt_longest, size, on_card)
    return Memory(
        weights=weights,
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
    # on a card a layer keeps its input alone, and the rest is computed again (gradient checkpointing)
    kept = shape.layers * shape.hidden + layer if on_card else shape.layers * layer
    return tokens * kept * size + tokens * shape.vocabulary * 4 * 2
