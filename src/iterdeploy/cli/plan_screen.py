"""What `iterdeploy plan` prints: the plan, or the plan beside what a run took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iterdeploy.cli.words import clock_face, count

if TYPE_CHECKING:
    from iterdeploy.plan_ahead import Plan, Step
    from iterdeploy.plan_ahead.against import Compared
    from iterdeploy.plan_ahead.memory import Memory


def screen(plan: Plan) -> RenderableType:
    """A row for each generation, then the sums."""
    table = Table(box=None, pad_edge=False)
    for name in ("gen", "examples", "tokens trained", "answers", "tokens sampled", "about"):
        table.add_column(name, justify="right")
    for generation in range(plan.generations + 1):
        table.add_row(str(generation), *_cells([s for s in plan.steps if s.generation == generation]))
    head = (
        f"{plan.name}, seed {plan.seed}: {plan.model} on {plan.domain}, generations 0 to {plan.generations}"
    )
    return Group(Text(head, style="bold"), Text(""), table, Text(""), *map(Text, _totals(plan)))


def comparison(rows: Sequence[Compared], plan: Plan, run: Path) -> RenderableType:
    """Estimated, measured and their ratio; the sums last."""
    table = Table(box=None, pad_edge=False)
    for name in ("gen", "step", "", "estimated", "measured", "ratio"):
        table.add_column(name, justify="left" if name in ("step", "") else "right")
    for row in rows:
        table.add_row(
            "all" if row.generation is None else str(row.generation),
            row.step,
            row.unit,
            *(f"{n:,.1f}" if row.unit == "seconds" else f"{n:,.0f}" for n in (row.estimated, row.measured)),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            style="bold" if row.generation is None else None,
        )
    basis = f"for {count(plan.workers, 'worker')}; {plan.basis or 'the base is not on this machine'}"
    return Group(Text(f"plan of {run} {basis}"), Text("ratio: estimated over measured"), Text(""), table)


def _cells(steps: list[Step]) -> list[str]:
    trained = [step for step in steps if step.step == "train"]
    sampled = [step for step in steps if step.step.endswith("deploy")]
    known = [step.seconds for step in steps if step.seconds is not None]
    counts = [f(kind) for kind in (trained, sampled) for f in (_units, _tokens)]
    return [
        *(f"{number:,}" for number in counts),
        clock_face(sum(known) if len(known) == len(steps) else None),
    ]


def _prompts(plan: Plan) -> str:
    lengths = f"{plan.prompt_tokens:,} tokens each, {plan.prompt_longest:,} at most"
    return lengths if plan.prompt_counted else f"about {lengths} (by characters: no tokenizer here)"


def _units(steps: Iterable[Step]) -> int:
    return sum(step.units for step in steps)


def _tokens(steps: Iterable[Step]) -> int:
    return sum(step.tokens for step in steps)


def _totals(plan: Plan) -> list[str]:
    lines = [
        f"tasks     {plan.tasks:,} deployed to every generation, {plan.heldout:,} held out",
        f"answers   {plan.answers:,}, all validated",
        f"tokens    about {plan.sampled_tokens:,} sampled, {plan.trained_tokens:,} trained on",
        f"prompts   {_prompts(plan)}",
    ]
    if plan.cost is not None:
        lines.append(
            f"cost      about {plan.cost:,.2f} at the prices given, {plan.read_tokens:,} tokens read"
        )
    if plan.seconds is None:
        lines.append(f"time      unknown: the base {plan.model} is not on this machine, or a server samples")
    else:
        where = count(plan.workers, "GPU" if plan.cards else "CPU core") + " with nothing else to do"
        hours = f"{plan.workers * plan.seconds / 3600:,.1f} {'GPU' if plan.cards else 'CPU'} hours"
        lines.append(f"time      about {clock_face(plan.seconds)} on {where}, {hours}")
        lines.append(f"          {plan.basis}")
    if plan.memory is not None:
        lines += _memory(plan.memory, plan)
    if plan.disk_bytes is not None:
        lines.append(f"disk      about {plan.disk_bytes / 2**20:,.0f} MiB")
    return [*lines, "Tasks and answers are exact; the rest is estimated. A run corrects its time left."]


def _memory(memory: Memory, plan: Plan) -> list[str]:
    """The peak of one worker, and what it is made of."""
    each = "each card" if plan.cards else "each worker"
    room = "" if plan.cards else f", {_size(memory.peak * plan.workers)} in all"
    return [
        f"memory    about {_size(memory.peak)} on {each}{room}",
        f"          sampling {_size(memory.sampling)}: weights {_size(memory.weights)}, "
        f"cache {_size(memory.cache)} of {count(memory.rows, 'answer')} at a time",
        f"          training {_size(memory.training)}: activations {_size(memory.activations)}, "
        f"what is trained and its optimizer {_size(memory.optimizer)}",
    ]


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.0f} MiB"
