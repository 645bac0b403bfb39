"""Judged plans per CPU second: our validator against VAL, kairos, pyperplan and unified-planning, on the same plans.

All work is new in every round, and the same for all; those that are slow are given an even part of it. Every verdict
is compared with what is known of the plan by construction, so all that are here agree on all that they judged.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.resources import files

import judges
from finished import arguments, spread
from judges import Validator
from machine import Machine, this_machine
from plans import Case, Naming, large, long, plans, problems
from race import Contender, cpu_seconds, race
from write import put, write_races

OURS = Validator("iterdeploy", judges.ours, 10_000)
READ = Validator("iterdeploy, problem and plans read before", judges.ours_read, 10_000)
MANY = Validator(f"VAL, {judges.PLANS} plans a process", judges.val_many, 1_000)

BLOCKS = (10, 20, 50, 100, 200, 500)
STEPS = (10, 100, 1_000, 10_000)
TITLE = "judged plans per CPU second"

DOMAIN = (files("iterdeploy.domains") / "blocksworld.domain.pddl").read_text(encoding="utf-8")


def contender(validator: Validator, cases: Callable[[int], Sequence[Case]]) -> Contender:
    """A validator in a race; `cases` makes the work of a lap from its number."""
    laps = iter(range(1_000))

    def prepare(share: float) -> Callable[[], int]:
        made = cases(next(laps))
        mine = spread(made, min(round(share * len(made)), validator.limit))
        judge = validator.prepare(DOMAIN, mine)

        def work() -> int:
            refuse_wrong(validator, judge(), mine)
            return len(mine)

        return work

    return Contender(validator.name, prepare)


def refuse_wrong(validator: Validator, verdicts: Sequence[bool], cases: Sequence[Case]) -> None:
    """End the program at a verdict that is wrong: it would be no race."""
    for verdict, case in zip(verdicts, cases, strict=True):
        if verdict != case.valid:
            raise SystemExit(f"{validator.name} says {verdict} of\n{case.problem}\n{case.plan}")


def new_problems(count: int, naming: Naming) -> Callable[[int], Sequence[Case]]:
    """Work of (a): a problem for each plan."""
    return lambda lap: problems(count, naming, random.Random(lap))


def races(count: int, rounds: int, installed: Sequence[Validator]) -> dict[str, list[race_lap]]:
    """All races by heading."""


def growth(validators: Sequence[Validator], cases: Sequence[Case], rounds: int) -> list[list[float]]:
    """Milliseconds of CPU that each validator takes for each case, problem and plan from text: medians."""
    return [[milliseconds(validator, case, rounds) for validator in validators] for case in cases]
