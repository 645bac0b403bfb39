"""`iterdeploy status`: where a run stands, for a person and, with --json, for a program."""

from __future__ import annotations

import argparse
import shlex
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.arguments import Commands, add_json, add_run, print_json
from iterdeploy.cli.words import clock_face, count

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from iterdeploy.store import Run
    from iterdeploy.types import Generation


def add(commands: Commands) -> None:
    """Add `status` to the command line."""
    status = commands.add_parser("status", help="say where a run stands, by generation")
    add_run(status)
    add_json(status)
    status.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the state of a run; it may be running."""
    from iterdeploy.store import Run

    state = state_of(Run.open(args.folder))
    if args.json:
        print_json(state)
        return 0
    from rich.console import Console
    from rich.markup import escape

    from iterdeploy.cli.spending import lines_of

    console = Console(highlight=False)
    head = f"[bold]{escape(state['name'])}[/bold], seed {state['seed']}, in {escape(state['run'])}"
    console.print(head, soft_wrap=True)
    if state["generations"]:
        console.print(_table(state["generations"]))
        if state["generations"][0]["probes"]:
            console.print(_probes(state["generations"]))
    for line in lines_of(state["server"]):
        console.print(line, markup=False, soft_wrap=True)
    console.print(_where(state), markup=False, soft_wrap=True)
    return 0


def state_of(run: Run) -> dict[str, Any]:
    """The object of `status --json`."""
    from iterdeploy.models.spending import spending_of

    seconds: dict[int | None, float] = defaultdict(float)
    for row in run.clock():
        seconds[row["generation"]] += row["seconds"]
    generations = [_row(run, row, seconds[row.number]) for row in run.generations()]
    ended = run.ended()
    whole = ended is not None or len(generations) > run.recipe.generations
    step = None if whole else next_step(run, len(generations))
    return {
        "run": str(run.path),
        "name": run.recipe.name,
        "seed": run.recipe.seed,
        "planned": run.recipe.generations,
        "finished": step is None,
        "next": step,
        "ended": asdict(ended) if ended else None,
        "seconds": round(sum(seconds.values()), 3),
        "server": spending_of(run.path),
        "generations": generations,
    }


def _row(run: Run, row: Generation, seconds: float) -> dict[str, Any]:
    from iterdeploy.report.numbers import probe_means

    lengths = [verdict.cost for verdict in run.verdicts(row.number) if verdict.valid]
    return {
        "number": row.number,
        "asked": row.asked,
        "solved": row.solved,
        "heldout_asked": row.heldout_asked,
        "heldout_solved": row.heldout_solved,
        "longest_plan": max(lengths, default=None),
        "mean_plan_length": round(sum(lengths) / len(lengths), 3) if lengths else None,
        "examples": row.examples,
        "probes": {name: round(value, 6) for name, value in probe_means(run, row.number).items()},
        "seconds": round(seconds, 3),
    }


def next_step(run: Run, generation: int) -> dict[str, Any]:
    """The first step of a generation whose file is not there, with the rows that it has collected."""
    from iterdeploy.gates import probe_name

    weighted = run.recipe.curate.weights == "ratio"
    files = [
        ("tasks", run.path / "tasks.jsonl"),
        *([("score", run.likelihoods_file(generation))] if generation and weighted else []),
        *([("curate", run.examples_file(generation))] if generation else []),
        *([("train", run.adapter_folder(generation))] if generation else []),
        *[(f"probe-{n}", run.probe_file(generation, n)) for n in map(probe_name, run.recipe.probe.names)],
        ("deploy", run.traces_file(generation)),
        ("validate-traces", run.verdicts_file(generation)),
        *([("second", run.second_file(generation))] if run.recipe.validate.second else []),
        ("heldout/deploy", run.traces_file(generation, "heldout")),
        ("heldout/validate-traces", run.verdicts_file(generation, "heldout")),
        ("summarise", run.generation_file(generation)),
    ]
    step, file = next((step, file) for step, file in files if not file.exists())
    return {"generation": generation, "step": step, "rows": _rows_collected(file)}


def _rows_collected(file: Path) -> int:
    part = file.with_name(file.name + ".part")
    return part.read_bytes().count(b"\n") if part.is_file() else 0


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("gen", "deployed", "held-out", "longest", "steps", "examples", "time"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for row in rows:
        table.add_row(
            str(row["number"]),
            f"{row['solved']}/{row['asked']}",
            f"{row['heldout_solved']}/{row['heldout_asked']}" if row["heldout_asked"] else "-",
            str(row["longest_plan"] or "-"),
            f"{row['mean_plan_length']:.1f}" if row["mean_plan_length"] else "-",
            str(row["examples"]) if row["number"] else "-",
            clock_face(row["seconds"]),
        )
    return table


def _probes(rows: list[dict[str, Any]]) -> Table:
    """Each probe by generation, in a table of its own: beside the other one it would not fit 80 columns."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("gen", *rows[0]["probes"]):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(str(row["number"]), *(f"{value:.3f}" for value in row["probes"].values()))
    return table


def _where(state: dict[str, Any]) -> str:
    step = state["next"]
    if ended := state["ended"]:
        why = "; ".join(
            f"{rule}: {reason}" for rule, reason in zip(ended["rules"], ended["reasons"], strict=True)
        )
        how = "blocked generation" if ended["cause"] == "gate" else "stopped after generation"
        good = f"the last good one: generation {ended['last_good']}"
        return f"{how} {ended['generation']} of {state['planned']}: {why}\n{good}"
    if step is None:
        return "finished"
    rows = f", {count(step['rows'], 'row')} so far" if step["rows"] else ""
    again = shlex.join(["iterdeploy", "run", f"{state['run']}/recipe.toml", "--out", state["run"]])
    return (
        f"next: generation {step['generation']} of {state['planned']}, {step['step']}{rows}\n"
        f"go on with: {again}"
    )
