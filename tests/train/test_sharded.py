"""One model cut among two processes, on CPUs with gloo, beside the training in one process."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import group_run
import pytest
import tiny
import torch.multiprocessing as processes

from iterdeploy.types import TrainingJob

pytestmark = pytest.mark.slow


def address() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def start_two(what: Any, *given: Any) -> None:
    processes.start_processes(what, args=given, nprocs=2, start_method="spawn")  # type: ignore[attr-defined, no-untyped-call]


def test_a_checkpoint_of_a_model_that_is_cut_is_gone_on_from(tmp_path: Path) -> None:
    """By both optimizers, to the bit, with parameters that two processes cannot halve."""
    start_two(group_run.go_on_from_a_checkpoint, str(tmp_path), address())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["adamw", "muon"]


def test_two_processes_that_share_a_model_train_what_one_trains(base: Path, tmp_path: Path) -> None:
    """However few logits are made at once elsewhere. DDP is tested with Ray, and in one process in test_chunks."""
    alone = tmp_path / "alone"
    alone.mkdir()
    with tiny.trainer(group_run.recipe(base)) as trainer:
        trainer.train(TrainingJob(1, group_run.examples(base), None, alone, tmp_path, seed=7))
    start_two(group_run.take_part, str(base), str(tmp_path / "group"), address(), "fsdp", 4096)
    group_run.assert_agree(alone, tmp_path / "group" / "0" / "out")
    assert not list((tmp_path / "group" / "1" / "out").iterdir()), "rank 0 alone writes"
