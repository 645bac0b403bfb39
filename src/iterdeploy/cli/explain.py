"""`iterdeploy explain`: where a generation comes from, and who learned from a trace."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_run, print_json
from iterdeploy.cli.show import printable
from iterdeploy.cli.words import count
from iterdeploy.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from iterdeploy.lineage import Descent, Origin, Taught
    from iterdeploy.store import Run

SHOWN = 10  # examples of a generation on a screen; --json has all


def add(commands: Commands) -> None:
    """Add `explain` to the command line."""
    explain = commands.add_parser(
        "explain", help="say who learned from what: of a run, a generation, or a trace"
    )
    add_run(explain)
    explain.add_argument(
        "trace", nargs="?", metavar="TRACE", help="who sampled this trace and who learned from it"
    )
    explain.add_argument("--generation", type=int, metavar="N", help="where generation N comes from")
    add_json(explain)
    explain.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the lineage that was asked for."""
    from iterdeploy import lineage
    from iterdeploy.store import Run

    run = Run.open(args.folder)
    if args.trace is not None and args.generation is not None:
        raise BadInput(f"ask for the trace {args.trace} or for --generation {args.generation}, not for both")
    if args.trace is not None:
        found = lineage.origin(run, args.trace)
        return _print(args, asdict(found), _of_trace(found))
    rows = lineage.generations(run)
    if args.generation is None:
        return _print(
            args, {"run": str(run.path), "generations": [asdict(row) for row in rows]}, _of_run(run, rows)
        )
    if not 0 <= args.generation < len(rows):
        there = f"generations 0 to {len(rows) - 1}" if rows else "no generation"
        raise BadInput(f"{run.path} has no generation {args.generation} yet; it has {there}")
    taught = lineage.examples(run, args.generation)
    whole = asdict(rows[args.generation]) | {"taught": [asdict(one) for one in taught]}
    return _print(args, whole, _of_generation(run, rows[args.generation], taught))


def _print(args: argparse.Namespace, value: object, lines: Iterator[str | Table]) -> int:
    if args.json:
        print_json(value)
        return 0
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str))
    return 0


def _of_run(run: Run, rows: Sequence[Descent]) -> Iterator[str | Table]:
    from rich.table import Table

    recipe = run.recipe
    yield f"{recipe.name}, seed {recipe.seed}, in {run.path}"
    if not rows:
        yield "no generation has answered yet"
        return
    table = Table(box=None, pad_edge=False)
    for name in ("gen", "from", "examples", "new", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("sampled by")
    table.add_column("adapter", no_wrap=True)
    for row in rows:
        start = "-" if row.parent_generation is None else str(row.parent_generation)
        counts = [str(row.examples), f"+{row.fresh}", f"-{row.dropped}"] if row.number else ["-"] * 3
        table.add_row(str(row.number), start, *counts, _sources(row) or "-", _adapter(row))
    yield table
    yield f"base      {rows[0].model}"
    yield f"curated   {recipe.curate.rule}, from {_pool_words(recipe.curate.pool)}"


def _pool_words(pool: str) -> str:
    return "all generations before" if pool == "all" else "the generation before alone"


def _sources(row: Descent) -> str:
    return ", ".join(f"{source.generation}: {source.examples}" for source in row.sources)


def _adapter(row: Descent) -> str:
    """The adapter's own part of the content id."""
    if not row.number:
        return "the base"
    model = row.model or "not deployed yet"
    return model.partition("+")[2] or model


def _of_generation(run: Run, row: Descent, taught: Sequence[Taught]) -> Iterator[str]:
    yield f"generation {row.number} of {run.recipe.name}, seed {run.recipe.seed}, in {run.path}"
    yield f"model     {row.model or 'it has not answered yet'}"
    if row.row:
        held = f"{row.row.heldout_solved} of {row.row.heldout_asked} held-out"
        yield f"solved    {row.row.solved} of {row.row.asked} deployed, {held}"
    if row.parent_generation is None:
        yield "it is the base: no trace of this run went into it"
        return
    yield f"started   from generation {row.parent_generation}, {row.parent}"
    rule = run.recipe.curate
    k = f" with k = {rule.k}" if rule.rule == "best-k" else ""
    yield f"curated   {rule.rule}{k}, from the traces of generation {', '.join(map(str, row.pool))}"
    yield (
        f"examples  {row.examples:,} of {count(row.tasks, 'task')}: {row.fresh} new since generation "
        f"{row.number - 1}, {row.dropped} of its examples dropped"
    )
    for source in row.sources:
        yield f"          {source.examples:,} sampled by generation {source.generation}, {source.model}"
    for weight, number in sorted(Counter(one.weight for one in taught).items()):
        if weight != 1.0:
            yield f"          {number:,} of weight {weight:g}"
    yield from (f"          {one.trace_id}" for one in taught[:SHOWN])
    if len(taught) > SHOWN:
        yield f"          and {len(taught) - SHOWN:,} more (--json lists all)"
    for file, digest in row.digests.items():
        yield f"sha256    {digest}  {file}"


def _of_trace(found: Origin) -> Iterator[str]:
    yield found.trace_id
    task = f"sample {found.sample} of task {found.task_id} ({found.split})"
    yield f"sampled   by generation {found.generation}, {found.model}, {task}"
    if found.valid is None:
        yield "verdict   none yet"
    elif found.valid:
        yield f"verdict   valid, {count(found.cost, 'step')}"
    else:
        yield printable(f"verdict   not valid ({found.fault}): {found.reason}").replace("\n", "\\n")
    yield f"trained   {_trained(found)}"
    if found.inherited:
        yield f"inherited by generation {', '.join(map(str, found.inherited))}, whose weights go on from these"


def _trained(found: Origin) -> str:
    if found.trained:
        return "generation " + ", ".join(map(str, found.trained))
    return "no generation" + (": held-out tasks are never trained on" if found.split == "heldout" else "")
