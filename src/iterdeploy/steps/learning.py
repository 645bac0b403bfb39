"""From the verdicts of earlier generations to the adapter of the next: score, curate, train."""

from __future__ import annotations

import math
from pathlib import Path

from iterdeploy.answers import Answer, join
from iterdeploy.curate import curate, pooled, ratio, to_examples
from iterdeploy.errors import BadInput, TrainingRefused
from iterdeploy.seeds import seed_of
from iterdeploy.steps.adapters import adapter_of
from iterdeploy.steps.marks import QUIET, Watch, step_of
from iterdeploy.store import Run, disk
from iterdeploy.store.rows import finished, write_rows
from iterdeploy.types import Likelihood, Scorer, Trainer, TrainingJob


def score_step(run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET) -> None:
    """Leave likelihoods.jsonl, if the recipe weights traces by them: by whom they were sampled, and by the newest.

    A trace of the newest generation keeps what was recorded when it was sampled.
    """
    file, newest = run.likelihoods_file(generation), generation - 1
    if run.recipe.curate.weights == "equal" or finished(file):
        return
    with step_of(run, generation, "score", watch) as mark:
        chosen = [answer.trace for answer in _chosen(run, generation)]
        older = [trace for trace in chosen if trace.generation < newest]
        then = {trace.id: round(math.fsum(trace.logprobs), 4) for trace in chosen}
        now = dict(then)
        if older:
            model = trainer.load(adapter_of(run, newest))
            if not isinstance(model, Scorer):
                raise BadInput(
                    f"curate.weights = 'ratio' needs a model that tells how likely a given answer is, and "
                    f"{type(model).__name__} has no score(...); set curate.weights = 'equal'"
                )
            said = model.score([(trace.prompt_ids, trace.token_ids) for trace in older])
            now |= {trace.id: round(one, 4) for trace, one in zip(older, said, strict=True)}
        rows = [Likelihood(trace.id, then[trace.id], now[trace.id]) for trace in chosen]
        write_rows(file, rows, mark)


def curate_step(run: Run, generation: int, watch: Watch = QUIET) -> None:
    """Leave examples.jsonl: what this generation learns from the deployed traces of those before it."""
    file, rule = run.examples_file(generation), run.recipe.curate
    if finished(file):
        return
    with step_of(run, generation, "curate", watch) as mark:
        weights = None
        if rule.weights == "ratio":
            weights = {one.trace_id: ratio(one, rule.weight_most) for one in run.likelihoods(generation)}
        write_rows(file, to_examples(_chosen(run, generation), weights), mark)


def train_step(run: Run, trainer: Trainer, generation: int, watch: Watch = QUIET) -> None:
    """Leave adapter/: the next generation. A killed training goes on from what it left in scratch/."""
    folder, scratch = run.adapter_folder(generation), run.folder(generation) / "scratch"
    unfinished = folder.with_name("adapter.tmp")
    if folder.exists():
        disk.remove(scratch)
        return
    examples = run.examples(generation)
    if not examples:
        raise TrainingRefused(
            f"generation {generation} has nothing to learn from: no trace in its pool was kept "
            f"(curate.rule {run.recipe.curate.rule}); deploy on easier tasks, or take a better base"
        )
    with step_of(run, generation, "train", watch) as mark, disk.filling(folder):
        disk.remove(unfinished)
        with disk.writing(unfinished):
            unfinished.mkdir(parents=True)
            scratch.mkdir(exist_ok=True)
        trainer.train(
            TrainingJob(
                generation=generation,
                examples=examples,
                start=_start(run, generation),
                out=unfinished,
                scratch=scratch,
                seed=seed_of(run.recipe.seed, generation, "train"),
                observe=watch.observe,
                point=lambda name: mark(name.rpartition("/")[2]),
            )
        )
        disk.put_folder(unfinished, folder, mark)
        disk.remove(scratch)


def _chosen(run: Run, generation: int) -> list[Answer]:
    rule, tasks = run.recipe.curate, run.tasks("deployed")
    pool = (
        one
        for earlier in pooled(rule, generation)
        for one in join(tasks, run.traces(earlier), run.verdicts(earlier))
    )
    return curate(rule, list(pool))


def _start(run: Run, generation: int) -> Path | None:
    return adapter_of(run, generation - 1) if run.recipe.train.start == "last" else None
