"""A plan beside what the run then took, step by step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from iterdeploy.plan_ahead.estimate import Plan
from iterdeploy.store import Run
from iterdeploy.types import Split

STEPS = ("train", "deploy", "heldout/deploy", "validate-traces", "heldout/validate-traces")


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity of one step; `generation` is None for a sum over all."""

    generation: int | None
    step: str
    unit: str  # seconds, tokens or examples
    estimated: float
    measured: float

    @property
    def ratio(self) -> float | None:
        """Estimated over measured; above 1: the run took less than was said."""
        return self.estimated / self.measured if self.measured else None


def compare(plan: Plan, run: Run) -> list[Compared]:
    """All that the plan says and the run's folder knows; steps that the run has not finished are left out."""
    clock: dict[tuple[int | None, str], float] = defaultdict(float)
    for entry in run.clock():
        clock[entry["generation"], entry["step"]] += entry["seconds"]
    rows = []
    for step in plan.steps:
        key = (step.generation, step.step)
        if key in clock and step.seconds is not None:
            rows.append(Compared(*key, "seconds", step.seconds, clock[key]))
        if key in clock and step.step in ("deploy", "heldout/deploy"):
            split: Split = "heldout" if step.step.startswith("heldout") else "deployed"
            said = sum(len(trace.token_ids) for trace in run.traces(step.generation, split))
            rows.append(Compared(*key, "tokens", step.tokens, said))
        if key in clock and step.step == "train":
            rows.append(Compared(*key, "examples", step.units, len(run.examples(step.generation))))
    return [*rows, *_sums(rows, plan, clock)]


def _sums(rows: list[Compared], plan: Plan, clock: dict[tuple[int | None, str], float]) -> list[Compared]:
    sums = []
    for unit, steps in (("tokens", STEPS[1:3]), ("examples", STEPS[:1]), ("seconds", STEPS)):
        for step in steps:
            part = [row for row in rows if row.step == step and row.unit == unit]
            if part:
                said, took = sum(row.estimated for row in part), sum(row.measured for row in part)
                sums.append(Compared(None, step, unit, said, took))
    if plan.seconds is not None and (None, "report") in clock:  # it came to its end
        sums.append(Compared(None, "whole run", "seconds", plan.seconds, sum(clock.values())))
    return sums
