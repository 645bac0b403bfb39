"""`iterdeploy report`: write the report of a run anew, and show it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_run
from iterdeploy.errors import BadInput

if TYPE_CHECKING:
    from iterdeploy.measure import Bound
    from iterdeploy.recipe import Recipe


def add(commands: Commands) -> None:
    """Add `report` to the command line."""
    report = commands.add_parser("report", help="write a run's page, tables and picture, and show the table")
    add_run(report)
    add_json(report)
    report.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Write its files; print the overview, or report.json."""
    from iterdeploy.report.write import write_report
    from iterdeploy.store import Run

    run = Run.open(args.folder)
    numbers = write_report(run, known_bound(run.recipe))
    if args.json:
        sys.stdout.write((run.path / "report.json").read_text())
        return 0
    from rich.console import Console

    from iterdeploy.report.terminal import overview

    console = Console(highlight=False)
    console.print(overview(numbers))
    console.print(f"\nto look at: {run.path / 'report.html'}", markup=False, soft_wrap=True)
    console.print("beside it: report.md, report.json", end="")
    console.print(", solved.svg, solved.png" if numbers.generations else "")
    return 0


def known_bound(recipe: Recipe) -> Bound | None:
    """The domain's bound; without the domain's own code, a word on standard error and none."""
    from iterdeploy.cli.rooms import bound_of, open_domain

    try:
        return bound_of(open_domain(recipe, judging=False))
    except BadInput as cause:
        print(f"iterdeploy: plans are not compared with a bound: {cause}", file=sys.stderr)
        return None
