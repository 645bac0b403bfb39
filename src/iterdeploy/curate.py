"""Which traces the next generation learns from: pure choosers over traces that have a verdict.

Only deployed tasks ever: a held-out trace given here is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from iterdeploy import recipe
from iterdeploy.errors import BadInput
from iterdeploy.types import Example, Task, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Scored:
    """A trace with its task and its verdict."""

    task: Task
    trace: Trace
    verdict: Verdict


def curate(rule: recipe.Curate, scored: Sequence[Scored]) -> list[Scored]:
    """The chosen traces, by task, generation and sample; the order of `scored` does not matter.

    `paper` keeps one valid trace per task, the best; `best-k` keeps the `rule.k` best of them;
    `all-valid` every valid one; `none` every trace, valid or not. Best is fewest plan steps, then
    fewest reasoning tokens, then the earlier generation and sample. Raises BadInput on held-out traces.
    """
    _refuse_foreign(scored)
    if rule.rule == "none":
        return sorted(scored, key=_place)
    valid = [one for one in scored if one.verdict.valid]
    if rule.rule == "all-valid":
        return sorted(valid, key=_place)
    return sorted(_best(valid, 1 if rule.rule == "paper" else rule.k), key=_place)


def pooled(rule: recipe.Curate, generation: int) -> range:
    """The generations whose traces `generation` may learn from: all before it, or the last alone."""
    return range(generation) if rule.pool == "all" else range(generation - 1, generation)


def scored_of(tasks: Iterable[Task], traces: Iterable[Trace], verdicts: Iterable[Verdict]) -> list[Scored]:
    """Each trace beside its task and its verdict; raises BadInput if either is missing."""
    by_id = {task.id: task for task in tasks}
    judged = {verdict.trace_id: verdict for verdict in verdicts}
    return [_joined(trace, by_id.get(trace.task_id), judged.get(trace.id)) for trace in traces]


def to_examples(chosen: Iterable[Scored]) -> list[Example]:
    """One training line a trace: the token ids that were read and sampled, weight 1."""
    return [
        Example(
            trace_id=one.trace.id,
            task_id=one.task.id,
            prompt_ids=one.trace.prompt_ids,
            completion_ids=one.trace.token_ids,
        )
        for one in chosen
    ]


def _place(one: Scored) -> tuple[str, int, int, str]:
    return one.task.id, one.trace.generation, one.trace.sample, one.trace.id


def _rank(one: Scored) -> tuple[int, int, int, int, str]:
    verdict, trace = one.verdict, one.trace
    return verdict.cost, verdict.reasoning_tokens, trace.generation, trace.sample, trace.id


def _best(valid: Iterable[Scored], k: int) -> list[Scored]:
    by_task = groupby(sorted(valid, key=_place), key=lambda one: one.task.id)
    return [one for _, ones in by_task for one in sorted(ones, key=_rank)[:k]]


def _refuse_foreign(scored: Iterable[Scored]) -> None:
    for one in scored:
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


def _joined(trace: Trace, task: Task | None, verdict: Verdict | None) -> Scored:
    if task is None:
        raise BadInput(f"trace {trace.id} answers task {trace.task_id}, which is not among the tasks given")
    if verdict is None:
        raise BadInput(f"trace {trace.id} has no verdict; validate it first")
    return Scored(task, trace, verdict)
