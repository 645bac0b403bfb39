"""Each worker gets a GPU of its own, of those that it may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iterdeploy import gpus as module
from iterdeploy.gpus import NAMED, gpus, take_one


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    for name in ("nvidia2", "nvidia3", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


def test_all_that_are_there_or_those_that_are_named(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAMED, raising=False)
    assert gpus(devices) == ["0", "1", "2"], "as CUDA numbers them"
    for named, found in (("1,0", ["1", "0"]), ("", []), ("-1", []), ("GPU-a1, GPU-b2", ["GPU-a1", "GPU-b2"])):
        monkeypatch.setenv(NAMED, named)
        assert gpus(devices) == found
    assert gpus(devices / "nothing") == []


def test_ranks_are_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAMED, "4,7")
    for rank, mine in ((0, "4"), (1, "7"), (2, "4")):
        monkeypatch.setattr(module, "gpus", lambda: ["4", "7"])
        take_one(rank)
        assert os.environ[NAMED] == mine
