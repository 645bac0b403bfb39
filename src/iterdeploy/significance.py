"""What a difference between runs is worth: exact and closed-form tests, without random draws.

Two things make a result chance: which tasks were asked, and which seed the run had. `mcnemar` looks at two runs on
the same tasks, and speaks of these two runs alone. `crossed` looks at arms of several runs, and takes both into
account, as studies of several readers of the same cases do (Obuchowski and Rockette 1995; for one reader of each
kind it is the paired t-test, without a spread over tasks it is Welch's). docs/compare.md has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from iterdeploy.errors import BadInput

Scores = Sequence[Sequence[float]]
"""One row a run, one score a task in it, tasks in the same order in each."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of one arm less that of another, with its 95 % interval and two-sided p-value."""

    difference: float
    low: float
    high: float
    p: float
    freedom: float  # degrees of freedom of the t distribution


def mcnemar(first_alone: int, second_alone: int) -> float:
    """Two-sided exact p-value of McNemar's test: tasks that one run alone solved fall to either as a coin does."""
    fewer, of = min(first_alone, second_alone), first_alone + second_alone
    return (
        1.0 if 2 * fewer >= of else min(1.0, 2 * _beta(of - fewer, fewer + 1, 0.5, 0.5))
    )  # P(X <= fewer), DLMF 8.17.5


def crossed(first: Scores, second: Scores) -> Difference | None:
    """How far the mean score of `first` lies above that of `second`; None where nothing varies.

    The variance of the difference is that over seeds, s1²/k1 + s2²/k2 of the runs' means, plus that over tasks, the
    variance of the tasks' differences over their number; the degrees of freedom are Satterthwaite's. What varies by
    both counts twice, so that the interval is rather too wide. An arm of one run borrows the other's spread over
    seeds; where both have one, tasks alone are left. Raises BadInput if the rows are not of equal length.
    """
    tasks = {len(row) for row in (*first, *second)}
    if len(tasks) != 1 or not first or not second or tasks == {0}:
        raise BadInput(f"arms to compare need runs on the same tasks; these have {sorted(tasks)} tasks")
    gaps = [
        _mean(a) - _mean(b) for a, b in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True)
    ]
    parts = [*_over_seeds(first, second), _over_tasks(gaps)]
    variance, d = sum(v for v, _ in parts), _mean(gaps)
    if variance <= 0:
        return None
    freedom = variance**2 / sum(v**2 / n for v, n in parts if v)
    half = t_quantile(freedom) * math.sqrt(variance)
    return Difference(d, d - half, d + half, two_sided(d / math.sqrt(variance), freedom), freedom)


def _over_tasks(gaps: Sequence[float]) -> tuple[float, int]:
    return (_variance(gaps) / len(gaps), len(gaps) - 1) if len(gaps) > 1 else (0.0, 1)


def _over_seeds(first: Scores, second: Scores) -> list[tuple[float, int]]:
    """Each arm's part of the variance, with its degrees of freedom."""
    means = [[_mean(row) for row in arm] for arm in (first, second)]
    known = [values for values in means if len(values) > 1]
    if len(known) == 2:
        return [(_variance(values) / len(values), len(values) - 1) for values in known]
    if not known:
        return []
    (lent,) = known
    return [(_variance(lent) * (1 + 1 / len(lent)), len(lent) - 1)]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean: what other seeds may give. None for a single value."""
    if len(values) < 2:
        return None
    half = t_quantile(len(values) - 1) * math.sqrt(_variance(values) / len(values))
    return _mean(values) - half, _mean(values) + half


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values of several tests together, by Holm's method: the chance of one false claim stays what it says."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = worst
    return adjusted


def two_sided(t: float, freedom: float) -> float:
    """The chance that |T| >= |t| under Student's t distribution: I_x(freedom/2, 1/2) at x = freedom/(freedom + t²)."""
    whole = freedom + t * t
    return _beta(freedom / 2, 0.5, freedom / whole, t * t / whole)


def t_quantile(freedom: float, level: float = 0.05) -> float:
    """The t that |T| exceeds with chance `level`; 12.706 for one degree of freedom."""
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > level else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function at x = 1 - rest: its continued fraction (DLMF 8.17.22), after Lentz."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):  # the fraction is quick on the other side
        return 1 - _beta(b, a, rest, x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    )
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _apart(1 + term * d), _apart(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * value / a


def _apart(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
