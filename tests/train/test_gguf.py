"""GGUF of a Qwen3 model with a tokenizer of its own making: written, read back by others, and greedy answers equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from iterdeploy.errors import BadInput, TrainingRefused
from iterdeploy.train.gguf import QWEN2_SPLIT, refuse_unless_known, refuse_unless_read_alike, write_gguf
from iterdeploy.train.merge import Dtype

PROMPTS = ["(stack a b)\n(pick-up c)", "init on a b, goal clear c 12 ü", "<think>\nhm</think> ok <|im_end|>"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights, and with a BPE tokenizer of the kind that Qwen has."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    bpe: Any = Tokenizer(models.BPE())
    bpe.normalizer, bpe.decoder = normalizers.NFC(), decoders.ByteLevel()
    cut = pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(False, use_regex=False)])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        PROMPTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    ends = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_object=bpe, **ends)
    tokenizer.add_tokens(["<think>", "</think>"])
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer) + 3, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=128, max_position_embeddings=256,
        tie_word_embeddings=True, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2, rope_parameters={"rope_type": "default", "rope_theta": 5e5},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("bpe")
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("dtype", "most"), [("float32", 0.0), ("float16", 0.05), ("bfloat16", 0.3)])
def test_what_is_written_is_read_back(model: Path, tmp_path: Path, dtype: Dtype, most: float) -> None:
    pytest.importorskip("gguf")
    found = write_gguf(model, [((1, 2, 3), (4, 5, 6))], PROMPTS, tmp_path / "m.gguf", dtype)
    assert found.most <= most


def test_greedy_answers_are_equal_and_nothing_but_the_file_is_needed(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_gguf(model, [], PROMPTS, tmp_path / "m.gguf", "float32")
    answers = []
    for source, more in ((model, {}), (tmp_path, {"gguf_file": "m.gguf"})):
        tokenizer = AutoTokenizer.from_pretrained(str(source), **more)
        opened: Any = AutoModelForCausalLM.from_pretrained(str(source), dtype=torch.float32, **more)
        read = tokenizer(PROMPTS[1], return_tensors="pt", add_special_tokens=False)
        answers.append(
            opened.generate(**read, do_sample=False, max_new_tokens=24, eos_token_id=None)[0].tolist()
        )
    assert answers[0] == answers[1]
    assert len(set(answers[0])) > 3


def changed(model: Path, folder: Path, file: str, change: dict[str, Any]) -> Path:
    for path in model.iterdir():
        (folder / path.name).symlink_to(path)
    held = json.loads((model / file).read_text())
    (folder / file).unlink()
    (folder / file).write_text(json.dumps({**held, **change}))
    return folder


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"model_type": "gemma3"}, "'gemma3' is not written here, only qwen3"),
        ("tokenizer.json", {"model": {"type": "WordLevel"}}, "is of kind WordLevel"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}, "cuts text by another rule"),
        ("tokenizer.json", {"normalizer": {"type": "Lowercase"}}, r"before it is cut \(Lowercase\)"),
    ],
)
def test_what_it_cannot_hold_is_refused_by_name(
    model: Path, tmp_path: Path, file: str, change: dict[str, Any], said: str
) -> None:
    pytest.importorskip("gguf")
    with pytest.raises(BadInput, match=said):
        refuse_unless_known(changed(model, tmp_path, file, change))


def test_a_tokenizer_that_is_read_otherwise_is_refused(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    write_gguf(model, [], PROMPTS, tmp_path / "m.gguf", "float32")
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]
    (tmp_path / "other").mkdir()
    other = changed(model, tmp_path / "other", "tokenizer.json", {"model": {**vocabulary, "merges": []}})
    with pytest.raises(TrainingRefused, match="reads a prompt otherwise"):
        refuse_unless_read_alike(other, tmp_path / "m.gguf", PROMPTS)
