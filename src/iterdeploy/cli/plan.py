"""`iterdeploy plan`: what a run would do and cost; nothing is run, nothing fetched, and no folder of a run is made."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_json, add_recipe, add_workers, print_json, recipe_of

if TYPE_CHECKING:
    from iterdeploy.plan_ahead import Plan, Shape
    from iterdeploy.plan_ahead.pace import Pace
    from iterdeploy.recipe import Recipe
    from iterdeploy.types import Domain, Request

SAMPLE = 60  # tasks that are made to see how long a prompt is
SAMPLE_OF_RANGE = 12  # where they may be large
BLOCK = 64  # answers of a calibration


def add(commands: Commands) -> None:
    """Add `plan` to the command line."""
    plan = commands.add_parser(
        "plan", help="say what a run would do: tasks, samples, tokens, time, memory, disk"
    )
    add_recipe(plan)
    add_workers(plan)
    plan.add_argument(
        "--calibrate",
        action="store_true",
        help="first measure this machine on the recipe's base, in a minute or less; later plans and runs use it",
    )
    plan.add_argument(
        "--against", type=Path, metavar="RUN", help="compare with what this run took, step by step"
    )
    plan.add_argument(
        "--gpus", type=_positive, metavar="N", help="plan for so many cards instead of this machine's cores"
    )
    plan.add_argument(
        "--tflops",
        type=_positive_number,
        default=312.0,
        metavar="T",
        help="peak of one card in bf16, TFLOP/s; default: 312, an A100",
    )
    plan.add_argument(
        "--card-memory",
        type=_positive_number,
        default=80.0,
        metavar="GIB",
        help="memory of one card, by which blocks of answers are cut; default: 80",
    )
    plan.add_argument(
        "--parameters", type=_positive_number, metavar="N", help="of a base that is not here, e.g. 4e9"
    )
    for side, what in (("in", "read, prompts"), ("out", "sampled, answers")):
        plan.add_argument(
            f"--price-{side}", type=_price, metavar="P", help=f"price of a million tokens {what}, at a server"
        )
    add_json(plan)
    plan.set_defaults(act=act)


def act(args: argparse.Namespace) -> int:
    """Print the plan, or with --against the comparison."""
    from rich.console import Console

    from iterdeploy.cli.plan_screen import comparison, screen
    from iterdeploy.cli.rooms import open_domain

    recipe = _recipe(args)
    domain = open_domain(recipe)
    if args.calibrate:
        _calibrate(recipe, domain)
    ahead = plan_of(recipe, args.workers, domain, args.gpus, args.tflops, args.parameters, args.card_memory)
    ahead = replace(ahead, cost=_cost(ahead, args.price_in, args.price_out))
    if args.against:
        from iterdeploy.plan_ahead.against import compare
        from iterdeploy.store import Run

        rows = compare(ahead, Run.open(args.against))
        if args.json:
            print_json([{**asdict(row), "ratio": row.ratio} for row in rows])
        else:
            Console(highlight=False).print(comparison(rows, ahead, args.against))
        return 0
    if args.json:
        print_json(asdict(ahead))
        return 0
    Console(highlight=False).print(screen(ahead))
    return 0


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe named, or that of the run to compare with."""
    if not args.against:
        return recipe_of(args)
    from iterdeploy.store import Run

    return Run.open(args.against).recipe


def plan_of(
    recipe: Recipe,
    workers: int,
    domain: Domain,
    gpus: int | None = None,
    tflops: float = 0.0,
    parameters: float | None = None,
    card_gib: float = 80.0,
) -> Plan:
    """The plan of a recipe on this machine, or on cards; a few tasks are made to measure their prompts."""
    from iterdeploy import plan_ahead
    from iterdeploy.models.tokens import token_counts, tokenizer_file
    from iterdeploy.plan_ahead.memory import memory

    folder = plan_ahead.base_folder(recipe.base.model)
    shape = _shape(recipe, folder, parameters)
    count = min(SAMPLE_OF_RANGE if recipe.tasks.range else SAMPLE, recipe.tasks.count)
    tasks = domain.tasks("deployed", count, recipe.tasks.sizes, recipe.tasks.seed)
    prompts = [task.prompt for task in tasks]
    tokenizer = tokenizer_file(recipe.base.model)
    lengths = (
        token_counts(tokenizer, prompts, recipe.base.chat)
        if tokenizer
        else plan_ahead.estimated_tokens(prompts)
    )
    mean, longest = math.ceil(sum(lengths) / len(lengths)) if lengths else 0, max(lengths, default=0)
    pace = _pace(recipe, folder, shape, tflops if gpus else 0.0)
    ahead = plan_ahead.plan(recipe, mean, shape, gpus or workers, pace)
    on_card = bool(gpus) or Path("/dev/nvidiactl").exists()
    return replace(
        ahead,
        prompt_longest=longest,
        prompt_counted=tokenizer is not None,
        cards=on_card,
        memory=memory(recipe, shape, longest, on_card, card_gib * 2**30) if shape else None,
    )


def _shape(recipe: Recipe, folder: Path | None, parameters: float | None) -> Shape | None:
    """From the base's files, or a stated number, or the table of known models; never by fetching."""
    from iterdeploy.plan_ahead.shape import Shape, known_shape, shape_of

    if recipe.deploy.engine == "server":
        return None  # another's machine does the work
    if folder:
        return shape_of(folder, recipe.train.rank)
    if parameters:
        return Shape(round(parameters), round(0.01 * parameters))  # an adapter of usual rank is about 1 %
    return known_shape(recipe.base.model, recipe.train.rank)


def _pace(recipe: Recipe, folder: Path | None, shape: Shape | None, tflops: float) -> Pace | None:
    """As it was measured here, if it was; else as it is assumed."""
    from iterdeploy.plan_ahead import pace

    if shape is None:
        return None
    model = pace.model_digest(folder) if folder else ""
    measured = pace.kept(model) if folder and not tflops else None
    return (
        measured.pace(pace.work_digest(recipe, model), pace.now())
        if measured
        else pace.assumed(shape, tflops)
    )


def _calibrate(recipe: Recipe, domain: Domain) -> None:
    """Measure, and keep what was measured. Raises BadInput where there is nothing to measure."""
    from iterdeploy.errors import BadInput
    from iterdeploy.plan_ahead import base_folder, pace

    folder = base_folder(recipe.base.model)
    if folder is None or recipe.deploy.engine == "server":
        raise BadInput(
            f"the base {recipe.base.model} is not on this machine, or a server samples: there is nothing to calibrate; "
            "fetch the base first, or plan without --calibrate"
        )
    from iterdeploy.train.calibrate import measure

    found = measure(recipe, _requests(recipe, domain))
    model = pace.model_digest(folder)
    pace.keep(
        pace.Calibration(
            machine=pace.machine_name(),
            model=model,
            work=pace.work_digest(recipe, model),
            date=pace.now(),
            sampled_per_second=found.sampled_per_second,
            trained_per_second=found.trained_per_second,
            starting_seconds=found.starting_seconds,
            answer_tokens=found.answer_tokens,
        )
    )


def _requests(recipe: Recipe, domain: Domain) -> list[Request]:
    """A block of deployed tasks, of all sizes alike."""
    from iterdeploy.seeds import seed_of
    from iterdeploy.types import Request

    count = min(BLOCK, recipe.tasks.count)
    tasks = domain.tasks("deployed", count, recipe.tasks.sizes, recipe.tasks.seed)
    return [
        Request(f"calibration.{task.id}", task.id, task.prompt, 0, 0, seed_of("calibration", task.id))
        for task in tasks
    ]


def _cost(plan: Plan, price_in: float | None, price_out: float | None) -> float | None:
    """Of all tokens read and sampled, at prices per million; None without a price."""
    if price_in is None and price_out is None:
        return None
    return (plan.read_tokens * (price_in or 0.0) + plan.sampled_tokens * (price_out or 0.0)) / 1e6


def _price(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"it must be 0 or more, not {text}")
    return number


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"it must be above 0, not {text}")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it must be 1 or more, not {number}")
    return number
