"""`iterdeploy tasks`: the tasks of a domain as PDDL files, with reference plans and an index."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterdeploy.cli.arguments import Commands
from iterdeploy.errors import BadInput

if TYPE_CHECKING:
    from iterdeploy.types import Domain, Task


def add(commands: Commands) -> None:
    """Add `tasks` to the command line."""
    tasks = commands.add_parser("tasks", help="write tasks of a domain as PDDL files")
    tasks.add_argument(
        "domain", metavar="DOMAIN", help="a domain that ships, a folder of PDDL files, or module:attribute"
    )
    tasks.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for the files")
    tasks.add_argument("--count", type=int, default=10, metavar="N", help="how many tasks; default: 10")
    tasks.add_argument(
        "--range",
        default="",
        metavar="RANGE",
        help='easy, medium, hard, or such as "cars=1-20 locations=5"; default: easy, where a domain has ranges and '
        "no sizes are given",
    )
    tasks.add_argument("--sizes", metavar="N,N,...", help="their sizes; default: 6,7,8")
    tasks.add_argument("--split", choices=("deployed", "heldout"), default="deployed", help="which split")
    tasks.add_argument("--seed", type=int, default=0, metavar="N", help="the seed of the tasks; default: 0")
    tasks.add_argument("--plans", action="store_true", help="write a reference plan beside each problem")
    tasks.add_argument(
        "--tokens",
        metavar="MODEL",
        help="say how many tokens a prompt has: a base that ships, a folder, a hub name",
    )
    tasks.add_argument(
        "--prompt", default="paper", metavar="NAME|FILE", help="the template of those prompts; default: paper"
    )
    tasks.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Write domain.pddl, p01.pddl and so on, their plans if asked for, and index.jsonl."""
    domain = _open(args)
    if args.count < 1:
        raise BadInput(f"--count is the number of tasks, 1 or more, not {args.count}")
    tasks = domain.tasks(args.split, args.count, sizes_of(args.sizes or "6,7,8"), args.seed)
    for task in tasks:
        if not {"domain", "problem"} <= task.spec.keys():
            raise BadInput(f"domain {args.domain!r} is not PDDL: its tasks have no domain and problem text")
    plans = [_plan(domain, task) for task in tasks] if args.plans else None
    if args.out.is_dir() and any(args.out.iterdir()):
        raise BadInput(f"{args.out} is not empty; give a new or an empty folder")
    write_tasks(args.out, tasks, plans)
    print(f"{len(tasks)} tasks in {args.out}")
    if args.tokens:
        print(_lengths(args, tasks))
    return 0


def _open(args: argparse.Namespace) -> Domain:
    from dataclasses import replace

    from iterdeploy.cli.rooms import open_domain
    from iterdeploy.domains import COMPETITION, JOINT
    from iterdeploy.recipe import Recipe

    if args.range and args.sizes:
        raise BadInput("--range and --sizes both say how large the tasks are; give one of them")
    span = args.range or ("easy" if args.domain in (*COMPETITION, JOINT) and not args.sizes else "")
    recipe = Recipe()
    asked = replace(recipe.tasks, domain=args.domain, range=span)
    return open_domain(replace(recipe, tasks=asked, base=replace(recipe.base, prompt=args.prompt)))


def write_tasks(folder: Path, tasks: Sequence[Task], plans: Sequence[Sequence[str]] | None) -> None:
    """The files of tasks. Where they have several domain texts, each problem has its own domain file."""
    from iterdeploy.store import disk, rows

    several = len({task.spec["domain"] for task in tasks}) > 1
    domains: dict[str, str] = {}
    index: list[dict[str, Any]] = []
    for number, task in enumerate(tasks):
        name = f"p{number + 1:0{max(2, len(str(len(tasks))))}d}"
        domains[f"{name}-domain.pddl" if several else "domain.pddl"] = task.spec["domain"]
        row: dict[str, Any] = {
            "file": f"{name}.pddl",
            "task": task.id,
            "split": task.split,
            "size": task.size,
            "parameters": _parameters(task),
            "canonical": task.spec.get("canonical"),
        }
        disk.put(folder / row["file"], task.spec["problem"].encode())
        if plans is not None:
            row |= {"plan": f"{name}.plan", "steps": len(plans[number])}
            disk.put(folder / row["plan"], "".join(f"{step}\n" for step in plans[number]).encode())
        index.append(row)
    for file, text in domains.items():
        disk.put(folder / file, text.encode())
    disk.put(folder / "index.jsonl", b"".join(map(rows.encode, index)))


def _parameters(task: Task) -> dict[str, int]:
    """What the problem was drawn from, where its domain says it: "cars=4 locations=6"."""
    said = task.spec.get("parameters", "").split()
    return {name: int(value) for name, _, value in (part.partition("=") for part in said)}


def _plan(domain: Domain, task: Task) -> list[str]:
    """The domain's own plan, validated. Raises BadInput if it makes none."""
    from iterdeploy.pddl import parse_domain, parse_problem, read_plan, validate

    solve = getattr(domain, "solve", None)
    if solve is None:
        raise BadInput(f"{domain.name} has no reference plans; leave --plans out")
    steps: list[str] = solve(task.spec["problem"])
    parsed = parse_domain(task.spec["domain"])
    judged = validate(
        parsed, parse_problem(task.spec["problem"], parsed), read_plan("\n".join(steps)).actions
    )
    if not judged.valid:
        raise RuntimeError(f"the reference plan of {task.id} is not valid: {judged.reason}")
    return steps


def _lengths(args: argparse.Namespace, tasks: Sequence[Task]) -> str:
    """How long the prompts are, in tokens where the tokenizer is on this machine."""
    from iterdeploy.models.tokens import token_counts, tokenizer_file

    prompts = [task.prompt for task in tasks]
    file = tokenizer_file(args.tokens)
    if file is not None:
        return f"a prompt ({args.prompt}) has {_mean_and_most(token_counts(file, prompts))} tokens"
    words = _mean_and_most([len(prompt.split()) for prompt in prompts])
    characters = _mean_and_most([len(prompt) for prompt in prompts])
    return (
        f"the tokenizer of {args.tokens} is not on this machine; a prompt ({args.prompt}) has {words} words, "
        f"{characters} characters"
    )


def _mean_and_most(lengths: Sequence[int]) -> str:
    return f"{sum(lengths) / len(lengths):,.0f} (at most {max(lengths):,})"


def sizes_of(text: str) -> tuple[int, ...]:
    """Sizes from "6,7,8"; raises BadInput for anything else."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as cause:
        raise BadInput(f"sizes are whole numbers with commas between, such as 6,7,8; not {text!r}") from cause
