"""What TRL is rewarded with in experiments/efficiency is the verdict on the very answer, and a lie in it is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import iterdeploy
from iterdeploy.domains.blocksworld import solve
from iterdeploy.types import Task

FOLDER = Path(__file__).parents[1] / "experiments" / "efficiency"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """(ground, peers) of the experiment."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield import_module("ground"), import_module("peers")
    for name in ("ground", "peers", "tables"):
        sys.modules.pop(name, None)


@pytest.fixture
def reward(modules: tuple[Any, Any]) -> Any:
    """The reward function over a few tasks."""
    from iterdeploy.train.adapters import open_tokenizer

    ground, peers = modules
    few = ground.Ground(ground.Size((4,), 2, 1, 64, 64), 0)
    return peers.Validator(few, open_tokenizer("blocks-small"), ground.Spent())


def answer(reward: Any, task: Task, steps: list[str], end: str = "<eos>") -> list[int]:
    lines = "\n".join(step.strip("()") for step in steps)
    text = f" |\n</think>\n<plan>\n{lines}\n</plan>{end}"
    ids: list[int] = reward.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert reward.tokenizer.unk_token_id not in ids
    return ids


def test_the_reward_is_the_verdict_and_is_counted(reward: Any) -> None:
    first, second = reward.ground.deployed
    plan = solve(first.spec["problem"])
    right, cut_short = answer(reward, first, plan), answer(reward, first, plan[:-1])
    prompts, names = [first.prompt, first.prompt, second.prompt], [first.id, first.id, second.id]
    assert reward(prompts, [right, cut_short, right], names, completions=["", "", ""]) == [1.0, 0.0, 0.0]
    assert (reward.spent.samples, reward.spent.valid) == (3, 1)
    assert reward.tokens == 2 * len(right) + len(cut_short)
    assert reward.given == [pytest.approx(1 / 3)]


def test_an_answer_at_the_limit_is_truncated_whatever_stands_in_it(reward: Any) -> None:
    task = reward.ground.deployed[0]
    ids = answer(reward, task, solve(task.spec["problem"]), end="")
    limit = reward.ground.recipe.deploy.max_tokens
    cut = (ids * limit)[-limit:]
    assert reward.trace(task, task.prompt, cut).finish == "length"
    assert reward([task.prompt], [cut], [task.id]) == [0.0]


def test_other_prompts_and_tokens_behind_the_end_are_refused(reward: Any) -> None:
    first, second = reward.ground.deployed
    ids = answer(reward, first, solve(first.spec["problem"]))
    with pytest.raises(AssertionError, match="asks something else"):
        reward([second.prompt], [ids], [first.id])
    with pytest.raises(AssertionError, match="after the end token"):
        reward([first.prompt], [[*ids, reward.tokenizer.eos_token_id]], [first.id])
    with pytest.raises(AssertionError, match="not ended and not cut"):
        reward([first.prompt], [ids[:-1]], [first.id])


def test_rewards_that_are_not_the_verdicts_are_found(modules: tuple[Any, Any]) -> None:
    _, peers = modules
    peers.check_rewards([{"reward": 0.25}], [0.25])
    with pytest.raises(AssertionError, match=r"the verdicts give 0\.5"):
        peers.check_rewards([{"reward": 0.25}], [0.5])
    with pytest.raises(AssertionError, match="1 steps logged, 2 judged"):
        peers.check_rewards([{"reward": 0.25}], [0.25, 0.5])


def test_an_arm_ends_at_its_target_or_when_its_samples_are_spent(
    modules: tuple[Any, Any], tmp_path: Path
) -> None:
    ground, _ = modules
    course = ground.Course("grpo", "some", 0, 20.0, 100)
    for samples, heldout, over in ((0, 10, False), (64, 19, False), (96, 20, True), (128, 12, True)):
        course.points.append(ground.Point(samples, 1, 1, 1.0, heldout))
        assert course.over() is over
    assert not course.reached()
    course.write(tmp_path / "course.json")
    assert ground.Course.read(tmp_path / "course.json") == course


def test_costs_are_told_at_the_first_measurement_at_a_target(
    modules: tuple[Any, Any], tmp_path: Path
) -> None:
    ground, _ = modules
    tables = import_module("tables")
    early, never = (ground.Course("grpo", "some", seed, float("inf"), 300) for seed in (0, 1))
    for samples, first, second in ((100, 10, 10), (200, 21, 12), (300, 19, 19)):
        early.points.append(ground.Point(samples, 1, 5 * samples, samples / 10, first))
        never.points.append(ground.Point(samples, 1, 5 * samples, samples / 10, second))
    lines = tables.arrivals({"grpo": [early, never]}, 10.0, (1.9, 2.0, 3.0))
    assert lines[-3:] == [
        "| 1.9 | 250 samples, 25 s |",
        "| 2 | 200 samples, 20 s, 1 of 2 seeds |",
        "| 3 | - |",
    ]
    size = ground.Size((4,), 2, 25, 300, 100)
    tables.write_further({"grpo": [early, never]}, size, 10.0, tmp_path)
    assert (
        "| grpo | 10 10 (mean 10) | 21 12 (mean 16) | 19 19 (mean 19) | 1,500 1,500 |"
        in (tmp_path / "further.md").read_text()
    )
    assert '"target": null' in (tmp_path / "further.json").read_text()


def test_a_table_of_nothing_leaves_what_was_written(tmp_path: Path) -> None:
    before = (FOLDER / "table.md").read_bytes()
    command = [sys.executable, str(FOLDER / "run.py"), "--table"]
    env = {**os.environ, "PYTHONPATH": str(Path(iterdeploy.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no finished arm under runs/efficiency" in done.stderr
    assert (FOLDER / "table.md").read_bytes() == before
