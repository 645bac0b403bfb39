"""The tests of differences, against values that are known: closed forms, tables, and what chance does by itself."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterdeploy.errors import BadInput
from iterdeploy.significance import crossed, holm, interval, mcnemar, t_quantile, two_sided


@pytest.mark.parametrize(
    ("alone", "p"),
    [
        ((0, 0), 1.0),
        ((5, 5), 1.0),
        ((1, 0), 1.0),
        ((0, 6), 2 / 64),
        ((10, 2), 2 * (1 + 12 + 66) / 4096),
        ((2, 10), 2 * (1 + 12 + 66) / 4096),
        ((121, 59), 4.434e-06),
    ],
)
def test_mcnemar_is_the_exact_binomial(alone: tuple[int, int], p: float) -> None:
    assert mcnemar(*alone) == pytest.approx(p, rel=1e-3)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_adds_up_the_binomial(one: int, other: int) -> None:
    of = one + other
    tail = sum(math.comb(of, k) for k in range(min(one, other) + 1)) / 2**of
    assert mcnemar(one, other) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    assert 0 <= mcnemar(1000 * one, 1000 * other) <= 1


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.7062047), (2, 4.3026527), (3, 3.1824463), (10, 2.2281389), (30, 2.0422725), (1e7, 1.9599643)],
)
def test_t_quantiles_are_those_of_the_tables(freedom: float, t: float) -> None:
    assert t_quantile(freedom) == pytest.approx(t, rel=1e-6)


@given(st.floats(-50, 50))
def test_t_has_its_closed_forms(t: float) -> None:
    assert two_sided(t, 1) == pytest.approx(1 - 2 * math.atan(abs(t)) / math.pi, abs=1e-12)
    assert two_sided(t, 2) == pytest.approx(1 - abs(t) / math.sqrt(2 + t * t), abs=1e-12)


@given(st.floats(0.3, 300), st.floats(0, 30))
def test_quantile_and_probability_are_inverse(freedom: float, t: float) -> None:
    assert 0 <= two_sided(t, freedom) <= 1
    assert two_sided(t_quantile(freedom), freedom) == pytest.approx(0.05, rel=1e-6)


def test_interval_of_three_seeds() -> None:
    # mean 2, s 1: 2 ± 4.3027 / sqrt(3)
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert interval([1.0]) is None


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_without_a_spread_over_tasks_it_is_welch() -> None:
    """Runs of means 1, 2, 3 and 2, 4, 6, 8: t = -3 / sqrt(1/3 + 20/12), 4.0/(...) degrees by Satterthwaite."""
    found = crossed([[m] * 50 for m in (1.0, 2.0, 3.0)], [[m] * 50 for m in (2.0, 4.0, 6.0, 8.0)])
    a, b = 1 / 3, (20 / 3) / 4
    freedom = (a + b) ** 2 / (a**2 / 2 + b**2 / 3)
    assert found is not None
    assert [found.difference, found.freedom] == pytest.approx([-3, freedom])
    assert found.p == pytest.approx(two_sided(3 / math.sqrt(a + b), freedom))
    assert found.high - found.low == pytest.approx(2 * t_quantile(freedom) * math.sqrt(a + b))


def test_with_one_run_each_it_is_the_paired_t_test() -> None:
    """Student's data of 1908: extra sleep under two drugs, ten patients; t = 4.0621, p = 0.00283."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = crossed([second], [first])
    assert found is not None
    assert [found.difference, found.freedom] == pytest.approx([1.58, 9])
    assert found.p == pytest.approx(0.002833, abs=1e-6)
    assert [found.low, found.high] == pytest.approx([0.7001142, 2.4598858], abs=1e-6)


def test_an_arm_of_one_run_borrows_the_spread_of_the_other() -> None:
    """One case against a small sample: t = (x - mean) / (s sqrt((k + 1) / k)) with k - 1 degrees of freedom."""
    found = crossed([[m] * 9 for m in (1.0, 2.0, 3.0)], [[7.0] * 9])
    assert found is not None
    assert found.freedom == pytest.approx(2)
    assert found.p == pytest.approx(two_sided(5 / math.sqrt(4 / 3), 2))


def test_nothing_varies() -> None:
    assert crossed([[1.0, 1.0]], [[0.0, 0.0]]) is None


def test_arms_on_other_tasks_are_refused() -> None:
    with pytest.raises(BadInput, match="same tasks"):
        crossed([[1.0, 0.0]], [[1.0]])
    with pytest.raises(BadInput, match="same tasks"):
        crossed([], [[1.0]])


@pytest.mark.parametrize("spread", [0.0, 0.15], ids=["equal seeds", "seeds differ"])
def test_no_more_false_claims_than_five_in_a_hundred(spread: float) -> None:
    """Two arms of one kind, 600 times over: where seeds differ, a test over tasks alone would claim far too often."""
    chance = random.Random(7)
    claims = naive = 0
    for _ in range(600):
        hard = [chance.uniform(0.1, 0.9) for _ in range(60)]
        arms = [[drawn(hard, chance.gauss(0, spread), chance) for _ in range(3)] for _ in range(2)]
        found = crossed(*arms)
        claims += found is not None and found.p < 0.05
        alone = sum(a > b for a, b in zip(arms[0][0], arms[1][0], strict=True))
        naive += mcnemar(alone, sum(a < b for a, b in zip(arms[0][0], arms[1][0], strict=True))) < 0.05
    assert claims <= 0.07 * 600
    assert (naive > 0.2 * 600) == (spread > 0)


def drawn(hard: list[float], luck: float, chance: random.Random) -> list[float]:
    return [float(chance.random() < p + luck) for p in hard]
