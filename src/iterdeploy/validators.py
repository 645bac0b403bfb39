"""Verdicts on the traces of a step: in this process, and by several processes where that pays.

A verdict depends on its task and trace alone, so neither who gives it nor when moves a byte of a run. Rows come as
they are judged; the step puts them in order.
"""

from __future__ import annotations

import logging
import multiprocessing as mp
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

from iterdeploy.errors import WorkerDied
from iterdeploy.types import Domain, Task, Trace, Verdict

Work = Sequence[tuple[Task, Trace]]
Judge = Callable[[Domain, Work], Generator[Verdict, None, None]]
"""Gives the verdict on every trace, each once, in any order."""

TRIAL = 0.25
"""Seconds of judging after which it is known how long it takes."""
PAYS = 1.0
"""Seconds of judging left, for one core, from which more processes are worth their start."""
LOT = 0.1
"""Seconds of judging that a process is given at once."""

_log = logging.getLogger(__name__)


def one_by_one(domain: Domain, work: Work) -> Generator[Verdict, None, None]:
    """A Judge that needs no more than this process."""
    return (domain.validate(task, trace) for task, trace in work)


class Validators:
    """A Judge that starts `size` processes for the rest of a step when that rest is long.

    `reopen` makes the domain anew in each of them. Where it cannot, or the domain raises there, traces are judged
    in this process, as they are with a `size` of 1. Raises WorkerDied if a process ends before its time.
    """

    def __init__(self, size: int, reopen: Callable[[], Domain]) -> None:
        self.size, self._reopen = size, reopen

    def __call__(self, domain: Domain, work: Work) -> Generator[Verdict, None, None]:
        """Verdicts on all of the work."""
        waiting, pace = deque(work), Pace()
        while waiting and (self.size == 1 or pace.left(waiting) < PAYS):
            yield pace.judged(domain, *waiting.popleft())
        if waiting and self._can_travel():
            with _processes(self.size, self._reopen) as connections:
                yield from _together(domain, waiting, pace, connections)
        yield from one_by_one(domain, tuple(waiting))

    def _can_travel(self) -> bool:
        try:
            pickle.dumps(self._reopen)
        except (pickle.PicklingError, AttributeError, TypeError) as problem:
            _log.warning("the domain cannot be sent to other processes (%s): one judges alone", problem)
            return False
        return True


class Pace:
    """How long judging takes here, from the latest traces: the first are slower, and later tasks larger."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._latest: deque[float] = deque(maxlen=16)

    def judged(self, domain: Domain, task: Task, trace: Trace) -> Verdict:
        """The verdict, its time noted."""
        started = time.perf_counter()
        verdict = domain.validate(task, trace)
        self._latest.append(time.perf_counter() - started)
        self._spent += self._latest[-1]
        return verdict

    @property
    def seconds(self) -> float:
        """Seconds a trace."""
        return sum(self._latest) / len(self._latest)

    def left(self, waiting: deque[tuple[Task, Trace]]) -> float:
        """Seconds for what waits; 0 as long as too little is known."""
        return self.seconds * len(waiting) if self._spent >= TRIAL else 0.0


def _together(
    domain: Domain, waiting: deque[tuple[Task, Trace]], pace: Pace, connections: Sequence[Connection]
) -> Iterator[Verdict]:
    """Verdicts as they come. Until the first process is there, this one goes on; what is left is nobody's."""
    given: dict[Connection, list[tuple[Task, Trace]]] = {connection: [] for connection in connections}
    started = False
    while given and (waiting or any(given.values())):
        ready = wait(list(given), None if started else 0)
        started = started or bool(ready)
        if not ready:
            yield pace.judged(domain, *waiting.popleft())
        for connection in (one for one in list(given) if one in ready):
            lot, verdicts = given.pop(connection), _received(connection)
            if verdicts is None and not lot:
                _log.warning("a process could not open the domain: what it was to judge is judged by others")
                continue
            if waiting:  # before the rows are written, so that it has work meanwhile
                given[connection] = _lot(waiting, pace.seconds, len(connections))
                _send(connection, given[connection])
            yield from one_by_one(domain, lot) if verdicts is None else verdicts


def _lot(waiting: deque[tuple[Task, Trace]], seconds: float, size: int) -> list[tuple[Task, Trace]]:
    """The next traces for one process: fewer towards the end, so that all end together."""
    fair = len(waiting) // (2 * size)
    count = min(max(1, min(fair, int(LOT / max(seconds, 1e-6)))), len(waiting))
    return [waiting.popleft() for _ in range(count)]


def _send(connection: Connection, lot: list[tuple[Task, Trace]]) -> None:
    try:
        connection.send(lot)
    except (BrokenPipeError, ConnectionResetError):  # not ours to pass on: a closed pipe means `| head`
        raise _died() from None


def _received(connection: Connection) -> list[Verdict] | None:
    try:
        verdicts: list[Verdict] | None = connection.recv()
    except (EOFError, ConnectionResetError):
        raise _died() from None
    return verdicts


def _died() -> WorkerDied:
    return WorkerDied(
        "a process that validates died (out of memory?); all that was judged is kept, start the same command again, "
        "with fewer --workers if it happens again"
    )


def serve(connection: Connection, reopen: Callable[[], Domain]) -> None:
    """The life of a process: say that it is there, then judge lots until the parent is gone.

    None stands for what raised: the parent does the same again and meets the error itself.
    """
    try:
        domain = _opened(reopen)
        connection.send(None if domain is None else [])
        while domain is not None:
            connection.send(_judged(domain, connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _opened(reopen: Callable[[], Domain]) -> Domain | None:
    try:
        return reopen()
    except Exception:
        return None


def _judged(domain: Domain, lot: Work) -> list[Verdict] | None:
    try:
        return list(one_by_one(domain, lot))
    except Exception:
        return None


@contextmanager
def _processes(size: int, reopen: Callable[[], Domain]) -> Iterator[list[Connection]]:
    """Our ends of so many processes. They end when these are closed: at once if idle, else after their lot."""
    context = mp.get_context("spawn")
    connections: list[Connection] = []
    processes = []
    try:
        with _interrupts_held():
            for _ in range(size):
                mine, theirs = context.Pipe()
                connections.append(mine)
                processes.append(context.Process(target=serve, args=(theirs, reopen), daemon=True))
                processes[-1].start()
                theirs.close()
        yield connections
    finally:
        for connection in connections:
            connection.close()
        for process in processes:
            process.join(2)
            process.terminate()
            process.join(5)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until this is over; processes that are started meanwhile never see one."""
    resource_tracker.ensure_running()  # of multiprocessing; started later, it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
