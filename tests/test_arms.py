"""Arms of an experiment: what two runs share, and tables and figures of runs that end at different generations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fake_run import recipe, write
from scripted_run import RECIPE, files_of, go

from iterdeploy.recipe import Recipe, with_settings
from iterdeploy.store import Run
from iterdeploy.store.rows import write_rows
from iterdeploy.types import Ended

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments"))

import arms
import figures

PLAIN = Recipe()


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ([], sys.maxsize),
        (["generations=10", "name=other", "stop.heldout_patience=2"], sys.maxsize),
        (['probe.gate=["say fall 0.1"]', 'probe.names=["say"]'], 0),
        (["curate.pool=last"], 2),
        (["train.start=last", "curate.weights=ratio"], 2),
        (["curate.rule=all-valid"], 1),
        (["train.learning_rate=0.1", "curate.pool=last"], 1),
        (["seed=1"], 0),
        (["deploy.samples=2"], 0),
        (["deploy.spread=edge"], 1),
        (["tasks.count=10"], 0),
        (["base.model=other"], 0),
    ],
)
def test_how_many_generations_are_shared_is_read_from_the_recipes(settings: list[str], count: int) -> None:
    assert arms.shared(PLAIN, with_settings(PLAIN, settings)) == count
    assert arms.shared(with_settings(PLAIN, settings), PLAIN) == count


def test_a_run_begins_with_what_the_longest_like_it_has(tmp_path: Path) -> None:
    write(tmp_path / "runs/one/short-seed0", recipe(generations=3), finished=1)
    write(tmp_path / "runs/two/long-seed0", recipe(generations=5), finished=2)
    write(tmp_path / "runs/two/other-seed1", recipe(generations=5, seed=1))
    (tmp_path / "runs/two/broken").mkdir()
    (tmp_path / "runs/two/broken/recipe.toml").write_text("nonsense")
    new = Run.create(tmp_path / "runs/two/new-seed0", recipe(generations=10))

    arms._begin(new, tmp_path / "runs")

    assert len(new.generations()) == 3
    source = Run.open(tmp_path / "runs/two/long-seed0")
    assert new.traces(2) == source.traces(2)
    assert new.tasks() == source.tasks()
    assert not list(new.path.glob("*.tmp"))


def test_a_shorter_run_takes_no_more_than_its_own_generations(tmp_path: Path) -> None:
    write(tmp_path / "runs/one/long-seed0", recipe(generations=5))
    new = Run.create(tmp_path / "runs/one/new-seed0", recipe(generations=2))
    arms._begin(new, tmp_path / "runs")
    assert len(new.generations()) == 3
    assert arms.why_over(new) == ""


def test_why_a_run_goes_no_further(tmp_path: Path) -> None:
    assert arms.why_over(write(tmp_path / "whole", recipe())) == ""
    assert arms.why_over(write(tmp_path / "half", recipe(), finished=1)) is None
    stopped = write(tmp_path / "stopped", recipe(), finished=1)
    write_rows(stopped.ended_file(), [Ended(1, "stop", ("heldout",), ("no gain",), 0)])
    assert arms.why_over(stopped) == "stop: heldout"
    refused = write(tmp_path / "refused", with_settings(recipe(), ["base.ready_share=0.9"]), finished=0)
    refused.generation_file(0).unlink()
    assert arms.why_over(refused) == "refused: the base solves 8 of 30"
    barren = write(tmp_path / "barren", recipe(), finished=0)
    write_rows(barren.examples_file(1), [])
    assert arms.why_over(barren) == "nothing to learn from"


def test_runs_of_different_lengths_are_tabled_and_drawn(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    write(runs / "arm-seed0", recipe(generations=3))
    early = write(runs / "arm-seed1", recipe(generations=3, seed=1), finished=1)
    write_rows(early.ended_file(), [Ended(1, "stop", ("heldout",), ("no gain",), 0)])
    refused = write(
        runs / "arm-seed2", with_settings(recipe(generations=3, seed=2), ["base.ready_share=0.9"]), finished=0
    )
    refused.generation_file(0).unlink()
    write(runs / "arm-seed3", recipe(generations=3, seed=3), finished=1)  # under way: not in the table

    curves = arms._curves(arms._over(runs, "arm"))

    assert [len(row) for row in curves.heldout] == [4, 2, 0]
    assert len(curves.last("heldout")) == 2
    assert arms.ends(curves).startswith("seed 1 at 1 (stop: heldout); seed 2 (refused")
    means = arms.by_generation(curves.heldout)
    assert means.count("(2)") == 2, means
    assert means.count("(1)") == 2, means
    experiment = arms.Experiment(tmp_path, {}, (arms.Arm("arm"),), {}, (), lambda found: None)
    arms.write(experiment, {"arm": curves})
    assert "seed 1 at 1" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_an_arm_whose_base_is_refused_everywhere_is_still_a_row(tmp_path: Path) -> None:
    run = write(tmp_path / "arm-seed0", with_settings(recipe(), ["base.ready_share=0.9"]), finished=0)
    run.generation_file(0).unlink()
    curves = arms._curves([run])
    experiment = arms.Experiment(tmp_path, {}, (arms.Arm("arm"),), {}, (), lambda found: None)
    arms.write(experiment, {"arm": curves})
    assert "| arm |  | 1 | - of 0 |  | - of 0 | - | seed 0 (refused" in (tmp_path / "table.md").read_text()


def test_a_figure_leaves_out_what_has_no_value(tmp_path: Path) -> None:
    panel = figures.Panel("distance", "share", {"a": [[None, 0.5, None], [None, 0.25]], "b": [[]]})
    figures.draw([panel], tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_weights_are_left_behind_where_none_are_asked_for(tmp_path: Path) -> None:
    weighted = with_settings(recipe(generations=2), ["curate.weights=ratio"])
    source = write(tmp_path / "runs/one/ratio-seed0", weighted)
    write_rows(source.likelihoods_file(1), [])
    plain = Run.create(tmp_path / "runs/one/plain-seed0", recipe(generations=2))
    arms._begin(plain, tmp_path / "runs")
    assert len(plain.generations()) == 2
    assert not plain.likelihoods_file(1).exists()


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (["curate.pool=last"], 2),
        (["train.start=last"], 2),
        (["curate.weights=equal"], 2),
        (["curate.rule=best-k", "curate.k=2"], 1),
        (["deploy.spread=edge"], 1),
        (["generations=3", "stop.heldout_patience=9"], 3),
    ],
)
def test_what_is_taken_to_be_shared_is_the_same_bytes(
    settings: list[str], count: int, tmp_path: Path
) -> None:
    base = with_settings(RECIPE, ["deploy.samples=2"])
    other = with_settings(base, settings)
    assert arms.shared(base, other) >= count
    go(tmp_path / "one", base)
    go(tmp_path / "two", other)
    one, two = (
        {name: data for name, data in files_of(tmp_path / run).items() if _early(name, count)}
        for run in ("one", "two")
    )
    assert len(one) > 4
    assert one == two


def _early(name: str, count: int) -> bool:
    return name.startswith(tuple(f"gen-{n}/" for n in range(count))) and "likelihoods" not in name


def test_a_run_with_a_stop_rule_takes_no_more_than_up_to_where_it_fires(tmp_path: Path) -> None:
    write(tmp_path / "runs/one/free-seed0", recipe(generations=4))
    rules = ["stop.heldout_patience=1", "stop.heldout_gain=0.9"]
    new = Run.create(tmp_path / "runs/one/ruled-seed0", with_settings(recipe(generations=4), rules))
    arms._begin(new, tmp_path / "runs")
    assert len(new.generations()) == 2


def test_code_beside_an_experiment_is_shared_within_it_alone(tmp_path: Path) -> None:
    own = with_settings(recipe(), ["validate.validator=biased:half"])
    write(tmp_path / "runs/one/a-seed0", own)
    there = Run.create(tmp_path / "runs/two/b-seed0", own)
    arms._begin(there, tmp_path / "runs")
    assert not there.generations()
    here = Run.create(tmp_path / "runs/one/b-seed0", own)
    arms._begin(here, tmp_path / "runs")
    assert len(here.generations()) == 3


def test_arms_of_different_lengths_are_compared_where_both_have_been() -> None:
    long = arms.Curves((0, 1), ((), ()), ((1, 2, 9), (1, 5)), ((), ()), 9, 9, ("", ""))
    short = arms.Curves((0, 2), ((), ()), ((1, 4), (8, 8)), ((), ()), 9, 9, ("", ""))
    assert arms.against(short, long) == "+2"
    assert arms.against(long, short) == "-2"
