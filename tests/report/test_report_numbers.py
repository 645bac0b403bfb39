"""What a run folder holds, counted by hand from its files, is what the numbers say."""

from __future__ import annotations

from pathlib import Path

import fake_run

from iterdeploy.report.numbers import SizeNumbers, read_numbers, size_groups
from iterdeploy.types import Task


def test_numbers_agree_with_the_rows_of_the_generations(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    numbers = read_numbers(run)
    assert [g.number for g in numbers.generations] == [0, 1, 2]
    for row, g in zip(run.generations(), numbers.generations, strict=True):
        assert (g.deployed.asked, g.deployed.solved) == (row.asked, row.solved)
        assert (g.heldout.asked, g.heldout.solved) == (row.heldout_asked, row.heldout_solved)
        assert (g.model, g.parent, g.examples) == (row.model, row.parent, row.examples)


def test_solved_follows_from_what_was_gained_and_lost(tmp_path: Path) -> None:
    first, *later = read_numbers(fake_run.write(tmp_path / "run", fake_run.recipe())).generations
    assert (first.deployed.gained, first.deployed.lost) == ((), ())
    before = first.deployed
    for generation in later:
        now = generation.deployed
        assert now.solved == before.solved + len(now.gained) - len(now.lost)
        assert now.ever_solved >= max(now.solved, before.ever_solved)
        before = now


def test_ratio_sizes_and_faults_add_up(tmp_path: Path) -> None:
    numbers = read_numbers(fake_run.write(tmp_path / "run", fake_run.recipe()))
    first, last = numbers.generations[0].deployed, numbers.generations[-1].deployed
    assert last.ratio == last.solved / first.solved
    assert last.ratio > 1
    assert sum(row.solved for row in last.by_size) == last.solved
    assert sum(last.faults.values()) == last.asked - last.solved
    assert last.plan_length is not None
    assert last.plan_length.longest == 10
    assert last.over_bound is None


def test_a_bound_gives_plan_length_over_it(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe())
    over = read_numbers(run, bound=lambda task: task.size).generations[0].deployed.over_bound
    assert over is not None
    assert over.mean == 2.0


def test_several_samples_give_pass_at_k_and_unanimous(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(samples=3))
    split = read_numbers(run).generations[-1].deployed
    assert list(split.pass_at) == ["1", "3"]
    assert split.unanimous is not None
    assert split.unanimous / split.asked <= split.pass_at["1"] <= split.pass_at["3"] == split.share


def test_a_run_under_way_has_the_generations_that_are_finished(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(generations=5), finished=1)
    numbers = read_numbers(run)
    assert (len(numbers.generations), numbers.planned) == (2, 5)


def test_a_run_without_held_out_tasks(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", fake_run.recipe(heldout=0))
    split = read_numbers(run).generations[-1].heldout
    assert (split.asked, split.ratio, split.pass_at) == (0, None, {})


def test_many_sizes_are_shown_in_groups_of_about_as_many_tasks() -> None:
    tasks = [Task(f"t{i}", "ferry", "", {}, "deployed", 2 + i // 3) for i in range(120)]
    groups = size_groups(tasks)
    assert len(groups) == 10
    assert (groups[0][0], groups[-1][-1]) == (2, 41)
    assert [after[0] for after in groups[1:]] == [before[-1] + 1 for before in groups[:-1]]
    assert size_groups(tasks[:30]) == [range(size, size + 1) for size in range(2, 12)]
    assert SizeNumbers(2, 5, 12, 0).label == "2-5"
    assert SizeNumbers(3, 3, 12, 0).label == "3"
