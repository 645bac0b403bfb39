"""The quick form of each experiment runs, and its claim holds in its direction."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import iterdeploy

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
QUICK = sorted(file.parent.name for file in EXPERIMENTS.glob("*/run.py") if "--quick" in file.read_text())


def test_there_are_quick_forms() -> None:
    assert {"curation", "gradients", "validator_bias", "reproduction", "weights", "collapse"} <= set(QUICK)
    assert {"probes", "better", "domains", "fields"} <= set(QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_the_claim_of_an_experiment_holds_in_its_quick_form(name: str, tmp_path: Path) -> None:
    if name == "fields":
        pytest.importorskip("reasoning_gym")
        if shutil.which("bwrap") is None:
            pytest.skip("the sandbox of the domain code needs bubblewrap")
    env = {**os.environ, "PYTHONPATH": str(Path(iterdeploy.__file__).parents[1])}
    command = [sys.executable, str(EXPERIMENTS / name / "run.py"), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    "folder", sorted(file.parent for file in EXPERIMENTS.glob("*/run.py")), ids=lambda p: p.name
)
def test_each_experiment_states_its_claim_and_its_command(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "**Claim" in text
    assert "python experiments/" in text
