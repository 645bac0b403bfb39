"""`iterdeploy compare`: several runs side by side."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, print_json

if TYPE_CHECKING:
    from iterdeploy.store import Run


def add(commands: Commands) -> None:
    """Add `compare` to the command line."""
    compare = commands.add_parser("compare", help="put several runs side by side")
    compare.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    add_json(compare)
    compare.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print a row for each run, and what differs from the first."""
    from iterdeploy.cli.report import known_bound
    from iterdeploy.report.compare import agreement, compare, comparison, seeds
    from iterdeploy.report.numbers import read_numbers
    from iterdeploy.store import Run

    runs = [Run.open(folder) for folder in args.folders]
    rows = compare(
        [(str(run.path), read_numbers(run, known_bound(run.recipe)), _changes(runs[0], run)) for run in runs]
    )
    together = seeds(runs)
    if args.json:
        print_json({"runs": [asdict(row) for row in rows], "seeds": [asdict(group) for group in together]})
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    console.print(comparison(rows))
    for group in together:
        console.print()
        console.print(agreement(group))
    return 0


def _changes(first: Run, run: Run) -> list[str]:
    from iterdeploy.recipe import settings_of

    there, here = dict(settings_of(first.recipe)), dict(settings_of(run.recipe))
    return [f"{key}: {here[key]!r}, not {there[key]!r}" for key in there if there[key] != here[key]]
