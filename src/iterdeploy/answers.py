"""An answer is a task, its trace and its verdict: what curation chooses from and measures count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from iterdeploy.errors import BadInput
from iterdeploy.types import Task, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One task, what was answered, and what the validator said."""

    task: Task
    trace: Trace
    verdict: Verdict


def join(tasks: Iterable[Task], traces: Iterable[Trace], verdicts: Iterable[Verdict]) -> list[Answer]:
    """Answers in the order of `traces`; a trace without its task or its verdict is an error."""
    task_of = {task.id: task for task in tasks}
    verdict_of = {verdict.trace_id: verdict for verdict in verdicts}
    return [_answer(trace, task_of, verdict_of) for trace in traces]


def _answer(trace: Trace, tasks: Mapping[str, Task], verdicts: Mapping[str, Verdict]) -> Answer:
    if trace.task_id not in tasks:
        raise BadInput(f"trace {trace.id} answers task {trace.task_id}, which is not among the tasks")
    if trace.id not in verdicts:
        raise BadInput(f"trace {trace.id} has no verdict; validate its traces first")
    return Answer(tasks[trace.task_id], trace, verdicts[trace.id])
