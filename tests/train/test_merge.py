"""A merged model is compared with its generation, and refused where it is another."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import tiny
import torch

from iterdeploy.errors import TrainingRefused
from iterdeploy.train.adapters import with_lora
from iterdeploy.train.merge import Dtype, Gap, gap, refuse_unless_near, sequences_of, write_merged


def adapter(base: Path, folder: Path, size: float) -> Path:
    """An adapter with weights from a seed, as large as told."""
    from iterdeploy.train.adapters import open_base

    torch.manual_seed(0)
    model = with_lora(open_base(str(base))[0], tiny.recipe(base).train)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data.normal_(0.0, size)
    model.save_pretrained(str(folder))
    return folder


ROWS = [((3, 4, 5), (6, 7, 8, 9)), ((), (3,)), ((3,), ())]


def test_what_is_stored_is_the_sum(base: Path, tmp_path: Path) -> None:
    held = adapter(base, tmp_path / "adapter", 0.1)
    whole = write_merged(str(base), held, ROWS, tmp_path / "whole", "float32")
    assert whole.most < 1e-3
    assert whole.same > 0.98
    half = write_merged(str(base), held, ROWS, tmp_path / "half", "bfloat16")
    assert whole.mean < half.mean < 0.05
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]


def test_a_sum_that_answers_otherwise_is_refused(base: Path, tmp_path: Path) -> None:
    held = adapter(
        base, tmp_path / "adapter", 300.0
    )  # sums that are too large for the numbers they are stored in
    with pytest.raises(TrainingRefused, match=r"not the generation: .* Take --dtype float32"):
        write_merged(str(base), held, ROWS, tmp_path / "out", "float16")


@pytest.mark.parametrize(
    ("dtype", "mean", "most", "change", "near"),
    [
        ("float32", 1e-5, 9e-4, 0.1, True),
        ("float32", 1e-5, 2e-3, 0.1, False),
        ("float32", 1e-5, 6e-3, 20.0, True),  # a thousandth of what the adapter changes
        ("float32", 1e-5, 3e-2, 20.0, False),
        ("bfloat16", 0.04, 2.0, 0.1, True),
        ("bfloat16", 0.06, 0.1, 0.1, False),
    ],
)
def test_how_near_is_near_enough(dtype: Dtype, mean: float, most: float, change: float, near: bool) -> None:
    with nullcontext() if near else pytest.raises(TrainingRefused):
        refuse_unless_near(Gap(100, mean, most, 1.0), dtype, change)


def test_what_is_compared() -> None:
    found = sequences_of(5, ROWS)
    assert [one.ids for one in found] == [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (3, 4, 5, 6, 7, 8, 9)]
    assert [one.read for one in found] == [1, 1, 3]


def test_gaps() -> None:
    one = torch.tensor([-1.0, -2.0]), torch.tensor([3, 4])
    other = torch.tensor([-1.5, -2.0]), torch.tensor([3, 5])
    assert gap(one, other) == Gap(2, 0.25, 0.5, 0.5)
    lost = gap(one, (torch.tensor([float("nan"), -2.0]), torch.tensor([3, 4])))
    with pytest.raises(TrainingRefused):
        refuse_unless_near(lost, "float16")
