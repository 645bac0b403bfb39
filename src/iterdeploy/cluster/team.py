"""Workers on a cluster, as Ray actors; one that dies costs the order that it had, which another is given."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from iterdeploy.errors import BadInput, IterdeployError, WorkerDied

RETRIES = 3
"""Workers that an order may outlive; it has cost one more when the run ends."""
PATIENCE = 300.0
"""Seconds to wait for a first worker to be placed on the cluster."""
GRACE = 30.0
"""Seconds to wait for more of them once there is one."""

Order = tuple[Any, ...]
"""The name of a worker's method, and what it is given."""


class Lost(Exception):  # noqa: N818  (it says what happened)
    """A worker, its machine, or what it had made is gone."""


def outcome(ref: Any) -> Any:
    """What an order gave. Raises Lost, or the error of iterdeploy that the worker raised."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as problem:
        cause = problem.cause
        if isinstance(cause, IterdeployError | Lost):
            raise cause from None
        if isinstance(cause, RayError) and not isinstance(cause, RayTaskError):
            raise Lost(_first_line(cause)) from problem
        raise RuntimeError(f"a worker failed: {problem}") from None  # ours to mend: its traceback counts
    except RayError as problem:
        if "creation task" in str(problem):  # it came to life and could not be what it was to be
            raise BadInput(
                f"a machine of the cluster can't open a worker: {str(problem).strip().splitlines()[-1]}; install "
                "iterdeploy there in the same version, and what it needs"
            ) from problem
        raise Lost(_first_line(problem)) from problem


def _first_line(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]


class Team:
    """Up to `size` workers that `hire` starts, replaced as they die.

    A worker has a method `ready`. `welcome` is given the worker and what `ready` said, and may give it a first order,
    after which it is asked again.
    """

    def __init__(
        self, hire: Callable[[], Any], size: int, welcome: Callable[[Any, Any], Any] = lambda *_: None
    ) -> None:
        self.size, self._hire, self._welcome = size, hire, welcome
        self._starting: dict[Any, Any] = {}  # by the reference that tells when they are there
        self._idle: list[Any] = []
        self._lost = 0  # in a row, before they were there

    def carry_out(self, orders: Iterable[Order]) -> Generator[tuple[Order, Any], None, None]:
        """Each order with what it gave, as they are done. Raises WorkerDied if one outlives too many workers."""
        import ray

        waiting = deque((order, 0) for order in orders)
        busy: dict[Any, tuple[Any, Order, int]] = {}
        self._ask_idle()
        try:
            while waiting or busy:
                self._fill(len(busy), len(waiting) + len(busy))
                while waiting and self._idle:
                    worker, (order, lives) = self._idle.pop(), waiting.popleft()
                    busy[getattr(worker, order[0]).remote(*order[1:])] = (worker, order, lives)
                done, _ = ray.wait(
                    [*busy, *self._starting], num_returns=1, timeout=None if busy else PATIENCE
                )
                if not done:
                    raise self._nobody()
                for ref in done:
                    if ref in self._starting:
                        self._greet(ref)
                        continue
                    worker, order, lives = busy.pop(ref)
                    try:
                        result = outcome(ref)
                    except Lost as problem:
                        self.dismiss([worker])
                        if lives == RETRIES:
                            raise _too_many(order[0], str(problem)) from problem
                        waiting.appendleft((order, lives + 1))
                        self._ask_idle()  # a machine that went took more than one with it
                        continue
                    self._idle.append(worker)
                    if waiting:  # before the result is handled, so that nobody waits for that
                        worker, (following, spent) = self._idle.pop(), waiting.popleft()
                        busy[getattr(worker, following[0]).remote(*following[1:])] = (
                            worker,
                            following,
                            spent,
                        )
                    yield order, result
        finally:
            self.dismiss([worker for worker, _, _ in busy.values()])  # nobody waits for what they do

    def ready(self, most: int) -> list[Any]:
        """Workers that are there, at most so many; those that can be placed soon are waited for."""
        import ray

        self._ask_idle()
        started = time.monotonic()
        while True:
            self._fill(0, most)
            if len(self._idle) >= most or not self._starting:
                return self._idle[:most]
            left = (GRACE if self._idle else PATIENCE) - (time.monotonic() - started)
            done, _ = ray.wait(list(self._starting), num_returns=1, timeout=max(left, 0))
            if not done and self._idle:
                return self._idle[:most]
            if not done:
                raise self._nobody()
            for ref in done:
                self._greet(ref)

    def dismiss(self, workers: Sequence[Any]) -> None:
        """End these workers, whatever they do; others will be hired for them."""
        import ray

        for worker in workers:
            self._idle = [one for one in self._idle if one is not worker]
            ray.kill(worker)

    def close(self) -> None:
        """End all workers."""
        self.dismiss([*self._idle, *self._starting.values()])
        self._starting.clear()

    def _fill(self, busy: int, useful: int) -> None:
        while len(self._idle) + len(self._starting) + busy < min(self.size, max(useful, 1)):
            worker = self._hire()
            self._starting[worker.ready.remote()] = worker

    def _ask_idle(self) -> None:
        """Idle workers must say that they are still there before they get an order: its lives are few."""
        for worker in self._idle:
            self._starting[worker.ready.remote()] = worker
        self._idle = []

    def _greet(self, ref: Any) -> None:
        worker = self._starting.pop(ref)
        try:
            said = outcome(ref)
        except Lost as problem:
            self._lost += 1
            if self._lost > RETRIES * self.size:
                raise _too_many("start", str(problem)) from problem
            return
        if (first := self._welcome(worker, said)) is not None:
            self._starting[first] = worker
        else:
            self._lost = 0
            self._idle.append(worker)

    def _nobody(self) -> WorkerDied:
        import ray

        free = ", ".join(
            f"{count:g} {name}"
            for name, count in sorted(ray.available_resources().items())
            if name in ("CPU", "GPU")
        )
        return WorkerDied(
            f"no worker could be placed on the cluster within {PATIENCE:.0f} s (free: {free or 'nothing'}); what was "
            "finished is kept, start the same command again when the cluster has room"
        )


def _too_many(order: str, why: str) -> WorkerDied:
    return WorkerDied(
        f"{RETRIES + 1} workers died one after the other at the same piece of work ({order}), the last of this: {why}; "
        "out of memory? What was finished is kept, start the same command again on larger machines, or with fewer "
        "--workers"
    )
