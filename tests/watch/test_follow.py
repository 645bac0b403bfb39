"""A run seen from outside at each point of its life, as a whole scripted run leaves its files."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import fake_run
import pytest
import scripted_run

from iterdeploy.loop import run_loop
from iterdeploy.store import Run
from iterdeploy.store.rows import part_of
from iterdeploy.watch.follow import TEXT, Follower, State, finished_mark, writer


def test_every_step_of_a_run_is_seen_while_it_is_under_way(tmp_path: Path) -> None:
    """The follower looks at each named point; what it says must agree with where the run is."""
    run = Run.create(tmp_path / "run", scripted_run.RECIPE)
    follower, seen = Follower(run.path), list[tuple[str, State]]()
    run_loop(
        run,
        scripted_run.Counting(),
        scripted_run.trainer(),
        point=lambda name: seen.append((name, follower.look())),
        second=scripted_run.Counting(),
        probes=scripted_run.PROBES,
    )
    for name, state in seen:
        generation, _, rest = name.partition("/")
        if rest.endswith("/before"):
            assert state.step is not None
            assert f"gen-{state.step.generation}" == generation
            assert state.step.step == rest.removesuffix("/before")
        assert state.writer == f"{os.getpid()} on {platform.node()}"
    rows = [state.step for name, state in seen if name == "gen-1/deploy/row" and state.step]
    assert [step.done for step in rows] == list(range(1, 13))
    assert {step.total for step in rows} == {12}
    judged = [state.step for name, state in seen if name == "gen-1/validate-traces/row" and state.step]
    valid = [verdict.valid for verdict in run.verdicts(1)]
    assert [step.valid for step in judged] == [sum(valid[: n + 1]) for n in range(12)]
    end = follower.look()
    assert (end.finished, end.step, end.writer) == (True, None, None)
    assert list(end.generations) == run.generations()


def test_the_last_verdicts_are_of_both_kinds(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    judged = Follower(run.path).look().judged
    verdicts = run.verdicts(0, "heldout")
    assert [j.trace_id for j in judged if j.valid] == [v.trace_id for v in verdicts if v.valid][-4:]
    assert [j.trace_id for j in judged if not j.valid] == [v.trace_id for v in verdicts if not v.valid][-4:]


def test_the_latest_answer_is_shown_and_cut(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(generations=0), finished=0)
    file = run.traces_file(0)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[-1]["text"] = "a" * 1_000_000
    run.generation_file(0).unlink()
    run.verdicts_file(0).unlink()
    file.unlink()
    part_of(file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = Follower(run.path).look().answer
    assert answer == (rows[-1]["id"], "a" * TEXT + " ...")


def test_losses_of_a_training_come_from_its_checkpoint(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    scratch = run.folder(1) / "scratch"
    scratch.mkdir(parents=True)
    run.examples_file(1).touch()
    head = json.dumps({"__metadata__": {"job": "x", "losses": "[0.5, 0.25]"}}).encode()
    (scratch / "training.safetensors").write_bytes(len(head).to_bytes(8, "little") + head)
    step = Follower(run.path).look().step
    assert step is not None
    assert (step.step, step.done, step.note) == ("train", 2, "loss 0.2500 at the last checkpoint")
    (scratch / "training.safetensors").write_bytes(b"torn")
    step = Follower(run.path).look().step
    assert step is not None
    assert (step.done, step.note) == (0, "")


def test_the_mark_of_a_page_changes_with_each_finished_generation_alone(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(), finished=0)
    mark = finished_mark(run)
    run.add_seconds(1, "train", 1.0)
    run.folder(1).mkdir()
    part_of(run.traces_file(1)).write_text("{}\n")
    assert finished_mark(run) == mark != ""
    fake_run.write(tmp_path / "run", fake_run.recipe(), finished=1)
    assert finished_mark(run).count(".") == 1


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("", None),
        (f"{os.getpid()} on {platform.node()}", f"{os.getpid()} on {platform.node()}"),
        (f"999999999 on {platform.node()}", None),
        ("12 on elsewhere", "12 on elsewhere"),
    ],
    ids=["nobody", "this process", "a process that ended", "another machine"],
)
def test_a_writer_of_this_machine_must_live(tmp_path: Path, said: str, seen: str | None) -> None:
    (tmp_path / "lock.pid").write_text(said)
    assert writer(tmp_path) == seen
