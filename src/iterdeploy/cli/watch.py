"""`iterdeploy watch`: a run under way, in a browser or in a terminal, from another process."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_run

if TYPE_CHECKING:
    from pathlib import Path

    from iterdeploy.plan_ahead import Plan
    from iterdeploy.recipe import Recipe
    from iterdeploy.watch.server import Left

PORT = 8765


def add(commands: Commands) -> None:
    """Add `watch` to the command line."""
    watch = commands.add_parser(
        "watch", help="show a run under way, kept current, in a browser or a terminal"
    )
    add_run(watch)
    watch.add_argument("--terminal", action="store_true", help="show it here instead of in a browser")
    watch.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="HOST",
        help="address to listen on; default: this machine alone",
    )
    watch.add_argument(
        "--port",
        type=int,
        default=PORT,
        metavar="PORT",
        help=f"port to listen on; 0: any free one; default: {PORT}",
    )
    watch.add_argument(
        "--share",
        action="store_true",
        help="let others see it: needed for a --host that is not this machine's own",
    )
    watch.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C, or in a terminal until the run ends; the run is not touched either way."""
    try:
        return _terminal(args.folder) if args.terminal else _serve(args)
    except KeyboardInterrupt:
        print("stopped watching; the run itself was not touched", file=sys.stderr)
        return 0


def _serve(args: argparse.Namespace) -> int:
    from iterdeploy.watch.server import Live, Server, refuse_unless_local

    refuse_unless_local(args.host, args.share)
    live = Live(args.folder, _left(args.folder))
    try:
        with Server(live, args.host, args.port, args.share) as server:
            seen = "whoever reaches this machine can see it; " if args.share else ""
            print(f"{args.folder} at {server.url} ({seen}Ctrl-C stops watching)", flush=True)
            server.serve_forever()
    finally:
        live.painter.close()
    return 0


def _terminal(folder: Path) -> int:
    from rich.console import Console

    from iterdeploy.cli.watch_screen import watch
    from iterdeploy.watch.follow import Follower

    watch(Follower(folder), Console(highlight=False), _left(folder))
    return 0


def _left(folder: Path) -> Left:
    from iterdeploy.cli.watch_left import Remaining
    from iterdeploy.store import Run

    recipe = Run.open(folder).recipe
    return Remaining(lambda: _plan(recipe))


def _plan(recipe: Recipe) -> Plan | None:
    """What the run was planned to take; None without the domain's own code."""
    from iterdeploy.cli.arguments import cores
    from iterdeploy.cli.plan import plan_of
    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.errors import BadInput

    try:
        return plan_of(recipe, cores(), open_domain(recipe))
    except BadInput:
        return None
