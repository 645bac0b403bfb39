"""Folders on machines of the cluster: what killed workers left is removed, what living ones hold is not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from iterdeploy.cluster import parcels


def test_rooms_of_workers_that_have_ended_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(parcels, "_YOUNG", -1.0)
    ended, lock = parcels.room()
    (ended / "base").mkdir()
    (ended / "base" / "model.safetensors").touch()
    os.close(lock)
    living, _ = parcels.room()
    assert living.exists()
    assert not ended.exists()
    parcels.room()
    assert living.exists()
