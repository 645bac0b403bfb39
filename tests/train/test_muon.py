"""Muon: orthogonal updates, in the direction of torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from iterdeploy.train.muon import Muon, orthogonalised

SHAPES = [(16, 16), (8, 40), (40, 8), (2, 30)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_singular_values_come_near_one(shape: tuple[int, int], scale: float) -> None:
    torch.manual_seed(0)
    found = torch.linalg.svdvals(orthogonalised(scale * torch.randn(5, *shape)))
    assert found.min() > 0.3, "the quintic leaves small ones below 1, as in the reference"
    assert found.max() < 1.3
    assert found.mean() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_polar_factor(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(*shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(matrix[None])[0]
    assert cosine(found, u @ v) > 0.97


def test_matrices_of_one_shape_do_not_mix() -> None:
    torch.manual_seed(2)
    many = torch.randn(4, 6, 9)
    alone = torch.stack([orthogonalised(one[None])[0] for one in many])
    torch.testing.assert_close(orthogonalised(many), alone, rtol=1e-4, atol=1e-5)


def test_a_matrix_of_zeros_stays_zero() -> None:
    assert not orthogonalised(torch.zeros(1, 4, 7)).any()


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0))


def paths(weight_decay: float) -> list[list[torch.Tensor]]:
    """Six steps on the same gradients by torch's Muon and by ours; the weights after each."""
    makers: list[Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]] = [
        lambda p: torch.optim.Muon(p, lr=0.01, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        lambda p: Muon(p, lr=0.01, weight_decay=weight_decay),
    ]
    found = []
    for make in makers:
        torch.manual_seed(3)
        weights = [torch.nn.Parameter(torch.randn(shape)) for shape in [*SHAPES, (8, 40)]]
        optimizer = make(weights)
        after = []
        for _ in range(6):
            for w in weights:
                w.grad = torch.randn(w.shape)
            optimizer.step()
            after.append(torch.cat([w.detach().flatten().clone() for w in weights]))
        found.append(after)
    return found


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_torch(weight_decay: float) -> None:
    """Theirs computes in bfloat16, so directions and lengths agree, not bits."""
    theirs, ours = paths(weight_decay)
    for number in range(1, 6):
        step, other = ours[number] - ours[number - 1], theirs[number] - theirs[number - 1]
        assert cosine(step, other) > 0.99
        assert float(step.norm() / other.norm()) == pytest.approx(1.0, abs=0.05)


def test_the_step_has_the_size_of_an_adamw_step() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(32, 64))
    weight.grad = torch.randn(32, 64)
    Muon([weight], lr=1.0).step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2, rel=0.15)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_only_matrices_are_taken(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Muon takes matrices, not a parameter of shape"):
        Muon([torch.nn.Parameter(torch.zeros(shape))], lr=0.1)


def test_a_parameter_without_gradient_is_left_alone() -> None:
    moved, still = (torch.nn.Parameter(torch.ones(3, 4)) for _ in range(2))
    moved.grad = torch.randn(3, 4)
    Muon([moved, still], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(still, torch.ones(3, 4))
    assert not torch.equal(moved, torch.ones(3, 4))
