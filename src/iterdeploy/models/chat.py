"""What a model is given to read: a prompt as it stands, or as one message of a user by the tokenizer's chat template.

The token ids made here are those of the trace, of training and of every engine; nothing else renders a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from iterdeploy.errors import BadInput
from iterdeploy.pddl.extract import REASONING_TAGS
from iterdeploy.recipe import Chat

DATE = "26 Jul 2024"
"""What a template reads that asks for the date of today: a prompt must not change overnight."""

_PINNED = f"{{%- macro strftime_now(form) -%}}{DATE}{{%- endmacro -%}}"


def messages(prompt: str) -> list[dict[str, str]]:
    """The conversation that a prompt is: one message of the user, and no system message but the template's own."""
    return [{"role": "user", "content": prompt}]


def prompt_ids(tokenizer: Any, prompts: Sequence[str], how: Chat) -> list[list[int]]:
    """Token ids of each prompt as the model reads it. `tokenizer` is one of transformers.

    Raises BadInput where a template is asked for and is not there, fails, or would change a prompt.
    """
    plain = _ids(tokenizer, prompts)
    if not renders(tokenizer, prompts, how, plain):
        return _begun(tokenizer, plain)
    return _ids(tokenizer, [rendered(tokenizer, prompt) for prompt in prompts])


def renders(tokenizer: Any, prompts: Sequence[str], how: Chat, ids: Sequence[Sequence[int]] = ()) -> bool:
    """Whether these prompts go through the chat template.

    With "auto" they do if there is one, unless they hold markup of their own: special tokens, or an opened `<think>`
    at their end. `ids` are their plain token ids, if they are known.
    """
    if how == "off" or (how == "auto" and not tokenizer.chat_template):
        return False
    if not tokenizer.chat_template:
        raise BadInput(
            'base.chat is "on", but the tokenizer of the base has no chat template; set base.chat = "off"'
        )
    special = _special_ids(tokenizer)
    marks = [
        next((tokenizer.decode([token]) for token in row if token in special), "")
        or (opened_in(prompt) if how == "auto" else "")
        for prompt, row in zip(prompts, ids or _ids(tokenizer, prompts), strict=True)
    ]
    if any(marks) and (how == "on" or not all(marks)):
        number, mark = next((number, mark) for number, mark in enumerate(marks) if mark)
        raise BadInput(
            f"the prompt {prompts[number][:40]!r}... holds {mark!r}, which is markup to the base's tokenizer, and "
            'would be rendered by its chat template; use prompts without markup, or set base.chat = "off"'
        )
    return not any(marks)


def rendered(tokenizer: Any, prompt: str) -> str:
    """A prompt by the chat template, up to where the answer begins. Raises BadInput unless it is there whole."""
    text = conversation(tokenizer, messages(prompt), add_generation_prompt=True)
    if prompt.strip() not in text:
        raise BadInput(
            f"the chat template of the base leaves out or rewrites a part of the prompt {prompt[:60]!r}...; "
            'set base.chat = "off", or mend the template'
        )
    return text


def conversation(tokenizer: Any, said: list[dict[str, str]], add_generation_prompt: bool = False) -> str:
    """A conversation as the template writes it, always on the same day."""
    try:
        template = tokenizer.get_chat_template()
        dated = _PINNED + template if "strftime_now" in template else template
        text: str = tokenizer.apply_chat_template(
            said, chat_template=dated, add_generation_prompt=add_generation_prompt, tokenize=False
        )
    except Exception as problem:  # a template is a program of others
        roles = " and ".join(turn["role"] for turn in said)
        raise BadInput(
            f'the chat template of the base fails on a message of {roles}: {problem}; set base.chat = "off", or mend '
            "the template"
        ) from problem
    return text


def opened(tokenizer: Any, prompts: Sequence[str], how: Chat) -> str:
    """What the template has opened of every answer, e.g. "<think>\\n"; a trace's text begins with it."""
    if not prompts or not renders(tokenizer, prompts[:1], how):
        return ""
    text = rendered(tokenizer, prompts[0])
    return opened_in(text[text.rindex(prompts[0].strip()) + len(prompts[0].strip()) :])


def opened_in(text: str) -> str:
    """The end of a text from an opening reasoning tag on, where nothing follows but white space; else ""."""
    for opening, _ in REASONING_TAGS:
        if text.rstrip().endswith(opening):
            return text[text.rindex(opening) :]
    return ""


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    return found


def _begun(tokenizer: Any, rows: list[list[int]]) -> list[list[int]]:
    """Plain text begins as the tokenizer begins any text: with a BOS token where it writes one, and never with two."""
    first = tokenizer("")["input_ids"][:1]
    if first != [tokenizer.bos_token_id]:
        return rows
    return [row if row[:1] == first else [*first, *row] for row in rows]


def _special_ids(tokenizer: Any) -> set[int]:
    """Tokens that are markup; the one for unknown words is none."""
    added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return (added | {tokenizer.bos_token_id, tokenizer.eos_token_id}) - {tokenizer.unk_token_id}
