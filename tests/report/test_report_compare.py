"""Comparisons: what seeds agree on, differences on the same tasks, the screen and the files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from xml.etree import ElementTree

import fake_run
import pytest
from rich.console import Console
from rows import answer, task

from iterdeploy.answers import join
from iterdeploy.cli import main
from iterdeploy.measure import mean_solved, unanimous
from iterdeploy.recipe import Curate, Recipe
from iterdeploy.report.compare import Comparison, compare, comparison
from iterdeploy.report.compare_files import markdown, write_comparison
from iterdeploy.significance import mcnemar, t_quantile
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import Fault, Split, Task, Trace, Verdict

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Three seeds of one recipe, and one run of another."""
    folder = tmp_path_factory.mktemp("runs")
    made = [fake_run.write(folder / f"seed{seed}", fake_run.recipe(seed=seed)) for seed in range(3)]
    return [*made, fake_run.write(folder / "all", other(fake_run.recipe()))]


def other(recipe: Recipe) -> Recipe:
    return replace(recipe, name="all-valid", curate=Curate(rule="all-valid"))


def shown(found: Comparison, width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(comparison(found))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_runs_of_one_recipe_up_to_seed_are_one_arm(runs: list[Run]) -> None:
    found = compare(runs)
    assert [(arm.name, arm.seeds) for arm in found.arms] == [("small", (0, 1, 2)), ("all-valid", (0,))]
    assert [len(arm.heldout) for arm in found.arms] == [3, 3]


def test_what_seeds_agree_on_is_what_the_measures_say(runs: list[Run]) -> None:
    found = compare(runs[:3]).arms[0]
    splits: tuple[Split, ...] = ("deployed", "heldout")
    for split in splits:
        for point in getattr(found, split):
            n = point.generation
            answers = [join(r.tasks(split), r.traces(n, split), r.verdicts(n, split)) for r in runs[:3]]
            assert point.mean_solved == round(mean_solved(answers), 2)
            assert (point.unanimous, point.asked) == (unanimous(answers).solved, unanimous(answers).asked)
            shares = [fmean(a.verdict.valid for a in one) for one in answers]
            half = t_quantile(2) * stdev(shares) / 3**0.5
            assert point.low == pytest.approx(max(0.0, fmean(shares) - half))
            assert point.high == pytest.approx(min(1.0, fmean(shares) + half))


def test_each_run_has_its_ends(runs: list[Run]) -> None:
    rows = compare(runs).runs
    for row, run in zip(rows, runs, strict=True):
        generations = run.generations()
        assert (row.deployed.first, row.deployed.last) == (generations[0].solved, generations[-1].solved)
        assert row.heldout.asked == generations[-1].heldout_asked
        lengths = [v.cost for v in run.verdicts(len(generations) - 1) if v.valid]
        assert row.deployed.longest_last == max(lengths)
    assert rows[1].differs == ("seed: 1, not 0",)


def test_pairs_count_the_tasks_that_one_run_alone_solved(runs: list[Run]) -> None:
    found = compare(runs)
    assert [(pair.split, pair.than) for pair in found.pairs[:3]] == [
        ("heldout", str(r.path)) for r in runs[:3]
    ]
    for pair in found.pairs:
        mine, theirs = (
            solved(Run.open(Path(path)), pair.generation, pair.split) for path in (pair.run, pair.than)
        )
        assert (pair.both, pair.alone, pair.than_alone) == (
            len(mine & theirs),
            len(mine - theirs),
            len(theirs - mine),
        )
        assert pair.both + pair.alone + pair.than_alone + pair.neither == pair.tasks
        assert pair.p == mcnemar(pair.alone, pair.than_alone)


def solved(run: Run, generation: int, split: Split) -> set[str]:
    answers = join(run.tasks(split), run.traces(generation, split), run.verdicts(generation, split))
    return {a.task.id for a in answers if a.verdict.valid}


def test_differences_say_what_counts_as_chance(runs: list[Run]) -> None:
    several, single = compare(runs), compare([runs[0], runs[3]])
    assert {gap.method for gap in several.differences} == {"seeds and tasks"}
    assert {gap.method for gap in single.differences} == {"tasks"}
    assert [gap.split for gap in single.differences] == ["heldout", "deployed"]
    for gap in single.differences:
        assert gap.difference == pytest.approx(gap.share - gap.than_share)


def written(path: Path, valid: dict[str, list[bool]], name: str, tasks: list[Task]) -> Run:
    """A run of one generation whose answers to each task are given; samples side by side."""
    samples = max(len(of) for of in valid.values())
    recipe = fake_run.recipe(generations=0, heldout=0, samples=samples)
    run = fake_run.write(path, replace(recipe, name=name, curate=Curate(k=len(name))), -1)
    write_rows(path / "tasks.jsonl", tasks)
    answers = [
        answer(t, 4, sample=i, fault=None if good else Fault.GOAL)
        for t in tasks
        for i, good in enumerate(valid[t.id])
    ]
    traces: list[Trace] = [a.trace for a in answers]
    verdicts: list[Verdict] = [a.verdict for a in answers]
    write_rows(run.traces_file(0), traces)
    write_rows(run.verdicts_file(0), verdicts)
    write_rows(run.generation_file(0), [{"number": 0, "model": "m", "parent": None, "asked": len(tasks), "solved": 0,
                                         "heldout_asked": 0, "heldout_solved": 0, "examples": 0}])  # fmt: skip
    return run


def test_several_answers_a_task_count_by_their_share(tmp_path: Path) -> None:
    tasks = [task(n) for n in range(4)]
    ids = [t.id for t in tasks]
    one = written(
        tmp_path / "1", dict(zip(ids, [[True], [True], [False], [False]], strict=True)), "one", tasks
    )
    two = written(tmp_path / "2", {key: [True, False] for key in ids}, "two", tasks)
    found = compare([one, two])
    assert found.runs[1].deployed.last == 4, "each task has a valid answer"
    assert found.differences[0].difference == 0.0, "but half of the answers are valid in both"
    assert found.pairs == (), "McNemar is for tasks that were asked once"


def test_tasks_of_the_same_name_and_another_problem_are_not_paired(tmp_path: Path) -> None:
    ours = [task(n) for n in range(4)]
    theirs = [replace(t, spec={"problem": f"another {t.id}"}) for t in ours[:3]] + ours[3:]
    valid = {t.id: [True] for t in ours}
    found = compare(
        [written(tmp_path / "1", valid, "one", ours), written(tmp_path / "2", valid, "other", theirs)]
    )
    assert [gap.tasks for gap in found.differences] == [1]
    assert (
        compare(
            [written(tmp_path / "3", valid, "one", ours), written(tmp_path / "4", valid, "other", [])]
        ).differences
        == ()
    )


def test_equal_runs_count_once(runs: list[Run], tmp_path: Path) -> None:
    again = fake_run.write(tmp_path / "again", fake_run.recipe(seed=0))
    assert compare([runs[0], again]).arms[0].seeds == (0,)


def test_arms_of_one_name_are_told_apart(runs: list[Run], tmp_path: Path) -> None:
    recipe = replace(fake_run.recipe(), curate=Curate(rule="best-k", k=3))
    found = compare([runs[0], fake_run.write(tmp_path / "k", recipe)])
    assert [arm.name for arm in found.arms] == ["small (rule paper, k 1)", "small (rule best-k, k 3)"]


def test_the_screen_fits_80_columns_and_cuts_nothing(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs[0].path.parent)
    found = compare([Run.open(Path(run.path.name)) for run in runs])
    lines = shown(found)
    assert not [line for line in lines if "…" in line]
    assert "seed1 differs from seed0 in" in lines
    assert "  curate.rule: 'all-valid', not 'paper'" in lines
    assert any(re.match("all-valid +held-out", line) for line in lines)
    assert lines[-1].startswith("95 % intervals and p (crossed t-test)")


def test_the_files_are_whole_and_equal_for_equal_runs(runs: list[Run], tmp_path: Path) -> None:
    one, two = (write_comparison(compare(runs), tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in one] == [
        "comparison.md",
        "comparison.json",
        "comparison.svg",
        "comparison.png",
    ]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert ElementTree.fromstring(one[2].read_bytes()).tag.endswith("svg")
    tables = [b.splitlines() for b in one[0].read_text().split("\n\n") if b.startswith("|")]
    assert len(tables) == 5
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)


def test_runs_that_have_just_begun_are_compared_as_far_as_they_are(tmp_path: Path) -> None:
    begun = fake_run.write(tmp_path / "a", fake_run.recipe(), finished=-1)
    empty = Run.create(tmp_path / "b", other(fake_run.recipe()))
    found = compare([begun, empty])
    assert (found.differences, found.pairs) == ((), ())
    assert "| 0 | - | - |" in markdown(found)
    assert shown(found)
    assert [path.name for path in write_comparison(found, tmp_path / "out")] == [
        "comparison.md",
        "comparison.json",
    ]


def test_compare_from_the_command_line(runs: list[Run], tmp_path: Path, capsys: Capture) -> None:
    folders = [str(run.path) for run in runs]
    assert main(["compare", *folders, "--json", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert out == (tmp_path / "out" / "comparison.json").read_text()
    assert {"runs", "arms", "differences", "pairs"} == json.loads(out).keys()
    assert main(["compare", *folders, "--out", str(tmp_path / "out")]) == 0
    assert re.search(
        r"written to .*: comparison.md, comparison.json, comparison.svg, comparison.png",
        capsys.readouterr().out,
    )
