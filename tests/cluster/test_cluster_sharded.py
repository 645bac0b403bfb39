"""One model trained by two workers of a cluster that share a group, beside the training in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import group_run
import pytest
import tiny

from iterdeploy.domains.blocksworld import NAMES
from iterdeploy.types import TrainingJob

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_a_group_trains_what_one_process_trains(
    cluster: Any, base: Path, tmp_path: Path, sharding: str
) -> None:
    from iterdeploy.cluster.trainer import ClusterTrainer

    alone, group = tmp_path / "alone", tmp_path / "group"
    alone.mkdir()
    group.mkdir()
    with tiny.trainer(group_run.recipe(base)) as trainer:
        trainer.train(TrainingJob(1, group_run.examples(base), None, alone, tmp_path, seed=7))
    with ClusterTrainer(group_run.recipe(base, sharding), 2, NAMES) as of_cluster:
        of_cluster.train(TrainingJob(1, group_run.examples(base), None, group, tmp_path, seed=7))
    group_run.assert_agree(alone, group)
