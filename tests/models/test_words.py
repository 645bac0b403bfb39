"""The tokenizer of words: a text comes back exactly, and nothing that the base is taught is unknown to it."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from transformers import AutoTokenizer

from iterdeploy.domains.demonstrations import Diet, demonstrations
from iterdeploy.models.words import SPECIAL, word_tokenizer
from iterdeploy.recipe import Recipe, Tasks
from iterdeploy.train.base import WORDS


@pytest.fixture(scope="module", params=["made", "opened"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As it is made, and as transformers opens it again."""
    made = word_tokenizer(WORDS)
    if request.param == "made":
        return made
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def ids_of(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def test_each_word_is_one_token_of_its_own(tokenizer: Any) -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert len(tokenizer) == len(WORDS) + len(SPECIAL)
    assert [ids_of(tokenizer, word) for word in WORDS] == [[i + len(SPECIAL)] for i in range(len(WORDS))]
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)


def test_every_demonstration_is_known_and_comes_back(tokenizer: Any) -> None:
    for demo in islice(demonstrations(Diet(), 0), 200):
        prompt, completion = ids_of(tokenizer, demo.prompt), ids_of(tokenizer, demo.completion)
        assert tokenizer.unk_token_id not in prompt + completion
        assert (tokenizer.decode(prompt), tokenizer.decode(completion)) == (demo.prompt, demo.completion)
        assert ids_of(tokenizer, demo.prompt + demo.completion) == prompt + completion, (
            "no token spans the seam"
        )
        assert (prompt[0], completion[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_every_prompt_of_a_task_is_known_and_comes_back(tokenizer: Any) -> None:
    from iterdeploy.domains import load

    for task in load("blocksworld", Recipe()).tasks("deployed", 60, Tasks().sizes, 0):
        ids = ids_of(tokenizer, task.prompt)
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == task.prompt


def test_any_tokens_come_back_as_they_were_sampled(tokenizer: Any) -> None:
    """Nonsense too: a text is read again as the tokens that it was decoded from."""
    ids = [2, 5, 5, 1, 30, 0, 2, 24, 4, 3]
    assert ids_of(tokenizer, tokenizer.decode(ids[:-1])) == ids[:-1]
    assert tokenizer.decode(ids).endswith("<unk>")


def test_an_unknown_word_is_unknown(tokenizer: Any) -> None:
    assert ids_of(tokenizer, " clear b99") == [*ids_of(tokenizer, " clear"), tokenizer.unk_token_id]
