"""`iterdeploy begin` and `iterdeploy tasks`: the tasks of a run, or of a domain, and nothing more."""

from __future__ import annotations

import argparse
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_recipe, recipe_of
from iterdeploy.errors import BadInput


def add(commands: Commands) -> None:
    """Add `begin` and `tasks` to the command line."""
    begin = commands.add_parser("begin", help="make a run's folder and its tasks, and stop there")
    add_recipe(begin)
    begin.add_argument("--out", type=Path, metavar="RUN", help="the run's folder; default: runs/NAME-seedN")
    begin.set_defaults(act=act)
    tasks = commands.add_parser("tasks", help="write tasks of a domain as PDDL files")
    tasks.add_argument("domain", metavar="DOMAIN", help="a domain that ships, or module:attribute")
    tasks.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder for the files")
    tasks.add_argument("--count", type=int, default=10, metavar="N", help="how many tasks; default: 10")
    tasks.add_argument("--sizes", default="6,7,8", metavar="N,N,...", help="their sizes; default: 6,7,8")
    tasks.add_argument("--split", choices=("deployed", "heldout"), default="deployed", help="which split")
    tasks.add_argument("--seed", type=int, default=0, metavar="N", help="the seed of the tasks; default: 0")
    tasks.set_defaults(act=write_tasks)


def act(args: argparse.Namespace) -> int:
    """Write recipe.toml and tasks.jsonl."""
    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.cli.run import default_folder
    from iterdeploy.loop import make_tasks
    from iterdeploy.store import Run

    recipe = recipe_of(args)
    run = Run.create(args.out or default_folder(recipe), recipe)
    with run.lock():
        make_tasks(run, open_domain(recipe))
    print(f"{len(run.tasks())} tasks in {run.path}; next: iterdeploy deploy {run.path} --generation 0")
    return 0


def write_tasks(args: argparse.Namespace) -> int:
    """Write domain.pddl, and a problem file for each task."""
    from dataclasses import replace

    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.recipe import Recipe
    from iterdeploy.store import disk

    recipe = Recipe()
    domain = open_domain(replace(recipe, tasks=replace(recipe.tasks, domain=args.domain)))
    tasks = domain.tasks(args.split, args.count, sizes_of(args.sizes), args.seed)
    for task in tasks:
        if not {"domain", "problem"} <= task.spec.keys():
            raise BadInput(f"domain {args.domain!r} is not PDDL: its tasks have no domain and problem text")
        disk.put(args.out / "domain.pddl", task.spec["domain"].encode())
        disk.put(args.out / f"{task.id}.pddl", task.spec["problem"].encode())
    print(f"{len(tasks)} tasks in {args.out}")
    return 0


def sizes_of(text: str) -> tuple[int, ...]:
    """Sizes from "6,7,8"; raises BadInput for anything else."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as cause:
        raise BadInput(f"sizes are whole numbers with commas between, such as 6,7,8; not {text!r}") from cause
