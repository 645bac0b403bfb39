"""How often a validator may be wrong, given how often it was seen to be wrong."""

from __future__ import annotations

from math import exp, lgamma, log, log1p


def upper_bound(wrong: int, asked: int, confidence: float = 0.95) -> float:
    """The exact one-sided upper bound on a rate, after `wrong` of `asked` independent draws (Clopper, Pearson 1934).

    It is the rate at which so few or fewer wrong answers would be seen with probability 1 - confidence; 1 if nothing
    was asked. For wrong = 0 it is 1 - (1 - confidence) ** (1 / asked).
    """
    if not 0 <= wrong <= asked:
        raise ValueError(f"{wrong} of {asked}")
    if wrong == asked:
        return 1.0
    low, high = wrong / asked, 1.0
    for _ in range(60):  # halvings: to the last digit of a float
        middle = (low + high) / 2
        if _at_most(wrong, asked, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, asked: int, rate: float) -> float:
    """The probability of `wrong` or fewer among `asked` draws, for a rate between 0 and 1."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return 0.0
    whole, yes, no = lgamma(asked + 1), log(rate), log1p(-rate)
    terms = (
        whole - lgamma(count + 1) - lgamma(asked - count + 1) + count * yes + (asked - count) * no
        for count in range(wrong + 1)
    )
    return sum(map(exp, terms))
