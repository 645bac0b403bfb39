"""The loop on one page: deploy, validate, curate, train, and deploy again.

Each step leaves one file, reads only files, and does nothing where its file is there. Between the
lines stand the named points of a run, at which it may be killed and started again without a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from iterdeploy import stop
from iterdeploy.steps.answering import deploy_step, heldout_step, second_step, validate_step
from iterdeploy.steps.guarding import gate_step, probe_step, require_ready, stop_step
from iterdeploy.steps.learning import curate_step, score_step, train_step
from iterdeploy.steps.marks import Watch
from iterdeploy.steps.summing import report_step, summarise_step
from iterdeploy.steps.tasks import make_tasks
from iterdeploy.store import Run
from iterdeploy.types import (
    Checkpoint,
    Domain,
    Generation,
    Model,
    Observer,
    Probe,
    Trainer,
    TrainingJob,
    ignore_point,
    ignore_progress,
)
from iterdeploy.validators import Judge, one_by_one


def run_loop(
    run: Run,
    domain: Domain,
    trainer: Trainer,
    *,
    observe: Observer = ignore_progress,
    point: Checkpoint = ignore_point,
    report: Callable[[Run], object] | None = None,
    judge: Judge = one_by_one,
    second: Domain | None = None,
    probes: Mapping[str, Probe] | None = None,
) -> list[Generation]:
    """Run a recipe to its last generation, or go on where it stopped; the rows of all generations.

    `second` is the domain with the recipe's second validator, if it names one; `probes` are those that it names, by
    `gates.probe_name`. A stop rule or a gate of the recipe ends the run early (`run.ended()`).
    Raises Locked if another process writes to the folder, NotReady if the base solves too little.
    """
    watch, trainer = Watch(observe, point), _OneAtATime(trainer)
    with run.lock():
        make_tasks(run, domain, watch)
        seen: list[stop.Standing] = []
        for generation in range(run.recipe.generations + 1):
            if generation > 0:
                score_step(run, trainer, generation, watch)
                curate_step(run, generation, watch)
                train_step(run, trainer, generation, watch)
            probe_step(run, trainer, probes or {}, generation, watch)
            if gate_step(run, generation, watch):
                break
            deploy_step(run, trainer, generation, watch)
            validate_step(run, domain, generation, watch, judge=judge)
            second_step(run, second, generation, watch)
            if generation == 0 and run.recipe.generations:
                require_ready(run)
            heldout_step(run, domain, trainer, generation, watch, judge)
            summarise_step(run, generation, watch)
            if stop_step(run, generation, seen, watch):
                break
        if report is not None:
            report_step(run, report, watch)
    return run.generations()


def point_kinds() -> tuple[str, ...]:
    """The points of a run with N for the generation; a trainer adds its own below gen-N/train/.

    A run that a rule or a gate ends has those of a whole step below gen-N/stop or gen-N/gate too.
    """
    rowed = ("before", "row", "written", "renamed", "after")
    whole = ("before", "written", "renamed", "after")
    steps = {
        "tasks": whole,
        "gen-N/score": whole,
        "gen-N/curate": whole,
        "gen-N/train": whole,
        "gen-N/probe-NAME": rowed,  # for each probe of the recipe
        "gen-N/deploy": rowed,
        "gen-N/validate-traces": rowed,
        "gen-N/second": whole,
        "gen-N/heldout/deploy": rowed,
        "gen-N/heldout/validate-traces": rowed,
        "gen-N/summarise": whole,
        "report": ("before", "after"),
    }
    return tuple(f"{step}/{event}" for step, events in steps.items() for event in events)


class _OneAtATime:
    """A Trainer that keeps the model it opened last, for a generation answers two lots of tasks."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._opened: dict[Path | None, Model] = {}

    def train(self, job: TrainingJob) -> None:
        self._opened.clear()
        self._trainer.train(job)

    def load(self, adapter: Path | None) -> Model:
        if adapter not in self._opened:
            self._opened = {}
            self._opened[adapter] = self._trainer.load(adapter)
        return self._opened[adapter]
