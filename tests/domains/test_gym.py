"""Every data set of reasoning-gym as a domain: tasks by seed, splits that never meet, verdicts on right and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("reasoning_gym", reason="the extra [gym] is not installed")

from iterdeploy.check import check_domain
from iterdeploy.domains import gym, gym_score
from iterdeploy.domains.gym import GymDomain, open_gym
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Base, Recipe, Tasks
from iterdeploy.types import Fault, Finish, Task, Trace

WRONG = ("no such answer", "-987654321.5")
MIXTURE = 'datasets=["chain_sum","gcd"]'
SMALL = {
    "composite": MIXTURE,
    "futoshiki": "max_board_size=4",
    "knight_swap": "max_nodes=6 impossible_ratio=1.0",
    "sokoban": "max_w=6 max_h=6 max_boxes=4",
    "zebra_puzzles": "num_people=3 num_characteristics=3",
}
"""Settings, where there must be some, or where those that a data set comes with take seconds a task."""

SLOW = (
    "arc_agi",
    "codeio",
    "figlet_font",
    "futoshiki",
    "knight_swap",
    "sokoban",
    "word_ladder",
    "zebra_puzzles",
)
"""Seconds for a few tasks: these are made once, and one of each."""


def opened(name: str, span: str = "", sizes: tuple[int, ...] = (1,), prompt: str = "paper") -> GymDomain:
    recipe = Recipe(tasks=Tasks(domain=name, range=span, sizes=sizes), base=Base(prompt=prompt))
    return open_gym(recipe, name)


def trace(task: Task, text: str, finish: Finish = "stop") -> Trace:
    return Trace("t", task.id, 0, 0, "m", text, (), (), (), finish)


@pytest.mark.parametrize("name", gym.datasets())
def test_every_data_set_makes_tasks_accepts_its_reference_and_refuses_others(name: str) -> None:
    domain = opened(f"gym:{name}", SMALL.get(name, ""))
    tasks = domain.tasks("deployed", 1 if name in SLOW else 2, (1,), 0)
    if name not in SLOW:
        assert domain.tasks("deployed", 2, (1,), 0) == tasks
        heldout = domain.tasks("heldout", 1, (1,), 0)
        assert not {task.prompt for task in tasks} & {task.prompt for task in heldout}
    for task in tasks:
        assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task
        for wrong in WRONG:
            assert not domain.validate(task, trace(task, f"<answer>{wrong}</answer>")).valid
        right = domain.reference(task)
        assert (right is None) == (name in gym.UNANSWERED)
        if right is not None:
            verdict = domain.validate(task, trace(task, f"Well.\n<answer>\n{right}\n</answer>"))
            assert verdict.valid, verdict.reason


def test_settings_come_from_the_recipe_and_size_stands_for_the_size() -> None:
    domain = opened("gym:chain_sum", "min_terms=size max_terms=size min_digits=1 max_digits=1", (2, 3))
    for task in domain.tasks("deployed", 6, (2, 3), 0):
        assert task.prompt.count("+") + task.prompt.count(" - ") == task.size - 1
    listed = opened("gym:basic_arithmetic", 'operators=["+","-"] min_terms=2 max_terms=2', prompt="compact")
    assert not any("*" in task.prompt or "/" in task.prompt for task in listed.tasks("deployed", 8, (1,), 0))
    assert all(finding.kept for finding in check_domain(domain, sizes=(2, 3), count=6))


@pytest.mark.parametrize(
    ("name", "span", "said"),
    [
        ("gym:chain_sums", "", "did you mean chain_sum"),
        ("gym:chain_sum", "min_term=2", "did you mean min_terms"),
        ("gym:chain_sum", "easy", "is no list of settings"),
        ("gym:chain_sum", "min_terms=9 max_terms=2", "refuses min_terms=9 max_terms=2"),
        ("gym:chain_sum", "min_terms=few", "refuses min_terms=few"),
        ("gym:chain_sum", "seed=3", "no setting 'seed'"),
        ("gym:composite", "", "mixes data sets"),
        ("gym:composite", 'datasets=["nothing"]', "unknown here: nothing"),
    ],
)
def test_bad_input_is_said_before_a_task_is_made(name: str, span: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        opened(name, span)


def test_several_sizes_need_a_setting_that_follows_them() -> None:
    with pytest.raises(BadInput, match="no setting of gym:chain_sum in"):
        opened("gym:chain_sum", "", (1, 2)).tasks("deployed", 4, (1, 2), 0)
    with pytest.raises(BadInput, match="too few problems"):
        opened("gym:coin_flip", "min_trials=1 max_trials=1").tasks("deployed", 300, (1,), 0)


SALT = """
import sys
from iterdeploy.domains.gym import open_gym
from iterdeploy.recipe import Base, Recipe, Tasks
domain = open_gym(Recipe(tasks=Tasks(sizes=(1,)), base=Base(prompt="paper")), "gym:ransom_note")
sys.stdout.write(str([task.spec for task in domain.tasks("deployed", 5, (1,), 0)]))
"""


def test_the_salt_of_a_process_moves_no_task() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", SALT]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said == str([task.spec for task in opened("gym:ransom_note").tasks("deployed", 5, (1,), 0)])


@pytest.mark.parametrize(
    "name", ["countdown", "puzzle24", "simple_integration", "string_insertion", "n_queens"]
)
def test_no_scorer_runs_what_a_model_wrote(name: str, tmp_path: Path) -> None:
    domain, mark = opened(f"gym:{name}"), tmp_path / "ran"
    (task,) = domain.tasks("deployed", 1, (1,), 0)
    call = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for text in (call, f"[{call}]", f"[[{call}]]", f"(lambda: {call})()", f"x.{call}"):
        verdict = domain.validate(task, trace(task, f"<answer>{text}</answer>"))
        assert verdict.fault is Fault.SYNTAX
        assert not mark.exists()


def test_a_number_without_end_is_a_timeout_and_no_hanging_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gym_score, "SECONDS", 1)
    domain = opened("gym:polynomial_multiplication")
    (task,) = domain.tasks("deployed", 1, (1,), 0)
    verdict = domain.validate(task, trace(task, "<answer>9**9**9**9**9</answer>"))
    assert verdict.fault in (Fault.TIMEOUT, Fault.GOAL)
    assert not verdict.valid


def test_a_partial_score_is_told_and_is_not_enough() -> None:
    domain = opened("gym:tower_of_hanoi")
    (task,) = domain.tasks("deployed", 1, (1,), 0)
    moves = (domain.reference(task) or "").splitlines()
    verdict = domain.validate(task, trace(task, "<answer>" + "\n".join(moves[:-1]) + "</answer>"))
    assert (verdict.valid, verdict.fault) == (False, Fault.GOAL)
    assert "of 1" in verdict.reason


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        ("<think>7</think>\n<answer>{right}</answer><eos>", "stop", None),
        ("<answer>{right}</answer> so <answer>{right}</answer>", "stop", None),
        ("{right}", "stop", None),
        ("<think>1</think>\n{right}<eos>", "stop", None),
        ("<answer>{right}</answer>", "length", Fault.TRUNCATED),
        ("<answer>{right}</answer><answer>1234</answer>", "stop", Fault.AMBIGUOUS),
        ("<think><answer>{right}</answer>", "stop", Fault.NO_PLAN),
        ("<answer>{right}", "stop", Fault.NO_PLAN),
        ("<answer> </answer>", "stop", Fault.NO_PLAN),
        ("the answer is {right}", "stop", Fault.GOAL),
        ("", "stop", Fault.NO_PLAN),
    ],
)
def test_what_is_read_as_the_answer(text: str, finish: Finish, fault: Fault | None) -> None:
    domain = opened("gym:chain_sum")
    (task,) = domain.tasks("deployed", 1, (1,), 0)
    answer = text.replace("{right}", domain.reference(task) or "")
    assert domain.validate(task, trace(task, answer, finish)).fault == fault


def test_an_entry_reads_back_as_it_was() -> None:
    entry = {"a": (1, (2.5, None)), "b": {3: "x", "y": [True]}, "c": {(1, 2): "z"}}
    assert gym.unpacked(gym.packed(entry)) == entry
