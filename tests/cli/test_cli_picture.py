"""`iterdeploy show --svg`: the picture of one trace's plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fake_run
import pytest
from rows import answer, task

from iterdeploy.cli import main
from iterdeploy.domains import load
from iterdeploy.recipe import Recipe
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import Fault

PROBLEM = """(define (problem two) (:domain blocksworld) (:objects a b)
  (:init (ontable a) (ontable b) (clear a) (clear b) (handempty)) (:goal (and (on a b))))"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose tasks 0 to 2 hold PDDL, answered rightly, wrongly, and not at all."""
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    tasks = list(run.tasks())
    spec = {"domain": load("blocksworld", Recipe()).text, "problem": PROBLEM}
    tasks[:3] = [replace(task(number), spec=spec) for number in range(3)]
    tasks[3] = replace(task(3), spec={"numbers": "1 2 3"})
    write_rows(run.path / "tasks.jsonl", tasks)
    verdicts = {verdict.trace_id: verdict for verdict in run.verdicts(0)}
    for number, (actions, fault) in enumerate(
        [
            (("(pick-up a)", "(stack a b)"), None),
            (("(pick-up a)", "(pick-up b)"), Fault.PRECONDITION),
            ((), Fault.NO_PLAN),
        ]
    ):
        given = answer(tasks[number], len(actions), fault=fault, actions=actions)
        verdicts[given.verdict.trace_id] = given.verdict
    write_rows(run.verdicts_file(0, "deployed"), list(verdicts.values()))
    return run


def test_show_writes_the_picture_of_a_plan(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "plan.svg"
    assert main(["show", str(run.path), "g0-deployed-0000-0", "--svg", str(picture)]) == 0
    assert f"picture: {picture}" in capsys.readouterr().out
    svg = picture.read_text()
    assert "g0-deployed-0000-0: valid, 2 steps" in svg
    assert svg.count("data-step=") == 3


def test_the_failing_step_is_marked(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "plan.svg"
    assert main(["show", str(run.path), "g0-deployed-0001-0", "--svg", str(picture)]) == 0
    assert 'class="frame failed" data-step="2"' in picture.read_text()


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        ("deployed-0000", "draws one trace, and deployed-0000 is a task"),
        ("g0-deployed-0002-0", "no plan was read from g0-deployed-0002-0 (no-plan)"),
        ("g0-deployed-0003-0", "hold no PDDL"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    trace: str, reason: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(run.path), trace, "--svg", str(tmp_path / "plan.svg")]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "plan.svg").exists()
