"""status, show, report and compare, on run folders with real files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import fake_run
import pytest

from iterdeploy.cli import main
from iterdeploy.cli.show import printable
from iterdeploy.store import Run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return fake_run.write(tmp_path / "run", fake_run.recipe())


def test_status_json_has_a_row_for_each_generation(run: Run, capsys: Capture) -> None:
    assert main(["status", str(run.path), "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["finished"], state["next"], state["planned"]) == (True, None, 2)
    for row, generation in zip(state["generations"], run.generations(), strict=True):
        lengths = [verdict.cost for verdict in run.verdicts(generation.number) if verdict.valid]
        assert row == {
            "number": generation.number,
            "asked": generation.asked,
            "solved": generation.solved,
            "heldout_asked": generation.heldout_asked,
            "heldout_solved": generation.heldout_solved,
            "longest_plan": max(lengths),
            "mean_plan_length": round(sum(lengths) / len(lengths), 3),
            "examples": generation.examples,
            "probes": {},
            "seconds": 3.0,
        }


def test_status_of_a_run_under_way(tmp_path: Path, capsys: Capture) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    run.folder(1).mkdir()
    run.examples_file(1).touch()
    run.adapter_folder(1).mkdir()
    (run.folder(1) / "traces.jsonl.part").write_text("{}\n{}\n{")
    assert main(["status", str(run.path), "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["next"] == {"generation": 1, "step": "deploy", "rows": 2}
    assert main(["status", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "next: generation 1 of 2, deploy, 2 rows so far" in out
    assert f"iterdeploy run {run.path}/recipe.toml --out {run.path}" in out


@pytest.mark.parametrize("name", ["run [final]", "run[b]"])
def test_brackets_in_a_name_are_no_markup(name: str, tmp_path: Path, capsys: Capture) -> None:
    run = fake_run.write(tmp_path / name, fake_run.recipe())
    assert main(["status", str(run.path)]) == 0
    assert f"in {run.path}\n" in capsys.readouterr().out


def test_status_of_a_run_that_has_only_its_recipe(tmp_path: Path, capsys: Capture) -> None:
    run = Run.create(tmp_path / "run", fake_run.recipe())
    assert main(["status", str(run.path)]) == 0
    assert "next: generation 0 of 2, tasks" in capsys.readouterr().out


def test_status_of_no_run(tmp_path: Path, capsys: Capture) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err


def test_show_a_trace(run: Run, capsys: Capture) -> None:
    verdict = next(v for v in run.verdicts(0) if not v.valid)
    assert main(["show", str(run.path), verdict.trace_id]) == 0
    out = capsys.readouterr().out
    for part in (
        verdict.trace_id,
        "prompt\nstack",
        "answer\n<think> tower",
        "not valid (goal): the plan fails",
    ):
        assert part in out


def test_show_all_traces_of_a_task(run: Run, capsys: Capture) -> None:
    assert main(["show", str(run.path), "deployed-0000"]) == 0
    assert len(re.findall(r"^g\d-deployed-0000-0  (valid|not valid)", capsys.readouterr().out, re.M)) == 3


def test_show_json_and_held_out(run: Run, capsys: Capture) -> None:
    assert main(["show", str(run.path), "heldout-0001", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [one["answer"]["trace"]["generation"] for one in answers] == [0, 1, 2]
    assert {one["answer"]["task"]["split"] for one in answers} == {"heldout"}


def test_show_offers_the_nearest(run: Run, capsys: Capture) -> None:
    assert main(["show", str(run.path), "g0-deployed-000"]) == 2
    assert "did you mean g0-deployed-0000-0, g0-deployed-0001-0, " in capsys.readouterr().err
    assert main(["show", str(run.path), "g0-deploid-0007-0"]) == 2
    assert "did you mean g0-deployed-0007-0?" in capsys.readouterr().err
    assert main(["show", str(run.path), "?"]) == 2
    assert "they look like g0-deployed-0000-0" in capsys.readouterr().err


def test_an_answer_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\n\u202ec é 積み") == "a\\x1b[2Jb\\x07\n\\u202ec é 積み"


def test_report_shows_writes_and_prints_json(run: Run, capsys: Capture) -> None:
    assert main(["report", str(run.path), "--json"]) == 0
    out = capsys.readouterr().out
    assert out == (run.path / "report.json").read_text()
    assert json.loads(out)["name"] == "small"
    assert main(["report", str(run.path)]) == 0
    assert "small, seed 0: tasks solved by generation" in capsys.readouterr().out
    assert {"report.md", "solved.svg", "solved.png"} <= {path.name for path in run.path.iterdir()}


def test_report_without_the_code_of_the_domain_still_reports(tmp_path: Path, capsys: Capture) -> None:
    from dataclasses import replace

    recipe = fake_run.recipe()
    lost = replace(recipe, tasks=replace(recipe.tasks, domain="gone:domain"))
    run = fake_run.write(tmp_path / "run", lost)
    assert main(["report", str(run.path)]) == 0
    assert "plans are not compared with a bound: no module 'gone'" in capsys.readouterr().err


def test_compare(run: Run, tmp_path: Path, capsys: Capture) -> None:
    other = fake_run.write(tmp_path / "other", fake_run.recipe(seed=1))
    assert main(["compare", str(run.path), str(other.path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert [row["seed"] for row in rows] == [0, 1]
    assert rows[1]["differs"] == ["seed: 1, not 0"]
    assert rows[0]["deployed"]["last"] == run.generations()[-1].solved
    assert main(["compare", str(run.path), str(other.path)]) == 0
    assert "  seed: 1, not 0" in capsys.readouterr().out
