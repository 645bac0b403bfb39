"""The loop learns; killed anywhere it ends with the same bytes; what is there is never made again."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_run
from scripted_run import PROBES, RECIPE, Counting, files_of, go, trainer, with_curation

from iterdeploy import loop, measure
from iterdeploy.errors import BadInput, DiskFull, Locked, NotReady, RecipeChanged, RunError, TrainingRefused
from iterdeploy.loop import point_kinds, run_loop
from iterdeploy.models.scripted import ScriptedTrainer
from iterdeploy.recipe import Curate
from iterdeploy.seeds import seed_of
from iterdeploy.steps.answering import deploy_step, requests_of, validate_step
from iterdeploy.steps.learning import curate_step, train_step
from iterdeploy.steps.summing import summarise_step
from iterdeploy.steps.tasks import make_tasks
from iterdeploy.store import Run
from iterdeploy.types import Fault, Progress, Split, Task, Trace, Verdict

SCRIPT = Path(scripted_run.__file__)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    go(folder)
    return folder


def killed(*deaths: tuple[Path, str, int]) -> None:
    """For each folder, run the loop in a process that kills itself at a point, the count-th time."""
    arguments = [sys.executable, str(SCRIPT), *(str(part) for death in deaths for part in death)]
    subprocess.run(arguments, env=environment(), check=True)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(loop.__file__).parents[1])}


# --- the loop itself -------------------------------------------------------------------------


def test_later_generations_solve_more_deployed_and_heldout(tmp_path: Path) -> None:
    recipe = replace(RECIPE, generations=3, tasks=replace(RECIPE.tasks, count=120, heldout=60))
    slow = replace(trainer(), halfway=60)
    rows = run_loop(Run.create(tmp_path / "run", recipe), Counting(), slow, second=Counting(), probes=PROBES)
    assert [row.number for row in rows] == [0, 1, 2, 3]
    assert rows[0].solved < rows[1].solved < rows[3].solved
    assert rows[3].solved >= 2 * rows[0].solved
    assert rows[3].heldout_solved >= 1.8 * rows[0].heldout_solved


def test_rows_name_model_parent_and_examples(whole: Path) -> None:
    run = Run.open(whole)
    base, first, second = run.generations()
    assert (base.parent, base.examples) == (None, 0)
    assert first.parent == second.parent == base.model, "each generation is trained from the base"
    assert len({base.model, first.model, second.model}) == 3
    assert second.examples == len(run.examples(2)) > 0


def test_start_last_trains_from_the_generation_before(tmp_path: Path) -> None:
    base, first, second = go(tmp_path / "run", replace(RECIPE, train=replace(RECIPE.train, start="last")))
    assert (first.parent, second.parent) == (base.model, first.model)


def test_pool_last_learns_from_the_last_generation_alone(tmp_path: Path) -> None:
    go(tmp_path / "run", with_curation(Curate(rule="all-valid", pool="last")))
    run = Run.open(tmp_path / "run")
    valid = {verdict.trace_id for verdict in run.verdicts(1) if verdict.valid}
    assert {example.trace_id for example in run.examples(2)} == valid


def test_every_example_is_a_deployed_trace_with_its_own_tokens(whole: Path) -> None:
    run = Run.open(whole)
    traces = {trace.id: trace for number in (0, 1) for trace in run.traces(number)}
    for example in run.examples(2):
        trace = traces[example.trace_id]
        assert (example.prompt_ids, example.completion_ids) == (trace.prompt_ids, trace.token_ids)
        assert example.task_id.startswith("deployed-")


def test_samples_are_of_the_deployed_tasks_and_heldout_tasks_are_asked_once(tmp_path: Path) -> None:
    recipe = replace(RECIPE, generations=0, deploy=replace(RECIPE.deploy, samples=3))
    (row,) = go(tmp_path / "run", recipe)
    run = Run.open(tmp_path / "run")
    assert (len(run.traces(0)), len(run.traces(0, "heldout"))) == (36, 6)
    assert (row.asked, row.heldout_asked) == (12, 6)


def test_seeds_derive_from_run_generation_task_and_sample(whole: Path) -> None:
    run = Run.open(whole)
    requests = [*requests_of(run, 1), *requests_of(run, 2), *requests_of(run, 1, "heldout")]
    assert len({request.seed for request in requests}) == len(requests)
    assert requests[0].seed == seed_of(RECIPE.seed, 1, "deployed-000", 0)


def test_same_seed_same_bytes_and_another_seed_others(whole: Path, tmp_path: Path) -> None:
    go(tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(whole)
    go(tmp_path / "other", replace(RECIPE, seed=4))
    assert Run.open(tmp_path / "other").traces(0) != Run.open(whole).traces(0)


def test_no_heldout_tasks_is_a_run_too(tmp_path: Path) -> None:
    rows = go(tmp_path / "run", replace(RECIPE, tasks=replace(RECIPE.tasks, heldout=0)))
    assert [row.heldout_asked for row in rows] == [0, 0, 0]


def test_progress_tells_every_step_to_its_end(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_loop(
        Run.create(tmp_path / "run", RECIPE), Counting(), trainer(),
        observe=seen.append, second=Counting(), probes=PROBES,
    )  # fmt: skip
    ends = {(row.generation, row.step) for row in seen if row.done == row.total}
    steps = ("deploy", "validate-traces", "second", "heldout/deploy", "heldout/validate-traces")
    assert ends >= {(number, step) for number in range(3) for step in steps} | {(1, "train"), (2, "train")}
    last = next(row for row in reversed(seen) if row.step == "validate-traces")
    assert last.note == f"{Run.open(tmp_path / 'run').generations()[2].solved} valid"


def test_clock_has_the_seconds_of_every_step(whole: Path) -> None:
    rows = Run.open(whole).clock()
    assert {row["step"] for row in rows if row["generation"] == 1} == {
        *("score", "curate", "train", "deploy", "validate-traces", "second"),
        *("heldout/deploy", "heldout/validate-traces", "summarise", "probe-counts", "probe-liked"),
    }
    assert {row["step"] for row in rows if row["generation"] is None} == {"tasks", "report"}


# --- what is refused -------------------------------------------------------------------------


def test_a_base_that_is_not_ready_is_refused_with_the_number(tmp_path: Path) -> None:
    recipe = replace(RECIPE, base=replace(RECIPE.base, ready_share=0.9))
    with pytest.raises(NotReady, match=r"solves \d+ of 12 tasks .* base\.ready_share = 90\.0%") as refusal:
        go(tmp_path / "run", recipe)
    assert refusal.value.asked == 12
    assert not (tmp_path / "run" / "gen-1").exists()


def test_a_generation_without_examples_is_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", RECIPE)
    hopeless = ScriptedTrainer(right=scripted_run.miscounted, wrong=scripted_run.miscounted)
    with pytest.raises(TrainingRefused, match="generation 1 has nothing to learn from"):
        run_loop(run, Counting(), hopeless, second=Counting(), probes=PROBES)


def test_a_second_validator_that_disagrees_is_told_and_changes_nothing(whole: Path, tmp_path: Path) -> None:
    class Strict(Counting):
        """Rejects any plan with an idle step, and accepts every other one."""

        def validate(self, task: Task, trace: Trace) -> Verdict:
            first = super().validate(task, trace)
            valid = "idle" not in first.plan
            return replace(first, valid=valid, fault=None if valid else Fault.GOAL)

    seen: list[Progress] = []
    run = Run.create(tmp_path / "run", RECIPE)
    run_loop(run, Counting(), trainer(), observe=seen.append, second=Strict(), probes=PROBES)
    said = [measure.second_opinion(run.verdicts(n), run.second_verdicts(n)) for n in range(3)]
    assert all(one.accepted == min(3, row.solved) for one, row in zip(said, run.generations(), strict=True))
    assert any(one.accepted_wrong for one in said)
    assert any(one.rejected_wrong == one.rejected > 0 for one in said)
    assert [row.note for row in seen if row.step == "second"] == [one.sentence() for one in said]
    assert run.verdicts(2) == Run.open(whole).verdicts(2)


def test_a_recipe_with_a_second_validator_needs_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="names the second validator 'val', but no domain came with it"):
        run_loop(Run.create(tmp_path / "run", RECIPE), Counting(), trainer(), probes=PROBES)


def test_a_recipe_with_a_probe_needs_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="names the probe 'counts', but it was not given"):
        run_loop(Run.create(tmp_path / "run", RECIPE), Counting(), trainer(), second=Counting())


@pytest.mark.parametrize("step", ["train", "deploy", "validate", "curate", "summarise"])
def test_a_step_before_its_turn_says_what_is_missing(tmp_path: Path, step: str) -> None:
    run = Run.create(tmp_path / "run", RECIPE)
    make_tasks(run, Counting())
    steps = {
        "train": lambda: train_step(run, trainer(), 1),
        "deploy": lambda: deploy_step(run, trainer(), 1),
        "validate": lambda: validate_step(run, Counting(), 1),
        "curate": lambda: curate_step(run, 1),
        "summarise": lambda: summarise_step(run, 1),
    }
    with pytest.raises(RunError, match=r"has no .*gen-\d.* first"):
        steps[step]()


def test_a_domain_that_makes_too_few_or_equal_tasks_is_refused(tmp_path: Path) -> None:
    class Few(Counting):
        def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
            return super().tasks(split, count - 1, sizes, seed)

    class Equal(Counting):
        def tasks(self, split: Split, count: int, sizes: Sequence[int], seed: int) -> list[Task]:
            return [replace(task, id="same") for task in super().tasks(split, count, sizes, seed)]

    run = Run.create(tmp_path / "run", RECIPE)
    with pytest.raises(BadInput, match="made 11 deployed tasks where 12 were asked"):
        make_tasks(run, Few())
    with pytest.raises(BadInput, match="the task id same came twice"):
        make_tasks(run, Equal())


def test_traces_of_another_model_are_not_mixed_in(tmp_path: Path) -> None:
    killed((tmp_path / "run", "gen-1/deploy/row", 3))
    adapter = tmp_path / "run" / "gen-1" / "adapter" / "adapter.json"
    adapter.write_text(adapter.read_text() + " ")
    with pytest.raises(RunError, match=r"is of model scripted-\w+, but this generation is now scripted-"):
        go(tmp_path / "run")


# --- killed and started again ----------------------------------------------------------------

POINTS = [kind.replace("gen-N", "gen-1").replace("NAME", "counts") for kind in point_kinds()]
SCORED = ["gen-1/probe-liked/row", "gen-1/probe-liked/renamed"]
TRAINING = ["gen-2/train/step", "gen-2/train/saved"]  # the scripted trainer's own
LATER = ["gen-0/deploy/written", "gen-0/heldout/deploy/row", "gen-2/curate/renamed", "gen-2/summarise/after"]
DEATHS = [*POINTS, *SCORED, *TRAINING, *LATER]


def test_a_run_passes_each_of_its_points(tmp_path: Path) -> None:
    seen: list[str] = []
    go(tmp_path / "run", point=seen.append)
    assert len(point_kinds()) == len(set(point_kinds())) >= 20
    assert set(POINTS) <= set(seen)
    named = {point.replace(f"gen-{n}", "gen-N") for n in range(3) for point in seen if f"gen-{n}" in point}
    named = {re.sub("probe-[a-z]+", "probe-NAME", point) for point in named}
    assert named - {"gen-N/train/step", "gen-N/train/saved"} <= set(point_kinds())


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, one killed at each point and named for it."""
    folder = tmp_path_factory.mktemp("stopped")
    often = ("/row", "/step")
    killed(*((folder / dashed(point), point, 2 if point.endswith(often) else 1) for point in DEATHS))
    return folder


def dashed(point: str) -> str:
    return point.replace("/", "-")


@pytest.mark.parametrize("point", DEATHS)
def test_killed_at_a_point_it_ends_with_the_same_bytes(whole: Path, stopped: Path, point: str) -> None:
    folder = stopped / dashed(point)
    assert files_of(folder) != files_of(whole) or point == "report/after"
    go(folder)
    assert files_of(folder) == files_of(whole)


def test_killed_again_and_again_it_still_ends_the_same(whole: Path, tmp_path: Path) -> None:
    points = ("gen-0/deploy/row", "gen-0/deploy/row", "gen-1/train/step", "gen-1/deploy/renamed")
    killed(*((tmp_path / "run", point, 1) for point in points))
    go(tmp_path / "run")
    assert files_of(tmp_path / "run") == files_of(whole)


def test_an_interrupt_loses_no_row_and_its_seconds_count(whole: Path, tmp_path: Path) -> None:
    def interrupt(point: str) -> None:
        if point == "gen-1/validate-traces/row":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "run", point=interrupt)
    run = Run.open(tmp_path / "run")
    assert (run.clock()[-1]["generation"], run.clock()[-1]["step"]) == (1, "validate-traces")
    assert not (run.path / "lock.pid").exists()
    go(tmp_path / "run")
    assert files_of(tmp_path / "run") == files_of(whole)


def test_killed_while_the_recipe_is_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml.tmp").write_text('name = "scr')
    go(tmp_path / "run")


def test_what_is_there_is_never_made_again(tmp_path: Path) -> None:
    killed((tmp_path / "run", "gen-1/deploy/row", 5))
    seen: list[str] = []
    go(tmp_path / "run", point=seen.append)
    assert seen.count("gen-1/deploy/row") == 12 - 5
    assert not [
        point for point in seen if point.startswith(("tasks", "gen-0", "gen-1/train", "gen-1/curate"))
    ]
    again: list[str] = []
    go(tmp_path / "run", point=again.append)
    assert again == ["report/before", "report/after"]


def test_a_torn_last_row_is_dropped_and_made_again(
    whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed((tmp_path / "run", "gen-1/deploy/row", 5))
    part = tmp_path / "run" / "gen-1" / "traces.jsonl.part"
    part.write_bytes(part.read_bytes()[:-40])
    go(tmp_path / "run")
    assert "line 5 is torn" in caplog.text
    assert files_of(tmp_path / "run") == files_of(whole)


# --- two processes, another recipe, a full disk ----------------------------------------------


def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib, scripted_run as s\n"
        "run = s.Run.create(pathlib.Path(sys.argv[1]), s.RECIPE)\n"
        "with run.lock():\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    env = environment()
    env["PYTHONPATH"] += os.pathsep + str(SCRIPT.parent)
    arguments = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(arguments, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        for _ in range(2):  # a refused try must not wipe the holder's name
            with pytest.raises(Locked, match=rf"being written by process {holder.pid} on "):
                go(tmp_path / "run")
        assert Run.open(tmp_path / "run").generations() == [], "reading needs no lock"
        holder.kill()
    assert len(go(tmp_path / "run")) == 3, "a dead holder holds nothing"


def test_a_changed_recipe_is_refused_with_the_difference(tmp_path: Path) -> None:
    go(tmp_path / "run")
    before = files_of(tmp_path / "run")
    changed = replace(RECIPE, train=replace(RECIPE.train, epochs=10.0))
    with pytest.raises(RecipeChanged, match=r"train\.epochs: 20\.0 in the folder, 10\.0 asked") as refusal:
        go(tmp_path / "run", changed)
    assert len(refusal.value.differences) == 1
    assert files_of(tmp_path / "run") == before


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1200, 2500, 3000])
def test_a_limit_on_files_is_a_clear_error_and_loses_nothing(whole: Path, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "run"
    with files_limited_to(size), pytest.raises(DiskFull, match=r"no room to write .* make room"):
        go(folder)
    go(folder)
    assert files_of(folder) == files_of(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(
    whole: Path, small_disk: Path, tmp_path: Path
) -> None:
    filler = small_disk / "filler"
    for size in (40, 30, 20, 10):
        filler.write_bytes(b"x" * size * 1024)
        with pytest.raises(DiskFull, match=r"0 MiB free on its disk") as refusal:
            go(small_disk / "run")
        assert isinstance(refusal.value.__cause__, OSError)
        assert refusal.value.__cause__.errno == errno.ENOSPC
        filler.unlink()
    shutil.copytree(small_disk / "run", tmp_path / "moved")
    go(tmp_path / "moved")
    assert files_of(tmp_path / "moved") == files_of(whole)
