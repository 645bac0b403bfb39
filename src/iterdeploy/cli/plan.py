"""`iterdeploy plan`: what a run would do and cost; nothing is run and no folder is made."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_recipe, add_workers, print_json, recipe_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from iterdeploy.plan_ahead import Plan, Step
    from iterdeploy.recipe import Recipe
    from iterdeploy.types import Domain

SAMPLE = 60  # tasks that are made to see how long a prompt is
SAMPLE_OF_RANGE = 12  # where they may be large


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
    from iterdeploy.models.tokens import token_counts, tokenizer_file

    folder = plan_ahead.base_folder(recipe.base.model)
    shape = plan_ahead.shape_of(folder, recipe.train.rank) if folder else None
    count = min(SAMPLE_OF_RANGE if recipe.tasks.range else SAMPLE, recipe.tasks.count)
    tasks = domain.tasks("deployed", count, recipe.tasks.sizes, recipe.tasks.seed)
    prompts = [task.prompt for task in tasks]
    tokenizer = tokenizer_file(recipe.base.model)
    chat = recipe.base.chat
    lengths = token_counts(tokenizer, prompts, chat) if tokenizer else plan_ahead.estimated_tokens(prompts)
    mean = math.ceil(sum(lengths) / len(lengths)) if lengths else 0
    ahead = plan_ahead.plan(recipe, mean, shape, workers)
    return replace(ahead, prompt_longest=max(lengths, default=0), prompt_counted=tokenizer is not None)


def _screen(plan: Plan, workers: int) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("gen", "examples", "tokens trained", "answers", "tokens sampled", "about"):
        table.add_column(name, justify="right")
    for generation in range(plan.generations + 1):
        table.add_row(str(generation), *_cells([s for s in plan.steps if s.generation == generation]))
    head = (
        f"{plan.name}, seed {plan.seed}: {plan.model} on {plan.domain}, generations 0 to {plan.generations}"
    )
    return Group(Text(head, style="bold"), Text(""), table, Text(""), *map(Text, _totals(plan, workers)))


def _cells(steps: list[Step]) -> list[str]:
    from iterdeploy.cli.words import clock_face

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


def _totals(plan: Plan, workers: int) -> list[str]:
    from iterdeploy.cli.words import clock_face, count

    lines = [
        f"tasks     {plan.tasks:,} deployed to every generation, {plan.heldout:,} held out",
        f"answers   {plan.answers:,}, all validated",
        f"tokens    about {plan.sampled_tokens:,} sampled, {plan.trained_tokens:,} trained on",
        f"prompts   {_prompts(plan)}",
    ]
    if plan.seconds is None or plan.disk_bytes is None:
        return [*lines, f"time      unknown: the base {plan.model} is not on this machine"]
    return [
        *lines,
        f"time      about {clock_face(plan.seconds)} on {count(workers, 'CPU core')} with nothing else to do",
        f"disk      about {plan.disk_bytes / 2**20:,.0f} MiB",
        "Tasks and answers are exact; the rest is estimated. A run corrects its time left.",
    ]
