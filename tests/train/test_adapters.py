"""A model is known by its content, and what cannot be that model is not served."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from iterdeploy.errors import BadInput, TrainingRefused
from iterdeploy.recipe import Train
from iterdeploy.train import adapters
from iterdeploy.train.adapters import (
    CANARY_TOLERANCE,
    added_up,
    base_folder,
    content_id,
    open_base,
    open_generation,
    settle_config,
    with_lora,
)

LORA = Train(rank=4, alpha=8.0)
WEIGHTS = "adapter_model.safetensors"
IDS = torch.arange(4, 44)[None]


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    found: torch.Tensor = model.eval()(input_ids=IDS, use_cache=False).logits
    return found


def make_adapter(base: Path, folder: Path, seed: int = 0) -> Path:
    """An adapter that is not nothing, as training would leave it."""
    torch.manual_seed(seed)
    model = with_lora(open_base(str(base))[0], LORA)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(std=0.05)
    model.save_pretrained(str(folder))
    settle_config(folder / "adapter_config.json", str(base))
    return folder


@pytest.fixture(scope="module")
def one(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("adapters") / "one")


@pytest.fixture
def adapter(one: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(one, tmp_path / "adapter"))


# --- ids -------------------------------------------------------------------------------------


def test_the_id_is_that_of_base_and_adapter(base: Path, one: Path) -> None:
    alone, both = content_id(str(base), None), content_id(str(base), one)
    assert both.startswith(f"{alone}+")
    assert len(alone) == len("base-") + 12


def test_copies_have_the_same_id(base: Path, one: Path, adapter: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "elsewhere", copy_function=shutil.copy)
    assert content_id(str(base), adapter) == content_id(str(base), one)
    assert content_id(str(copy), adapter) == content_id(str(base), one)


def flip_a_byte(file: Path, at: int) -> None:
    """Change one byte, and leave size and time of the file as they were."""
    before = file.stat()
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(bytes(data))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("at", [-1, -1000, -2000])
def test_each_byte_of_the_adapter_counts_whatever_its_time(base: Path, adapter: Path, at: int) -> None:
    before = content_id(str(base), adapter)
    flip_a_byte(adapter / WEIGHTS, at)
    assert content_id(str(base), adapter) != before


def test_each_byte_of_the_base_counts(base: Path, one: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "base")
    before = content_id(str(copy), one)
    flip_a_byte(copy / "model.safetensors", -1)
    assert content_id(str(copy), one) != before


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("adapter/adapter_config.json", {"lora_alpha": 16}),
        ("base/config.json", {"rms_norm_eps": 1e-3}),
        ("base/generation_config.json", {"eos_token_id": 5}),
        ("base/tokenizer.json", {"version": "1.1"}),
    ],
)
def test_what_a_config_says_counts(
    base: Path, one: Path, tmp_path: Path, file: str, change: dict[str, Any]
) -> None:
    """The same weights answer differently with another scale, norm, end token or vocabulary."""
    copy, adapter = shutil.copytree(base, tmp_path / "base"), shutil.copytree(one, tmp_path / "adapter")
    before = content_id(str(copy), adapter)
    held = json.loads((tmp_path / file).read_text())
    assert held.keys() >= change.keys()
    (tmp_path / file).write_text(json.dumps(held | change))
    assert content_id(str(copy), adapter) != before


def test_where_the_base_lay_and_what_was_logged_do_not_count(base: Path, adapter: Path) -> None:
    before = content_id(str(base), adapter)
    settle_config(adapter / "adapter_config.json", "/another/machine")
    (adapter / "training.jsonl").write_text("{}\n")
    assert content_id(str(base), adapter) == before


def test_a_config_is_settled_whatever_the_order_of_its_targets(tmp_path: Path) -> None:
    """PEFT keeps them as a set of strings, whose order Python salts."""
    for number, targets in enumerate((["v_proj", "q_proj"], ["q_proj", "v_proj"])):
        config = {"target_modules": targets, "base_model_name_or_path": f"/tmp/{number}", "r": 4}
        (tmp_path / f"{number}.json").write_text(json.dumps(config))
        settle_config(tmp_path / f"{number}.json", "blocks-small")
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()
    assert '"blocks-small"' in (tmp_path / "0.json").read_text()


def test_a_folder_without_weights_has_no_id(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no weights"):
        content_id(str(base), tmp_path)


# --- opening ---------------------------------------------------------------------------------


def test_an_unknown_base_is_refused() -> None:
    with pytest.raises(BadInput, match=r"no base 'bloks-small'.*blocks-small"):
        base_folder("bloks-small")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be opened"):
        open_base(str(tmp_path))


def test_a_fresh_adapter_changes_nothing_and_a_trained_one_does(base: Path, one: Path) -> None:
    plain = logits(open_base(str(base))[0])
    torch.manual_seed(0)
    assert torch.equal(logits(with_lora(open_base(str(base))[0], LORA)), plain)
    assert float((logits(open_generation(str(base), one)[0]) - plain).abs().max()) > 0.1


def test_the_seed_decides_a_fresh_adapter(base: Path) -> None:
    def fresh(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        model = with_lora(open_base(str(base))[0], replace(LORA, targets=("q_proj",)))
        return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}

    assert set(fresh(1)) == {n for n in fresh(1) if "q_proj.lora_" in n}
    assert all(torch.equal(p, fresh(1)[n]) for n, p in fresh(1).items())
    assert any(not torch.equal(p, fresh(2)[n]) for n, p in fresh(1).items())


# --- added up --------------------------------------------------------------------------------


def test_added_up_it_answers_as_beside_its_base(base: Path, one: Path) -> None:
    beside = logits(open_generation(str(base), one)[0]).log_softmax(-1)
    whole = added_up(open_generation(str(base), one)[0])
    assert not hasattr(whole, "merge_and_unload")
    gap = float((logits(whole).log_softmax(-1) - beside).abs().max())
    assert gap <= CANARY_TOLERANCE / 10
    plain = logits(open_base(str(base))[0]).log_softmax(-1)
    assert float((logits(whole).log_softmax(-1) - plain).abs().max()) > 0.1, "and not as the base alone"


def test_a_model_in_less_than_float32_keeps_its_adapter_beside_it(base: Path, one: Path) -> None:
    model = open_generation(str(base), one)[0].to(torch.bfloat16)
    assert added_up(model) is model


def test_a_base_alone_is_left_as_it_is(base: Path) -> None:
    model = open_base(str(base))[0]
    assert added_up(model) is model


def test_rounding_is_measured_by_what_the_adapter_changes(
    base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(adapter, lambda key, tensor: (key, tensor * 1000))
    apart = logits(open_generation(str(base), adapter)[0]).log_softmax(-1)
    rounding = float(
        (logits(added_up(open_generation(str(base), adapter)[0])).log_softmax(-1) - apart).abs().max()
    )
    assert rounding > 0
    monkeypatch.setattr(
        adapters, "CANARY_TOLERANCE", rounding
    )  # too little alone, a little of what is changed
    added_up(open_generation(str(base), adapter)[0])
    monkeypatch.setattr(adapters, "CANARY_TOLERANCE", rounding / 1000)
    with pytest.raises(TrainingRefused, match="answers differently"):
        added_up(open_generation(str(base), adapter)[0])


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_the_canary_refuses_an_adapter_that_does_not_add_up(base: Path, adapter: Path, value: float) -> None:
    spoil(adapter, lambda key, tensor: (key, tensor * value))
    with pytest.raises(TrainingRefused, match="answers differently from the adapter beside it"):
        added_up(open_generation(str(base), adapter)[0])


# --- a wrong adapter -------------------------------------------------------------------------


def spoil(adapter: Path, change: Callable[[str, torch.Tensor], tuple[str, torch.Tensor]]) -> None:
    tensors = dict(change(key, tensor) for key, tensor in load_file(adapter / WEIGHTS).items())
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, adapter / WEIGHTS)


def test_an_adapter_under_other_names_is_refused(base: Path, adapter: Path) -> None:
    """Else the plain base would answer under the adapter's name."""
    spoil(adapter, lambda key, tensor: (key.replace("layers", "blocks"), tensor))
    with pytest.raises(BadInput, match=r"adapter does not fit.* lacks .*layers\.0"):
        open_generation(str(base), adapter)


def test_an_adapter_that_lacks_a_matrix_is_refused(base: Path, adapter: Path) -> None:
    tensors = load_file(adapter / WEIGHTS)
    save_file(
        {key: t for key, t in tensors.items() if "layers.1.mlp.up_proj.lora_B" not in key}, adapter / WEIGHTS
    )
    with pytest.raises(BadInput, match=r"lacks 1 .*layers\.1\.mlp\.up_proj\.lora_B"):
        open_generation(str(base), adapter)


def test_an_adapter_with_more_than_the_base_takes_is_refused(base: Path, adapter: Path) -> None:
    tensors = load_file(adapter / WEIGHTS)
    extra = {key.replace("layers.1", "layers.7"): tensor.clone() for key, tensor in tensors.items()}
    save_file(extra | tensors, adapter / WEIGHTS)
    with pytest.raises(BadInput, match=r"holds .*layers\.7"):
        open_generation(str(base), adapter)


def test_an_adapter_of_another_shape_is_refused(base: Path, adapter: Path) -> None:
    spoil(adapter, lambda key, tensor: (key, torch.zeros(tensor.shape[0] + 1, tensor.shape[1] + 1)))
    with pytest.raises(BadInput, match="adapter does not fit"):
        open_generation(str(base), adapter)


@pytest.mark.parametrize("file", [WEIGHTS, "adapter_config.json"])
def test_a_torn_adapter_is_refused(base: Path, adapter: Path, file: str) -> None:
    data = (adapter / file).read_bytes()
    (adapter / file).write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match=r"the adapter in .* can't be opened"):
        open_generation(str(base), adapter)


def test_a_folder_that_is_no_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the adapter in .* can't be opened"):
        open_generation(str(base), tmp_path)


@pytest.mark.parametrize("trainable", [False, True])
def test_an_adapter_can_be_trained_on_or_only_answer(base: Path, one: Path, trainable: bool) -> None:
    model, _ = open_generation(str(base), one, trainable)
    moving = {name for name, p in model.named_parameters() if p.requires_grad}
    assert (len(moving) == 2 * 2 * 7 and all("lora_" in name for name in moving)) if trainable else not moving


def test_an_adapter_that_is_trained_on_is_saved_without_a_look_at_a_hub(
    base: Path, one: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    adapter = Path(shutil.copytree(one, tmp_path / "adapter"))
    adapters.settle_config(adapter / "adapter_config.json", "blocks-small")
    model, _ = open_generation(str(base), adapter, trainable=True)
    model.save_pretrained(str(tmp_path / "next"))
    assert not [str(w.message) for w in recwarn if "blocks-small" in str(w.message)]


def test_the_tokenizer_is_that_of_the_base(base: Path, one: Path) -> None:
    prompt = tiny.tasks()[0].prompt
    _, tokenizer = open_generation(str(base), one)
    assert tokenizer.decode(tokenizer(prompt, add_special_tokens=False)["input_ids"]) == prompt


def test_an_adapter_on_a_bfloat16_base_learns_in_float32(base: Path, one: Path) -> None:
    fresh = with_lora(open_base(str(base), "bfloat16")[0], LORA)
    opened, _ = open_generation(str(base), one, trainable=True, precision="bfloat16")
    for model in (fresh, opened):
        trained = {p.dtype for p in model.parameters() if p.requires_grad}
        frozen = {p.dtype for p in model.parameters() if not p.requires_grad}
        assert (trained, frozen) == ({torch.float32}, {torch.bfloat16})
    assert open_base(str(base))[0].dtype == open_base(str(base), "float32")[0].dtype == torch.float32
