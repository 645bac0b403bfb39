"""`iterdeploy begin`: a run's folder and its tasks, and nothing more."""

from __future__ import annotations

import argparse
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_recipe, recipe_of


def add(commands: Commands) -> None:
    """Add `begin` to the command line."""
    begin = commands.add_parser("begin", help="make a run's folder and its tasks, and stop there")
    add_recipe(begin)
    begin.add_argument("--out", type=Path, metavar="RUN", help="the run's folder; default: runs/NAME-seedN")
    begin.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Write recipe.toml and tasks.jsonl."""
    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.cli.run import default_folder
    from iterdeploy.steps.tasks import make_tasks
    from iterdeploy.store import Run

    recipe = recipe_of(args)
    run = Run.create(args.out or default_folder(recipe), recipe)
    with run.lock():
        make_tasks(run, open_domain(recipe))
    print(f"{len(run.tasks())} tasks in {run.path}; next: iterdeploy deploy {run.path} --generation 0")
    return 0
