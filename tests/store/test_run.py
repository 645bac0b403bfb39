"""A run is a folder: what it holds, what it refuses, and who may write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iterdeploy.errors import BadInput, Locked, RecipeChanged, RunError, Torn
from iterdeploy.recipe import Recipe, Tasks, Train, dump
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import Example, Fault, Generation, Split, Task, Trace, Verdict

RECIPE = Recipe(name="small", tasks=Tasks(count=2, heldout=1))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", RECIPE)


def a_task(name: str, split: Split = "deployed") -> Task:
    return Task(name, "blocksworld", "prompt", {"problem": "(define)"}, split, 3)


def a_trace(name: str) -> Trace:
    return Trace(name, "a", 0, 0, "model", "text ü", (1, 2), (3,), (-0.1,), "length")


def a_generation(number: int) -> Generation:
    return Generation(number, f"m{number}", "m0" if number else None, 2, 1, 1, 0, number)


# --- the folder and its recipe ---------------------------------------------------------------


def test_the_recipe_is_the_first_file(run: Run) -> None:
    assert [path.name for path in run.path.iterdir()] == ["recipe.toml"]
    assert (run.path / "recipe.toml").read_text().partition("\n")[2] == dump(RECIPE)
    assert Run.open(run.path).recipe == RECIPE


def test_creating_the_same_run_again_opens_it(run: Run) -> None:
    assert Run.create(run.path, RECIPE).recipe == RECIPE


def test_a_run_without_an_answer_takes_another_recipe_and_makes_its_tasks_anew(run: Run) -> None:
    write_rows(run.path / "tasks.jsonl", [a_task("a")])
    run.traces_file(0).parent.mkdir()
    run.traces_file(0).with_name("traces.jsonl.part").touch()
    asked = replace(RECIPE, seed=5)
    assert Run.create(run.path, asked).recipe == asked
    assert Run.open(run.path).recipe == asked
    assert not (run.path / "tasks.jsonl").exists()


def test_a_recipe_is_not_changed_under_a_process_that_writes(run: Run) -> None:
    with run.lock(), pytest.raises(Locked):
        Run.create(run.path, replace(RECIPE, seed=5))
    assert Run.open(run.path).recipe == RECIPE


def test_another_recipe_is_refused_with_every_difference(run: Run) -> None:
    write_rows(run.traces_file(0), [a_trace("t")])
    asked = replace(RECIPE, seed=5, train=Train(epochs=RECIPE.train.epochs + 1))
    with pytest.raises(RecipeChanged, match="holds a run of another recipe") as refusal:
        Run.create(run.path, asked)
    assert [line.split(":")[0] for line in refusal.value.differences] == ["seed", "train.epochs"]
    assert "seed: 0 in the folder, 5 asked" in str(refusal.value)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BadInput, match=r"is no run and not empty \(it holds thesis\.tex\)"):
        Run.create(tmp_path, RECIPE)
    with pytest.raises(BadInput, match=r"thesis\.tex is a file; a run is a folder"):
        Run.create(tmp_path / "thesis.tex", RECIPE)


def test_a_recipe_out_of_range_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"tasks\.count is 0"):
        Run.create(tmp_path / "run", replace(RECIPE, tasks=Tasks(count=0)))
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_recipe_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a run: it has no recipe.toml"):  # noqa: RUF043
        Run.open(tmp_path)


@pytest.mark.parametrize("text", [b"seed = ", b"sed = 3", b"\xff"])
def test_a_damaged_recipe_is_torn(run: Run, text: bytes) -> None:
    (run.path / "recipe.toml").write_bytes(text)
    with pytest.raises(Torn, match=r"recipe\.toml was changed after the run wrote it"):
        Run.open(run.path)


def test_a_recipe_that_somebody_edited_is_noticed(run: Run) -> None:
    file = run.path / "recipe.toml"
    file.write_text(file.read_text().replace("seed = 0", "seed = 7"))
    with pytest.raises(Torn, match="its text and the digest in its first line differ"):
        Run.open(run.path)


def test_a_recipe_from_before_a_setting_existed_still_opens(run: Run) -> None:
    file = run.path / "recipe.toml"
    lines = [line for line in file.read_text().splitlines()[1:] if not line.startswith("clip")]
    file.write_text("\n".join(lines))
    assert Run.open(run.path).recipe == RECIPE


# --- what it holds ---------------------------------------------------------------------------


def test_tasks_are_deployed_then_heldout_or_those_of_a_split(run: Run) -> None:
    tasks = [a_task("a"), a_task("b"), a_task("h", "heldout")]
    write_rows(run.path / "tasks.jsonl", tasks)
    assert run.tasks() == tasks
    assert run.tasks("deployed") == tasks[:2]
    assert run.tasks("heldout") == tasks[2:]


def test_rows_come_back_as_they_were(run: Run) -> None:
    verdict = Verdict("t", "pddl", False, 2, Fault.GOAL, "no", ("(a b)",), 7, ("tags",))
    example = Example("t", "a", (1, 2), (3,))
    write_rows(run.path / "gen-1" / "traces.jsonl", [a_trace("t")])
    write_rows(run.path / "gen-1" / "heldout-traces.jsonl", [a_trace("h")])
    write_rows(run.path / "gen-1" / "verdicts.jsonl", [verdict])
    write_rows(run.path / "gen-1" / "heldout-verdicts.jsonl", [])
    write_rows(run.path / "gen-1" / "examples.jsonl", [example])
    assert run.traces(1) == [a_trace("t")]
    assert run.traces(1, "heldout") == [a_trace("h")]
    assert (run.verdicts(1), run.verdicts(1, "heldout")) == ([verdict], [])
    assert run.examples(1) == [example]
    assert run.examples(0) == []


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda run: run.tasks(), r"has no tasks\.jsonl; make its tasks first"),
        (lambda run: run.traces(3), r"has no gen-3/traces\.jsonl; deploy generation 3 first"),
        (lambda run: run.traces(3, "heldout"), r"has no gen-3/heldout-traces\.jsonl"),
        (lambda run: run.verdicts(3), r"gen-3/verdicts\.jsonl; validate the traces of generation 3 first"),
        (lambda run: run.examples(3), r"gen-3/examples\.jsonl; curate generation 3 first"),
    ],
)
def test_what_is_not_there_yet_says_which_step_makes_it(run: Run, read: object, message: str) -> None:
    assert callable(read)
    with pytest.raises(RunError, match=message):
        read(run)


def test_generations_are_those_that_are_finished_without_a_gap(run: Run) -> None:
    assert run.generations() == []
    assert run.generation(0) is None
    for number in (0, 1, 3):
        write_rows(run.generation_file(number), [a_generation(number)])
    assert [row.number for row in run.generations()] == [0, 1]
    assert run.generation(3) == a_generation(3)
    run.generation_file(1).write_bytes(b"")
    with pytest.raises(Torn, match="holds 0 rows where it must hold one"):
        run.generations()


def test_the_base_has_no_adapter_and_a_generation_its_folder(run: Run) -> None:
    assert run.adapter(0) is None
    assert run.adapter(1) is None
    run.adapter_folder(1).mkdir(parents=True)
    assert run.adapter(1) == run.path / "gen-1" / "adapter"
    assert run.training(1) == run.training(0) == []
    write_rows(run.adapter_folder(1) / "training.jsonl", [{"step": 1, "loss": 0.5}])
    assert run.training(1) == [{"step": 1, "loss": 0.5}]


def test_the_clock_outlives_a_torn_line(run: Run) -> None:
    assert run.clock() == []
    run.add_seconds(None, "tasks", 0.12345)
    with open(run.path / "clock.jsonl", "ab") as file:
        file.write(b'{"generation": 1, "st')
    run.add_seconds(1, "deploy", 2.0)
    assert run.clock() == [
        {"generation": None, "step": "tasks", "seconds": 0.123},
        {"generation": 1, "step": "deploy", "seconds": 2.0},
    ]


# --- who may write ---------------------------------------------------------------------------


def test_the_lock_may_be_nested_and_leaves_no_name(run: Run) -> None:
    with run.lock(), run.lock():
        assert (run.path / "lock.pid").exists()
    assert not (run.path / "lock.pid").exists()
    with run.lock():
        pass


def test_a_second_writer_is_refused_until_the_first_is_done(run: Run) -> None:
    other = Run.open(run.path)
    with run.lock():
        with run.lock():
            pass
        with pytest.raises(Locked, match=r"is being written by process \d+ on "), other.lock():
            pass
    with other.lock():
        pass


def test_an_error_inside_releases_the_lock(run: Run) -> None:
    with pytest.raises(ValueError, match="inside"), run.lock():
        raise ValueError("inside")
    with Run.open(run.path).lock():
        pass
