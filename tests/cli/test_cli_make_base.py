"""`iterdeploy make-base`: what it prints leads to the base that was made; bad arguments are refused before any work."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from iterdeploy.cli import main
from iterdeploy.cli.make_base import PRESETS
from iterdeploy.models.tokens import local_folder
from iterdeploy.train import base
from iterdeploy.train.adapters import base_folder

Capture = pytest.CaptureFixture[str]


def test_each_domain_has_a_recipe_and_a_preset() -> None:
    assert set(PRESETS) == set(base.RECIPES)


def test_the_next_command_runs_the_base_that_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def made(recipe: object, seed: int, out: Path, show: object) -> None:
        shutil.copytree(base_folder("sums-small"), out)

    monkeypatch.setattr(base, "make_base", made)
    monkeypatch.chdir(tmp_path)
    assert main(["make-base", "--domain", "sums", "--out", "sums-small"]) == 0
    name = capsys.readouterr().out.split("base.model=")[1].strip()
    assert base_folder(name) == str(tmp_path / "sums-small") != base_folder("sums-small")
    assert local_folder("./sums-small") == Path("sums-small")


@pytest.mark.parametrize("steps", ["0", "-5", "many"])
def test_no_steps_are_refused(tmp_path: Path, steps: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["make-base", "--steps", steps, "--out", str(tmp_path / "new")])
    assert f"it must be 1 or more, not {steps}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_negative_seed_is_refused(tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["make-base", "--seed", "-1", "--out", str(tmp_path / "new")])
    assert "it must be 0 or more, not -1" in capsys.readouterr().err


def test_a_file_is_no_folder(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["make-base", "--out", str(tmp_path / "file")]) == 2
    assert "no empty folder; name a new one" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
