"""`iterdeploy run`: a whole run, or the rest of one; and `presets`, the recipes that ship."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.arguments import (
    Commands,
    add_cluster,
    add_json,
    add_recipe,
    add_server,
    add_workers,
    cluster_of,
    print_json,
    recipe_of,
)
from iterdeploy.cli.words import count

if TYPE_CHECKING:
    from rich.console import Console

    from iterdeploy.recipe import Recipe
    from iterdeploy.report.numbers import RunNumbers
    from iterdeploy.store import Run
    from iterdeploy.types import Checkpoint, Domain, Trainer


def add(commands: Commands) -> None:
    """Add `run` and `presets` to the command line."""
    run = commands.add_parser("run", help="run a recipe to its last generation; the same command resumes")
    add_recipe(run)
    run.add_argument("--out", type=Path, metavar="RUN", help="the run's folder; default: runs/NAME-seedN")
    add_workers(run)
    add_server(run)
    add_cluster(run)
    add_json(run)
    run.add_argument(
        "--track",
        default="",
        metavar="NAMES",
        help="tell trackers as generations end: tensorboard, mlflow, trackio, wandb, csv; results do not depend on it",
    )
    run.add_argument("--kill-at", metavar="POINT[@COUNT]", help=argparse.SUPPRESS)  # for the kill tests
    run.set_defaults(act=act)
    presets = commands.add_parser("presets", help="list the recipes that ship")
    add_json(presets)
    presets.set_defaults(act=list_presets)


def act(args: argparse.Namespace) -> int:
    """Run, or go on; then show what came of it."""
    from rich.console import Console

    from iterdeploy.cli.rooms import keep_spending, open_domain, open_probes, open_second, open_trainer
    from iterdeploy.store import Run

    recipe, trackers = recipe_of(args), _trackers(args.track)
    domain, _, _ = open_domain(recipe), open_second(recipe), open_probes(recipe)
    console = Console(stderr=args.json, highlight=False)
    served = args.server, args.server_set
    with open_trainer(recipe, args.workers, domain, *served, cluster=cluster_of(args)) as trainer:
        # only now: a wrong name must not leave a folder
        run = Run.create(args.out or default_folder(recipe), recipe)
        keep_spending(trainer, run)
        try:
            numbers = _run(run, domain, trainer, args, console, trackers)
        except KeyboardInterrupt:
            _say_what_is_kept(run)
            return 130
    if args.json:
        from iterdeploy.cli.status import state_of

        print_json(state_of(run))
    else:
        _show_end(run, numbers, args, console)
    return 0


def default_folder(recipe: Recipe) -> Path:
    """Where a run goes that was not told where."""
    return Path("runs") / f"{recipe.name}-seed{recipe.seed}"


def _run(
    run: Run,
    domain: Domain,
    trainer: Trainer,
    args: argparse.Namespace,
    console: Console,
    trackers: Sequence[str],
) -> RunNumbers:
    from iterdeploy.cli.plan import plan_of
    from iterdeploy.cli.progress import shown
    from iterdeploy.cli.rooms import bound_of, judge_of, open_probes, open_second
    from iterdeploy.loop import run_loop
    from iterdeploy.report.numbers import read_numbers
    from iterdeploy.report.write import write_report

    before, point = run.generations(), _checkpoint(args.kill_at)
    _show_start(run, len(before), console)
    if said := getattr(trainer, "chat", None):
        console.print(said.sentence(), markup=False)
    written: list[RunNumbers] = []

    def report(finished: Run) -> None:
        if _is_reported(finished):  # perhaps by `iterdeploy report`, with pictures
            written.append(read_numbers(finished, bound_of(domain)))
        else:
            written.append(write_report(finished, bound_of(domain), point, pictures=False))

    plan = plan_of(run.recipe, args.workers, domain)
    judge = judge_of(run.recipe, args.workers, cluster_of(args))
    with _tracking(run, trackers) as at, shown(console, plan, before) as observe:
        run_loop(
            run, domain, trainer, observe=observe, point=at(point), report=report, judge=judge,
            second=open_second(run.recipe), probes=open_probes(run.recipe),
        )  # fmt: skip
    return written[0]


def _is_reported(run: Run) -> bool:
    """Whether the page, which is written last, is newer than the last generation."""
    page, last = run.path / "report.html", run.generation_file(len(run.generations()) - 1)
    return page.exists() and page.stat().st_mtime_ns > last.stat().st_mtime_ns


def _show_start(run: Run, finished: int, console: Console) -> None:
    from rich.markup import escape

    recipe = run.recipe
    console.print(
        f"[bold]{escape(recipe.name)}[/bold], seed {recipe.seed}, in {escape(str(run.path))}", soft_wrap=True
    )
    if finished:
        console.print(f"generations 0 to {finished - 1} are done and are kept")


def _show_end(run: Run, numbers: RunNumbers, args: argparse.Namespace, console: Console) -> None:
    from iterdeploy.cli.spending import spending_lines
    from iterdeploy.report.terminal import overview

    here, command = shlex.quote(str(run.path)), shlex.quote(_command())
    console.print()
    console.print(overview(numbers))
    console.print()
    for line in spending_lines(run):
        console.print(line, markup=False, soft_wrap=True)
    lines = [
        f"look at   {run.path / 'report.html'}: every figure and every answer, in a browser",
        f"picture   {run.path / 'solved.png'}",
        f"tables    {run.path / 'report.md'}; as JSON, report.json",
        f"the rest  {run.path}: recipe.toml, then a folder for each generation",
        "",
        "next",
        f"  {command} report {here}",
        "      report.html with every plan in pictures, played step by step",
        f"  {command} show {here} {_a_trace(run)}",
        "      one answer: prompt, reasoning, plan, verdict and why",
        f"  {_next_seed(run, args)}",
        "      the same again from another seed; then `iterdeploy compare RUN RUN`",
    ]
    if args.recipe != "uncurated":
        lines += [f"  {command} run uncurated", "      what happens without curation"]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _next_seed(run: Run, args: argparse.Namespace) -> str:
    settings = [word for setting in args.settings for word in ("--set", setting)]
    there = ["--server", args.server] if args.server else []
    there += [word for setting in args.server_set for word in ("--server-set", setting)]
    return shlex.join([_command(), "run", args.recipe, "--seed", str(run.recipe.seed + 1), *settings, *there])


def _command() -> str:
    """What to type for this program: its name where the shell finds it, else where it lies."""
    beside = Path(sys.executable).with_name("iterdeploy")
    if shutil.which("iterdeploy") or not beside.is_file():
        return "iterdeploy"
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def _a_trace(run: Run) -> str:
    """A trace worth a look: the longest plan that the last generation found."""
    verdicts = run.verdicts(run.generations()[-1].number)
    valid = [verdict for verdict in verdicts if verdict.valid]
    return max(valid or verdicts, key=lambda verdict: verdict.cost).trace_id


def _say_what_is_kept(run: Run) -> None:
    rows = len(run.generations())
    kept = f"{count(rows, 'generation')}, and " if rows else ""
    again = shlex.join([_command(), *sys.argv[1:]])
    print(
        f"\nstopped; kept in {run.path}: {kept}every finished answer\ngo on with: {again}",
        file=sys.stderr,
    )


def _trackers(wanted: str) -> list[str]:
    """The trackers that were asked for, before any folder is made: a library may be missing."""
    if not wanted:
        return []
    from iterdeploy.export.trackers import names

    return names(wanted)


@contextmanager
def _tracking(run: Run, trackers: Sequence[str]) -> Iterator[Callable[[Checkpoint], Checkpoint]]:
    """What puts the trackers behind a Checkpoint; nothing without any."""
    if not trackers:
        yield lambda point: point
        return
    from iterdeploy.export.track import Tracking

    with Tracking(run, trackers, run.path / "track") as tracking:
        tracking.catch_up()
        yield tracking.at


def _checkpoint(kill_at: str | None) -> Checkpoint:
    """Nothing; or, for tests, a SIGKILL the COUNT-th time that the named point is reached."""
    from iterdeploy.types import ignore_point

    if kill_at is None:
        return ignore_point
    name, _, count = kill_at.partition("@")
    left = int(count or 1)

    def point(reached: str) -> None:
        nonlocal left
        left -= reached == name
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return point


def list_presets(args: argparse.Namespace) -> int:
    """Show each preset with what it is for and what it changes."""
    from iterdeploy import recipe

    defaults = dict(recipe.settings_of(recipe.Recipe()))
    found: dict[str, dict[str, Any]] = {}
    for name in recipe.presets():
        settings = recipe.settings_of(recipe.preset(name))
        changed = {key: value for key, value in settings if value != defaults[key] and key != "name"}
        found[name] = {"about": _about(name), "settings": changed}
    if args.json:
        print_json(found)
        return 0
    for name, preset in found.items():
        print(f"{name}\n{textwrap.indent(preset['about'], '    ')}")
        for key, value in preset["settings"].items():
            print(f"    {key} = {json.dumps(value)}")
        print()
    return 0


def _about(preset: str) -> str:
    """The comment that a preset's file opens with."""
    from importlib.resources import files

    lines = files("iterdeploy").joinpath("presets", f"{preset}.toml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("#").strip() for line in takewhile(lambda x: x.startswith("#"), lines))
