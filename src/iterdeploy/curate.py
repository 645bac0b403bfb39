"""Which traces the next generation learns from: pure choosers over traces that have a verdict.

Only deployed tasks ever: a held-out trace given here is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from iterdeploy import recipe
from iterdeploy.answers import Answer
from iterdeploy.errors import BadInput
from iterdeploy.seeds import seed_of
from iterdeploy.types import Example, Likelihood

LEAST_WEIGHT = 1e-6


def curate(rule: recipe.Curate, answers: Sequence[Answer]) -> list[Answer]:
    """The chosen traces, by task, generation and sample; the order of `answers` does not matter.

    `paper` keeps one valid trace per task, the best; `best-k` keeps the `rule.k` best of them;
    `all-valid` every valid one; `none` every trace, valid or not. Best is fewest plan steps, then
    fewest reasoning tokens, then the earlier generation and sample. Of more than `rule.most` of them that many are
    drawn, each with the same chance, by the digests of their ids. Raises BadInput on held-out traces.
    """
    _refuse_foreign(answers)
    chosen = _chosen(rule, answers)
    if 0 < rule.most < len(chosen):
        chosen = sorted(chosen, key=lambda one: seed_of(0, "most", one.trace.id))[: rule.most]
    return sorted(chosen, key=_place)


def _chosen(rule: recipe.Curate, answers: Sequence[Answer]) -> list[Answer]:
    if rule.rule == "none":
        return list(answers)
    valid = [one for one in answers if one.verdict.valid]
    if rule.rule == "all-valid":
        return valid
    return _best(valid, 1 if rule.rule == "paper" else rule.k)


def pooled(rule: recipe.Curate, generation: int) -> range:
    """The generations whose traces `generation` may learn from: all before it, or the last alone."""
    return range(generation) if rule.pool == "all" else range(generation - 1, generation)


def ratio(of: Likelihood, most: float) -> float:
    """The weight of an older trace under importance sampling: now to then, at most `most`; never quite 0.

    With it the pool of all generations has the direction of the newest policy's gradient (experiments/gradients).
    """
    return max(LEAST_WEIGHT, min(most, math.exp(min(of.now - of.then, 700.0))))


def to_examples(chosen: Iterable[Answer], weights: Mapping[str, float] | None = None) -> list[Example]:
    """One training line a trace: the token ids that were read and sampled, and its weight by trace id, else 1."""
    return [
        Example(
            trace_id=one.trace.id,
            task_id=one.task.id,
            prompt_ids=one.trace.prompt_ids,
            completion_ids=one.trace.token_ids,
            weight=weights[one.trace.id] if weights else 1.0,
        )
        for one in chosen
    ]


def _place(one: Answer) -> tuple[str, int, int, str]:
    return one.task.id, one.trace.generation, one.trace.sample, one.trace.id


def _rank(one: Answer) -> tuple[int, int, int, int, str]:
    verdict, trace = one.verdict, one.trace
    return verdict.cost, verdict.reasoning_tokens, trace.generation, trace.sample, trace.id


def _best(valid: Iterable[Answer], k: int) -> list[Answer]:
    by_task = groupby(sorted(valid, key=_place), key=lambda one: one.task.id)
    return [one for _, ones in by_task for one in sorted(ones, key=_rank)[:k]]


def _refuse_foreign(answers: Iterable[Answer]) -> None:
    for one in answers:
        if one.task.split != "deployed":
            raise BadInput(
                f"trace {one.trace.id} answers the {one.task.split} task {one.task.id}: held-out tasks "
                "are measured and never trained on; give curate the deployed traces alone"
            )
        if (one.trace.task_id, one.verdict.trace_id) != (one.task.id, one.trace.id):
            raise BadInput(
                f"trace {one.trace.id} of task {one.trace.task_id} stands beside task {one.task.id} and "
                f"the verdict on {one.verdict.trace_id}; put each trace with its own task and verdict"
            )
