"""All measures of one run, by generation and split: what report.json holds and every view is drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from iterdeploy import measure
from iterdeploy.answers import Answer, join
from iterdeploy.gates import probe_name
from iterdeploy.measure import Bound, Diversity, SameTasks, SecondOpinion, Spread
from iterdeploy.store import Run
from iterdeploy.types import Ended, Generation, Split, Task

DIGITS = 6


@dataclass(frozen=True, slots=True)
class SizeNumbers:
    """Solved among the tasks of one size, or of a group of sizes where there are many."""

    size: int  # the smallest of the group
    up_to: int  # the largest
    asked: int
    solved: int

    @property
    def label(self) -> str:
        """ "6", or "6-9" for a group."""
        return str(self.size) if self.size == self.up_to else f"{self.size}-{self.up_to}"


@dataclass(frozen=True, slots=True)
class SplitNumbers:
    """One generation on one split; docs/measures.md defines each number."""

    asked: int
    solved: int
    share: float
    low: float  # 95 % interval of the share
    high: float
    ratio: float | None  # solved, to generation 0; None if the base solved nothing
    by_size: tuple[SizeNumbers, ...]
    pass_at: dict[str, float]  # k (as text: a key of JSON) to pass@k, for 1 and for all samples
    unanimous: int | None  # tasks that every sample solved; None with one sample a task, or unequal numbers
    plan_length: Spread | None
    over_bound: Spread | None  # plan length over the domain's lower bound; None without a bound
    same_tasks: SameTasks | None  # plan length on tasks that generation 0 solved too
    reasoning_tokens: Spread | None
    faults: dict[str, int]
    diversity: Diversity
    ever_solved: int  # tasks solved by this or any earlier generation
    gained: tuple[str, ...]  # task ids solved now and not by the generation before
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GenerationNumbers:
    """One generation."""

    number: int
    model: str
    parent: str | None
    examples: int
    deployed: SplitNumbers
    heldout: SplitNumbers
    effective: float | None  # equal examples that the weighted ones are worth; None if all weigh the same
    second: SecondOpinion | None  # of the second validator, on deployed traces; None without one
    probes: dict[str, float]  # the mean of each probe of the recipe; higher is better


@dataclass(frozen=True, slots=True)
class RunNumbers:
    """One run; generations in order from 0."""

    name: str
    seed: int
    domain: str
    samples: int
    planned: int  # the number of the last generation that the recipe asks for
    generations: tuple[GenerationNumbers, ...]
    ended: Ended | None  # by a stop rule or a gate; None where the run went on, or goes on
    candidate: dict[str, float] | None  # the probes of a generation that a gate blocked


def read_numbers(run: Run, bound: Bound | None = None) -> RunNumbers:
    """Measure all finished generations of a run folder."""
    tasks = list(run.tasks())
    generations = run.generations()
    if bound is not None:
        bound = _once_a_task(bound)
    deployed = _splits(run, tasks, generations, "deployed", bound)
    heldout = _splits(run, tasks, generations, "heldout", bound)
    rows = zip(generations, deployed, heldout, strict=True)
    return RunNumbers(
        name=run.recipe.name,
        seed=run.recipe.seed,
        domain=run.recipe.tasks.domain,
        samples=run.recipe.deploy.samples,
        planned=run.recipe.generations,
        generations=tuple(
            GenerationNumbers(
                g.number,
                g.model,
                g.parent,
                g.examples,
                d,
                h,
                _effective(run, g.number),
                _second(run, g.number),
                probe_means(run, g.number),
            )
            for g, d, h in rows
        ),
        ended=(ended := run.ended()),
        candidate=probe_means(run, ended.generation) if ended and ended.cause == "gate" else None,
    )


def probe_means(run: Run, generation: int) -> dict[str, float]:
    """The number of each probe that a generation was asked."""
    names = [
        name for name in map(probe_name, run.recipe.probe.names) if run.probe_file(generation, name).exists()
    ]
    return {name: measure.probe_mean(run.probed(generation, name)) for name in names}


def _effective(run: Run, generation: int) -> float | None:
    if run.recipe.curate.weights == "equal" or not generation:
        return None
    return measure.effective_size([example.weight for example in run.examples(generation)])


def _second(run: Run, generation: int) -> SecondOpinion | None:
    """None too where its file was never made, as in a run that was made step by step."""
    if not run.recipe.validate.second or not run.second_file(generation).exists():
        return None
    return measure.second_opinion(run.verdicts(generation), run.second_verdicts(generation))


def _once_a_task(bound: Bound) -> Bound:
    known: dict[str, int] = {}

    def least(task: Task) -> int:
        if task.id not in known:
            known[task.id] = bound(task)
        return known[task.id]

    return least


def read_answers(run: Run, tasks: Sequence[Task], generation: int, split: Split) -> list[Answer]:
    """The answers of one finished generation; none where the recipe keeps no held-out tasks."""
    if split == "heldout" and not run.recipe.tasks.heldout:
        return []
    return join(tasks, run.traces(generation, split), run.verdicts(generation, split))


def _splits(
    run: Run, tasks: Sequence[Task], generations: Sequence[Generation], split: Split, bound: Bound | None
) -> list[SplitNumbers]:
    """The numbers of each generation on one split; they look back on those before."""
    rows: list[SplitNumbers] = []
    first: list[Answer] = []
    before: list[Answer] = []
    ever: frozenset[str] = frozenset()
    groups = size_groups(tasks)
    for generation in generations:
        answers = read_answers(run, tasks, generation.number, split)
        first = first if rows else answers
        ever |= measure.solved_tasks(answers)
        rows.append(_split(answers, first, before if rows else answers, len(ever), bound, groups))
        before = answers
    return rows


def _split(
    answers: list[Answer],
    first: list[Answer],
    before: list[Answer],
    ever: int,
    bound: Bound | None,
    groups: Sequence[range],
) -> SplitNumbers:
    solved, base = measure.solved(answers), measure.solved(first).solved
    low, high = solved.interval
    change = measure.change(before, answers)
    return SplitNumbers(
        asked=solved.asked,
        solved=solved.solved,
        share=solved.share,
        low=low,
        high=high,
        ratio=solved.solved / base if base else None,
        by_size=_by_size(answers, groups),
        pass_at=_pass_at(answers),
        unanimous=_unanimous(answers),
        plan_length=measure.plan_lengths(answers),
        over_bound=measure.over_bound(answers, bound) if bound else None,
        same_tasks=measure.length_on_same_tasks(first, answers),
        reasoning_tokens=measure.reasoning_tokens(answers),
        faults={str(fault): count for fault, count in measure.faults(answers).items()},
        diversity=measure.diversity(answers),
        ever_solved=ever,
        gained=change.gained,
        lost=change.lost,
    )


SIZES = 12
"""Different sizes that are shown each by itself; of more, about ten groups are made."""


def size_groups(tasks: Sequence[Task]) -> list[range]:
    """Ranges of task sizes, smallest first: one for each size, or where there are many about ten of as many tasks."""
    counts = sorted(Counter(task.size for task in tasks).items())
    if len(counts) <= SIZES:
        return [range(size, size + 1) for size, _ in counts]
    groups: list[range] = []
    start, held = counts[0][0], 0
    for size, count in counts:
        held += count
        if held * 10 >= len(tasks) or size == counts[-1][0]:
            groups.append(range(start, size + 1))
            start, held = size + 1, 0
    return groups


def _by_size(answers: Sequence[Answer], groups: Sequence[range]) -> tuple[SizeNumbers, ...]:
    """Of each group that has tasks here."""
    rows = []
    solved = measure.solved_by_size(answers)
    for group in groups:
        here = [solved[size] for size in solved if size in group]
        if here:
            asked, done = sum(s.asked for s in here), sum(s.solved for s in here)
            rows.append(SizeNumbers(group[0], group[-1], asked, done))
    return tuple(rows)


def _pass_at(answers: list[Answer]) -> dict[str, float]:
    samples = min((len(group) for group in measure.by_task(answers).values()), default=0)
    return {str(k): measure.pass_at_k(answers, k) for k in sorted({1, samples}) if samples}


def _unanimous(answers: list[Answer]) -> int | None:
    runs = measure.by_sample(answers)
    if len({len(run) for run in runs}) > 1:  # deploy.spread = "edge": some tasks have more answers
        return None
    return measure.unanimous(runs).solved if len(runs) > 1 else None


def rounded(value: Any) -> Any:
    """A value of JSON with its fractions rounded, so that the last bits of a sum move no byte."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value
