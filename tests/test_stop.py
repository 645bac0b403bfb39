"""Stop rules fire where they say and not before; a run that ended stays ended; a gate keeps a candidate back."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_run
from scripted_run import PROBES, RECIPE, Counting, files_of, go, trainer

from iterdeploy import loop
from iterdeploy.errors import BadInput, RecipeChanged
from iterdeploy.gates import Gate
from iterdeploy.loop import run_loop
from iterdeploy.recipe import Recipe, Stop, with_settings
from iterdeploy.stop import Standing, best, blocked, fired
from iterdeploy.store import Run
from iterdeploy.types import Question


def seen(*shares: float, entropy: float | None = 0.5) -> list[Standing]:
    return [Standing(share, share, share, entropy) for share in shares]


def test_no_rule_fires_by_default() -> None:
    assert fired(Stop(), seen(0.5, 0.1, 0.0, entropy=None)) == {}


def test_heldout_fires_after_its_patience_without_a_gain_and_names_the_numbers() -> None:
    rules = Stop(heldout_patience=2, heldout_gain=0.02)
    assert fired(rules, seen(0.2, 0.4, 0.41)) == {}, "one generation without a gain is not two"
    assert fired(rules, seen(0.2, 0.4, 0.41, 0.43)) == {}, "a gain of more than 2 %"
    reasons = fired(rules, seen(0.2, 0.4, 0.41, 0.42))
    assert list(reasons) == ["heldout"]
    assert "generation 1 (40.0%)" in reasons["heldout"]
    assert "42.0%" in reasons["heldout"]


def test_heldout_does_not_fire_on_steady_growth() -> None:
    rules = Stop(heldout_patience=1)
    assert not any(fired(rules, seen(*(0.1 * n for n in range(count)))) for count in range(1, 9))


def test_acceptance_needs_all_generations_of_its_patience() -> None:
    rules = Stop(acceptance_patience=2, acceptance_least=0.8)
    assert fired(rules, seen(0.2, 0.5, 0.39, 0.41)) == {}
    assert "39.0%" in fired(rules, seen(0.2, 0.5, 0.3, 0.39))["acceptance"]


DIVERSITY = Stop(diversity_patience=2, diversity_least=0.8, diversity_most=1.25)


def test_diversity_fires_on_answers_that_scatter() -> None:
    start = seen(0.5, entropy=0.4)
    assert fired(DIVERSITY, [*start, *seen(0.9, entropy=0.6)]) == {}, "one generation is not two"
    assert fired(DIVERSITY, [*start, *seen(0.9, entropy=0.6), *seen(0.9, entropy=0.5)]) == {}, (
        "125 % is allowed"
    )
    reason = fired(DIVERSITY, [*start, *seen(0.9, 0.9, entropy=0.6)])["diversity"]
    assert "0.4000 nats a token in generation 0 and is 0.6000: for 2 on end more than 125%" in reason
    assert "scatter" in reason


def test_diversity_fires_on_answers_that_narrow_and_are_no_better() -> None:
    start = seen(0.5, entropy=0.4)
    assert fired(DIVERSITY, [*start, *seen(0.5, 0.51, entropy=0.1)]) == {}, "sure of what is right"
    assert fired(DIVERSITY, [*start, *seen(0.5, 0.5, entropy=0.33)]) == {}, "more than 80 %"
    assert fired(DIVERSITY, [*start, *seen(0.5, entropy=0.1), *seen(0.5, entropy=0.6)]) == {}
    reason = fired(DIVERSITY, [*start, *seen(0.6, 0.5, 0.4, entropy=0.3)])["diversity"]
    assert (
        "for 2 on end less than 80% of it, with 40.0% of the answers valid and 50.0% in generation 0"
        in reason
    )


def test_diversity_says_nothing_where_no_entropy_is_known() -> None:
    unknown = seen(0.5, 0.1, 0.0, entropy=None)
    assert fired(DIVERSITY, unknown) == {}
    assert fired(DIVERSITY, [*seen(0.5), *unknown]) == {}


def test_the_best_generation_is_the_first_of_equals() -> None:
    assert best(seen(0.1, 0.4, 0.4, 0.2)) == 1


def test_gates_by_fall_and_by_floor() -> None:
    gates = [Gate("say", "fall", 0.1), Gate("refusal", "least", 0.9)]
    base = {"say": 0.8, "refusal": 1.0}
    assert blocked(gates, base, {"say": 0.7, "refusal": 0.9}) == {}, "as much as is allowed"
    assert list(blocked(gates, base, {"say": 0.69, "refusal": 0.95})) == ["say fall 0.1"]
    assert (
        "refusal is 0.890, below 0.900"
        in blocked(gates, base, {"say": 1.0, "refusal": 0.89})["refusal least 0.9"]
    )


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('probe.gate=["say fall 0.1"]', "probe.gate names the probe 'say'"),
        ('probe.gate=["counts drop 0.1"]', "it must be a list of"),
        ('probe.gate=["counts fall nan"]', "it must be a list of"),
        ('probe.gate=["counts fall -1"]', "it must be a list of"),
        ('probe.names=["a:say", "b:say"]', "must differ"),
        ('probe.names=["a/b"]', "different names of probes"),
        ("stop.heldout_patience=-1", "0 or more"),
        ("stop.diversity_least=2", "a share"),
        ("stop.diversity_most=0.9", "1 or more"),
    ],
)
def test_a_wrong_guard_is_refused(setting: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        with_settings(RECIPE, [setting])


def test_a_rule_on_heldout_needs_heldout_tasks() -> None:
    with pytest.raises(BadInput, match=r"tasks\.heldout is 0"):
        with_settings(RECIPE, ["tasks.heldout=0", "stop.heldout_patience=1"])


@pytest.mark.parametrize("blind", ["deploy.temperature=0", "deploy.top_k=1", 'deploy.engine="server"'])
def test_a_rule_on_diversity_needs_entropy(blind: str) -> None:
    with pytest.raises(BadInput, match=r"stop\.diversity_patience is set, but .*entropy"):
        with_settings(RECIPE, [blind, "stop.diversity_patience=2"])


# --- in a run --------------------------------------------------------------------------------

STOPPING = with_settings(RECIPE, ["generations=6", "stop.heldout_patience=1", "stop.heldout_gain=0.9"])
GATED = with_settings(RECIPE, ["generations=6", 'probe.gate=["fades fall 0.15"]', 'probe.names=["p:fades"]'])


class Fades:
    """A probe that a generation loses the more of the more it was trained: its number is the likelihood of nothing."""

    def questions(self, count: int) -> list[Question]:
        return [Question(str(n), f"count to {n + 2}") for n in range(count)]

    def value(self, question: Question, text: str) -> float:
        return -float(len(text.split()))


def test_a_stopped_run_says_why_and_does_not_go_on(tmp_path: Path) -> None:
    rows = go(tmp_path / "run", STOPPING)
    ended = Run.open(tmp_path / "run").ended()
    assert ended is not None
    assert (ended.cause, ended.generation, ended.rules) == ("stop", 1, ("heldout",))
    assert len(rows) == 2
    before, points = files_of(tmp_path / "run"), list[str]()
    go(tmp_path / "run", STOPPING, points.append)
    assert points == ["report/before", "report/after"]
    assert files_of(tmp_path / "run") == before
    with pytest.raises(RecipeChanged):
        go(tmp_path / "run", with_settings(STOPPING, ["generations=9"]))


def test_without_the_rule_the_run_goes_on_with_the_same_bytes_up_to_there(tmp_path: Path) -> None:
    go(tmp_path / "stopped", STOPPING)
    go(tmp_path / "whole", replace(STOPPING, stop=Stop()))
    stopped, whole = files_of(tmp_path / "stopped"), files_of(tmp_path / "whole")
    shared = [name for name in stopped if name.startswith("gen-")]
    assert all(stopped[name] == whole[name] for name in shared)
    assert len(Run.open(tmp_path / "whole").generations()) == 7


@pytest.mark.parametrize("event", ["before", "written", "renamed", "after"])
def test_killed_while_it_stops_it_ends_the_same(tmp_path: Path, event: str) -> None:
    go(tmp_path / "whole", STOPPING)
    settings = "generations=6;stop.heldout_patience=1;stop.heldout_gain=0.9"
    env = {**os.environ, "PYTHONPATH": str(Path(loop.__file__).parents[1]), "SETTINGS": settings}
    command = [sys.executable, scripted_run.__file__, str(tmp_path / "run"), f"gen-1/stop/{event}", "1"]
    subprocess.run(command, env=env, check=True)
    go(tmp_path / "run", STOPPING)
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")


def gated(folder: Path, recipe: Recipe = GATED, point: list[str] | None = None) -> Run:
    run = Run.create(folder, recipe)
    run_loop(
        run, Counting(), trainer(), second=Counting(), probes={**PROBES, "fades": Fades()},
        point=(point if point is not None else []).append,
    )  # fmt: skip
    return run


def test_a_blocked_candidate_is_probed_and_not_deployed(tmp_path: Path) -> None:
    run = gated(tmp_path / "run")
    ended = run.ended()
    assert ended is not None
    assert (ended.cause, ended.last_good) == ("gate", ended.generation - 1)
    assert len(run.generations()) == ended.generation
    assert run.adapter(ended.generation) is not None
    assert run.probed(ended.generation, "fades")
    assert not run.traces_file(ended.generation).exists()
    points: list[str] = []
    before = files_of(tmp_path / "run")
    gated(tmp_path / "run", point=points)
    assert points == []
    assert files_of(tmp_path / "run") == before


def test_without_its_gate_the_candidate_is_deployed(tmp_path: Path) -> None:
    run = gated(tmp_path / "run", with_settings(GATED, ["probe.gate=[]", "generations=3"]))
    assert run.ended() is None
    assert len(run.generations()) == 4


def test_a_base_below_the_floor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the base does not pass probe\.gate itself: fades is"):
        gated(tmp_path / "run", with_settings(GATED, ['probe.gate=["fades least 0"]']))


def test_probes_are_never_learnt_from_and_ask_every_generation_the_same(tmp_path: Path) -> None:
    go(tmp_path / "run")
    run = Run.open(tmp_path / "run")
    tasks = {task.id for task in run.tasks()}
    asked = {row.question_id for row in run.probed(0, "counts")}
    assert asked == {row.question_id for row in run.probed(2, "counts")}
    assert not asked & {example.task_id for example in run.examples(2)}
    assert {example.task_id for example in run.examples(2)} <= tasks
