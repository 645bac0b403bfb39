"""A calibration samples and trains with the run's own code, and says what it measured."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from iterdeploy.train.calibrate import measure


@pytest.mark.slow
def test_speeds_are_measured_and_the_answers_length_where_they_ended(base: Path) -> None:
    found = measure(tiny.recipe(base), tiny.requests())
    assert found.sampled_per_second > 0
    assert found.trained_per_second > 0
    assert found.answer_tokens is not None
    assert 1 <= found.answer_tokens <= 80
    assert found.examples == 64
