"""How likely a model finds answers that are given to it, at the sampling settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from iterdeploy.models.chunks import chunks, hidden_states, logits, refuse_unless_alike

TOGETHER = 4096
"""Padded tokens of a batch. Batches are fixed by lengths alone, so the same answers give the same bits."""

Given = tuple[Sequence[int], Sequence[int]]
"""Prompt ids and completion ids."""


@torch.inference_mode()
def score(model: Any, answers: Sequence[Given], temperature: float, pad: int) -> list[float]:
    """Summed log-probability of each completion after its prompt, in nats, in the order given.

    `temperature` as it is sampled with; 0 scores as 1 does, for the greedy choice has no probabilities. Raises BadInput
    for a model whose logits can't be made here.
    """
    refuse_unless_alike(model)
    found = [0.0] * len(answers)
    for batch in _batches([len(prompt) + len(completion) for prompt, completion in answers]):
        rows = [answers[i] for i in batch]
        width = max(len(prompt) + len(completion) for prompt, completion in rows)
        ids = torch.full((len(rows), width), pad, device=model.device)
        mask = torch.zeros_like(ids)
        for at, (prompt, completion) in enumerate(rows):
            length = len(prompt) + len(completion)
            ids[at, :length] = torch.tensor([*prompt, *completion], device=model.device)
            mask[at, :length] = 1
        places = torch.arange(width, device=model.device)[None].expand(len(rows), -1)
        states = hidden_states(model, input_ids=ids, attention_mask=mask, position_ids=places)
        for at, (prompt, completion) in enumerate(rows):
            start = len(prompt) - 1
            own, chosen = states[at, start : start + len(completion)], ids[at, start + 1 :]
            for part in chunks(model, 1, len(completion)):
                scores = logits(model, own[part]).double() / (temperature or 1.0)
                found[batch[at]] += float(scores.log_softmax(-1).gather(1, chosen[part, None]).sum())
    return found


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices, longest first, in batches of at most TOGETHER padded tokens, or of one."""
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= TOGETHER:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
