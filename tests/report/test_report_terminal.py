"""The screens: what they say, and that they fit 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fake_run
from rich.console import Console, RenderableType

from iterdeploy.measure import SecondOpinion
from iterdeploy.report.markdown import markdown
from iterdeploy.report.numbers import read_numbers
from iterdeploy.report.terminal import bar, overview, spark


def screen(what: RenderableType) -> list[str]:
    console = Console(width=80, color_system=None, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(what)
    return console.export_text().splitlines()


def test_bars_and_sparks() -> None:
    assert [bar(share, 2) for share in (0.0, 0.5, 1.0, 2.0)] == ["  ", "█ ", "██", "██"]
    assert bar(1 / 16, 2) == "▏ "
    assert spark([0.0, 0.001, 0.5, 1.0]) == "·▁▄█"


def test_overview_fits_and_cuts_nothing_with_a_thousand_tasks(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(count=1000, heldout=270))
    lines = screen(overview(read_numbers(run)))
    assert not [line for line in lines if "…" in line and "3 … 5" not in line]
    assert any("/1000" in line and "/270" in line for line in lines)
    assert any(line.startswith("held-out, generation 2") for line in lines)


def test_a_second_validator_is_heard_where_it_disagrees(tmp_path: Path) -> None:
    numbers = read_numbers(fake_run.write(tmp_path / "run", fake_run.recipe()))
    said = (SecondOpinion(50, 0, 50, 0), SecondOpinion(50, 3, 40, 0))
    rows = [replace(row, second=one) for row, one in zip(numbers.generations, said, strict=False)]
    told = replace(numbers, generations=tuple(rows))
    doubts = [line for line in screen(overview(told)) if "second" in line]
    assert doubts == ["generation 1: a second validator rejects 3 of 50 accepted traces and accepts 0 "]
    assert "| 1 | 50 | 3 | 2-16 % | 40 | 0 |" in markdown(told)
    assert "second" not in markdown(numbers)


def test_overview_of_odd_runs(tmp_path: Path) -> None:
    empty = fake_run.write(tmp_path / "empty", fake_run.recipe(), finished=-1)
    assert screen(overview(read_numbers(empty))) == ["No generation is finished yet."]
    base = fake_run.write(tmp_path / "base", fake_run.recipe(heldout=0), finished=0)
    assert not any("held-out, generation" in line for line in screen(overview(read_numbers(base))))
