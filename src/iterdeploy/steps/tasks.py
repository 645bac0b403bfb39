"""The tasks of a run, made once."""

from __future__ import annotations

from collections.abc import Sequence

from iterdeploy.errors import BadInput, RecipeChanged
from iterdeploy.steps.marks import QUIET, Watch, step_of
from iterdeploy.store import Run
from iterdeploy.store.rows import finished, write_rows
from iterdeploy.types import SPLITS, Domain, Split, Task


def make_tasks(run: Run, domain: Domain, watch: Watch = QUIET) -> None:
    """Leave tasks.jsonl: the deployed tasks, then the held-out ones."""
    file = run.path / "tasks.jsonl"
    if finished(file):
        refuse_changed_tasks(run, domain)
        return
    with step_of(run, None, "tasks", watch) as mark:
        write_rows(file, _tasks_of(run, domain), mark)


def _tasks_of(run: Run, domain: Domain) -> list[Task]:
    wanted = run.recipe.tasks
    counts: dict[Split, int] = {"deployed": wanted.count, "heldout": wanted.heldout}
    tasks: list[Task] = []
    for split in SPLITS:
        made = domain.tasks(split, counts[split], wanted.sizes, wanted.seed) if counts[split] else []
        _refuse_tasks_unless(made, split, counts[split], domain.name)
        tasks += made
    _refuse_shared(tasks, domain.name)
    return tasks


def refuse_changed_tasks(run: Run, domain: Domain) -> None:
    """Raise RecipeChanged if the run's tasks are files (`domain.given`), and they are not what they were.

    A run goes on from its own copy of the tasks; files that changed since are no longer what its recipe names.
    """
    if not getattr(domain, "given", False) or not finished(run.path / "tasks.jsonl"):
        return
    now = {task.id: task for task in _tasks_of(run, domain)}
    changed = [task.spec.get("file", task.id) for task in run.tasks() if now.get(task.id) != task]
    if changed:
        raise RecipeChanged(
            f"{run.recipe.tasks.domain} has changed since this run took its tasks from it, first in {changed[0]}; "
            f"put the files back as they were, or start a new run in another folder",
            [f"tasks from {file}" for file in changed],
        )


def _refuse_tasks_unless(tasks: Sequence[Task], split: Split, count: int, name: str) -> None:
    wrong = [task.id for task in tasks if (task.split, task.domain) != (split, name)]
    if wrong:
        raise BadInput(
            f"domain {name}: {wrong[0]} was asked for as {split}, but says another split or domain"
        )
    if len(tasks) != count:
        raise BadInput(
            f"domain {name} made {len(tasks)} {split} tasks where {count} were asked; "
            "ask for fewer, or for more or larger tasks.sizes"
        )


def _refuse_shared(tasks: Sequence[Task], name: str) -> None:
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise BadInput(f"domain {name}: the task id {task.id} came twice; each task needs its own")
        seen.add(task.id)
