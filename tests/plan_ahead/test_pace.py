"""Calibrations are kept by machine and model, and say their age; the shape of known models and their memory add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from iterdeploy.plan_ahead import Shape, plan
from iterdeploy.plan_ahead import pace as paces
from iterdeploy.plan_ahead.memory import memory
from iterdeploy.plan_ahead.shape import known_shape
from iterdeploy.recipe import Recipe, preset

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


def test_the_paper_s_base_is_known_by_its_family_and_fits_no_card_with_a_full_cache() -> None:
    shape = known_shape("Qwen/Qwen3-4B-Thinking-2507", rank=16)
    assert shape is not None
    assert shape.parameters == pytest.approx(4.02e9, rel=0.01)
    assert shape.cached * 2 == 147_456  # bytes a token in bf16
    needed = memory(preset("paper"), shape, 2000, on_card=True)
    assert needed is not None
    assert needed.cache == 64 * (2000 + preset("paper").deploy.max_tokens) * 147_456
    assert needed.peak == max(needed.sampling, needed.training)
    assert known_shape("nobody/nothing", rank=16) is None
