"""Templates that would spoil a run are refused before it begins; what is harmless is said and not refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import templates

from iterdeploy.errors import BadInput
from iterdeploy.models.chat_audit import ChatAudit, audit_chat, end_ids
from iterdeploy.recipe import Chat


def audited(
    template: str | None, end: str = "<|im_end|>", how: Chat = "auto", **settings: Any
) -> ChatAudit | None:
    made = templates.tokenizer(template, **settings)
    return audit_chat(made, how, frozenset([templates.id_of(made, end)]), "mine")


@pytest.mark.parametrize(
    ("template", "end", "opened"),
    [
        (templates.THINKING, "<|im_end|>", "<think>\n"),
        (templates.CHATML, "<|im_end|>", ""),
        (templates.LLAMA, "<|eot|>", ""),
        (templates.GEMMA, "<end_of_turn>", ""),
        (templates.MISTRAL, "</s>", ""),
    ],
)
def test_templates_of_the_main_families_are_sound(template: str, end: str, opened: str) -> None:
    found = audited(template, end, adds_bos=True)
    assert found is not None
    assert (found.opened, found.end, found.keeps_reasoning) == (opened, repr(end), True)


def test_without_a_template_there_is_nothing_to_say() -> None:
    assert audited(None) is None
    assert audited(templates.RAISING, how="off") is None


def test_a_template_that_is_asked_for_and_is_not_there_is_told() -> None:
    with pytest.raises(
        BadInput, match=r'base\.chat is "on", but the tokenizer of the base has no chat template'
    ):
        audit_chat(templates.tokenizer(None), "on", frozenset({1}), "tiny")


def test_a_template_that_fails_is_refused() -> None:
    with pytest.raises(BadInput, match="only follows a system message"):
        audited(templates.RAISING)


@pytest.mark.parametrize("end", ["</s>", "<|eot|>"])
def test_an_end_at_which_the_model_does_not_stop_is_refused(end: str) -> None:
    with pytest.raises(
        BadInput, match=r"'<\|im_end\|>' \(token \d+\), but the model stops at .* run on.*base model"
    ):
        audited(templates.THINKING, end)


def test_an_end_of_several_tokens_is_refused() -> None:
    """The tokenizer does not hold the template's end as one token, so no token could stop an answer there."""
    with pytest.raises(BadInput, match="ends an answer with '<'"):
        audited(templates.THINKING, "</s>", turns=("<|im_start|>",))


def test_a_template_without_an_end_says_so() -> None:
    found = audited(templates.CHATML.replace("<|im_end|>{{ '\n' }}", ""))
    assert found is not None
    assert found.end == ""
    assert "does not say how an answer ends" in found.sentence()


def test_a_first_token_that_comes_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="writes <s> twice at the start"):
        audited("<s>" + templates.GEMMA, "<end_of_turn>")


def test_a_template_that_is_never_twice_the_same_is_refused() -> None:
    with pytest.raises(BadInput, match="differently each time"):
        audited("{{ range(10**5) | random }} " + templates.CHATML)


def test_a_template_that_changes_the_prompt_is_refused() -> None:
    with pytest.raises(BadInput, match="leaves out or rewrites"):
        audited(templates.CHATML.replace("turn.content }}", "turn.content | upper }}"))


def test_reasoning_that_is_lost_when_rendered_again_is_said() -> None:
    """It is no reason to refuse: training is on the sampled tokens, and one prompt is all that a server renders."""
    found = audited(templates.FORGETFUL)
    assert found is not None
    assert not found.keeps_reasoning
    assert found.sentence() == (
        "chat template: 27 tokens around a prompt, opens the answer with <think>; an answer ends in '<|im_end|>'; "
        "rendered again, an answer loses its reasoning: export tokens"
    )


def test_end_tokens_are_those_of_the_files(tmp_path: Path) -> None:
    made = templates.tokenizer(None)
    assert end_ids(tmp_path, made) == {made.eos_token_id}
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 7}))
    assert end_ids(tmp_path, made) == {7}
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert end_ids(tmp_path, made) == {7, 9}
    (tmp_path / "generation_config.json").write_text("{}")
    assert end_ids(tmp_path, made) == {made.eos_token_id}, (
        "as transformers has it: the file stands for the config"
    )
    made.eos_token = None
    assert end_ids(tmp_path, made) == frozenset()
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(BadInput, match=r"generation_config\.json can't be read"):
        end_ids(tmp_path, made)
