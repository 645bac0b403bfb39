"""One model trained by two processes of a group, on CPUs with gloo, beside the training in one process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import local_run
import pytest
import tiny
import torch
from safetensors.torch import load_file

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.recipe import Recipe
from iterdeploy.types import Example, TrainingJob

pytestmark = pytest.mark.slow

STEPS = 6


def recipe(base: Path, sharding: Any) -> Recipe:
    of = local_run.recipe(base)
    return replace(of, train=replace(of.train, sharding=sharding, max_steps=STEPS, dropout=0.0))


def examples(base: Path) -> list[Example]:
    from iterdeploy.train.adapters import open_tokenizer

    rows = tiny.rows(open_tokenizer(str(base)))[:12]
    return [
        Example(trace_id=f"t{i}", task_id="t", prompt_ids=tuple(r.prompt), completion_ids=tuple(r.completion))
        for i, r in enumerate(rows)
    ]


def job(base: Path, folder: Path) -> TrainingJob:
    out, scratch = folder / "out", folder / "scratch"
    out.mkdir(parents=True)
    scratch.mkdir()
    return TrainingJob(1, examples(base), None, out, scratch, seed=7)


def trained(folder: Path) -> tuple[dict[str, torch.Tensor], list[float]]:
    rows = [json.loads(line) for line in (folder / "out" / "training.jsonl").read_text().splitlines()]
    return load_file(folder / "out" / "adapter_model.safetensors"), [row["loss"] for row in rows]


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_a_group_trains_what_one_process_trains(
    cluster: Any, base: Path, tmp_path: Path, sharding: str
) -> None:
    from iterdeploy.cluster.trainer import ClusterTrainer

    with tiny.trainer(recipe(base, "none")) as alone:
        alone.train(job(base, tmp_path / "alone"))
    with ClusterTrainer(recipe(base, sharding), 2, NAMES) as group:
        group.train(job(base, tmp_path / "group"))
    one, losses = trained(tmp_path / "alone")
    two, others = trained(tmp_path / "group")
    assert others == pytest.approx(losses, abs=2e-5)
    assert len(losses) == STEPS
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-4
    moved = max(float(one[name].abs().max()) for name in one if "lora_B" in name)
    assert moved > 1e-3, "B is zero before the first step"
    written = [sorted(p.name for p in (tmp_path / which / "out").iterdir()) for which in ("alone", "group")]
    assert written[0] == written[1]
    config = [(tmp_path / which / "out" / "adapter_config.json").read_bytes() for which in ("alone", "group")]
    assert config[0] == config[1]
