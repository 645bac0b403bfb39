"""The presets and the settings of training on a real model: two generations of each, through the whole loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

from iterdeploy.loop import run_loop
from iterdeploy.recipe import Recipe, preset, presets
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
