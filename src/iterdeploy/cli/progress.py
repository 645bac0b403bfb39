"""What a run shows while it runs: a live screen in a terminal, a line for each tenth of a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from iterdeploy.cli.time_left import TimeLeft
from iterdeploy.cli.words import clock_face
from iterdeploy.plan_ahead import Plan
from iterdeploy.report.terminal import DEPLOYED, HELDOUT, bar
from iterdeploy.types import Generation, Observer, Progress, Split

QUIET_SECONDS = 2.0  # between two plain lines of one step
Solved = dict[tuple[int, Split], tuple[int, int]]


@contextmanager
def shown(console: Console, plan: Plan, before: Sequence[Generation] = ()) -> Iterator[Observer]:
    """An Observer that shows a run; `before` are the generations that were finished earlier."""
    if not console.is_terminal:
        yield _PlainLines(console, plan).observe
        return
    screen = _Screen(plan, before)
    with Live(get_renderable=screen.draw, console=console, refresh_per_second=5):
        yield screen.observe


class _PlainLines:
    """One line for each tenth of a step, and not more often than every other second."""

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._left = TimeLeft(plan.steps)
        self._shown: tuple[int, str, int] | None = None
        self._quiet_until = 0.0

    def observe(self, progress: Progress) -> None:
        self._left.update(progress)
        mark = (progress.generation, progress.step, 10 * progress.done // max(1, progress.total))
        ended = progress.done == progress.total
        if mark == self._shown or (time.monotonic() < self._quiet_until and not ended):
            return
        self._shown, self._quiet_until = mark, time.monotonic() + QUIET_SECONDS
        note = f", {progress.note}" if progress.note else ""
        self._console.print(
            f"generation {progress.generation}/{self._plan.generations} {progress.step} "
            f"{progress.done}/{progress.total}{note}, about {clock_face(self._left.seconds())} left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


class _Screen:
    """The live view: finished generations as bars, the step under way, the whole run."""

    def __init__(self, plan: Plan, before: Sequence[Generation]) -> None:
        self._plan = plan
        self._left = TimeLeft(plan.steps)
        self._started = time.monotonic()
        self._now: Progress | None = None
        self._solved: Solved = {}
        self._audit = ""
        for row in before:
            self._solved[row.number, "deployed"] = row.solved, row.asked
            self._solved[row.number, "heldout"] = row.heldout_solved, row.heldout_asked

    def observe(self, progress: Progress) -> None:
        self._left.update(progress)
        self._now = progress
        if progress.step == "train" and progress.done == 0:
            self._audit = progress.note
        if progress.step.endswith("validate-traces"):
            split: Split = "heldout" if progress.step.startswith("heldout") else "deployed"
            valid = progress.note.partition(" ")[0]
            if valid.isdigit():
                self._solved[progress.generation, split] = int(valid), progress.total

    def draw(self) -> RenderableType:
        return Group(*([self._generations()] if self._solved else []), self._steps(), self._times())

    def _generations(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("gen", justify="right", min_width=3)
        table.add_column("deployed, valid so far", style=DEPLOYED, no_wrap=True)
        table.add_column("held-out", style=HELDOUT, no_wrap=True)
        top = max(solved / max(1, asked) for solved, asked in self._solved.values())
        for number in sorted({number for number, _ in self._solved}):
            table.add_row(str(number), self._bar(number, "deployed", top), self._bar(number, "heldout", top))
        return table

    def _bar(self, number: int, split: Split, top: float) -> str:
        if (number, split) not in self._solved:
            return ""
        solved, asked = self._solved[number, split]
        return f"{bar(solved / max(1, asked) / top if top else 0.0, 20)} {solved}/{asked}"

    def _steps(self) -> Table:
        grid = Table.grid(padding=(0, 2))
        now = self._now
        if now is None:
            grid.add_row("getting ready: making tasks, loading the base")
            return grid
        step = f"generation {now.generation}/{self._plan.generations}  {now.step}"
        grid.add_row(
            step, ProgressBar(now.total, now.done, width=16), f"{now.done}/{now.total}", Text(now.note)
        )
        if now.step == "train" and self._audit:
            grid.add_row("trained on", "", "", Text(self._audit))
        grid.add_row("whole run", ProgressBar(1.0, self._left.share(), width=16), f"{self._left.share():.0%}")
        return grid

    def _times(self) -> Text:
        spent = clock_face(time.monotonic() - self._started)
        return Text(
            f"{spent} spent, about {clock_face(self._left.seconds())} left · Ctrl-C keeps all", style="dim"
        )
