"""A run under way on a screen, read from its folder: for those who are on a server, or came later."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from iterdeploy.cli.show import printable
from iterdeploy.cli.words import clock_face, count
from iterdeploy.report.terminal import DEPLOYED, HELDOUT, bar
from iterdeploy.watch.follow import Follower, Judged, State

if TYPE_CHECKING:
    from iterdeploy.watch.server import Left

EVERY = 1.0  # seconds between two looks
WIDE = 16  # cells of a bar


def watch(follower: Follower, console: Console, left: Left, every: float = EVERY) -> None:
    """Show the run until it ends; a line for each change where there is no terminal. Ctrl-C is the caller's."""
    state = follower.look()
    if not console.is_terminal:
        _lines(follower, console, left, every)
        return
    with Live(screen(state, left(state)), console=console, auto_refresh=False) as live:
        while not state.finished:
            time.sleep(every)
            state = follower.look()
            live.update(screen(state, left(state)), refresh=True)


def _lines(follower: Follower, console: Console, left: Left, every: float) -> None:
    before = ""
    while True:
        state = follower.look()
        line = where(state)
        if line != before:
            console.print(line + _left_words(state, left(state)), markup=False, soft_wrap=True)
            before = line
        if state.finished:
            return
        time.sleep(every)


def screen(state: State, left: float | None) -> RenderableType:
    """Generations, the step under way, the time, and the last verdicts."""
    parts: list[RenderableType] = [Text(f"{state.name}, seed {state.seed}", style="bold")]
    if state.generations:
        parts.append(_generations(state))
    parts += [_step(state), Text(_times(state, left), style="dim")]
    if state.answer:
        name, text = state.answer
        parts += [Text(""), _cut(f"{name}  {_on_one_line(text)}", "dim")]
    if state.judged:
        parts += [Text(""), Text("last verdicts", style="bold"), *map(_verdict, state.judged)]
    return Group(*parts)


def _generations(state: State) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("gen", justify="right", min_width=3)
    table.add_column("deployed", style=DEPLOYED, no_wrap=True)
    table.add_column("held-out", style=HELDOUT, no_wrap=True)
    for name in ("examples", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    top = max(
        max(g.solved / max(1, g.asked), g.heldout_solved / max(1, g.heldout_asked)) for g in state.generations
    )
    for g in state.generations:
        seconds = sum(spent.seconds for spent in state.spent if spent.generation == g.number)
        table.add_row(
            str(g.number),
            _solved(g.solved, g.asked, top),
            _solved(g.heldout_solved, g.heldout_asked, top),
            str(g.examples) if g.number else "-",
            clock_face(seconds),
        )
    return table


def _solved(solved: int, asked: int, top: float) -> str:
    return f"{bar(solved / asked / top if top else 0.0, WIDE)} {solved}/{asked}" if asked else "-"


def _step(state: State) -> RenderableType:
    step = state.step
    if step is None:
        return Text("finished")
    grid = Table.grid(padding=(0, 2))
    name = f"generation {step.generation}/{state.planned}  {step.step}"
    if step.total:
        done = f"{step.done}/{step.total}"
        note = f"{step.valid} valid" if step.valid is not None else step.note
        grid.add_row(name, ProgressBar(step.total, step.done, width=WIDE), done, note)
    else:
        grid.add_row(name, f"{step.done} steps" if step.done else "", step.note)
    return grid


def where(state: State) -> str:
    """The step under way in a line that changes once for each tenth of a step."""
    step = state.step
    if step is None:
        last = state.generations[-1]
        return f"finished: generation {last.number} solves {last.solved}/{last.asked}, held-out {_heldout(state)}"
    line = f"generation {step.generation}/{state.planned} {step.step}"
    if step.total:
        tenth = 10 * step.done // step.total
        line += f" {tenth * step.total // 10}/{step.total}"
    return line + ("" if state.writer else " (stopped: no process writes to it)")


def _heldout(state: State) -> str:
    last = state.generations[-1]
    return f"{last.heldout_solved}/{last.heldout_asked}" if last.heldout_asked else "-"


def _left_words(state: State, left: float | None) -> str:
    return "" if left is None or state.finished or not state.writer else f", about {clock_face(left)} left"


def _times(state: State, left: float | None) -> str:
    spent = clock_face(sum(spent.seconds for spent in state.spent))
    if state.finished:
        return f"{spent} in all"
    if not state.writer:
        return f"{spent} spent · stopped: no process writes to it; the same `iterdeploy run` goes on"
    return f"{spent} spent in steps that ended{_left_words(state, left)} · written by process {state.writer}"


def _verdict(one: Judged) -> Text:
    said = f"valid, {count(one.cost, 'step')}" if one.valid else f"not valid ({one.fault}): {one.reason}"
    return _cut(_on_one_line(f"{one.trace_id}  {said}"), "green" if one.valid else "red")


def _on_one_line(text: str) -> str:
    return printable(text).replace("\n", " ")


def _cut(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
