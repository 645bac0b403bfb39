"""Muon (Jordan et al., 2024): momentum whose matrices are orthogonalised before they are applied.

torch.optim.Muon does the same one matrix at a time and in bfloat16; on CPUs without bfloat16 units that took as long
as the forward and backward pass of a small model. Here matrices of one shape go through Newton-Schulz together, in
the parameters' own precision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the quintic of the reference implementation


def orthogonalised(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Approximately U V^T of each matrix U S V^T. Shape [n, rows, columns]; float32 or wider."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon over 2-D parameters; the step is scaled to the root mean square of an AdamW step (0.2 sqrt(max side))."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(list(params), {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon takes matrices, not a parameter of shape {tuple(p.shape)}")

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step over all parameters that have a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                self._step_shape(group, params, 0.2 * max(shape) ** 0.5)

    def _step_shape(self, group: dict[str, Any], params: list[torch.nn.Parameter], scale: float) -> None:
        mu, lr = group["momentum"], group["lr"]
        grads = [p.grad for p in params if p.grad is not None]
        for p, grad in zip(params, grads, strict=True):
            state = self.state[p]
            if not state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(grad, 1 - mu)
        nesterov = torch.stack(
            [grad.lerp(self.state[p]["momentum"], mu) for p, grad in zip(params, grads, strict=True)]
        )
        for p, update in zip(params, orthogonalised(nesterov), strict=True):
            p.mul_(1 - lr * group["weight_decay"]).add_(update, alpha=-lr * scale)
