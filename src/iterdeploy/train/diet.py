"""What a training sees, step by step: checked, counted, augmented, and cut into batches, all from one seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from iterdeploy.errors import TrainingRefused
from iterdeploy.recipe import Train
from iterdeploy.seeds import seed_of
from iterdeploy.train.batches import Row, bucketed, jumps
from iterdeploy.types import Example

SHARDS = 2
"""Parts of a step whose gradients are added, in this order, whoever computes them."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What training will do to the examples: all of it is printed and checked before the first step."""

    examples: int
    validation: int  # kept out for the validation loss
    prompt_tokens: int  # read, never trained on
    trained_tokens: int  # completion tokens in the loss
    end_tokens: int  # examples whose last trained token ends the answer
    unfinished: int  # examples without an end token; only uncurated traces may be
    truncated: int  # always 0: an example that is too long is refused

    def sentence(self) -> str:
        """One line for the screen."""
        return (
            f"{self.examples} examples: {self.trained_tokens} completion tokens trained, {self.prompt_tokens} prompt "
            f"tokens masked, end token trained in {self.end_tokens}, unfinished {self.unfinished}, "
            f"truncated {self.truncated}, kept for validation {self.validation}"
        )


def split(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(trained, validation): a share of the examples is drawn for the validation loss, at least one stays."""
    order = list(range(len(examples)))
    random.Random(seed_of(seed, "validation")).shuffle(order)
    out = set(order[: min(round(share * len(order)), len(order) - 1)])
    return [e for i, e in enumerate(examples) if i not in out], [examples[i] for i in sorted(out)]


def audit(
    trained: Sequence[Example],
    validation: Sequence[Example],
    end_ids: frozenset[int],
    recipe: Train,
    curated: bool,
) -> Audit:
    """Count what is kept, masked and cut; raises TrainingRefused where that is not what was promised."""
    for example in (*trained, *validation):
        if problem := _problem(example, end_ids, recipe, curated):
            raise TrainingRefused(f"example {example.trace_id} {problem}")
    ended = sum(e.completion_ids[-1] in end_ids for e in trained)
    return Audit(
        examples=len(trained),
        validation=len(validation),
        prompt_tokens=sum(len(e.prompt_ids) for e in trained),
        trained_tokens=sum(len(e.completion_ids) for e in trained),
        end_tokens=ended,
        unfinished=len(trained) - ended,
        truncated=0,
    )


def _problem(example: Example, end_ids: frozenset[int], recipe: Train, curated: bool) -> str:
    """Why an example would not be trained as promised; empty if it would be."""
    length = len(example.prompt_ids) + len(example.completion_ids)
    if not example.completion_ids:
        return "has no completion: nothing would be trained"
    if not example.prompt_ids:
        return "has no prompt: its first token would not be trained, for nothing stands before it"
    if length > recipe.max_length:
        limit = f"train.max_length = {recipe.max_length}"
        return f"has {length} tokens, more than {limit}; raise it (an example is never cut)"
    if curated and example.completion_ids[-1] not in end_ids:
        return (
            f"does not end in an end token {sorted(end_ids)}: a model trained on it would not learn to stop"
        )
    if not 0 < example.weight < math.inf:
        return f"has the weight {example.weight}; it must be a number above 0"
    return ""


Names = Sequence[Sequence[int]]
"""Token ids of object names, in groups: those of a group may take each other's places."""


def renamed(example: Example, names: Names, rng: random.Random) -> tuple[list[int], list[int]]:
    """The example with its objects renamed: each group of `names` is permuted, alike in prompt and completion."""
    table: dict[int, int] = {}
    for group in names:
        table.update(zip(group, rng.sample(list(group), len(group)), strict=True))
    return [table.get(t, t) for t in example.prompt_ids], [table.get(t, t) for t in example.completion_ids]


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step: SHARDS lists of rows, and by how much each token or row counts (`scale`)."""

    epoch: int
    shards: tuple[tuple[Row, ...], ...]


def epochs_of(
    examples: Sequence[Example], recipe: Train, names: Names, seed: int
) -> Iterator[tuple[int, list[Row]]]:
    """Endless epochs: each example once, renamed by chance after the first epoch, at its positions."""
    epoch = 0
    while True:
        rng = random.Random(seed_of(seed, "epoch", epoch))
        rows = []
        for e in examples:
            prompt, answer = list(e.prompt_ids), list(e.completion_ids)
            if recipe.augment == "rename" and epoch and rng.random() < recipe.augment_share:
                prompt, answer = renamed(e, names, rng)
            places = jumps(len(prompt) + len(answer), rng) if recipe.positions == "jumps" else None
            rows.append(Row(prompt, answer, e.weight, places, e.trace_id))
        yield epoch, rows
        epoch += 1


def steps_of(examples: Sequence[Example], recipe: Train, names: Names, seed: int) -> Iterator[Step]:
    """All steps of a training: `epochs` over the examples, at most `max_steps` of them."""
    whole, part = int(recipe.epochs), recipe.epochs - int(recipe.epochs)
    done = 0
    for epoch, rows in epochs_of(examples, recipe, names, seed):
        if epoch >= whole + (part > 0):
            return
        batches = _cut(rows, recipe, random.Random(seed_of(seed, "order", epoch)))
        if epoch == whole:
            batches = batches[: max(round(part * len(batches)), 1)]
        for at in range(0, len(batches), SHARDS):
            if recipe.max_steps and done >= recipe.max_steps:
                return
            yield Step(epoch, tuple(tuple(rows[i] for i in b) for b in batches[at : at + SHARDS]))
            done += 1


def _cut(rows: Sequence[Row], recipe: Train, rng: random.Random) -> list[list[int]]:
    """Row indices by batch; SHARDS consecutive batches make a step."""
    if not recipe.examples_per_step:
        return bucketed([len(r) for r in rows], recipe.tokens_per_step // SHARDS, rng)
    order = list(range(len(rows)))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for at in range(0, len(order), recipe.examples_per_step):
        chosen = order[at : at + recipe.examples_per_step]
        half = -(-len(chosen) // SHARDS)
        batches += [chosen[:half], chosen[half:]]
    return batches


def row_scales(step: Step, loss: str) -> list[list[float]]:
    """What each row's summed loss is multiplied by, so that the shards add up to the loss of the whole step.

    `sum`: mean over rows of the summed loss. `token-mean`: over all tokens of the step. `sequence-mean`: mean over
    rows of each row's mean. Weighted by the rows' weights; loss sums are in nats.
    """
    rows = [row for shard in step.shards for row in shard]
    total = sum(r.weight * (len(r.completion) if loss == "token-mean" else 1) for r in rows)

    def scale(row: Row) -> float:
        return row.weight / total / (len(row.completion) if loss == "sequence-mean" else 1)

    return [[scale(row) for row in shard] for shard in step.shards]
