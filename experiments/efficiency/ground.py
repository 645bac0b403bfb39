"""What all arms have in common: tasks, base, validator, what is counted, and how a model is measured."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iterdeploy import recipe as recipes
from iterdeploy.cli.rooms import open_domain
from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.recipe import Recipe
from iterdeploy.seeds import seed_of
from iterdeploy.train.local import LocalTrainer
from iterdeploy.types import Request, Task


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked; an arm ends at the target, or when it has spent `budget` samples."""

    sizes: tuple[int, ...]
    deployed: int
    heldout: int
    budget: int
    measured_every: int  # samples between two measurements of an arm that has no generations
    dice: int = 5  # measurements of the base, whose mean counts
    times: float = 2.0  # of what the base solves: the target
    tasks: int = 0  # the seed that tasks are drawn with


FULL = Size((6, 7, 8, 9, 10), 160, 200, 3840, 320)
QUICK = Size((6, 7, 8), 80, 60, 320, 64, dice=2, times=1.25)


@dataclass(slots=True)
class Spent:
    """What an arm has cost so far; measuring is not counted."""

    samples: int = 0
    valid: int = 0
    trained_tokens: int = 0  # completion tokens that went through a backward pass, each time that they did
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: what was spent until then, and how many held-out tasks the model solves."""

    samples: int
    valid: int
    trained_tokens: int
    cpu_seconds: float
    heldout: int

    @classmethod
    def of(cls, spent: Spent, heldout: int) -> Point:
        return cls(**(asdict(spent) | {"cpu_seconds": round(spent.cpu_seconds, 1), "heldout": heldout}))


@dataclass(slots=True)
class Course:
    """An arm of one seed on its way: its measurements, and where it ends."""

    arm: str
    settings: str
    seed: int
    target: float
    budget: int
    points: list[Point] = field(default_factory=list)
    deployed: int = 0  # of the last model

    def over(self) -> bool:
        """Whether the last measurement is at the target, or the samples are spent."""
        return self.reached() or self.points[-1].samples >= self.budget

    def reached(self) -> bool:
        return self.points[-1].heldout >= self.target

    def write(self, file: Path) -> None:
        unfinished = file.with_suffix(".tmp")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n")
        unfinished.rename(file)

    @classmethod
    def read(cls, file: Path) -> Course:
        held: dict[str, Any] = json.loads(file.read_text())
        return cls(**held | {"points": [Point(**point) for point in held["points"]]})


class Ground:
    """The demo's domain and base at one size; models are measured with our engine, at the settings of the demo."""

    def __init__(self, size: Size, seed: int, settings: Sequence[str] = ()) -> None:
        of_size = [
            f"seed={seed}",
            f"tasks.sizes={list(size.sizes)}",
            f"tasks.seed={size.tasks}",
            f"tasks.count={size.deployed}",
            f"tasks.heldout={size.heldout}",
        ]
        self.size, self.seed = size, seed
        self.recipe: Recipe = recipes.with_settings(recipes.preset("demo"), [*of_size, *settings])
        self.domain = open_domain(self.recipe)
        wanted = self.recipe.tasks
        self.deployed = self.domain.tasks("deployed", size.deployed, wanted.sizes, wanted.seed)
        self.heldout = self.domain.tasks("heldout", size.heldout, wanted.sizes, wanted.seed)
        self._eyes = LocalTrainer(self.recipe, names=NAMES)  # for measuring alone: it trains nothing

    def solved(self, adapter: Path | None, tasks: Sequence[Task], dice: int = 0) -> int:
        """How many of the tasks a model solves, one answer each; the same dice for every model of a seed."""
        requests = [
            Request(task.id, task.id, task.prompt, 0, 0, seed_of(self.seed, "efficiency", dice, task.id))
            for task in tasks
        ]
        by_id = {task.id: task for task in tasks}
        traces = self._eyes.load(adapter).answer(requests)
        return sum(self.domain.validate(by_id[trace.task_id], trace).valid for trace in traces)

    def prompt_ids(self, tasks: Sequence[Task]) -> list[list[int]]:
        """What our models read of the tasks."""
        return self._eyes.prompt_ids([Request(t.id, t.id, t.prompt, 0, 0, 0) for t in tasks])


def base_solves(runs: Path, size: Size) -> float:
    """Held-out tasks that the base solves, a mean of `dice` measurements; measured once."""
    file = runs / "base.json"
    if not file.is_file():
        ground = Ground(size, 0)
        measured = [ground.solved(None, ground.heldout, dice) for dice in range(1, size.dice + 1)]
        runs.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(measured) + "\n")
    measured = json.loads(file.read_text())
    return math.fsum(measured) / len(measured)
