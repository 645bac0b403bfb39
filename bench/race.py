"""Contenders that do the same work in turn, A B C A B C, measured in CPU seconds of this process and its children."""

from __future__ import annotations

import gc
import resource
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WARM_UP = 0.125
"""The share of the work that each contender does once before anything is measured."""


@dataclass(frozen=True, slots=True)
class Contender:
    """`prepare` sets up a share of the work, unmeasured; what it returns does it, and says how much: tokens, plans."""

    name: str
    prepare: Callable[[float], Callable[[], int]]


@dataclass(frozen=True, slots=True)
class Lap:
    """One contender's work in one round."""

    contender: str
    round: int
    amount: int
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Amount per CPU second."""
        return self.amount / self.cpu_seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """Medians over the rounds; `ratio` is how many times as fast the first contender was, round by round."""

    contender: str
    amount: int
    rate: float
    ratio: float
    lowest: float  # of the rounds' ratios
    highest: float


def race(contenders: Sequence[Contender], rounds: int, unit: str = "tokens") -> list[Lap]:
    """Warm every contender up, then measure them in turn, `rounds` times; `unit` is what is counted."""
    for contender in contenders:
        lap(contender, -1, WARM_UP)
    laps = []
    for number in range(rounds):
        for contender in contenders:
            laps.append(lap(contender, number))
            print(
                f"  round {number + 1}/{rounds}  {contender.name}: {laps[-1].rate:,.0f} {unit} per CPU second"
            )
    return laps


def lap(contender: Contender, number: int, share: float = 1.0) -> Lap:
    """One contender's work, timed."""
    work = contender.prepare(share)
    gc.collect()
    started = cpu_seconds()
    amount = work()
    return Lap(contender.name, number, amount, cpu_seconds() - started)


def cpu_seconds() -> float:
    """User and system seconds of this process and of its children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def standings(laps: Sequence[Lap]) -> list[Standing]:
    """One row a contender, in the order of the race; the first is what the others are compared with."""
    names = list(dict.fromkeys(one.contender for one in laps))
    ours = {one.round: one.rate for one in laps if one.contender == names[0]}
    rows = []
    for name in names:
        mine = [one for one in laps if one.contender == name]
        ratios = [ours[one.round] / one.rate for one in mine]
        rows.append(
            Standing(
                contender=name,
                amount=round(statistics.median(one.amount for one in mine)),
                rate=round(statistics.median(one.rate for one in mine), 1),
                ratio=round(statistics.median(ratios), 2),
                lowest=round(min(ratios), 2),
                highest=round(max(ratios), 2),
            )
        )
    return rows


def best_peer(rows: Sequence[Standing]) -> Standing:
    """The fastest of those that are not ours."""
    return max((row for row in rows if not row.contender.startswith("iterdeploy")), key=lambda row: row.rate)
