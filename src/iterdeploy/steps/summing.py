"""The row of a generation, and the report."""

from __future__ import annotations

from collections.abc import Callable

from iterdeploy import measure
from iterdeploy.answers import join
from iterdeploy.steps.marks import QUIET, Watch, step_of
from iterdeploy.store import Run
from iterdeploy.store.rows import finished, write_rows
from iterdeploy.types import Generation, Split


def summarise_step(run: Run, generation: int, watch: Watch = QUIET) -> None:
    """Leave generation.json: the row of this generation."""
    file = run.generation_file(generation)
    if finished(file):
        return
    with step_of(run, generation, "summarise", watch) as mark:
        deployed, heldout = solved_of(run, generation, "deployed"), solved_of(run, generation, "heldout")
        row = Generation(
            number=generation,
            model=run.traces(generation)[0].model,
            parent=_parent(run, generation),
            asked=deployed.asked,
            solved=deployed.solved,
            heldout_asked=heldout.asked,
            heldout_solved=heldout.solved,
            examples=len(run.examples(generation)),
        )
        write_rows(file, [row], mark)


def report_step(run: Run, report: Callable[[Run], object], watch: Watch = QUIET) -> None:
    """Write the report anew: it is quick, and always of all generations."""
    with step_of(run, None, "report", watch):
        report(run)


def solved_of(run: Run, generation: int, split: Split) -> measure.Solved:
    """How many tasks of the split this generation solves."""
    answers = join(run.tasks(split), run.traces(generation, split), run.verdicts(generation, split))
    return measure.solved(answers)


def _parent(run: Run, generation: int) -> str | None:
    """The model that a generation was trained from: the base, or the one before."""
    if generation == 0:
        return None
    earlier = generation - 1 if run.recipe.train.start == "last" else 0
    return run.traces(earlier)[0].model
