"""Verdicts by judges on all machines of a cluster; the sibling of `iterdeploy.validators.Validators`."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

from iterdeploy.cluster.team import Team
from iterdeploy.types import Domain, Task, Trace, Verdict
from iterdeploy.validators import PAYS, Pace, Work, one_by_one

LOT = 1.0
"""Seconds of judging that a judge is given at once."""


class Bench:
    """The actor: judges lots with a domain that it opened itself. None stands for what raised: the program does the
    same again and meets the error itself."""

    def __init__(self, reopen: Callable[[], Domain]) -> None:
        self._domain: Domain | None
        try:
            self._domain = reopen()
        except Exception:
            self._domain = None

    def ready(self) -> bool:
        """That it is there."""
        return True

    def judge(self, lot: Work) -> list[Verdict] | None:
        """The verdicts on a lot."""
        try:
            return None if self._domain is None else list(one_by_one(self._domain, lot))
        except Exception:
            return None


class ClusterValidators:
    """A Judge with a judge on each CPU of the cluster that this program has joined, where the rest of a step is long.

    `size` judges, or with 0 one for each CPU. They take no CPU of Ray's count: workers that sample wait meanwhile.
    """

    def __init__(self, reopen: Callable[[], Domain], size: int = 0) -> None:
        self.size, self._reopen = size, reopen

    def __call__(self, domain: Domain, work: Work) -> Generator[Verdict, None, None]:
        """Verdicts on all of the work."""
        waiting, pace = deque(work), Pace()
        while waiting and pace.left(waiting) < PAYS:
            yield pace.judged(domain, *waiting.popleft())
        if waiting and self._can_travel():
            yield from self._together(domain, list(waiting), pace.seconds)
        else:
            yield from one_by_one(domain, tuple(waiting))

    def _can_travel(self) -> bool:
        try:
            pickle.dumps(self._reopen)
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return True

    def _together(
        self, domain: Domain, waiting: Sequence[tuple[Task, Trace]], seconds: float
    ) -> Generator[Verdict, None, None]:
        import ray

        size = self.size or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        bench = ray.remote(Bench).options(num_cpus=0, scheduling_strategy="SPREAD")
        fair = -(-len(waiting) // (4 * size))
        count = max(1, min(fair, int(LOT / max(seconds, 1e-6))))
        orders: list[tuple[Any, ...]] = [
            ("judge", waiting[at : at + count]) for at in range(0, len(waiting), count)
        ]
        with closing(Team(lambda: bench.remote(self._reopen), size)) as team:
            for (_, lot), verdicts in team.carry_out(orders):
                yield from one_by_one(domain, lot) if verdicts is None else verdicts
