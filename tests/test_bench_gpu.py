"""The measurement on a GPU: its parts work at a tiny size on the CPU, and without a GPU it says that there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "bench" / "gpu.py"


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    seen = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(
        command, cwd=folder, env=seen, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_all_parts_are_measured(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--quick", "--out", "results", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results" / "gpu.json").read_text())
    for precision in ("float32", "bfloat16"):
        assert found[f"sampling, {precision}"]["tokens_per_second"] > 0
        assert found[f"training, {precision}"]["tokens_per_second"] > 0
    assert found["agreement"]["largest_difference_nats_a_token"] < 1e-4
    assert found["agreement"]["greedy_answers_equal"] == found["agreement"]["answers"] > 0
    assert "## ceilings" in (tmp_path / "results" / "gpu.md").read_text()


@pytest.mark.slow
def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    done = run(folder=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "no GPU is here" in done.stderr
