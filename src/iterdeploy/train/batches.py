"""From examples to padded batches: which tokens are trained, at which positions, with which weight."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence: token ids of prompt and completion, the weight of its loss, positions, and the id of its trace."""

    prompt: Sequence[int]
    completion: Sequence[int]
    weight: float = 1.0
    positions: Sequence[int] | None = None
    trace_id: str = ""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the right. Shapes: [rows, tokens]; `weights` is [rows]."""

    input_ids: torch.Tensor
    labels: torch.Tensor  # IGNORED for prompt and padding
    positions: torch.Tensor
    mask: torch.Tensor  # 1 for real tokens
    weights: torch.Tensor


def jumps(length: int, rng: random.Random, limit: int = 512) -> list[int]:
    """Positions with a random start and up to three random gaps, so that late positions are trained too."""
    slack = max(limit - length, 0)
    if rng.random() < 0.25 or slack < 8:
        return list(range(length))
    spare = rng.randrange(0, min(slack, 256))
    cuts = sorted(rng.randrange(0, length) for _ in range(rng.randrange(0, 4)))
    gaps = sorted(rng.randrange(0, spare + 1) for _ in range(len(cuts) + 1))
    places, at, shift = [], 0, gaps[0]
    for i in range(length):
        while at < len(cuts) and cuts[at] <= i:
            at += 1
            shift = gaps[at]
        places.append(i + shift)
    return places


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Pad rows on the right to a common length."""
    width = max(len(row) for row in rows)

    def padded(values: Sequence[int], fill: int) -> list[int]:
        return [*values, *[fill] * (width - len(values))]

    def places(row: Row) -> list[int]:
        known = list(row.positions) if row.positions is not None else list(range(len(row)))
        return known + [known[-1] + 1 + i for i in range(width - len(known))]

    return Batch(
        torch.tensor([padded([*r.prompt, *r.completion], pad) for r in rows]),
        torch.tensor([padded([*[IGNORED] * len(r.prompt), *r.completion], IGNORED) for r in rows]),
        torch.tensor([places(r) for r in rows]),
        torch.tensor([padded([1] * len(r), 0) for r in rows]),
        torch.tensor([r.weight for r in rows]),
    )


def bucketed(lengths: Sequence[int], tokens: int, rng: random.Random) -> list[list[int]]:
    """Indices in batches of at most `tokens` padded tokens, rows of like length together, batches in random order."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    order.sort(key=lambda i: lengths[i])
    batches: list[list[int]] = []
    for i in order:
        if batches and lengths[i] * (len(batches[-1]) + 1) <= tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    rng.shuffle(batches)
    return batches
