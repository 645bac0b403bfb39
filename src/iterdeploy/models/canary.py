"""Is what answers the generation that was to answer? Log-probabilities of the same tokens, there and here.

Two programs that compute the same model differ by rounding. How much they differ on the plain base is measured, and
what the adapter changes must then come out alike up to that noise: so a stale adapter is told from rounding, in
float32 as in bfloat16.

The next token of a text is asked for, as any answer asks for it. (vLLM also tells log-probabilities of a prompt's own
tokens; with an adapter, and other requests beside it, that ended the engine of vLLM 0.32 on a CPU.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iterdeploy.errors import WrongModel

LENGTH = 128
"""Tokens of one sequence: the end of a prompt, where prompts differ."""

COUNT = 4
"""Sequences that are compared."""

CUTS = 8
"""Places in each at which the next token is asked for."""

TOP = 3
"""Tokens that are compared at each place: the likeliest here. They are looked for among the WIDE likeliest there."""

WIDE = 20

NOISE = {"float32": 5e-3, "float16": 0.05, "bfloat16": 0.2}
"""Nats, root mean square: what two programs may differ by on the base, by the precision that they compute in."""

FLOOR = {"float32": 1e-3, "float16": 5e-3, "bfloat16": 0.02}
"""Nats that an adapter may add to the noise of its base."""

SLACK = 0.25
"""Share by which the adapter's effect may be larger or smaller there than here, where it stands out of the noise."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Log-probability, in nats, of the tokens that are compared: of all places in order, with and without adapter."""

    generation: tuple[float, ...]
    base: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Expected(Heard):
    """The same as the trainer's own model has it, for which texts and tokens, and in which type, e.g. "bfloat16"."""

    texts: tuple[tuple[int, ...], ...]
    tokens: tuple[tuple[int, ...], ...]
    dtype: str


def sequences(prompts: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The ends of a few different prompts, the same for the same prompts."""
    ends = list(dict.fromkeys(tuple(prompt[-LENGTH:]) for prompt in prompts if prompt))
    return ends[:: max(1, len(ends) // COUNT)][:COUNT]


def cuts(sequence: Sequence[int]) -> list[int]:
    """How many tokens of a sequence are given at each place."""
    return sorted({max(1, len(sequence) * part // CUTS) for part in range(1, CUTS + 1)})


def picked(found: Sequence[Mapping[int, float]], tokens: Sequence[Sequence[int]]) -> tuple[float, ...]:
    """What was found for the tokens of each place; one that is not there has less than all that are."""
    return tuple(
        float(at.get(token, min(at.values(), default=-math.inf)))
        for at, wanted in zip(found, tokens, strict=True)
        for token in wanted
    )


def refuse_unless_alike(there: Heard, here: Expected, who: str, name: str) -> None:
    """Raise WrongModel, with numbers, unless `who` answers as the generation `name` would here."""
    numbers = (*there.generation, *there.base)
    if not numbers or len(numbers) != 2 * len(here.base) or not all(map(math.isfinite, numbers)):
        raise WrongModel(
            f"{who} gives {len(numbers)} log-probabilities for {name} where {2 * len(here.base)} were asked, or some "
            "that are no numbers; such a model answers nothing of use"
        )
    noise, allowed = _distance(there.base, here.base), NOISE.get(here.dtype, NOISE["float32"])
    if not noise <= allowed:
        raise WrongModel(
            f"{who} has another base model: its log-probabilities differ from those of this recipe's base by "
            f"{noise:.3g} nats (root mean square over {len(here.base)} tokens; {here.dtype} allows {allowed:g}); "
            f"start it with base.model, and with --dtype {here.dtype}"
        )
    if here.generation == here.base:  # the base itself, or an adapter that changes nothing
        _refuse_changed(there, noise, here, who, name)
        return
    rest = _distance(there.generation, here.generation)
    effect, share = _share(there, here)
    certain = 4 * math.sqrt(2) * noise <= SLACK * effect * math.sqrt(len(here.base))
    near = rest <= 2 * noise + FLOOR.get(here.dtype, FLOOR["float32"])
    applied = there.generation != there.base
    if near and applied and (not certain or abs(share - 1) <= SLACK):
        return
    raise WrongModel(
        f"{who} does not answer as {name}: {_what(there, here, noise)}. Its log-probabilities differ from the "
        f"trainer's by {rest:.3g} nats (root mean square over {len(here.base)} tokens), where the bases "
        f"differ by {noise:.3g} and the adapter changes {effect:.3g}, of which {share:.0%} is found there"
    )


def _refuse_changed(there: Heard, noise: float, here: Expected, who: str, name: str) -> None:
    rest = _distance(there.generation, here.generation)
    if not rest <= 2 * noise + FLOOR.get(here.dtype, FLOOR["float32"]):
        raise WrongModel(
            f"{who} does not answer as {name}, which answers as its base does: its log-probabilities differ by "
            f"{rest:.3g} nats, those of the base by {noise:.3g}; another adapter answers under this name"
        )


def _what(there: Heard, here: Expected, noise: float) -> str:
    if _distance(there.generation, there.base) <= 2 * noise + FLOOR.get(here.dtype, FLOOR["float32"]):
        return "the plain base answers under its name, the adapter is not applied"
    return "an adapter of other content, such as a stale one, answers under its name"


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Root mean square of the differences, in nats."""
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / len(one))


def _share(there: Heard, here: Heard) -> tuple[float, float]:
    """What the adapter changes here (root mean square, nats), and which share of it is found there."""
    mine = [g - b for g, b in zip(here.generation, here.base, strict=True)]
    theirs = [g - b for g, b in zip(there.generation, there.base, strict=True)]
    square = math.fsum(m * m for m in mine)
    return math.sqrt(square / len(mine)), math.fsum(m * t for m, t in zip(mine, theirs, strict=True)) / square
