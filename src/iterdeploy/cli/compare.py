"""`iterdeploy compare`: several runs side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from iterdeploy.cli.arguments import Commands, add_json


def add(commands: Commands) -> None:
    """Add `compare` to the command line."""
    compare = commands.add_parser(
        "compare", help="put runs side by side, seeds together, with tests of differences"
    )
    compare.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN", help="folders of runs; the first is the measure"
    )
    compare.add_argument(
        "--out", type=Path, metavar="DIR", help="write comparison.md, .json, .svg and .png into this folder"
    )
    add_json(compare)
    compare.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the comparison, and write it where asked."""
    from iterdeploy.report.compare import compare, comparison
    from iterdeploy.store import Run

    found = compare([Run.open(folder) for folder in args.folders])
    written: list[Path] = []
    if args.out is not None:
        from iterdeploy.report.compare_files import write_comparison

        written = write_comparison(found, args.out)
    if args.json:
        from iterdeploy.report.compare_files import to_json

        sys.stdout.write(to_json(found).decode())
        return 0
    from rich.console import Console

    console = Console(highlight=False)
    console.print(comparison(found))
    if written:
        names = ", ".join(path.name for path in written)
        console.print(f"\nwritten to {args.out}: {names}", markup=False, soft_wrap=True)
    return 0
