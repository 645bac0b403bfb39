"""`iterdeploy deploy`, `validate-traces`, `curate`, `train`: each step of the loop alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from iterdeploy.cli.arguments import Commands, add_cluster, add_run, add_server, add_workers, cluster_of
from iterdeploy.errors import BadInput, TrainingRefused
from iterdeploy.types import SPLITS

if TYPE_CHECKING:
    from iterdeploy.plan_ahead import Step
    from iterdeploy.steps.marks import Watch
    from iterdeploy.store import Run

Act = Callable[["Run", argparse.Namespace, "Watch"], str]


def add(commands: Commands) -> None:
    """Add the four steps to the command line."""
    deploy = _add(commands, "deploy", _deploy, "let a generation answer all tasks", workers=True, split=True)
    add_server(deploy)
    _add(
        commands, "validate-traces", _validate, "judge the answers of a generation", workers=True, split=True
    )
    _add(commands, "curate", _curate, "choose what a generation learns from", workers=True)
    _add(commands, "train", _train, "train a generation on its examples", workers=True)


def _add(
    commands: Commands, name: str, step: Act, claim: str, *, workers: bool = False, split: bool = False
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=claim)
    add_run(command)
    command.add_argument(
        "--generation", type=int, required=True, metavar="N", help="its number; 0 is the base"
    )
    if split:
        command.add_argument(
            "--split", choices=("deployed", "heldout"), default="deployed", help="default: deployed"
        )
    if workers:
        add_workers(command)
        add_cluster(command)
    command.set_defaults(act=_acting(name, step))
    return command


def _is_asked(step: Step, name: str, args: argparse.Namespace) -> bool:
    prefix = "heldout/" if getattr(args, "split", "deployed") == "heldout" else ""
    return (step.generation, step.step) == (args.generation, prefix + name)


def _acting(name: str, step: Act) -> Callable[[argparse.Namespace], int]:
    def act(args: argparse.Namespace) -> int:
        from rich.console import Console

        from iterdeploy.cli.plan import plan_of
        from iterdeploy.cli.progress import shown
        from iterdeploy.cli.rooms import open_domain
        from iterdeploy.steps.marks import Watch
        from iterdeploy.steps.tasks import refuse_changed_tasks
        from iterdeploy.store import Run

        run = Run.open(args.folder)
        _refuse_elsewhere(name, run)
        _refuse_outside(args.generation, run, name)
        _refuse_ended(args.generation, run)
        domain = open_domain(run.recipe)
        refuse_changed_tasks(run, domain)
        plan = plan_of(run.recipe, getattr(args, "workers", 1), domain)
        plan = replace(plan, steps=tuple(s for s in plan.steps if _is_asked(s, name, args)))
        with run.lock(), shown(Console(highlight=False), plan, run.generations()) as observe:
            done = step(run, args, Watch(observe))
        print(done)
        return 0

    return act


def _refuse_elsewhere(step: str, run: Run) -> None:
    if step == "train" and run.recipe.deploy.engine == "server":
        from iterdeploy.models.server import ELSEWHERE

        raise TrainingRefused(
            f"{run.path} deploys a model behind a server, which can't be trained here; {ELSEWHERE}"
        )


def _refuse_outside(generation: int, run: Run, step: str) -> None:
    """Curation may be one ahead: what it leaves may be trained on elsewhere."""
    last = run.recipe.generations
    if not 0 <= generation <= last + (step == "curate"):
        raise BadInput(f"generation {generation} is not in this run; its recipe has 0 (the base) to {last}")


def _refuse_ended(generation: int, run: Run) -> None:
    """A candidate that a gate blocked is not deployed by hand, and nothing follows a run's end."""
    if (
        (ended := run.ended()) is not None
        and generation > ended.last_good
        and (ended.cause == "gate" or generation > ended.generation)
    ):
        raise BadInput(
            f"generation {generation} is past the end of this run, which a {ended.cause} ended: "
            + "; ".join(ended.reasons)
        )


def _deploy(run: Run, args: argparse.Namespace, watch: Watch) -> str:
    from iterdeploy.cli.rooms import keep_spending, open_domain, open_probes, open_trainer
    from iterdeploy.steps.answering import deploy_step
    from iterdeploy.steps.guarding import gate_step, probe_step

    domain, served = open_domain(run.recipe), (args.server, args.server_set)
    with open_trainer(run.recipe, args.workers, domain, *served, cluster=cluster_of(args)) as trainer:
        keep_spending(trainer, run)
        probe_step(run, trainer, open_probes(run.recipe), args.generation, watch)
        if gate_step(run, args.generation, watch):
            _refuse_ended(args.generation, run)
        deploy_step(run, trainer, args.generation, watch, args.split)
    file = run.traces_file(args.generation, args.split)
    return f"{len(run.traces(args.generation, args.split))} traces in {file}"


def _validate(run: Run, args: argparse.Namespace, watch: Watch) -> str:
    from iterdeploy.cli.rooms import judge_of, open_domain, open_second
    from iterdeploy.steps.answering import second_step, validate_step
    from iterdeploy.steps.summing import summarise_step

    judge = judge_of(run.recipe, args.workers, cluster_of(args))
    validate_step(run, open_domain(run.recipe), args.generation, watch, args.split, judge)
    if args.split == "deployed":
        second_step(run, open_second(run.recipe), args.generation, watch)
    if all(run.verdicts_file(args.generation, split).exists() for split in SPLITS):
        summarise_step(run, args.generation, watch)
    verdicts = run.verdicts(args.generation, args.split)
    valid = sum(verdict.valid for verdict in verdicts)
    return f"{valid} of {len(verdicts)} valid in {run.verdicts_file(args.generation, args.split)}"


def _curate(run: Run, args: argparse.Namespace, watch: Watch) -> str:
    from iterdeploy.cli.rooms import open_domain, open_trainer
    from iterdeploy.recipe import with_settings
    from iterdeploy.steps.learning import curate_step, score_step

    _refuse_base(args.generation, "curated for")
    if run.recipe.curate.weights == "ratio":
        alone = with_settings(run.recipe, ["deploy.engine=transformers", "train.sharding=none"])
        with open_trainer(alone, args.workers, open_domain(run.recipe), cluster=cluster_of(args)) as trainer:
            score_step(run, trainer, args.generation, watch)
    curate_step(run, args.generation, watch)
    return f"{len(run.examples(args.generation))} examples in {run.examples_file(args.generation)}"


def _train(run: Run, args: argparse.Namespace, watch: Watch) -> str:
    from iterdeploy.cli.rooms import open_domain, open_trainer
    from iterdeploy.recipe import with_settings
    from iterdeploy.steps.learning import train_step

    _refuse_base(args.generation, "trained")
    alone = with_settings(run.recipe, ["deploy.engine=transformers"])  # nothing is deployed to train
    with open_trainer(alone, args.workers, open_domain(run.recipe), cluster=cluster_of(args)) as trainer:
        train_step(run, trainer, args.generation, watch)
    return f"generation {args.generation} is trained: {run.adapter_folder(args.generation)}"


def _refuse_base(generation: int, what: str) -> None:
    if generation == 0:
        raise BadInput(f"generation 0 is the base and is not {what}; the first that is has number 1")
