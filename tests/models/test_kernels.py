"""The written-out RMS norm against the composite that it stands for, in value and gradient."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
import torch

from iterdeploy.models.kernels import RMSNorm, use_fast_norms

EPS = 1e-6


def composite(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS))


def fast(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = RMSNorm.apply(x, weight, EPS)  # type: ignore[no-untyped-call]
    return result


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 8), (2, 3, 4, 16)])
def test_value_and_gradient_are_those_of_the_composite(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(shape[-1])
    cotangent = torch.randn(shape)
    results = []
    for norm in (composite, fast):
        a, w = x.clone().requires_grad_(), weight.clone().requires_grad_()
        y = norm(a, w)
        results.append((y, *torch.autograd.grad(y, (a, w), cotangent)))
    for slow, quick in zip(*results, strict=True):
        torch.testing.assert_close(quick, slow, rtol=1e-5, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fast, (x, weight))


def test_views_and_frozen_weights_are_taken_too() -> None:
    """As attention gives them: heads are a transposed view, and under LoRA the weight has no gradient."""
    torch.manual_seed(0)
    base, weight = torch.randn(2, 4, 3, 8), torch.randn(8)
    grads = []
    for norm in (composite, fast):
        x = base.clone().requires_grad_()
        norm(x.transpose(1, 2), weight).square().sum().backward()  # type: ignore[no-untyped-call]
        grads.append(x.grad)
    torch.testing.assert_close(grads[1], grads[0], rtol=1e-5, atol=1e-5)


def test_rows_of_zeros_stay_finite() -> None:
    x = torch.zeros(2, 8, requires_grad=True)
    fast(x, torch.ones(8)).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def logits_and_gradients(model: Any, ids: torch.Tensor) -> list[torch.Tensor]:
    logits = model(input_ids=ids, use_cache=False).logits
    return [logits, *torch.autograd.grad(logits.square().mean(), list(model.parameters()))]


def test_a_whole_model_answers_and_learns_the_same() -> None:
    model, _ = tiny.fresh()
    names = list(model.state_dict())
    ids = torch.arange(40).view(2, 20)
    before = logits_and_gradients(model, ids)
    assert use_fast_norms(model) == 4 * 2 + 1, "two of a layer, two of its heads, and the last one"
    after = logits_and_gradients(model, ids)
    assert list(model.state_dict()) == names
    for slow, quick in zip(before, after, strict=True):
        torch.testing.assert_close(quick, slow, rtol=1e-4, atol=1e-6)


def test_other_precisions_keep_their_own_norm() -> None:
    assert use_fast_norms(tiny.fresh()[0].to(torch.bfloat16)) == 0
