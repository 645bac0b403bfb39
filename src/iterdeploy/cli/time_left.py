"""How long a run still takes: the plan's seconds, corrected by what this machine has needed so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from iterdeploy.plan_ahead import Step
from iterdeploy.types import Progress

UNKNOWN = 1.0  # seconds assumed for a step whose cost the plan cannot say; measuring corrects it
SETTLED = (
    0.1  # share of what a step had left, after which its own pace counts; answers come a block at a time
)


class TimeLeft:
    """Told of each Progress; says how far the run is and how many seconds it still needs."""

    def __init__(self, steps: Sequence[Step], clock: Callable[[], float] = time.monotonic) -> None:
        self._order = [(step.generation, step.step) for step in steps if step.units]
        self._prior = {(s.generation, s.step): s.seconds or UNKNOWN for s in steps if s.units}
        self._clock = clock
        self._last = clock()  # when the step before the current one ended
        self._now: Progress | None = None
        self._first_done = 0
        # by kind of step and generation: [seconds spent, seconds that were planned for that]
        self._booked: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
        self._event = self._last

    def update(self, progress: Progress) -> None:
        """Take one Progress in; steps come in the order of the run."""
        if self._now is None or _key(self._now) != _key(progress):
            self._close()
            self._last = self._event
            self._first_done = progress.done if progress.done > 1 else 0  # rows of an earlier process
        self._now = progress
        self._event = self._clock()

    def seconds(self) -> float | None:
        """Seconds to the end of the run; None before there is anything to go by."""
        if self._now is None or _key(self._now) not in self._prior:
            return None
        later = self._order[self._order.index(_key(self._now)) + 1 :]
        return self._current() + sum(self._prior[key] * self._scale(key[1], key[0]) for key in later)

    def share(self) -> float:
        """How much of the whole run's planned time is done, from 0 to 1."""
        if self._now is None or _key(self._now) not in self._prior:
            return 0.0
        place = self._order.index(_key(self._now))
        done = sum(self._prior[key] for key in self._order[:place])
        done += self._prior[_key(self._now)] * self._now.done / max(1, self._now.total)
        return done / sum(self._prior.values())

    def _current(self) -> float:
        assert self._now is not None
        fresh = self._now.done - self._first_done
        open_units = self._now.total - self._now.done
        spent = self._event - self._last
        if fresh >= SETTLED * (self._now.total - self._first_done) and spent > 1.0:
            return max(0.0, spent / fresh * open_units - (self._clock() - self._event))
        share = open_units / max(1, self._now.total)
        return self._prior[_key(self._now)] * self._scale(self._now.step, self._now.generation) * share

    def _scale(self, step: str, generation: int) -> float:
        """Measured over planned, of this kind of step; of all kinds where this one is new.

        Answers get longer than planned, or shorter, from one generation to the next: what the last generation needed
        counts, and the trend since the first that was trained. Generation 0 also started the workers.
        """
        ratios = self._ratios(step.rpartition("/")[2])
        if ratios:
            last = max(ratios)
            trained = [number for number in sorted(ratios) if number]
            span = trained[-1] - trained[0] if trained else 0
            trend = (ratios[trained[-1]] - ratios[trained[0]]) / span if span else 0.0
            return max(0.0, ratios[last] + max(0.0, trend) * (generation - last))
        sums = [sums for rows in self._booked.values() for sums in rows.values()]
        expected = sum(planned for _, planned in sums)
        return sum(spent for spent, _ in sums) / expected if expected else 1.0

    def _ratios(self, kind: str) -> dict[int, float]:
        """Measured over planned by generation."""
        booked = self._booked.get(kind, {})
        return {number: spent / planned for number, (spent, planned) in booked.items() if planned > 0}

    def _close(self) -> None:
        """Book the step that has just ended under its kind."""
        if self._now is None or _key(self._now) not in self._prior:
            return
        kind = self._now.step.rpartition("/")[2]
        fresh = (self._now.done - self._first_done) / max(1, self._now.total)
        if fresh > 0:
            booked = self._booked[kind][self._now.generation]
            booked[0] += self._event - self._last
            booked[1] += self._prior[_key(self._now)] * fresh


def _key(progress: Progress) -> tuple[int, str]:
    return progress.generation, progress.step
