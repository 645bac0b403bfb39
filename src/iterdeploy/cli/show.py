"""`iterdeploy show`: one trace with all that is known of it, or all traces of one task."""

from __future__ import annotations

import argparse
import unicodedata
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_run, print_json
from iterdeploy.cli.words import count
from iterdeploy.errors import BadInput
from iterdeploy.types import SPLITS

if TYPE_CHECKING:
    from rich.console import Console

    from iterdeploy.answers import Answer
    from iterdeploy.store import Run
    from iterdeploy.types import Trace


def add(commands: Commands) -> None:
    """Add `show` to the command line."""
    show = commands.add_parser("show", help="show a trace: prompt, answer, verdict and why")
    add_run(show)
    show.add_argument("trace", metavar="TRACE", help="the id of a trace, or of a task for all its traces")
    show.add_argument(
        "--svg", type=Path, metavar="FILE", help="write a picture of the trace's plan, step by step"
    )
    add_json(show)
    show.set_defaults(act=act)


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer, and the generations that were trained on it."""

    answer: Answer
    trained: tuple[int, ...]


def act(args: argparse.Namespace) -> int:
    """Print what was asked for; BadInput with the nearest id if there is none."""
    from rich.console import Console

    from iterdeploy.store import Run

    run = Run.open(args.folder)
    found = _find(run, args.trace)
    if args.svg:
        _draw(found, args.trace, args.svg)
    if args.json:
        print_json({"answers": [asdict(one) for one in found]})
        return 0
    console = Console(highlight=False, markup=False)
    if found[0].answer.trace.id == args.trace:
        _show(found[0], console)
    else:
        _list(found, console)
    if args.svg:
        console.print(f"\npicture: {args.svg}", soft_wrap=True)
    return 0


def _draw(found: list[Shown], wanted: str, path: Path) -> None:
    """Write the picture of one trace's plan. Raises BadInput where there is none to draw."""
    from iterdeploy.cli.picture import write_picture
    from iterdeploy.draw import plan_svg
    from iterdeploy.pddl import Action, parse_domain, parse_problem

    answer = found[0].answer
    verdict, spec = answer.verdict, answer.task.spec
    if answer.trace.id != wanted:
        raise BadInput(
            f"--svg draws one trace, and {wanted} is a task; take one of its traces, such as {answer.trace.id}"
        )
    if "domain" not in spec or "problem" not in spec:
        raise BadInput(f"--svg draws PDDL plans, and the tasks of {answer.task.domain} hold no PDDL")
    if not verdict.plan and not verdict.valid:
        raise BadInput(f"no plan was read from {wanted} ({verdict.fault}), so there is nothing to draw")
    domain = parse_domain(spec["domain"])
    words = [step.strip("()").split() or [""] for step in verdict.plan]
    plan = [Action(name, tuple(args)) for name, *args in words]
    heading = f"{wanted}: {_verdict(found[0])}"
    write_picture(path, plan_svg(domain, parse_problem(spec["problem"], domain), plan, heading))


def _find(run: Run, wanted: str) -> list[Shown]:
    answers = _answers(run)
    found = [a for a in answers if wanted in (a.trace.id, a.task.id)]
    if not found:
        ids = [a.trace.id for a in answers] + [a.task.id for a in answers]
        raise BadInput(f"no trace and no task {wanted!r} in {run.path}; {_offer(wanted, ids)}")
    numbers = range(1, run.recipe.generations + 1)
    trained = {n: {e.trace_id for e in run.examples(n)} for n in numbers if run.examples_file(n).exists()}
    return [Shown(a, tuple(n for n, ids in trained.items() if a.trace.id in ids)) for a in found]


def _answers(run: Run) -> list[Answer]:
    """All validated answers of the run, generation by generation."""
    from iterdeploy.answers import join

    tasks = run.tasks()
    return [
        answer
        for number in range(run.recipe.generations + 1)
        for split in SPLITS
        if run.verdicts_file(number, split).exists()
        for answer in join(tasks, run.traces(number, split), run.verdicts(number, split))
    ]


def _offer(wanted: str, ids: list[str]) -> str:
    if not ids:
        return "no generation has been validated yet"
    longer = [known for known in ids if known.startswith(wanted)]
    if longer:
        return "did you mean " + ", ".join(longer[:3]) + "?"
    close = get_close_matches(wanted, ids, n=1)
    return f"did you mean {close[0]}?" if close else f"they look like {ids[0]}"


def _show(shown: Shown, console: Console) -> None:
    task, trace, verdict = shown.answer.task, shown.answer.trace, shown.answer.verdict
    console.print(f"{trace.id}", style="bold")
    console.print(
        f"task {task.id} ({task.domain}, size {task.size}, {task.split}), generation {trace.generation}, "
        f"sample {trace.sample}, model {trace.model}"
    )
    _section(console, "prompt", task.prompt)
    _section(console, "answer", trace.text)
    if verdict.plan:
        _section(console, "plan as it was read", "\n".join(verdict.plan))
    console.print("\nverdict", style="bold")
    console.print(_verdict(shown), style="green" if verdict.valid else "red")
    console.print(
        f"{_length(trace)}, {verdict.reasoning_tokens} of them reasoning; "
        f"finish: {trace.finish}; validator: {verdict.validator}"
    )
    console.print(_lineage(shown))


def _length(trace: Trace) -> str:
    """In tokens; in words where a server keeps the tokens."""
    if trace.token_ids or not trace.text:
        return f"{len(trace.token_ids)} tokens"
    return f"{len(trace.text.split())} words (token ids are not known)"


def _section(console: Console, title: str, text: str) -> None:
    console.print(f"\n{title}", style="bold")
    console.print(printable(text), soft_wrap=True)


def _verdict(shown: Shown) -> str:
    verdict = shown.answer.verdict
    if verdict.valid:
        return f"valid, {count(verdict.cost, 'step')}"
    return printable(f"not valid ({verdict.fault}): {verdict.reason}")


def _lineage(shown: Shown) -> str:
    if not shown.trained:
        return "no generation was trained on it"
    return "trained on by generation " + ", ".join(map(str, shown.trained))


def _list(found: list[Shown], console: Console) -> None:
    task = found[0].answer.task
    console.print(f"task {task.id} ({task.domain}, size {task.size}, {task.split})", style="bold")
    for one in found:
        console.print(f"{one.answer.trace.id}  ", end="")
        console.print(_verdict(one), style="green" if one.answer.verdict.valid else "red", soft_wrap=True)


def printable(text: str) -> str:
    """The text with control characters spelt out: an answer must not be able to steer a terminal.

    >>> printable("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\n'
    """
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else _spelt(c) for c in text)


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode()
