"""The examples run, and show what they say they show."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from iterdeploy.check import check_domain
from iterdeploy.cli import main
from iterdeploy.pddl import Action, parse_domain, parse_problem, validate
from iterdeploy.recipe import Recipe
from iterdeploy.store import Run
from iterdeploy.types import Fault, Task, Trace

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(autouse=True)
def _in_examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a user who stands in examples/: its modules are found, and forgotten again."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    for name in ("own_domain", "own_trainer"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_first_run_solves_more_with_each_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (files("iterdeploy") / "bases" / "blocks-small" / "config.json").is_file()
    monkeypatch.setattr(sys, "argv", ["first_run.py", str(tmp_path / "run")])
    runpy.run_path(str(EXAMPLES / "first_run.py"), run_name="__main__")
    rows = Run.open(tmp_path / "run").generations()
    assert [row.number for row in rows] == [0, 1, 2]
    assert rows[0].solved < rows[2].solved
    shown = capsys.readouterr().out
    assert f"generation 2: {rows[2].solved} of 120" in shown
    assert "tasks solved by generation" in shown


def test_the_text_of_own_domain_is_shorter_than_forty_lines() -> None:
    assert len((EXAMPLES / "own_domain.py").read_text().splitlines()) < 40


def test_own_domain_keeps_its_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "own_domain:courier"]) == 0
    assert "own_domain:courier is ready for a run" in capsys.readouterr().out


def test_own_domain_judges_plans() -> None:
    from own_domain import courier

    domain = courier(Recipe())
    for task in domain.tasks("deployed", 12, (1, 2, 3), seed=0):
        steps = delivered(task)
        verdict = domain.validate(task, answer(task, steps))
        assert (verdict.valid, verdict.cost) == (True, len(steps))
        assert domain.validate(task, answer(task, steps[:-1])).fault is Fault.GOAL
        assert domain.validate(task, answer(task, steps[1:])).fault is not None
    assert judged_alone(task, steps)


def test_the_parrot_remembers_and_learns_nothing(tmp_path: Path) -> None:
    settings = [
        "tasks.domain=own_trainer:Sums",
        "base.model=own_trainer:ParrotTrainer",
        "tasks.sizes=[2]",
        "tasks.count=200",
        "tasks.heldout=100",
    ]
    out = tmp_path / "parrot"
    arguments = [word for setting in settings for word in ("--set", setting)]
    assert main(["run", "demo", *arguments, "--out", str(out), "--json"]) == 0
    rows = Run.open(out).generations()
    deployed = [row.solved for row in rows]
    assert deployed == sorted(deployed)
    assert deployed[0] < 80  # of 200, by guessing
    assert deployed[5] > 140
    assert max(row.heldout_solved for row in rows) < 45  # of 100: no better than guessing


def test_sums_and_parrot_keep_their_promises() -> None:
    from own_trainer import ParrotTrainer, Sums

    from iterdeploy.types import Domain, Trainer

    domain: Domain = Sums()
    trainer: Trainer = ParrotTrainer()
    assert all(finding.kept for finding in check_domain(domain, sizes=(2, 3)))
    assert trainer.load(None).id == trainer.load(None).id


def delivered(task: Task) -> list[str]:
    """A plan by walking the roads: fetch and bring one parcel after another."""
    problem = parse_problem(task.spec["problem"], parse_domain(task.spec["domain"]))
    init = [fact.split() for fact in sorted(problem.init)]
    roads = {(fact[1], fact[2]) for fact in init if fact[0] == "road"}
    at = next(fact[1] for fact in init if fact[0] == "here")
    starts = {fact[1]: fact[2] for fact in init if fact[0] == "waits"}
    steps = []
    for parcel, end in sorted(wanted(task).items()):
        there, back = walk(at, starts[parcel], roads), walk(starts[parcel], end, roads)
        steps += [f"(go {a} {b})" for a, b in pairwise(there)] + [f"(load {parcel} {starts[parcel]})"]
        steps += [f"(go {a} {b})" for a, b in pairwise(back)] + [f"(drop {parcel} {end})"]
        at = end
    return steps


def wanted(task: Task) -> dict[str, str]:
    goal = task.spec["problem"].partition("(:goal (and")[2]
    words = goal.replace("(", " ").replace(")", " ").split()
    return dict(zip(words[1::3], words[2::3], strict=True))


def walk(start: str, end: str, roads: set[tuple[str, str]]) -> list[str]:
    paths = [[start]]
    for path in paths:
        if path[-1] == end:
            return path
        paths += [[*path, b] for a, b in sorted(roads) if a == path[-1] and b not in path]
    raise AssertionError(f"no way from {start} to {end}")


def judged_alone(task: Task, steps: list[str]) -> bool:
    """The room pddl/ by itself says the same."""
    domain = parse_domain(task.spec["domain"])
    actions = [Action(name, tuple(args)) for name, *args in (step.strip("()").split() for step in steps)]
    return validate(domain, parse_problem(task.spec["problem"], domain), actions).fault is None


def answer(task: Task, steps: list[str]) -> Trace:
    text = "<plan>\n" + "\n".join(steps) + "\n</plan>"
    return Trace("t", task.id, 0, 0, "test", text, (), tuple(text.encode()), (0.0,) * len(text), "stop")
