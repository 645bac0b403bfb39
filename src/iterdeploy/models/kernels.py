"""RMS normalisation with a backward pass written out, for training small models on a CPU.

PyTorch's own composite takes about three times as long there (bench/ measures it), and a small model spends a
quarter of its training step in it. The values agree to rounding; tests compare both.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch


class RMSNorm(torch.autograd.Function):
    """x / rms(x) * weight over the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        width = x.shape[-1]
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = norm.square_().div_(width).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, inverse)
        scaled: torch.Tensor = x * inverse
        return scaled.mul_(weight)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        grad, width = grads[0], x.shape[-1]
        unit = x * inverse
        product = (grad * unit).reshape(-1, width)
        by_weight = product.sum(0) if ctx.needs_input_grad[1] else None
        mean = torch.mv(product, weight).view(inverse.shape).div_(width)
        by_x = (grad * weight).sub_(unit.mul_(mean)).mul_(inverse)
        return by_x, by_weight, None


def _normalise(module: Any, x: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = RMSNorm.apply(x, module.weight, module.variance_epsilon)  # type: ignore[no-untyped-call]
    return result


def use_fast_norms(model: torch.nn.Module) -> int:
    """Give the float32 RMS norms of a model on the CPU this forward and backward; returns how many."""
    count = 0
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            weight = module.weight
            if (
                isinstance(weight, torch.Tensor)
                and weight.device.type == "cpu"
                and weight.dtype == torch.float32
            ):
                module.forward = partial(_normalise, module)
                count += 1
    return count
