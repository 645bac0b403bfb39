"""A whole run in a second, without weights or PDDL; as a program, runs that kill themselves at named points.

    python tests/scripted_run.py FOLDER POINT COUNT [FOLDER POINT COUNT ...]

runs the loop in each FOLDER, in a process of its own that sends itself SIGKILL at the COUNT-th time that
its POINT is reached.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iterdeploy.loop import run_loop
from iterdeploy.models.scripted import END_TEXT, ScriptedTrainer
from iterdeploy.recipe import Base, Curate, Probe, Recipe, Tasks, Train, Validate, with_settings
from iterdeploy.store import Run, disk
from iterdeploy.types import (
    Checkpoint,
    Fault,
    Generation,
    Question,
    Split,
    Task,
    Trace,
    Verdict,
    ignore_point,
)

RECIPE = Recipe(
    name="scripted",
    seed=3,
    generations=2,
    tasks=Tasks(domain="counting", sizes=(2, 3, 4), count=12, heldout=6),
    base=Base(model="scripted", ready_share=0.0),
    validate=Validate(second="val", second_sample=3),  # a name; the domain comes with the call
    curate=Curate(weights="ratio"),
    train=Train(epochs=20.0),
    probe=Probe(names=("probes:counts", "probes:liked"), count=4),  # names; the probes come with the call
)


class Counting:
    """Tasks "count to n": a plan is valid if its steps are 1, 2, ... n, with idle steps in between."""

    name = "counting"

    def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
        return [self._task(split, number, sizes[number % len(sizes)]) for number in range(count)]

    def validate(self, task: Task, trace: Trace) -> Verdict:
        plan = tuple(trace.text.removesuffix(END_TEXT).split())
        counted = [step for step in plan if step != "idle"]
        valid = counted == [str(number) for number in range(1, task.size + 1)]
        return Verdict(
            trace_id=trace.id,
            validator="counting-1",
            valid=valid,
            cost=len(plan),
            fault=None if valid else Fault.GOAL,
            reason="" if valid else f"counted {' '.join(counted)}, not to {task.size}",
            plan=plan,
        )

    def _task(self, split: Split, number: int, size: int) -> Task:
        return Task(f"{split}-{number:03}", self.name, f"count to {size}", {}, split, size)


def counted(prompt: str, chance: random.Random) -> str:
    """A valid plan, at times with idle steps, so that there is a shortest one."""
    steps = [str(number) for number in range(1, int(prompt.split()[-1]) + 1)]
    return " ".join(["idle"] * chance.randrange(3) + steps)


def miscounted(prompt: str, chance: random.Random) -> str:
    """A plan that stops too early."""
    return " ".join(str(number) for number in range(1, int(prompt.split()[-1])))


class Counts:
    """A probe that is sampled: 1 where counting to n is right."""

    def questions(self, count: int) -> list[Question]:
        return [Question(str(n), f"count to {n}", str(n)) for n in range(3, 3 + count)]

    def value(self, question: Question, text: str) -> float:
        return float(text.removesuffix(END_TEXT).split()[-1:] == [question.answer])


class Liked(Counts):
    """A probe that is scored."""

    def questions(self, count: int) -> list[Question]:
        return [Question(str(n), prompt_ids=(n,), completion_ids=(n, n)) for n in range(count)]


PROBES = {"counts": Counts(), "liked": Liked()}


def trainer() -> ScriptedTrainer:
    return ScriptedTrainer(right=counted, wrong=miscounted, base_share=0.3, halfway=4)


def report(run: Run) -> None:
    """A report of two lines, for the bytes to be compared."""
    lines = [json.dumps([row.number, row.solved, row.heldout_solved]) for row in run.generations()]
    disk.put(run.path / "report.json", "\n".join(lines).encode())


def go(folder: Path, recipe: Recipe = RECIPE, point: Checkpoint = ignore_point) -> list[Generation]:
    """Start a run or go on with it."""
    run = Run.create(folder, recipe)
    return run_loop(run, Counting(), trainer(), point=point, report=report, second=Counting(), probes=PROBES)


def with_curation(rule: Curate) -> Recipe:
    return replace(RECIPE, curate=rule)


def files_of(folder: Path) -> dict[str, bytes]:
    """What two equal runs share: every file but the clock, the page that shows its times, and the lock."""
    apart = {"clock.jsonl", "report.html", "lock", "lock.pid"}
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in apart)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def kill_at(name: str, count: int) -> Checkpoint:
    """A Checkpoint that kills this process, without any chance to tidy up."""
    seen: Counter[str] = Counter()

    def point(reached: str) -> None:
        seen[reached] += 1
        if reached == name and seen[reached] == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return point


def die(folder: Path, point: str, count: int, recipe: Recipe = RECIPE) -> None:
    """Run the loop in a process of its own and see that it was killed."""
    child = os.fork()  # a fresh interpreter for each would take ten times as long
    if child == 0:
        try:
            go(folder, recipe, kill_at(point, count))
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        sys.exit(f"the run in {folder} never reached {point} {count} times")


if __name__ == "__main__":
    assert "torch" not in sys.modules
    settings, rest = os.environ.get("SETTINGS", ""), sys.argv[1:]
    while rest:
        where, name, number, *rest = rest
        die(Path(where), name, int(number), with_settings(RECIPE, settings.split(";") if settings else []))
