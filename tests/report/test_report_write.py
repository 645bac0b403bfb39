"""The report's files: complete, equal for equal runs, replaced whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import fake_run
import pytest

from iterdeploy.errors import Locked
from iterdeploy.report.markdown import markdown
from iterdeploy.report.numbers import read_numbers
from iterdeploy.report.write import write_report
from iterdeploy.store import Run

FILES = ("report.json", "report.md", "solved.svg", "solved.png", "report.html")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_two_equal_runs_leave_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(fake_run.write(tmp_path / name, fake_run.recipe()))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_files_hold_what_they_should(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    numbers = write_report(run)
    report = json.loads((run.path / "report.json").read_text())
    assert [g["deployed"]["solved"] for g in report["generations"]] == [
        g.deployed.solved for g in numbers.generations
    ]
    text = (run.path / "report.md").read_text()
    last = numbers.generations[-1].deployed
    assert f"**{numbers.generations[0].deployed.solved} → {last.solved}** of {last.asked}" in text
    for title in (
        "Solved",
        "Solved by size, held-out",
        "Plans, deployed",
        "Faults, deployed",
        "Diversity, deployed",
    ):
        assert f"## {title}\n" in text
    assert ElementTree.fromstring((run.path / "solved.svg").read_bytes()).tag.endswith("svg")
    assert (run.path / "solved.png").read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in (run.path / "solved.svg").read_bytes()


def test_every_table_of_the_markdown_is_rectangular(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(samples=2))
    blocks = markdown(read_numbers(run)).split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]
    assert len(tables) == 11
    for table in tables:
        assert len({line.count("|") for line in table}) == 1


def test_a_kill_between_write_and_rename_leaves_the_old_report(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=1)
    write_report(run)
    before = contents(run.path)
    finished = fake_run.write(tmp_path / "run", fake_run.recipe())

    def stop(name: str) -> None:
        if name == "report/report.json/written":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(finished, point=stop)
    assert contents(run.path) == before
    write_report(finished)
    assert contents(run.path) != before
    assert not list(run.path.glob("*.tmp"))


def test_each_file_has_its_two_points(tmp_path: Path) -> None:
    points: list[str] = []
    write_report(fake_run.write(tmp_path / "run", fake_run.recipe()), point=points.append)
    assert points == [f"report/{name}/{event}" for name in FILES for event in ("written", "renamed")]


def test_a_run_that_another_process_writes_is_not_touched(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    with Run.open(run.path).lock(), pytest.raises(Locked):
        write_report(run)
    assert not (run.path / "report.json").exists()


def test_nothing_finished_yet_is_said_and_not_drawn(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=-1)
    write_report(run)
    assert "No generation is finished yet." in (run.path / "report.md").read_text()
    assert not (run.path / "solved.png").exists()
