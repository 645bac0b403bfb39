"""The conversation that a prompt is, for those who take messages and no text."""

from __future__ import annotations

import re

_TURN = re.compile(r"<\|im_start\|>(?P<role>\w+)\n(?P<content>.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL)
_CUE = "<think>"


def turns_of(prompt: str) -> tuple[list[dict[str, str]], str]:
    """The turns that a prompt holds, and what of the assistant's turn it has begun, such as "<think>".

    ChatML markup is taken apart, for a template would put it on again; any other prompt is one turn of the user.
    """
    found = [{"role": m["role"], "content": m["content"]} for m in _TURN.finditer(prompt)]
    if found and found[-1]["role"] == "assistant" and not prompt.rstrip("\n").endswith("<|im_end|>"):
        return found[:-1], found[-1]["content"]
    if found:
        return found, ""
    text = prompt.removeprefix("<bos>").strip()
    begun = _CUE if text.endswith(_CUE) else ""
    return [{"role": "user", "content": text.removesuffix(begun).rstrip() if begun else text}], begun
