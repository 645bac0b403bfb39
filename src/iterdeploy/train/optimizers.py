"""Muon for the matrices and AdamW for the rest, or AdamW alone, behind one `step`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch

from iterdeploy.train.muon import Muon

Schedule = Literal["cosine", "linear", "constant"]


class Optimizer:
    """One or two torch optimizers, a warm-up and a schedule, and clipping of the gradient's norm."""

    def __init__(
        self,
        named: Iterable[tuple[str, torch.nn.Parameter]],
        kind: Literal["muon", "adamw"],
        learning_rate: float,
        *,
        rest_rate: float | None = None,
        weight_decay: float = 0.0,
        steps: int,
        warmup_share: float = 0.0,
        schedule: Schedule = "cosine",
        clip: float = 1.0,
    ) -> None:
        matrices: list[torch.nn.Parameter] = []
        rest: list[torch.nn.Parameter] = []
        for name, p in named:
            inner = p.ndim == 2 and "embed" not in name and kind == "muon"
            (matrices if inner else rest).append(p)
        self.parameters = [*matrices, *rest]
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            self.parts.append(Muon(matrices, learning_rate, weight_decay))
        if rest:
            rate = learning_rate if rest_rate is None else rest_rate
            self.parts.append(torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=weight_decay))
        self.rates = [part.param_groups[0]["lr"] for part in self.parts]
        self.steps, self.warmup, self.schedule, self.clip = steps, warmup_share * steps, schedule, clip
        self.done = 0

    def take_parameters(self) -> None:
        """Go on with the parameters that the parts hold now: FSDP puts others in place of those they were given."""
        self.parameters = [p for part in self.parts for p in part.param_groups[0]["params"]]

    def prime(self) -> None:
        """Create the optimizers' state, so that a saved one can be copied into it; parameters do not move."""
        kept = [p.detach().clone() for p in self.parameters]
        for part in self.parts:
            for p in part.param_groups[0]["params"]:
                p.grad = torch.zeros_like(p)
            part.step()
            part.zero_grad(set_to_none=True)
        with torch.no_grad():
            for p, value in zip(self.parameters, kept, strict=True):
                p.copy_(value)

    def step(self) -> float:
        """Apply the gradients that stand in the parameters; returns their norm before clipping."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip if self.clip > 0 else math.inf)
        factor = rate_factor(self.done, self.steps, self.warmup, self.schedule)
        for part, rate in zip(self.parts, self.rates, strict=True):
            part.param_groups[0]["lr"] = rate * factor
            part.step()
            part.zero_grad(set_to_none=True)
        self.done += 1
        return float(norm)


def rate_factor(step: int, steps: int, warmup: float, schedule: Schedule) -> float:
    """The share of the full learning rate at `step` of `steps`, both from 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(steps - warmup, 1)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if schedule == "linear" else 1.0
