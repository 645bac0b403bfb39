"""Rounding is told from another model, and a stale adapter from rounding."""

from __future__ import annotations

import math
import random

import pytest

from iterdeploy.errors import WrongModel
from iterdeploy.models.canary import (
    COUNT,
    CUTS,
    LENGTH,
    Expected,
    Heard,
    cuts,
    picked,
    refuse_unless_alike,
    sequences,
)

TOKENS = 400


def plain(seed: int = 0) -> list[float]:
    draw = random.Random(seed)
    return [draw.uniform(-8, -0.01) for _ in range(TOKENS)]


def moved(row: list[float], size: float, seed: int) -> list[float]:
    draw = random.Random(f"{seed} {size}")
    return [value + draw.gauss(0, size) for value in row]


def expected(effect: float, dtype: str = "float32") -> Expected:
    return Expected(tuple(moved(plain(), effect, 1) if effect else plain()), tuple(plain()), (), (), dtype)


def heard(here: Expected, noise: float, generation: list[float] | None = None) -> Heard:
    """The same model there, whose every number is off by some noise."""
    mine = list(here.generation) if generation is None else generation
    return Heard(tuple(moved(mine, noise, 2)), tuple(moved(list(here.base), noise, 3)))


PRECISIONS = [("float32", 1e-5), ("float16", 5e-3), ("bfloat16", 0.05)]


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("effect", [0.0, 0.003, 0.02, 0.3])
def test_the_same_model_with_rounding_is_let_through(dtype: str, noise: float, effect: float) -> None:
    here = expected(effect, dtype)
    refuse_unless_alike(heard(here, noise), here, "vLLM", "g")


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
@pytest.mark.parametrize("times", [3.0, 30.0])
def test_the_plain_base_under_an_adapters_name_is_found(dtype: str, noise: float, times: float) -> None:
    """Also where each number alone is within rounding: all together they are not."""
    here = expected(times * noise, dtype)
    with pytest.raises(WrongModel, match="the plain base answers under its name"):
        refuse_unless_alike(heard(here, noise, plain()), here, "vLLM", "g")


def test_an_adapter_that_changes_nothing_at_all_is_found_whatever_the_size_of_its_effect() -> None:
    here = expected(1e-6)
    base = tuple(moved(plain(), 1e-5, 3))
    with pytest.raises(WrongModel, match="not applied"):
        refuse_unless_alike(Heard(base, base), here, "vLLM", "g")


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_another_generation_that_learned_much_the_same_is_found(dtype: str, noise: float) -> None:
    here = expected(0.5, dtype)
    near = [(g + h) / 2 for g, h in zip(here.generation, moved(plain(), 0.5, 9), strict=True)]
    with pytest.raises(WrongModel, match=r"other content, such as a stale one.*0\.\d+ nats.*changes 0\.\d+"):
        refuse_unless_alike(heard(here, noise, near), here, "vLLM", "g")


@pytest.mark.parametrize(("dtype", "noise"), PRECISIONS)
def test_another_base_is_found_first(dtype: str, noise: float) -> None:
    here = expected(0.3, dtype)
    there = Heard(here.generation, tuple(plain(7)))
    with pytest.raises(WrongModel, match=rf"another base model.*{dtype} allows.*--dtype {dtype}"):
        refuse_unless_alike(there, here, "vLLM", "g")


def test_something_else_under_the_name_of_a_generation_that_is_its_base_is_found() -> None:
    here = expected(0.0)
    with pytest.raises(WrongModel, match="another adapter answers under this name"):
        refuse_unless_alike(heard(here, 1e-5, moved(plain(), 0.1, 5)), here, "vLLM", "g")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    here = expected(0.1)
    for there in (
        Heard((value, *here.generation[1:]), here.base),
        Heard(here.generation, (value, *here.base[1:])),
        Heard(here.generation[1:], here.base[1:]),
        Heard((), ()),
    ):
        with pytest.raises(WrongModel):
            refuse_unless_alike(there, here, "vLLM", "g")


def test_sequences_are_the_ends_of_a_few_different_prompts() -> None:
    prompts = [[n] * 10 + list(range(300)) for n in range(5)]  # the same ends
    assert sequences(prompts) == [tuple(range(300 - LENGTH, 300))]
    different = [tuple(range(n, n + 50)) for n in range(100)]
    chosen = sequences(different)
    assert len(chosen) == COUNT
    assert chosen == [different[n] for n in (0, 25, 50, 75)]
    assert sequences(different[:2]) == different[:2]


def test_the_next_token_is_asked_for_at_a_few_places_up_to_the_end() -> None:
    assert cuts(range(80)) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert len(cuts(range(128))) == CUTS
    assert cuts([5]) == [1]
    assert cuts([5, 6, 7]) == [1, 2, 3]


def test_a_token_that_is_not_among_the_likeliest_there_has_less_than_they_have() -> None:
    assert picked([{1: -0.5, 2: -3.0}, {}], [(2, 1, 9), (1,)]) == (-3.0, -0.5, -3.0, -math.inf)
