"""Calibrations are kept by machine and model, and say their age; the shape of known models and their memory add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iterdeploy.plan_ahead import Shape, plan
from iterdeploy.plan_ahead import pace as paces
from iterdeploy.plan_ahead.shape import known_shape
from iterdeploy.recipe import Recipe

FOUND = paces.Calibration("a machine", "m0", "w0", 1000.0, 2900.0, 4500.0, 9.0, 80.0)


def test_a_calibration_is_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mine = replace(FOUND, machine=paces.machine_name())
    file = paces.keep(mine)
    assert tmp_path in file.parents
    assert paces.kept("m0") == mine
    assert paces.kept("another model") is None
    file.write_text("{")
    assert paces.kept("m0") is None


def test_a_pace_states_its_age_and_takes_the_length_of_its_own_work_alone() -> None:
    same, other = (FOUND.pace(work, 1000.0 + 7300) for work in ("w0", "w1"))
    assert (same.answer, same.source) == (80.0, "calibrated 2 hours ago on this machine")
    assert other.answer is None
    assert "length is assumed" in other.source


def test_without_a_calibration_the_assumption_is_stated() -> None:
    assert "assumed, not measured" in paces.assumed(Shape(10**6, 10**4)).source
    one, two = (plan(Recipe(), pace=FOUND.pace("w0", 0.0), workers=n).seconds for n in (1, 2))
    assert one is not None
    assert two is not None
    assert 0.4 * one < two < one


def test_the_paper_s_base_is_known_by_its_family() -> None:
    shape = known_shape("Qwen/Qwen3-4B-Thinking-2507", rank=16)
    assert shape is not None
    assert shape.cached * 2 == 147_456  # bytes a token in bf16
    assert known_shape("nobody/nothing", rank=16) is None


@pytest.mark.parametrize(
    ("size", "billions", "without_embeddings"),
    [
        ("0.6B", 0.6, 0.44), ("1.7B", 1.7, 1.4), ("4B", 4.0, 3.6), ("8B", 8.2, 6.95), ("14B", 14.8, 13.2),
        ("32B", 32.8, 31.2),
    ],
)  # fmt: skip
def test_known_shapes_have_the_parameters_of_their_model_cards(
    size: str, billions: float, without_embeddings: float
) -> None:
    shape = known_shape(f"Qwen/Qwen3-{size}", rank=16)
    assert shape is not None
    assert shape.parameters / 1e9 == pytest.approx(billions, abs=0.05)
    tables = (1 if billions < 5 else 2) * shape.vocabulary * shape.hidden
    assert (shape.parameters - tables) / 1e9 == pytest.approx(without_embeddings, abs=0.05)
