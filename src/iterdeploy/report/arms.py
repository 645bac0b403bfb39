"""Runs of one recipe are an arm: what its seeds agree on, and how far one arm lies from another on the same tasks.

Only what is compared is read: of a trace its task, of a verdict whether it is valid and how long the plan is. Two runs
share a task if its problem is the same text, whatever its id and its prompt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from statistics import fmean
from typing import Literal

import msgspec

from iterdeploy.measure import Solved
from iterdeploy.recipe import Recipe, settings_of
from iterdeploy.significance import crossed, holm, interval, mcnemar
from iterdeploy.store import Run
from iterdeploy.store.rows import read_rows
from iterdeploy.types import SPLITS, Split

Method = Literal["seeds and tasks", "tasks"]
"""What the interval of a difference counts as chance."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One split of one generation of a run: the share of valid answers to each task, by the task's content."""

    scores: Mapping[str, float]
    solved: frozenset[str]  # tasks with a valid answer
    longest: int | None  # steps of the longest valid plan


@dataclass(frozen=True, slots=True)
class Told:
    """What a comparison needs of one run; generations that are finished, from the base on."""

    path: str
    recipe: Recipe
    outcomes: tuple[Mapping[Split, Outcome], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One split of one generation over the runs of an arm."""

    generation: int
    asked: int
    mean_solved: float
    unanimous: int  # tasks that each of the k runs solved: unanimous@k
    share: float  # of valid answers, averaged over tasks and runs: pass@1
    low: float  # 95 %: over seeds by Student's t; with a single run over tasks, by Wilson
    high: float


@dataclass(frozen=True, slots=True)
class Arm:
    """k runs that differ in their seed (and name) alone, by generation as far as all of them got."""

    name: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    deployed: tuple[Point, ...]
    heldout: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the arm `name` lies above `than` in one split: shares of valid answers, 95 % interval, two-sided p."""

    name: str
    than: str
    split: Split
    generation: int  # the last that all runs of both have
    tasks: int  # that both were asked
    share: float
    than_share: float
    difference: float
    low: float | None  # None where nothing varies
    high: float | None
    p: float | None
    p_holm: float | None  # for all gaps of this split together
    method: Method


@dataclass(frozen=True, slots=True)
class Pair:
    """McNemar's test of two runs on the tasks that both were asked once."""

    run: str
    than: str
    split: Split
    generation: int
    tasks: int
    both: int
    alone: int  # solved by `run` and not by `than`
    than_alone: int
    neither: int
    p: float


class _Asked(msgspec.Struct, frozen=True):
    id: str
    split: Split
    prompt: str
    spec: dict[str, str]


class _Answered(msgspec.Struct, frozen=True):
    id: str
    task_id: str


class _Judged(msgspec.Struct, frozen=True):
    trace_id: str
    valid: bool
    cost: int


def tell(run: Run) -> Told:
    """Read what a comparison needs of a run."""
    tasks = read_rows(run.path / "tasks.jsonl", _Asked) if (run.path / "tasks.jsonl").exists() else []
    content = {task.id: _content(task) for task in tasks}
    splits = [split for split in SPLITS if any(task.split == split for task in tasks)]
    return Told(
        str(run.path),
        run.recipe,
        tuple(
            {split: _outcome(run, g.number, split, content) for split in splits} for g in run.generations()
        ),
    )


def _content(task: _Asked) -> str:
    """A task is its problem; where only the prompt states it, the prompt."""
    said = task.spec.get("problem") or task.prompt
    return sha256(said.encode()).hexdigest()[:20]


def _outcome(run: Run, generation: int, split: Split, content: Mapping[str, str]) -> Outcome:
    task_of = {
        row.id: content[row.task_id] for row in read_rows(run.traces_file(generation, split), _Answered)
    }
    answers: dict[str, list[bool]] = defaultdict(list)
    longest: int | None = None
    for verdict in read_rows(run.verdicts_file(generation, split), _Judged):
        answers[task_of[verdict.trace_id]].append(verdict.valid)
        if verdict.valid:
            longest = max(longest or 0, verdict.cost)
    scores = {task: sum(valid) / len(valid) for task, valid in answers.items()}
    return Outcome(scores, frozenset(task for task, score in scores.items() if score), longest)


def arms(told: Sequence[Told]) -> list[tuple[Arm, list[Told]]]:
    """The runs by arm, in the order given; of runs that are equal in recipe and seed only the first counts."""
    groups: dict[str, dict[int, Told]] = {}
    for one in told:
        groups.setdefault(repr(replace(one.recipe, seed=0, name="")), {}).setdefault(one.recipe.seed, one)
    members = [list(group.values()) for group in groups.values()]
    names = _names([group[0].recipe for group in members])
    return [(_arm(name, group), group) for name, group in zip(names, members, strict=True)]


def _names(recipes: Sequence[Recipe]) -> list[str]:
    """The recipes' names; where two are equal, with the settings in which they differ."""
    shared = {r.name for r in recipes if sum(other.name == r.name for other in recipes) > 1}
    return [
        f"{r.name} ({_apart(r, [o for o in recipes if o.name == r.name])})" if r.name in shared else r.name
        for r in recipes
    ]


def _apart(recipe: Recipe, others: Sequence[Recipe]) -> str:
    tables = [dict(settings_of(other)) for other in others]
    mine = dict(settings_of(recipe))
    differing = [key for key in mine if key != "seed" and len({repr(t[key]) for t in tables}) > 1]
    shown = [f"{key.rpartition('.')[2]} {_short(mine[key])}" for key in differing]
    return ", ".join(shown[:3]) + (", ..." if len(shown) > 3 else "")


def _short(value: object) -> str:
    return str(value).rstrip("/").rpartition("/")[2]


def _arm(name: str, runs: Sequence[Told]) -> Arm:
    return Arm(
        name,
        tuple(run.path for run in runs),
        tuple(run.recipe.seed for run in runs),
        _points(runs, "deployed"),
        _points(runs, "heldout"),
    )


def _points(runs: Sequence[Told], split: Split) -> tuple[Point, ...]:
    rows = []
    for generation in range(min(len(run.outcomes) for run in runs)):
        outcomes = [run.outcomes[generation][split] for run in runs if split in run.outcomes[generation]]
        if len(outcomes) == len(runs):
            rows.append(_point(generation, outcomes))
    return tuple(rows)


def _point(generation: int, outcomes: Sequence[Outcome]) -> Point:
    asked = len(outcomes[0].scores)
    shares = [fmean(outcome.scores.values()) for outcome in outcomes]
    low, high = interval(shares) or Solved(asked, round(shares[0] * asked)).interval
    return Point(
        generation=generation,
        asked=asked,
        mean_solved=round(fmean(len(outcome.solved) for outcome in outcomes), 2),
        unanimous=len(frozenset.intersection(*(outcome.solved for outcome in outcomes))),
        share=fmean(shares),
        low=max(0.0, low),
        high=min(1.0, high),
    )


def gaps(found: Sequence[tuple[Arm, Sequence[Told]]]) -> list[Gap]:
    """Each further arm against the first, in each split in which both were asked the same tasks."""
    rows = []
    for split in reversed(SPLITS):  # held-out first: it is what counts
        of_split = [gap for arm in found[1:] if (gap := _gap(arm, found[0], split))]
        tested = holm([gap.p for gap in of_split if gap.p is not None])
        rest = iter(tested)
        rows += [gap if gap.p is None else replace(gap, p_holm=next(rest)) for gap in of_split]
    return rows


def _gap(one: tuple[Arm, Sequence[Told]], other: tuple[Arm, Sequence[Told]], split: Split) -> Gap | None:
    outcomes, than, generation, tasks = _together(one[1], other[1], split)
    if not tasks:
        return None
    first, second = ([[o.scores[task] for task in tasks] for o in side] for side in (outcomes, than))
    found = crossed(first, second)
    share, than_share = (fmean(fmean(row) for row in arm) for arm in (first, second))
    return Gap(
        name=one[0].name,
        than=other[0].name,
        split=split,
        generation=generation,
        tasks=len(tasks),
        share=share,
        than_share=than_share,
        difference=share - than_share,
        low=found.low if found else None,
        high=found.high if found else None,
        p=found.p if found else None,
        p_holm=None,
        method="seeds and tasks" if max(len(first), len(second)) > 1 else "tasks",
    )


def pairs(found: Sequence[tuple[Arm, Sequence[Told]]]) -> list[Pair]:
    """Each run of each further arm against each run of the first; where tasks were asked once."""
    return [
        pair
        for split in reversed(SPLITS)
        for _, runs in found[1:]
        for run in runs
        for than in found[0][1]
        if (pair := _pair(run, than, split))
    ]


def _pair(run: Told, than: Told, split: Split) -> Pair | None:
    (one,), (other,), generation, tasks = _together([run], [than], split)
    once = all(o.scores[task] in (0.0, 1.0) for o in (one, other) for task in tasks)
    if not tasks or not once:
        return None
    shared = frozenset(tasks)
    mine, theirs = one.solved & shared, other.solved & shared
    alone, than_alone = len(mine - theirs), len(theirs - mine)
    return Pair(
        run=run.path,
        than=than.path,
        split=split,
        generation=generation,
        tasks=len(tasks),
        both=len(mine & theirs),
        alone=alone,
        than_alone=than_alone,
        neither=len(shared - mine - theirs),
        p=mcnemar(alone, than_alone),
    )


def _together(
    one: Sequence[Told], other: Sequence[Told], split: Split
) -> tuple[list[Outcome], list[Outcome], int, list[str]]:
    """The outcomes of both at the last generation that all have, and the tasks that all were asked, sorted."""
    last = min(len(run.outcomes) for run in (*one, *other)) - 1
    empty = Outcome({}, frozenset(), None)
    sides = [
        [run.outcomes[last].get(split, empty) if last >= 0 else empty for run in side]
        for side in (one, other)
    ]
    shared = frozenset.intersection(*(frozenset(o.scores) for side in sides for o in side))
    return sides[0], sides[1], last, sorted(shared)
