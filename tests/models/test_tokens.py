"""Tokens are counted by the model's own tokenizer where it is on this machine; the network is never asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import templates

from iterdeploy.models.chat import prompt_ids
from iterdeploy.models.tokens import token_counts, tokenizer_file


def test_a_base_that_ships_counts_words() -> None:
    file = tokenizer_file("blocks-small")
    assert file is not None
    assert token_counts(file, ["<bos> init clear b1\ngoal !on b1 b2\n<think>", "", "elephant"]) == [9, 0, 1]


def test_a_local_folder_has_its_own_tokenizer(tmp_path: Path) -> None:
    shipped = tokenizer_file("blocks-small")
    assert shipped is not None
    shutil.copy(shipped, tmp_path / "tokenizer.json")
    assert tokenizer_file(str(tmp_path)) == tmp_path / "tokenizer.json"


@pytest.mark.parametrize("name", ["nothing", "no-such/model-of-anyone", "./nothing", "module:attribute", ""])
def test_a_model_that_is_not_here_has_none(name: str) -> None:
    assert tokenizer_file(name) is None


def test_a_model_of_the_hub_is_found_in_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.file_download

    snapshot = tmp_path / "models--some--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_text("{}")
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert tokenizer_file("some/model") == snapshot / "tokenizer.json"


@pytest.mark.parametrize("template", [templates.THINKING, None])
def test_what_is_counted_is_what_is_read(template: str | None, tmp_path: Path) -> None:
    """With the chat template around it, and with the token that begins every text."""
    made = templates.tokenizer(template, adds_bos=True)
    made.save_pretrained(tmp_path)
    prompts = ["Plan: (on a b)", "<s>begun already"]
    for prompt in prompts:
        assert token_counts(tmp_path / "tokenizer.json", [prompt]) == [
            len(prompt_ids(made, [prompt], "auto")[0])
        ]
        assert token_counts(tmp_path / "tokenizer.json", [prompt], "off") == [
            len(prompt_ids(made, [prompt], "off")[0])
        ]
