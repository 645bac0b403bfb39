"""`iterdeploy plan`: what a run would do and cost; nothing is run and no folder is made."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_recipe, add_workers, print_json, recipe_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iterdeploy.plan_ahead import Plan, Step
    from iterdeploy.recipe import Recipe
    from iterdeploy.types import Domain

SAMPLE = 60  # tasks that are made to see how long a prompt is


def add(commands: Commands) -> None:
    """Add `plan` to the command line."""
    plan = commands.add_parser("plan", help="say what a run would do: tasks, samples, tokens, time, disk")
    add_recipe(plan)
    add_workers(plan)
    add_json(plan)
    plan.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the plan."""
    from iterdeploy.cli.rooms import open_domain

    recipe = recipe_of(args)
    ahead = plan_of(recipe, args.workers, open_domain(recipe))
    if args.json:
        print_json(asdict(ahead))
        return 0
    from rich.console import Console

    Console(highlight=False).print(_screen(ahead, args.workers))
    return 0


def plan_of(recipe: Recipe, workers: int, domain: Domain) -> Plan:
    """The plan of a recipe on this machine; a few tasks are made to measure their prompts."""
    from iterdeploy import plan_ahead

    folder = plan_ahead.base_folder(recipe.base.model)
    shape = plan_ahead.shape_of(folder, recipe.train.rank) if folder else None
    count = min(SAMPLE, recipe.tasks.count)
    tasks = domain.tasks("deployed", count, recipe.tasks.sizes, recipe.tasks.seed)
    small = shape is not None and shape.parameters < 20_000_000  # such a base has a vocabulary of words
    return plan_ahead.plan(recipe, plan_ahead.prompt_length(tasks, words=small), shape, workers)


def _screen(plan: Plan, workers: int) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("generation", "step", "units", "tokens", "about"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for step in plan.steps:
        if step.units and not step.step.endswith("validate-traces"):
            table.add_row(str(step.generation), step.step, *_cells(step))
    head = (
        f"{plan.name}, seed {plan.seed}: {plan.model} on {plan.domain}, generations 0 to {plan.generations}"
    )
    return Group(Text(head, style="bold"), Text(""), table, Text(""), *map(Text, _totals(plan, workers)))


def _cells(step: Step) -> tuple[str, str, str]:
    from iterdeploy.cli.time_left import clock_face

    noun = "examples" if step.step == "train" else "answers"
    return f"{step.units:,} {noun}", f"{step.tokens:,}", clock_face(step.seconds)


def _totals(plan: Plan, workers: int) -> list[str]:
    from iterdeploy.cli.time_left import clock_face
    from iterdeploy.report.markdown import count

    lines = [
        f"tasks     {plan.tasks:,} deployed to every generation, {plan.heldout:,} held out",
        f"answers   {plan.answers:,}, all validated",
        f"tokens    about {plan.sampled_tokens:,} sampled, {plan.trained_tokens:,} trained on; "
        f"a prompt has about {plan.prompt_tokens}",
    ]
    if plan.seconds is None or plan.disk_bytes is None:
        return [*lines, f"time      unknown: the base {plan.model} is not on this machine"]
    return [
        *lines,
        f"time      about {clock_face(plan.seconds)} on {count(workers, 'CPU core')} with nothing else to do",
        f"disk      about {plan.disk_bytes / 2**20:,.0f} MiB",
        "Tasks and answers are exact; the rest is estimated, and corrected while a run goes on.",
    ]
