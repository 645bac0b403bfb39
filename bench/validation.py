"""Judged plans per CPU second: our validator against VAL, kairos, pyperplan and unified-planning, on the same plans.

All work is new in every round and the same for all; those that are slow are given an even part of it. Every verdict is
compared with what is known of the plan by construction, so whoever is in a table agrees with all others in it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files

import peers
from finished import spread
from machine import Machine, this_machine
from peers import Validator
from plans import Case, large, long, plans, problems
from race import Contender, Lap, race, standings
from write import put, write_races

from iterdeploy.pddl.val import find_val

OURS = Validator("iterdeploy", peers.ours, 10_000)
READ = Validator("iterdeploy, problem and plans read before", peers.ours_read, 10_000)

BLOCKS = (10, 20, 50, 100, 200, 500)
STEPS = (10, 100, 1_000, 10_000)

DOMAIN = (files("iterdeploy.domains") / "blocksworld.domain.pddl").read_text(encoding="utf-8")

VAL_STEPS = 10_000
"""From so many steps on VAL calls a plan a bad description: its parser's stack is full."""

GROWING = (peers.kairos, peers.val_fresh)
"""Peers that are asked for large problems too: those that ground would take minutes."""

Work = Callable[[int], Sequence[Case]]
"""The work of a lap, by its number."""


def contender(validator: Validator, work: Work) -> Contender:
    """A validator in a race: its k-th lap has the same work as every other's k-th."""
    laps = itertools.count()

    def prepare(share: float) -> Callable[[], int]:
        made = work(next(laps))
        mine = spread(made, min(round(share * len(made)), validator.limit))
        judge = validator.prepare(DOMAIN, mine)

        def run() -> int:
            refuse_wrong(validator.name, judge(), mine)
            return len(mine)

        return run

    return Contender(validator.name, prepare)


def refuse_wrong(name: str, verdicts: Sequence[bool], cases: Sequence[Case]) -> None:
    """End the program at a verdict that is wrong: it would be no race."""
    for verdict, case in zip(verdicts, cases, strict=True):
        if verdict != case.valid:
            raise SystemExit(f"{name} says {verdict} of\n{case.problem}\n{case.plan}")


def drawn(make: Callable[[random.Random], Sequence[Case]]) -> Work:
    """The same for all who ask for the same lap; `make` draws it from a seed."""
    return lru_cache(maxsize=2)(lambda lap: make(random.Random(lap)))


def headings(installed: Sequence[Validator]) -> Iterator[tuple[str, Work, Sequence[Validator]]]:
    """What is raced: a heading, the work, and who takes part."""
    new = "(a) A new problem of 5 to 20 blocks for each plan, from text;"
    together = [one for one in installed if one.prepare is not peers.val_fresh]
    yield (
        f"{new} names drawn from b1 to b20",
        drawn(lambda rng: problems(2_000, "drawn", rng)),
        [OURS, *installed],
    )
    yield (
        f"{new} always the names b1 to bn",
        drawn(lambda rng: problems(2_000, "first", rng)),
        [OURS, *installed[:1]],
    )
    yield (
        f"{new} names never seen before",
        drawn(lambda rng: problems(2_000, "new", rng)),
        [OURS, *installed[:1]],
    )
    many = [Validator(f"VAL, {peers.PLANS} plans a process", peers.val_many, 1_000)] if find_val() else []
    yield (
        "(b) 10,000 plans of 24 steps for one problem of 12 blocks",
        drawn(lambda rng: plans(10_000, 12, 24, rng)),
        [OURS, READ, *together, *many],
    )


def growth(
    heading: str, sizes: Sequence[int], make: Callable[[int, random.Random], Case], count: int, rounds: int
) -> tuple[list[dict[str, float]], list[str]]:
    """CPU milliseconds a plan by size and validator, problem and plan from text: rows, and a table of them."""
    validators = [OURS, *(one._replace(limit=20) for one in peers.peers() if one.prepare in GROWING)]
    rows = []
    for size in sizes:
        print(f"{heading}: {size}", flush=True)

        @drawn
        def work(rng: random.Random, size: int = size) -> list[Case]:
            return [make(size, rng) for _ in range(max(4, count // size))]

        steps = statistics.mean(case.plan.count("\n") for case in work(0))
        able = [one for one in validators if one.prepare is not peers.val_fresh or steps < VAL_STEPS]
        laps = race([contender(validator, work) for validator in able], rounds, "plans")
        taken = {row.contender: round(1000 / row.rate, 3) for row in standings(laps)}
        rows.append({heading: size, "steps": round(steps), **taken})
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", "|" + "--:|" * len(head)]
    return rows, lines + [
        f"| {' | '.join(f'{row[name]:,}' if name in row else '' for name in head)} |" for row in rows
    ]


def write_growth(machine: Machine, rounds: int) -> str:
    """Leave validation-growth.json and .md."""
    blocks, by_blocks = growth("blocks", BLOCKS, large, 2_000, rounds)
    steps, by_steps = growth("steps asked", STEPS, lambda size, rng: long(12, size, rng), 40_000, rounds)
    content = {
        "name": "validation-growth",
        "machine": asdict(machine),
        "settings": {"rounds": rounds},
        "by_blocks": blocks,
        "by_steps": steps,
    }
    lines = [
        "# Validation: how it grows", "", machine.sentence(), "",
        "CPU milliseconds a plan, problem and plan from text, each problem new; medians of "
        f"{rounds} rounds.", "", "## From 10 to 500 blocks", "", *by_blocks, "",
        "## From 10 to 10,000 steps, on 12 blocks", "", *by_steps, "",
    ]  # fmt: skip
    return put("validation-growth", content, "\n".join(lines))


def main() -> None:
    """Race, then grow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="laps of each; default: 5")
    given = parser.parse_args()
    machine, installed, races = this_machine(), list(peers.peers()), dict[str, list[Lap]]()
    for heading, work, validators in headings(installed):
        print(heading, flush=True)
        races[heading] = race([contender(one, work) for one in validators], given.rounds, "plans")
    notes = [
        "Every fourth plan is invalid: it lacks a step. All verdicts were right: each is known by construction."
    ]
    limits = {one.name: one.limit for one in installed}
    settings = {"rounds": given.rounds, "plans a round at most, of the slow ones": limits}
    title = "Validation: judged plans per CPU second"
    print(write_races("validation", title, machine, settings, races, notes, unit="plans"))
    print(write_growth(machine, given.rounds))


if __name__ == "__main__":
    main()
