"""The presets and the settings of training on a real model: two generations of each, through the whole loop."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from iterdeploy.loop import run_loop
from iterdeploy.measure import effective_size
from iterdeploy.recipe import Curate, Recipe, preset, presets
from iterdeploy.store import Run
from iterdeploy.train.adapters import WEIGHTS

pytestmark = pytest.mark.slow

VARIANTS: tuple[dict[str, Any], ...] = (
    {"method": "full", "learning_rate": 1e-3},
    {"start": "last"},
    {"method": "full", "start": "last", "learning_rate": 1e-3},
    {"loss": "sum", "clip": 0.1},
    {"loss": "sequence-mean"},
    {"examples_per_step": 1, "optimizer": "adamw", "schedule": "linear", "learning_rate": 1e-4},
    {"validation_share": 0.25, "schedule": "constant", "warmup_share": 0.5},
    {"positions": "jumps", "augment_share": 1.0, "targets": ("q_proj", "v_proj")},
)


def run_of(of: Recipe, base: Path, folder: Path) -> Run:
    """Two short generations of a recipe on the tiny model, with tasks that it can read."""
    small = tiny.recipe(base)
    train = replace(of.train, max_steps=3, rank=4, tokens_per_step=256, max_length=1024)
    deploy = replace(of.deploy, samples=min(of.deploy.samples, 3), max_tokens=80)
    made = replace(of, tasks=small.tasks, base=small.base, train=train, deploy=deploy, generations=2)
    run = Run.create(folder / "run", made)
    with tiny.trainer(made) as trainer:
        run_loop(run, tiny.domain(), trainer)
    return run


@pytest.mark.parametrize("name", presets())
def test_each_preset_learns_from_what_it_says(name: str, base: Path, tmp_path: Path) -> None:
    run = run_of(preset(name), base, tmp_path)
    rule = run.recipe.curate
    assert len(run.generations()) == 3
    for generation in (1, 2):
        pool = range(generation) if rule.pool == "all" else [generation - 1]
        traces = {trace.id: trace for earlier in pool for trace in run.traces(earlier)}
        valid = {v.trace_id for earlier in pool for v in run.verdicts(earlier) if v.valid}
        learned = [example.trace_id for example in run.examples(generation)]
        assert learned
        assert set(learned) <= (set(traces) if rule.rule == "none" else valid)
        if rule.rule in ("none", "all-valid"):
            assert len(learned) == len(traces if rule.rule == "none" else valid)
        else:
            tasks = [traces[trace].task_id for trace in learned]
            assert len(set(tasks)) == len(tasks) == len({traces[trace].task_id for trace in valid})


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(map(str, settings)))
def test_each_way_to_train_makes_another_model_and_deploys_it(
    settings: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    of = tiny.recipe(base)
    run = run_of(replace(of, train=replace(of.train, **settings)), base, tmp_path)
    models = [row.model for row in run.generations()]
    assert len(set(models)) == 3
    assert [row.parent for row in run.generations()] == [
        None,
        models[0],
        models[1] if run.recipe.train.start == "last" else models[0],
    ]
    losses = [row["loss"] for row in run.training(2) if "loss" in row]
    assert len(losses) == 3
    assert any("validation_loss" in row for row in run.training(2)) == (run.recipe.train.validation_share > 0)
    assert (run.adapter_folder(2) / WEIGHTS).is_file() == (run.recipe.train.method == "full")


def test_weights_are_the_ratio_of_likelihoods_and_the_newest_weigh_one(base: Path, tmp_path: Path) -> None:
    of = replace(tiny.recipe(base), curate=Curate(rule="all-valid", weights="ratio", weight_most=1.5))
    run = run_of(of, base, tmp_path)
    (newest, *_), examples = run.generations()[1:], run.examples(2)
    assert newest.number == 1
    likely = {row.trace_id: row for row in run.likelihoods(2)}
    sampled = {trace.id: trace for number in (0, 1) for trace in run.traces(number)}
    for example in examples:
        trace, row = sampled[example.trace_id], likely[example.trace_id]
        assert row.then == pytest.approx(math.fsum(trace.logprobs), abs=1e-3)
        assert example.weight == pytest.approx(min(1.5, math.exp(row.now - row.then)))
        assert trace.generation == 0 or example.weight == 1
    older = [example.weight for example in examples if sampled[example.trace_id].generation == 0]
    assert len(set(older)) > 3
    assert 0 < effective_size([e.weight for e in examples]) < len(examples)
