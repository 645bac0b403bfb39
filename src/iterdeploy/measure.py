"""The numbers of a run, as pure functions over answers; docs/measures.md has each formula.

An answer is a task, its trace and its verdict. All measures of one generation take a sequence of
answers; what compares runs or generations takes several. Nothing here reads a file.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from iterdeploy.answers import Answer
from iterdeploy.errors import BadInput
from iterdeploy.seeds import seed_of
from iterdeploy.types import Fault, ProbeRow, Task, Verdict

Bound = Callable[[Task], int]
"""A number of steps that no valid plan of the task can undercut."""


def by_task(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The answers to each task, tasks in the order in which they first appear."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(answer.task.id, []).append(answer)
    return groups


def by_sample(answers: Iterable[Answer]) -> list[list[Answer]]:
    """The answers as separate runs over the tasks: all first samples, all second samples, ..."""
    groups: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.trace.sample].append(answer)
    return [groups[sample] for sample in sorted(groups)]


# --- solved ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Solved:
    """How many of the asked tasks were solved."""

    asked: int
    solved: int

    @property
    def share(self) -> float:
        """Solved as a share of asked; 0 where nothing was asked."""
        return self.solved / self.asked if self.asked else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share: what other tasks of the same kind may have given."""
        if not self.asked:
            return 0.0, 1.0
        z = 1.959963984540054
        n, p = self.asked, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


def solved_tasks(answers: Iterable[Answer]) -> frozenset[str]:
    """The ids of the tasks with at least one valid answer."""
    return frozenset(answer.task.id for answer in answers if answer.verdict.valid)


def solved(answers: Sequence[Answer]) -> Solved:
    """Tasks with at least one valid answer, of all tasks that were asked."""
    return Solved(asked=len(by_task(answers)), solved=len(solved_tasks(answers)))


def solved_by_size(answers: Sequence[Answer]) -> dict[int, Solved]:
    """`solved` for each task size, smallest first."""
    groups: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer.task.size].append(answer)
    return {size: solved(groups[size]) for size in sorted(groups)}


def mean_solved(runs: Sequence[Sequence[Answer]]) -> float:
    """Solved tasks, averaged over k runs on the same tasks: the paper's first measure."""
    _same_tasks(runs)
    return sum(solved(run).solved for run in runs) / len(runs)


def unanimous(runs: Sequence[Sequence[Answer]]) -> Solved:
    """unanimous@k: tasks that each of the k runs solved; the paper has k = 3."""
    asked = _same_tasks(runs)
    return Solved(asked=asked, solved=len(frozenset.intersection(*(solved_tasks(run) for run in runs))))


def _same_tasks(runs: Sequence[Sequence[Answer]]) -> int:
    if not runs:
        raise BadInput("no runs were given; a measure over k runs needs at least one")
    asked = [{answer.task.id for answer in run} for run in runs]
    for number, tasks in enumerate(asked[1:], start=1):
        if tasks != asked[0]:
            differing = len(tasks ^ asked[0])
            raise BadInput(f"run {number} was asked other tasks than run 0: {differing} are in one alone")
    return len(asked[0])


def pass_at_k(answers: Sequence[Answer], k: int) -> float:
    """Chance that k answers to a task hold a valid one, averaged over tasks.

    The unbiased estimator of Chen et al. 2021 (arXiv 2107.03374): 1 - C(n - c, k) / C(n, k) for a
    task with n answers, c of them valid. Each task needs at least k answers.
    """
    groups = by_task(answers)
    fewest = min((len(group) for group in groups.values()), default=0)
    if not 1 <= k <= fewest:
        raise BadInput(f"pass@{k} needs 1 <= k <= answers to each task; some task has {fewest}")
    return sum(_pass_at_k(group, k) for group in groups.values()) / len(groups)


def _pass_at_k(group: Sequence[Answer], k: int) -> float:
    valid = sum(answer.verdict.valid for answer in group)
    return 1.0 - math.comb(len(group) - valid, k) / math.comb(len(group), k)


# --- from one generation to the next --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """Task ids, sorted, that one generation solved and the other did not."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]


def change(before: Sequence[Answer], after: Sequence[Answer]) -> Change:
    """What `after` newly solved, and what it no longer solved."""
    old, new = solved_tasks(before), solved_tasks(after)
    return Change(gained=tuple(sorted(new - old)), lost=tuple(sorted(old - new)))


@dataclass(frozen=True, slots=True)
class SameTasks:
    """Mean plan length on the tasks that both generations solved, so that harder tasks do not count."""

    tasks: int
    before: float
    after: float


def length_on_same_tasks(before: Sequence[Answer], after: Sequence[Answer]) -> SameTasks | None:
    """Mean shortest plan before and after, on tasks solved in both; None if there is none."""
    old, new = _shortest(before), _shortest(after)
    both = sorted(old.keys() & new.keys())
    if not both:
        return None
    return SameTasks(
        tasks=len(both),
        before=sum(old[task] for task in both) / len(both),
        after=sum(new[task] for task in both) / len(both),
    )


def _shortest(answers: Iterable[Answer]) -> dict[str, int]:
    shortest: dict[str, int] = {}
    for answer in answers:
        if answer.verdict.valid:
            task, cost = answer.task.id, answer.verdict.cost
            shortest[task] = min(cost, shortest.get(task, cost))
    return shortest


# --- lengths --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution in six numbers."""

    count: int
    mean: float
    p10: float
    median: float
    p90: float
    longest: float


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of some values; None if there are none. Quantiles interpolate linearly."""
    if not values:
        return None
    ordered = sorted(values)
    return Spread(
        count=len(ordered),
        mean=math.fsum(ordered) / len(ordered),
        p10=_quantile(ordered, 0.1),
        median=_quantile(ordered, 0.5),
        p90=_quantile(ordered, 0.9),
        longest=ordered[-1],
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def binned(counts: Sequence[Mapping[int, int]], most: int) -> tuple[int, list[list[tuple[int, int]]]]:
    """Several counts of whole values in equal bins: (width, for each of them [(first value, count), ...]).

    The width is 1, 2 or 5 times a power of ten, the least that needs no more than `most` bins; empty bins are left out.
    """
    values = [value for one in counts for value in one]
    span = max(values, default=0) - min(values, default=0) + 1
    width = next(
        w for power in range(20) for w in (10**power, 2 * 10**power, 5 * 10**power) if span <= w * most
    )
    rows = []
    for one in counts:
        bins: Counter[int] = Counter()
        for value, count in one.items():
            bins[value // width * width] += count
        rows.append(sorted(bins.items()))
    return width, rows


def plan_lengths(answers: Iterable[Answer]) -> Spread | None:
    """Steps of the valid plans."""
    return spread([answer.verdict.cost for answer in answers if answer.verdict.valid])


def reasoning_tokens(answers: Iterable[Answer]) -> Spread | None:
    """Tokens of the reasoning, over all answers: an answer that fails has been paid for too."""
    return spread([answer.verdict.reasoning_tokens for answer in answers])


def over_bound(answers: Iterable[Answer], bound: Bound) -> Spread | None:
    """Plan length divided by the task's lower bound, over valid plans; 1.0 cannot be improved on.

    Tasks whose bound is 0 (nothing to do) are left out. A ratio under 1 means that the bound is
    wrong, or that the validator accepted a plan that is not one.
    """
    valid = [(answer.verdict.cost, bound(answer.task)) for answer in answers if answer.verdict.valid]
    return spread([cost / least for cost, least in valid if least > 0])


def faults(answers: Iterable[Answer]) -> dict[Fault, int]:
    """How many answers failed by each fault, all faults listed, in the order of `Fault`."""
    counts = Counter(answer.verdict.fault for answer in answers)
    return {fault: counts[fault] for fault in Fault}


# --- weights --------------------------------------------------------------------------------


def effective_size(weights: Sequence[float]) -> float:
    """Kish's effective sample size, (sum of weights)^2 / sum of their squares: so many equal ones are worth as much."""
    squares = math.fsum(weight * weight for weight in weights)
    return math.fsum(weights) ** 2 / squares if squares else 0.0


# --- a second validator ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What a second validator said of some verdicts: how many it looked at, and how many it would turn round."""

    accepted: int  # looked at, of those that the first accepted
    accepted_wrong: int  # invalid, says the second
    rejected: int
    rejected_wrong: int  # valid, says the second

    @property
    def share_wrong(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share of accepted traces that the second rejects."""
        return Solved(self.accepted, self.accepted_wrong).interval

    @property
    def agrees(self) -> bool:
        """Whether no verdict would be turned round."""
        return not (self.accepted_wrong or self.rejected_wrong)

    def sentence(self) -> str:
        """For a screen."""
        return (
            f"a second validator rejects {self.accepted_wrong} of {self.accepted} accepted traces "
            f"and accepts {self.rejected_wrong} of {self.rejected} rejected ones"
        )


def to_judge_again(verdicts: Sequence[Verdict], count: int) -> list[str]:
    """Ids of the traces for a second validator: `count` accepted ones and `count` rejected ones that have a plan.

    Drawn by the digests of their ids, so that each has the same chance and neither order nor number of workers counts.
    """
    drawn = sorted(verdicts, key=lambda verdict: seed_of(0, "second", verdict.trace_id))
    accepted = [verdict.trace_id for verdict in drawn if verdict.valid]
    rejected = [verdict.trace_id for verdict in drawn if verdict.plan and not verdict.valid]
    chosen = {*accepted[:count], *rejected[:count]}
    return [verdict.trace_id for verdict in verdicts if verdict.trace_id in chosen]


def second_opinion(verdicts: Sequence[Verdict], second: Sequence[Verdict]) -> SecondOpinion:
    """Compare the second validator's verdicts with the first's on the same traces."""
    first = {verdict.trace_id: verdict.valid for verdict in verdicts}
    pairs = [(first[verdict.trace_id], verdict.valid) for verdict in second]
    return SecondOpinion(
        accepted=sum(one for one, _ in pairs),
        accepted_wrong=pairs.count((True, False)),
        rejected=sum(not one for one, _ in pairs),
        rejected_wrong=pairs.count((False, True)),
    )


def acceptance(answers: Sequence[Answer]) -> float:
    """The share of answers that are valid; 0 where there are none."""
    return sum(answer.verdict.valid for answer in answers) / len(answers) if answers else 0.0


def probe_mean(rows: Sequence[ProbeRow]) -> float:
    """A probe's number: the mean of its values."""
    return math.fsum(row.value for row in rows) / len(rows)


# --- diversity ------------------------------------------------------------------------------

PAIRS_A_SIZE = 100  # drawn at random for each task size: a standard error of at most 0.05 for each


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different the plans of one generation are, valid or not.

    `plans` were read; `distinct` of them differ after objects are renamed by order of appearance;
    `distance` is the mean edit distance between the action names of two plans for tasks of one
    size, divided by the longer plan (0: always the same, 1: nothing shared); `within` is the same
    between two answers to one task. A distance is None where no pair exists. `entropy` is as
    `entropy(answers)` has it.
    """

    plans: int
    distinct: int
    distance: float | None
    within: float | None
    entropy: float | None


def diversity(answers: Sequence[Answer], seed: int = 0) -> Diversity:
    """Diversity over all answers whose plan could be read, so that it is not a matter of solving more."""
    planned = [answer for answer in answers if answer.verdict.plan]
    return Diversity(
        plans=len(planned),
        distinct=len({shape(answer.verdict.plan) for answer in planned}),
        distance=_mean_distance(_pairs_across_tasks(planned, seed)),
        within=_mean_distance(_pairs_within_tasks(planned, seed)),
        entropy=entropy(answers),
    )


def entropy(answers: Iterable[Answer]) -> float | None:
    """Mean surprise of the sampled tokens, nats a token: an estimate of the model's entropy at the sampling
    settings, over the places that its own answers lead to. None where no log-probabilities are recorded.
    """
    values = [value for answer in answers for value in answer.trace.logprobs]
    return max(0.0, -math.fsum(values) / len(values)) if values else None


def shape(plan: Sequence[str]) -> tuple[tuple[Hashable, ...], ...]:
    """The plan with its objects numbered by first appearance: equal for plans that differ by names alone."""
    numbers: dict[str, int] = {}
    return tuple(
        (*words[:1], *[numbers.setdefault(item, len(numbers)) for item in words[1:]])
        for words in map(_words, plan)
    )


@lru_cache(maxsize=1 << 14)
def _words(step: str) -> tuple[str, ...]:
    return tuple(step.strip("()").split())


Pair = tuple[Answer, Answer]


def _pairs_across_tasks(planned: Sequence[Answer], seed: int) -> list[Pair]:
    groups: dict[int, list[Answer]] = defaultdict(list)
    for answer in planned:
        groups[answer.task.size].append(answer)
    chance = random.Random(f"diversity across {seed}")
    return [pair for size in sorted(groups) for pair in _draw_pairs(groups[size], chance)]


def _draw_pairs(group: Sequence[Answer], chance: random.Random) -> list[Pair]:
    """All pairs of different tasks where they are few, else a random sample of them."""
    if len(group) * (len(group) - 1) // 2 <= PAIRS_A_SIZE:
        return [(a, b) for a, b in combinations(group, 2) if a.task.id != b.task.id]
    drawn = (chance.sample(group, 2) for _ in range(PAIRS_A_SIZE))
    return [(a, b) for a, b in drawn if a.task.id != b.task.id]


def _pairs_within_tasks(planned: Sequence[Answer], seed: int) -> list[Pair]:
    pairs = [pair for group in by_task(planned).values() for pair in combinations(group, 2)]
    most = 10 * PAIRS_A_SIZE
    return pairs if len(pairs) <= most else random.Random(f"diversity within {seed}").sample(pairs, most)


def _mean_distance(pairs: Sequence[Pair]) -> float | None:
    if not pairs:
        return None
    return math.fsum(plan_distance(a.verdict.plan, b.verdict.plan) for a, b in pairs) / len(pairs)


def plan_distance(first: Sequence[str], second: Sequence[str]) -> float:
    """Edit distance between the two sequences of action names, divided by the longer length."""
    longest = max(len(first), len(second))
    return _distance(*sorted((_names(tuple(first)), _names(tuple(second))))) / longest if longest else 0.0


@lru_cache(maxsize=1 << 14)
def _distance(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """Of two sequences of action names: two thirds of those that are compared in a run come again."""
    return edit_distance(first, second)


@lru_cache(maxsize=4096)
def _names(plan: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(words[0] if (words := _words(step)) else "" for step in plan)


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Levenshtein distance, by the bit-parallel algorithm of Myers 1999 as simplified by Hyyrö 2003.

    One column of the table is two integers, the steps up and the steps down; so the cost is linear
    in `second` for plans of any length that occurs.
    """
    if not first:
        return len(second)
    places: dict[Hashable, int] = defaultdict(int)
    for place, item in enumerate(first):
        places[item] |= 1 << place
    every, top = (1 << len(first)) - 1, 1 << (len(first) - 1)
    up, down, distance = every, 0, len(first)
    for item in second:
        match = places.get(item, 0)
        zero = (((match & up) + up) ^ up) | match | down
        right, left = down | ~(zero | up) & every, up & zero
        distance += bool(right & top) - bool(left & top)
        right = right << 1 | 1
        up, down = (left << 1 | ~(zero | right)) & every, right & zero & every
    return distance
