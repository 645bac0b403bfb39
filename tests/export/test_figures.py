"""Figures: for every run with a finished generation, equal for equal numbers, each in the form that its name says."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import fake_run
import pytest

from iterdeploy.cli import main
from iterdeploy.errors import BadInput
from iterdeploy.export.figures import draw, write_figures
from iterdeploy.report.notebook import load_ipython_extension, view
from iterdeploy.report.numbers import read_numbers
from iterdeploy.store import Run

NAMES = ("solved", "sizes", "plan-length", "faults", "diversity")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run.write(tmp_path / "run", fake_run.recipe())


def test_each_figure_is_there_as_svg_and_png(run: Run, tmp_path: Path) -> None:
    assert main(["export", "figures", str(run.path), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.{form}" for name in NAMES for form in ("svg", "png")}
    for name in NAMES:
        assert ElementTree.fromstring((tmp_path / "out" / f"{name}.svg").read_bytes()).tag.endswith("svg")
        png = (tmp_path / "out" / f"{name}.png").read_bytes()
        width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
        assert (width, height) == (1020, 750), "3.4 by 2.5 inches at 300 dots an inch"


def test_equal_numbers_give_equal_bytes_and_losses_a_figure(run: Run) -> None:
    losses = {1: [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"step": 2, "validation_loss": 0.3}]}
    numbers = read_numbers(run)
    one, two = draw(numbers, losses), draw(numbers, losses)
    assert one == two
    assert "loss.svg" in one


def test_a_run_without_held_out_tasks_and_one_generation(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(heldout=0, generations=0))
    assert len(write_figures(run, tmp_path / "out")) == 10


def test_nothing_to_draw_yet(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1)
    with pytest.raises(BadInput, match="no finished generation yet"):
        write_figures(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_notebook_shows_a_table_and_a_figure(run: Run) -> None:
    shown = view(run)._repr_html_()
    assert shown.count("<tr>") == 4
    last = run.generations()[-1]
    assert f"<td>{last.solved} / {last.asked}</td>" in shown
    figure = shown[shown.index("<svg") : shown.index("</svg>") + 6]
    assert ElementTree.fromstring(figure).tag.endswith("svg")
    assert "small, seed 0" in repr(view(run.path))


def test_a_name_is_text_in_a_notebook(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1)
    shown = view(str(run.path))._repr_html_()
    assert "No generation is finished yet." in shown
    from dataclasses import replace

    from iterdeploy.report.notebook import RunView

    hostile = RunView(replace(read_numbers(run), name="<script>alert(1)</script>"))
    assert "<script>" not in hostile._repr_html_()


def test_a_run_shows_itself_once_the_extension_is_loaded(run: Run) -> None:
    class Formatter:
        def for_type(self, kind: type, show: object) -> None:
            self.kind, self.show = kind, show

    class Shell:
        def __init__(self) -> None:
            self.display_formatter = self
            self.formatters = {"text/html": Formatter()}

    shell = Shell()
    load_ipython_extension(shell)
    formatter = shell.formatters["text/html"]
    assert formatter.kind is Run
    assert callable(formatter.show)
    assert "<table>" in formatter.show(run)
