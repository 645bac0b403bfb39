"""The time left of a run that another process runs: what its clock says of the past is told to TimeLeft anew."""

from __future__ import annotations

import time
from collections.abc import Callable

from iterdeploy.cli.time_left import TimeLeft
from iterdeploy.plan_ahead import Plan
from iterdeploy.types import Progress
from iterdeploy.watch.follow import State, Step


class Remaining:
    """Seconds that a run still takes, asked with each new state; None before there is anything to go by."""

    def __init__(self, plan: Callable[[], Plan | None], clock: Callable[[], float] = time.monotonic) -> None:
        """`plan` is called once, when it is needed: to make one takes a moment."""
        self._plan = plan
        self._clock = clock
        self._now = 0.0  # the time that TimeLeft sees: that of the run, not of this process
        self._offset: float | None = None
        self._told: set[tuple[int, str]] = set()
        self._current: tuple[int, str] | None = None
        self._left: TimeLeft | None = None

    def _time(self) -> float:
        return self._now if self._offset is None else self._clock() + self._offset

    def __call__(self, state: State) -> float | None:
        if state.finished:
            return 0.0
        if self._left is None:
            plan = self._plan()
            self._left = TimeLeft(plan.steps if plan else (), self._time)
        if state.step is not None:
            self._tell_past(self._left, state, state.step)
            self._tell_now(self._left, state.step)
        return self._left.seconds()

    def _tell_past(self, left: TimeLeft, state: State, step: Step) -> None:
        """Each step that has ended since the last look, in the order of the run's clock."""
        for spent in state.spent:
            key = (spent.generation, spent.step)
            if spent.generation is None or key in self._told or key == (step.generation, step.step):
                continue
            number, name = spent.generation, spent.step
            self._told.add((number, name))
            if (number, name) == self._current:
                left.update(Progress(number, name, 1, 1))  # it was watched while it ran
                continue
            began = self._time()
            self._offset, self._now = None, began
            left.update(Progress(number, name, 0, 1))
            self._now = began + spent.seconds
            left.update(Progress(number, name, 1, 1))

    def _tell_now(self, left: TimeLeft, step: Step) -> None:
        if self._offset is None:
            self._offset = self._now - self._clock()
        self._current = step.generation, step.step
        left.update(Progress(step.generation, step.step, step.done, step.total or max(1, 2 * step.done)))
