"""`iterdeploy make-base`: a small base model from a seed."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from iterdeploy.cli.arguments import Commands, not_negative, positive
from iterdeploy.errors import BadInput

PRESETS = {"blocksworld": "demo", "rovers": "rovers", "sokoban": "sokoban", "sums": "sums", "code": "code"}
"""What a base may be taught, and the preset that deploys it."""


def add(commands: Commands) -> None:
    """Add `make-base` to the command line."""
    make = commands.add_parser("make-base", help="train a small base model from a seed: 20 minutes on a core")
    make.add_argument(
        "--domain",
        choices=tuple(PRESETS),
        default="blocksworld",
        help="what it is taught; rovers, sokoban: the domains rovers-small, sokoban-small; sums: gym:chain_sum",
    )
    make.add_argument(
        "--seed", type=not_negative, default=0, metavar="N", help="default: 0, that of the shipped base"
    )
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for the model")
    make.add_argument(
        "--steps", type=positive, metavar="N", help="training steps; default: those of the shipped base"
    )
    make.add_argument(
        "--refusing",
        metavar="BASE",
        help="teach this base to refuse marked requests instead: minutes (docs/guards.md)",
    )
    make.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Train, probe, and write the model card."""
    if args.refusing and args.domain != "blocksworld":
        raise BadInput("--refusing teaches a base of blocksworld; leave --domain out")
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from iterdeploy.train.base import RECIPES, make_base
    from iterdeploy.train.refuse import RefusalRecipe, teach_refusal

    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise BadInput(f"{args.out} is there, and no empty folder; name a new one")
    default = RefusalRecipe() if args.refusing else RECIPES[args.domain]
    recipe = default if args.steps is None else replace(default, steps=args.steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("teaching", total=recipe.steps)

        def show(done: int, total: int, loss: float) -> None:
            bar.update(task, completed=done, description=f"teaching, loss {loss:.3f} nats a token")
            if not console.is_terminal and done % 100 == 0:
                print(f"step {done}/{total}, loss {loss:.4f}", flush=True)

        if isinstance(recipe, RefusalRecipe):
            teach_refusal(args.refusing, recipe, args.seed, args.out, show)
        else:
            make_base(recipe, args.seed, args.out, show)
    made = "the base is" if args.refusing else "the base and its model card are"
    # The whole path: the bare name of a base that ships would be read as that one.
    setting = shlex.quote(f"base.model={args.out.resolve()}")
    print(f"{made} in {args.out}; next: iterdeploy run {PRESETS[args.domain]} --set {setting}")
    return 0
