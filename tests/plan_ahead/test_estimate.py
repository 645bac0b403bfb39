"""The plan counts exactly what is exact, and estimates in the right direction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fake_run
import pytest

from iterdeploy.plan_ahead import Shape, base_folder, estimated_tokens, expected_examples, plan, shape_of
from iterdeploy.recipe import Curate, Recipe, Tasks, Train, preset, presets

SMALL = Shape(parameters=860_000, adapter_parameters=330_000)


def test_answers_are_counted_exactly() -> None:
    ahead = plan(fake_run.recipe(generations=2, count=30, heldout=12, samples=4))
    assert ahead.answers == 3 * (30 * 4 + 12)
    assert (ahead.seconds, ahead.disk_bytes) == (None, None)


def test_the_demo_is_planned_within_minutes_and_megabytes() -> None:
    ahead = plan(Recipe(), prompt_tokens=80, shape=SMALL, workers=2)
    assert ahead.seconds is not None
    assert ahead.disk_bytes is not None
    assert 60 < ahead.seconds < 900
    assert 5e6 < ahead.disk_bytes < 2e8


def test_more_workers_take_less_time_and_more_epochs_more() -> None:
    one, two = (plan(Recipe(), shape=SMALL, workers=n).seconds for n in (1, 2))
    longer = plan(replace(Recipe(), train=Train(epochs=40.0)), shape=SMALL).seconds
    assert one is not None
    assert two is not None
    assert longer is not None
    assert two < one < longer


def test_a_cap_on_steps_caps_the_trained_tokens() -> None:
    capped = plan(replace(Recipe(), train=Train(max_steps=10)), shape=SMALL)
    assert capped.trained_tokens == 5 * 10 * 2048


@pytest.mark.parametrize(
    ("curate", "expected"),
    [
        (Curate(), [140, 230, 320]),
        (Curate(pool="last"), [140, 230, 320]),
        (Curate(rule="none"), [1000, 2000, 3000]),
        (Curate(rule="none", pool="last"), [1000, 1000, 1000]),
    ],
)
def test_expected_examples_follow_the_curation(curate: Curate, expected: list[int]) -> None:
    recipe = replace(Recipe(), curate=curate, tasks=Tasks(count=1000))
    assert [expected_examples(recipe, generation) for generation in (1, 2, 3)] == expected


def test_every_preset_can_be_planned() -> None:
    for name in presets():
        assert plan(preset(name), shape=SMALL).sampled_tokens > 0


def test_tokens_of_prompts_are_estimated_by_their_characters() -> None:
    assert estimated_tokens(["x" * 35, "y", ""]) == [10, 1, 0]


def test_shape_is_read_from_a_config(tmp_path: Path) -> None:
    config = {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 32,
        "vocab_size": 64,
        "tie_word_embeddings": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    folder = base_folder(str(tmp_path))
    assert folder == tmp_path
    assert shape_of(folder, rank=32) == Shape(
        parameters=4 * (4 * 128 * 128 + 3 * 128 * 384) + 64 * 128,
        adapter_parameters=4 * 32 * (4 * 256 + 3 * 512),
        layers=4,
        hidden=128,
        wide=384,
        vocabulary=64,
        cached=2 * 4 * 128,
    )
    assert base_folder("no/such/base") is None
