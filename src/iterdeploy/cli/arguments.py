"""Arguments that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.gpus import gpus

if TYPE_CHECKING:
    from iterdeploy.cli.rooms import Cluster
    from iterdeploy.recipe import Recipe

Commands = Any  # argparse names the class of its sub-commands only in private


def add_json(command: argparse.ArgumentParser) -> None:
    """The flag of all commands that a program would read."""
    command.add_argument("--json", action="store_true", help="print one JSON object, for programs")


def add_run(command: argparse.ArgumentParser) -> None:
    """The folder of a run."""
    command.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")


def add_recipe(command: argparse.ArgumentParser) -> None:
    """What names a recipe: a preset or a file, and settings to change."""
    command.add_argument(
        "recipe",
        nargs="?",
        default="demo",
        metavar="PRESET|RECIPE.toml",
        help="a preset (see `iterdeploy presets`) or a recipe file; default: demo",
    )
    command.add_argument("--seed", type=int, metavar="N", help="the run's seed; moves sampling and training")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change one setting, e.g. train.epochs=10; may be repeated",
    )


def add_workers(command: argparse.ArgumentParser) -> None:
    """How many processes compute; it moves no byte of the result."""
    command.add_argument(
        "--workers",
        type=positive,
        default=len(gpus()) or cores(),
        metavar="N",
        help="processes that sample, judge and train; default: one a GPU, or where there is none, one a core; "
        "results do not depend on it",
    )


def add_server(command: argparse.ArgumentParser) -> None:
    """Where answers are sampled, if not in this program; what is asked for does not depend on it."""
    command.add_argument(
        "--server",
        default="",
        metavar="URL",
        help="sample at this address, e.g. http://localhost:8000; for deploy.engine=vllm or server",
    )
    command.add_argument(
        "--server-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="deploy.engine=server: how it is asked, e.g. at_once=8 (see docs/server.md); may be repeated",
    )


def add_cluster(command: argparse.ArgumentParser) -> None:
    """The cluster that computes; it moves no byte of the result either."""
    command.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="sample, judge and train on Ray: HOST:PORT, auto, ray://HOST:PORT, or local, which starts one on this "
        "machine; results do not depend on it",
    )
    command.add_argument(
        "--cluster-workers",
        type=positive,
        default=0,
        metavar="N",
        help="workers on the cluster; default: one a GPU, or one a CPU where it has none",
    )


def cluster_of(args: argparse.Namespace) -> Cluster:
    """The cluster that the arguments of `add_cluster` name."""
    from iterdeploy.cli.rooms import Cluster

    return Cluster(args.cluster, args.cluster_workers)


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the arguments of `add_recipe` name."""
    from iterdeploy import recipe

    named = recipe.load(Path(args.recipe)) if _is_file(args.recipe) else recipe.preset(args.recipe)
    seed = [] if args.seed is None else [f"seed={args.seed}"]
    return recipe.with_settings(named, [*args.settings, *seed])


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def print_json(value: object) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, indent=1))


def _is_file(name: str) -> bool:
    return name.endswith(".toml") or os.sep in name


def positive(text: str) -> int:
    """A whole number of 1 or more, from a word of the command line."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number of 0 or more, from a word of the command line."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"it must be {least} or more, not {text}")
    return number
