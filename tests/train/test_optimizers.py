"""The optimizer behind one `step`: who gets Muon, the schedule, clipping, and a state that can be put back."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterdeploy.train.muon import Muon
from iterdeploy.train.optimizers import Optimizer, Schedule, rate_factor

SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear", "constant")


def named() -> list[tuple[str, torch.nn.Parameter]]:
    torch.manual_seed(0)
    shapes = {
        "embed_tokens.weight": (9, 4),
        "q_proj.weight": (4, 4),
        "norm.weight": (4,),
        "lora_A.weight": (2, 4),
    }
    return [(name, torch.nn.Parameter(torch.randn(shape))) for name, shape in shapes.items()]


def parameters_of(part: torch.optim.Optimizer) -> set[int]:
    return {id(p) for group in part.param_groups for p in group["params"]}


def test_matrices_go_to_muon_and_the_rest_to_adamw() -> None:
    pairs = named()
    optimizer = Optimizer(pairs, "muon", 0.1, rest_rate=0.03, steps=10)
    muon, adamw = optimizer.parts
    assert isinstance(muon, Muon)
    assert isinstance(adamw, torch.optim.AdamW)
    held = {name: id(p) for name, p in pairs}
    assert parameters_of(muon) == {held["q_proj.weight"], held["lora_A.weight"]}
    assert parameters_of(adamw) == {held["embed_tokens.weight"], held["norm.weight"]}
    assert optimizer.rates == [0.1, 0.03]
    assert {id(p) for p in optimizer.parameters} == set(held.values())


def test_adamw_alone_takes_all() -> None:
    optimizer = Optimizer(named(), "adamw", 0.1, steps=10)
    assert [type(part) for part in optimizer.parts] == [torch.optim.AdamW]
    assert len(optimizer.parameters) == 4


# --- the schedule ----------------------------------------------------------------------------


@given(st.integers(1, 200), st.floats(0, 1), st.sampled_from(SCHEDULES))
def test_rates_rise_through_the_warm_up_and_never_again(steps: int, share: float, schedule: Schedule) -> None:
    warmup = share * steps
    rates = [rate_factor(step, steps, warmup, schedule) for step in range(steps)]
    assert all(0 <= rate <= 1 for rate in rates)
    top = math.ceil(warmup)
    assert all(a < b for a, b in pairwise(rates[:top]))
    assert all(a >= b for a, b in pairwise(rates[top:]))
    assert rates[0] > 0, "no step is lost"


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cosine", [1.0, 0.853553, 0.5, 0.146447]),
        ("linear", [1.0, 0.75, 0.5, 0.25]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_schedules_by_hand(schedule: Schedule, expected: list[float]) -> None:
    assert [rate_factor(step, 4, 0, schedule) for step in range(4)] == pytest.approx(expected, abs=1e-6)
    warmed = [rate_factor(step, 6, 2, schedule) for step in range(6)]
    assert warmed == pytest.approx([1 / 3, 2 / 3, *expected], abs=1e-6)


def test_each_step_has_the_rate_of_the_schedule() -> None:
    optimizer = Optimizer(named(), "muon", 0.1, rest_rate=0.03, steps=4, schedule="linear")
    rates = []
    for _ in range(4):
        give_gradients(optimizer)
        optimizer.step()
        rates.append([part.param_groups[0]["lr"] for part in optimizer.parts])
    assert rates == [pytest.approx([0.1 * f, 0.03 * f]) for f in (1.0, 0.75, 0.5, 0.25)]


# --- clipping --------------------------------------------------------------------------------


def give_gradients(optimizer: Optimizer, scale: float = 1.0) -> float:
    """Random gradients; returns their norm."""
    for p in optimizer.parameters:
        p.grad = scale * torch.randn(p.shape)
    return float(torch.cat([p.grad.flatten() for p in optimizer.parameters if p.grad is not None]).norm())


@pytest.mark.parametrize(("clip", "clipped"), [(0.5, True), (0.0, False), (1e6, False)])
def test_the_norm_before_clipping_is_returned(clip: float, clipped: bool) -> None:
    optimizer = Optimizer(named(), "adamw", 0.1, steps=4, clip=clip)
    norm = give_gradients(optimizer)
    assert optimizer.step() == pytest.approx(norm)
    moments = [optimizer.parts[0].state[p]["exp_avg"] for p in optimizer.parameters]
    reached = float(torch.cat([m.flatten() for m in moments]).norm()) / 0.1
    assert reached == pytest.approx(clip if clipped else norm, rel=1e-4)


def test_gradients_are_used_up() -> None:
    optimizer = Optimizer(named(), "muon", 0.1, steps=4)
    give_gradients(optimizer)
    optimizer.step()
    assert all(p.grad is None for p in optimizer.parameters)


# --- a state to be put back ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_priming_moves_nothing_and_makes_a_state_of_nothing(kind: str) -> None:
    optimizer = Optimizer(named(), "muon" if kind == "muon" else "adamw", 0.1, weight_decay=0.1, steps=4)
    before = [p.detach().clone() for p in optimizer.parameters]
    optimizer.prime()
    assert all(torch.equal(p, b) for p, b in zip(optimizer.parameters, before, strict=True))
    state = [value for part in optimizer.parts for p in part.state for value in part.state[p].values()]
    assert len(state) >= len(optimizer.parameters)
    assert all(not value.any() or value.ndim == 0 for value in state)
    assert optimizer.done == 0
