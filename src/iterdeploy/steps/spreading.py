"""How the answers of a generation are spread over its tasks: evenly, or most where the one before was undecided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iterdeploy.store import Run


def samples_of(run: Run, generation: int) -> list[int]:
    """Answers to each deployed task, in the order of the tasks; in all `tasks.count` times `deploy.samples`."""
    tasks, wanted = run.tasks("deployed"), run.recipe.deploy
    if wanted.spread == "even" or generation == 0:
        return [wanted.samples] * len(tasks)
    verdicts = {verdict.trace_id: verdict.valid for verdict in run.verdicts(generation - 1)}
    asked, valid = Counter[str](), Counter[str]()
    for trace in run.traces(generation - 1):
        asked[trace.task_id] += 1
        valid[trace.task_id] += verdicts[trace.id]
    return dealt([(asked[task.id], valid[task.id]) for task in tasks], wanted.samples * len(tasks))


def dealt(counts: Sequence[tuple[int, int]], total: int) -> list[int]:
    """`total` answers dealt to tasks of which (asked, valid) is known: one each, the rest by p(1 - p).

    p = (valid + 1/2) / (asked + 1), so that nothing is certain; p(1 - p) is the variance of one answer, greatest
    where a task is solved half of the time. Parts of an answer go to the largest remainders, the first of equals.
    """
    shares = [(valid + 0.5) * (asked - valid + 0.5) / (asked + 1) ** 2 for asked, valid in counts]
    rest = total - len(counts)
    exact = [rest * share / sum(shares) for share in shares]
    whole = [int(one) for one in exact]
    order = sorted(range(len(exact)), key=lambda n: (whole[n] - exact[n], n))
    lucky = frozenset(order[: rest - sum(whole)])
    return [1 + one + (n in lucky) for n, one in enumerate(whole)]
