"""A plan beside a run: each step by its generation, then the sums; what the run has not done is not compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_run import RECIPE, go

from iterdeploy.cli import main
from iterdeploy.plan_ahead import Shape, plan
from iterdeploy.plan_ahead.against import Compared, compare
from iterdeploy.plan_ahead.pace import Pace
from iterdeploy.store import Run

NAMED = replace(
    RECIPE, tasks=replace(RECIPE.tasks, domain="scripted_run:Counting")
)  # as a command would find it
GENERATIONS = RECIPE.generations + 1
PACE = Pace(sampled=100.0, trained=50.0, starting=5.0, answer=4.0, source="a test")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("against") / "run"
    go(folder, NAMED)
    (folder / "clock.jsonl").unlink()  # seconds of our own instead
    run = Run.open(folder)
    for number in range(GENERATIONS):
        run.add_seconds(number, "deploy", 1.0)
        run.add_seconds(number, "deploy", 1.0)  # it was stopped and went on
        run.add_seconds(number, "heldout/deploy", 0.5)
    run.add_seconds(1, "train", 4.0)
    return run


@pytest.fixture(scope="module")
def rows(run: Run) -> list[Compared]:
    return compare(plan(RECIPE, 10, Shape(1000, 10), 1, PACE), run)


def one(rows: list[Compared], generation: int | None, step: str, unit: str) -> Compared:
    (found,) = (r for r in rows if (r.generation, r.step, r.unit) == (generation, step, unit))
    return found


def test_every_deployment_has_its_seconds_and_tokens(run: Run, rows: list[Compared]) -> None:
    for number in range(GENERATIONS):
        seconds = one(rows, number, "deploy", "seconds")
        assert seconds.measured == 2.0
        assert seconds.ratio == seconds.estimated / 2.0
        tokens = one(rows, number, "deploy", "tokens")
        assert tokens.measured == sum(len(trace.token_ids) for trace in run.traces(number))
        heldout = one(rows, number, "heldout/deploy", "tokens")
        assert heldout.measured == sum(len(trace.token_ids) for trace in run.traces(number, "heldout"))


def test_the_estimates_are_those_of_the_pace(rows: list[Compared]) -> None:
    assert one(rows, 0, "deploy", "tokens").estimated == RECIPE.tasks.count * RECIPE.deploy.samples * 4
    assert one(rows, 0, "heldout/deploy", "seconds").estimated == RECIPE.tasks.heldout * 4 / 100.0


def test_examples_are_those_that_were_curated(run: Run, rows: list[Compared]) -> None:
    assert one(rows, 1, "train", "examples").measured == len(run.examples(1)) > 0


def test_steps_that_the_run_has_not_done_are_left_out(rows: list[Compared]) -> None:
    assert not [row for row in rows if row.generation == 2 and row.step == "train"]
    assert not [row for row in rows if row.step == "whole run"]  # it never came to its report


def test_sums_are_of_the_steps_that_are_there(rows: list[Compared]) -> None:
    for step, unit in (("deploy", "seconds"), ("deploy", "tokens"), ("train", "seconds")):
        parts = [r for r in rows if (r.step, r.unit) == (step, unit) and r.generation is not None]
        whole = one(rows, None, step, unit)
        assert whole.estimated == sum(part.estimated for part in parts)
        assert whole.measured == sum(part.measured for part in parts)


def test_a_run_that_came_to_its_end_is_compared_as_a_whole(run: Run, tmp_path: Path) -> None:
    ended = Run.create(tmp_path / "ended", replace(RECIPE, generations=0))
    ended.add_seconds(None, "report", 3.0)
    whole = one(compare(plan(RECIPE, 10, Shape(1000, 10), 1, PACE), ended), None, "whole run", "seconds")
    assert whole.measured == 3.0


def test_the_command_prints_ratios_and_writes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    # a base that is not here has no seconds, but its tokens and examples are compared
    before = sorted(run.path.rglob("*"))
    assert main(["plan", "--against", str(run.path), "--workers", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {row["unit"] for row in shown} == {"tokens", "examples"}
    assert all(row["ratio"] == row["estimated"] / row["measured"] for row in shown)
    assert sorted(run.path.rglob("*")) == before
