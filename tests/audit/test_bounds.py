"""The bound on a rate, against closed forms, published values and its own definition."""

from __future__ import annotations

import math
import random

import pytest

from iterdeploy.audit.bounds import upper_bound


@pytest.mark.parametrize("asked", [1, 2, 10, 59, 1000, 500_000])
def test_nothing_wrong_has_a_closed_form(asked: int) -> None:
    assert upper_bound(0, asked) == pytest.approx(1 - 0.05 ** (1 / asked), rel=1e-9)


@pytest.mark.parametrize("asked", [2, 10, 1000])
def test_all_but_one_wrong_has_a_closed_form(asked: int) -> None:
    assert upper_bound(asked - 1, asked) == pytest.approx(0.95 ** (1 / asked), rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "asked", "confidence", "bound"),
    [
        (1, 10, 0.95, 0.39416),  # the 0.95 quantile of Beta(wrong + 1, asked - wrong)
        (5, 10, 0.95, 0.77756),
        (3, 100, 0.95, 0.07571),
        (0, 10, 0.975, 0.30850),  # of the two-sided 95 % interval, as tables give it
        (1, 10, 0.975, 0.44502),
        (2, 20, 0.975, 0.31698),
    ],
)
def test_known_values(wrong: int, asked: int, confidence: float, bound: float) -> None:
    assert upper_bound(wrong, asked, confidence) == pytest.approx(bound, abs=1e-5)


def test_at_the_bound_so_few_are_seen_once_in_twenty_times() -> None:
    for wrong, asked in [(0, 7), (2, 30), (11, 40)]:
        rate = upper_bound(wrong, asked)
        seen = sum(math.comb(asked, k) * rate**k * (1 - rate) ** (asked - k) for k in range(wrong + 1))
        assert seen == pytest.approx(0.05, rel=1e-9)


def test_it_holds_for_a_validator_that_is_wrong_at_a_known_rate() -> None:
    rng, rate, asked, times = random.Random(1), 0.03, 200, 2000
    held = sum(
        upper_bound(sum(rng.random() < rate for _ in range(asked)), asked) >= rate for _ in range(times)
    )
    assert held / times >= 0.94  # 95 % or more, up to chance


def test_the_ends() -> None:
    assert upper_bound(0, 0) == upper_bound(5, 5) == 1.0
    assert upper_bound(1, 100_000) < upper_bound(2, 100_000) < 1e-4
    for wrong, asked in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError, match="of 5"):
            upper_bound(wrong, asked)
