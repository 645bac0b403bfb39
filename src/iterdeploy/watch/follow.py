"""Where a run stands, asked again and again: finished generations once, and of the rest only what is new."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from iterdeploy.gates import probe_name
from iterdeploy.store import Run
from iterdeploy.types import SPLITS, Generation, Split
from iterdeploy.watch.tail import Tail, last_rows

SHOWN = 4  # last valid answers, and as many that are not
SEEN = 200  # verdicts among which these are looked for
TEXT = 400  # characters of an answer or a reason; a model may say a megabyte


class _Named(msgspec.Struct, frozen=True):
    id: str
    task_id: str
    text: str


class _Judged(msgspec.Struct, frozen=True):
    trace_id: str
    valid: bool
    cost: int
    fault: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """The step under way; `total` and `valid` are None where nothing tells them."""

    generation: int
    step: str
    done: int
    total: int | None
    valid: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Judged:
    """One of the last verdicts."""

    trace_id: str
    valid: bool
    cost: int
    fault: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that a step has taken, all its attempts together; `generation` is None for the whole run's."""

    generation: int | None
    step: str
    seconds: float


@dataclass(frozen=True, slots=True)
class State:
    """What a run looks like from outside."""

    name: str
    seed: int
    planned: int
    finished: bool
    writer: str | None  # "PID on HOST" of the process that writes; None if none does
    step: Step | None
    generations: tuple[Generation, ...]
    spent: tuple[Spent, ...]
    judged: tuple[Judged, ...]  # the last valid ones, then the last that are not; latest last
    answer: tuple[str, str] | None  # the id of the latest answer and its text, while answers come


class Follower:
    """Looks at a run that another process may be writing; reads only, takes no lock."""

    def __init__(self, path: Path) -> None:
        self.run = Run.open(path)
        self._generations: list[Generation] = []
        self._tails: dict[Path, Tail[_Named] | Tail[_Judged]] = {}
        self._clock: tuple[int, tuple[Spent, ...]] = (-1, ())

    def look(self) -> State:
        """The state now. A file that is renamed while one looks is seen at the next look."""
        run, planned = self.run, self.run.recipe.generations
        while len(self._generations) <= planned and (row := self._next_generation()):
            self._generations.append(row)
        finished = len(self._generations) > planned or run.ended() is not None
        step = None if finished else self._step(len(self._generations))
        judged, answer = self._latest(len(self._generations))
        return State(
            name=run.recipe.name,
            seed=run.recipe.seed,
            planned=planned,
            finished=finished,
            writer=writer(run.path),
            step=step,
            generations=tuple(self._generations),
            spent=self._spent(),
            judged=judged,
            answer=answer,
        )

    def _next_generation(self) -> Generation | None:
        return self.run.generation(len(self._generations))

    def _step(self, number: int) -> Step:
        """The first step of a generation whose file is not there."""
        run = self.run
        if not (run.path / "tasks.jsonl").exists():
            return Step(number, "tasks", 0, None, None, "")
        weighted = run.recipe.curate.weights == "ratio"
        if number and weighted and not run.likelihoods_file(number).exists():
            return Step(number, "score", 0, None, None, "")
        if number and not run.examples_file(number).exists():
            return Step(number, "curate", 0, None, None, "")
        if number and not run.adapter_folder(number).exists():
            losses = _losses(run.folder(number) / "scratch" / "training.safetensors")
            note = f"loss {losses[-1]:.4f} at the last checkpoint" if losses else ""
            return Step(number, "train", len(losses), None, None, note)
        for name in map(probe_name, run.recipe.probe.names):
            if not run.probe_file(number, name).exists():
                return Step(number, f"probe-{name}", 0, None, None, "")
        for split in SPLITS:
            for step, file in (
                ("deploy", run.traces_file(number, split)),
                ("validate-traces", run.verdicts_file(number, split)),
            ):
                if not file.exists():
                    return self._rows(number, step, split, file)
            if split == "deployed" and run.recipe.validate.second and not run.second_file(number).exists():
                return Step(number, "second", 0, None, None, "")
        return Step(number, "summarise", 0, None, None, "")

    def _rows(self, number: int, step: str, split: Split, file: Path) -> Step:
        recipe = self.run.recipe
        total = recipe.tasks.count * recipe.deploy.samples if split == "deployed" else recipe.tasks.heldout
        tail = self._tail(file, step)
        tail.look()
        valid = None
        if step == "validate-traces":
            valid = round((tail.share or 0.0) * tail.count)
        name = step if split == "deployed" else f"heldout/{step}"
        return Step(number, name, min(tail.count, total), total, valid, "")

    def _tail(self, file: Path, step: str) -> Tail[_Named] | Tail[_Judged]:
        part = file.with_name(file.name + ".part")
        if part not in self._tails:
            made: Tail[_Named] | Tail[_Judged] = (
                Tail(part, _Named, keep=1)
                if step == "deploy"
                else Tail(part, _Judged, lambda row: row.valid, SEEN)
            )
            self._tails = {part: made}  # one step is under way at a time
        return self._tails[part]

    def _latest(self, number: int) -> tuple[tuple[Judged, ...], tuple[str, str] | None]:
        """The last verdicts: of the step under way, else of the last that was validated; and the last answer."""
        rows: list[_Judged] = []
        answer = None
        for tail in self._tails.values():
            rows += [row for row in tail.last if isinstance(row, _Judged)]
            answer = next(((row.id, _cut(row.text)) for row in tail.last if isinstance(row, _Named)), None)
        places = [(n, split) for n in (number, number - 1) if n >= 0 for split in reversed(SPLITS)]
        for n, split in places:
            rows = rows or last_rows(self.run.verdicts_file(n, split), _Judged, SEEN)
        shown = [
            row for valid in (True, False) for row in [row for row in rows if row.valid is valid][-SHOWN:]
        ]
        return tuple(Judged(r.trace_id, r.valid, r.cost, r.fault, _cut(r.reason)) for r in shown), answer

    def _spent(self) -> tuple[Spent, ...]:
        file = self.run.path / "clock.jsonl"
        size = file.stat().st_size if file.exists() else 0
        if size != self._clock[0]:
            seconds: dict[tuple[int | None, str], float] = {}
            for row in self.run.clock():
                key = row["generation"], row["step"]
                seconds[key] = seconds.get(key, 0.0) + row["seconds"]
            self._clock = size, tuple(Spent(n, step, round(s, 3)) for (n, step), s in seconds.items())
        return self._clock[1]


def finished_mark(run: Run) -> str:
    """Changes whenever a generation is finished, and with nothing else: what the page shows is of these files."""
    marks = []
    for number in range(run.recipe.generations + 1):
        try:
            found = run.generation_file(number).stat()
        except FileNotFoundError:
            break
        marks.append(f"{found.st_mtime_ns:x}-{found.st_size:x}")
    return ".".join(marks)


def writer(path: Path) -> str | None:
    """Who writes to a run, as its lock says; None if nobody does, or a process of this machine that is gone."""
    try:
        holder = (path / "lock.pid").read_text(errors="replace").strip()
    except OSError:
        return None
    pid, _, host = holder.partition(" on ")
    if host == platform.node() and pid.isdigit() and not _lives(int(pid)):
        return None
    return holder or None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _losses(file: Path) -> Sequence[float]:
    """The losses up to the last checkpoint of a training, from the head of its file; none if it says none."""
    try:
        with open(file, "rb") as data:
            size = int.from_bytes(data.read(8), "little")
            head = json.loads(data.read(min(size, 1 << 24)))
        losses: list[float] = json.loads(head["__metadata__"]["losses"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return losses


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else text[:TEXT] + " ..."
