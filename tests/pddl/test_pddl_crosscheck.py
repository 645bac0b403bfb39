"""Our verdicts against two other validators, kairos and VAL, on random and mutated plans of all domains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from iterdeploy import domains
from iterdeploy.pddl.val import find_val

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "experiments" / "validator" / "crosscheck.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "src"), *sys.path]))}

pytest.importorskip("kairos", reason="kairos-planner is not installed")
needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")


def crosscheck(folder: Path, plans: int, seed: int) -> Counter[str]:
    """Run it; what was counted. A disagreement that no rule explains fails the test, with its texts."""
    command = [sys.executable, str(SCRIPT), "--plans", str(plans), "--seed", str(seed), "--out", str(folder)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        (folder / "disagreements.json").read_text()[:4000] + done.stdout + done.stderr
    )
    counts: Counter[str] = Counter()
    for line in (folder / "rows.jsonl").read_text().splitlines():
        row = json.loads(line)
        counts["plans"] += row["plans"]
        counts[row["world"]] += row["plans"]
        counts.update(row["counts"])
    return counts


@needs_val
def test_a_few_hundred_plans_and_a_run_that_goes_on(tmp_path: Path) -> None:
    counts = crosscheck(tmp_path, 600, seed=2)
    first = (tmp_path / "rows.jsonl").read_bytes()
    (tmp_path / "rows.jsonl").write_bytes(first[: len(first) // 2])  # killed in the middle of a row
    assert crosscheck(tmp_path, 600, seed=2) == counts
    assert counts["plans"] == 600
    assert counts["kairos valid"] + counts["kairos invalid"] == 600


@pytest.mark.slow
@needs_val
def test_twenty_thousand_plans_over_all_domains(tmp_path: Path) -> None:
    counts = crosscheck(tmp_path, 20_000, seed=3)
    assert counts["plans"] >= 20_000
    for name in domains.NAMES:
        assert counts[name] > 0, name
    assert counts["kairos valid"] > 5000 < counts["kairos invalid"]
    assert counts["VAL valid"] > 5000
    assert counts["VAL invalid"] > 3000
    agree = counts["kairos names the same fault and step"]
    assert agree > 0.95 * counts["kairos invalid"]
