"""Whether a chat template leaves whole what is sampled and trained on; tried out on it before anything is computed.

Training is on the sampled token ids, after the prompt's ids as they were rendered. So a template can spoil a run in
what it writes before an answer, and in how it would have an answer end; docs/models.md has the list.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterdeploy.errors import BadInput
from iterdeploy.models.chat import conversation, messages, opened_in, prompt_ids, rendered, renders
from iterdeploy.pddl.extract import REASONING_TAGS
from iterdeploy.recipe import Chat

PROMPT = "Bring the red box to the hall.\n\n(define (problem boxes) (:objects red - box))"
THOUGHT, ANSWER = "First-the-way-to-the-hall", "Then-the-box"
_CONFIGS = ("generation_config.json", "config.json")
OFF = 'set base.chat = "off"'


@dataclass(frozen=True, slots=True)
class ChatAudit:
    """What the template does to a prompt and to an answer."""

    around: int  # tokens that it writes around a prompt
    opened: str  # of an answer, such as "<think>"
    end: str  # the first token that it writes after an answer; "" where it writes none
    keeps_reasoning: bool  # of the last answer, if the conversation is rendered again

    def sentence(self) -> str:
        """One line for the screen."""
        opens = f", opens the answer with {self.opened.strip()}" if self.opened else ""
        ends = f"an answer ends in {self.end}" if self.end else "it does not say how an answer ends"
        lost = (
            "" if self.keeps_reasoning else "; rendered again, an answer loses its reasoning: export tokens"
        )
        return f"chat template: {self.around} tokens around a prompt{opens}; {ends}{lost}"


def audit_chat(tokenizer: Any, how: Chat, ends: frozenset[int], base: str) -> ChatAudit | None:
    """What the template of `base` does, or None where it is not used. `ends` are the token ids that end an answer.

    Raises BadInput where a prompt would not be read whole, or an answer would not end where the template ends it.
    """
    if not renders(tokenizer, [PROMPT], how):
        return None
    text, ids = rendered(tokenizer, PROMPT), prompt_ids(tokenizer, [PROMPT], "on")[0]
    if text != rendered(tokenizer, PROMPT):
        raise BadInput(
            f"the chat template of {base} renders the same prompt differently each time; {OFF}, or mend it"
        )
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise BadInput(
            f"the chat template of {base} writes {tokenizer.bos_token} twice at the start; mend it, or {OFF}"
        )
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids:
        raise BadInput(
            f"the chat template of {base} writes what its own tokenizer does not know; mend it, or {OFF}"
        )
    around = len(ids) - len(tokenizer(PROMPT, add_special_tokens=False)["input_ids"])
    opened = opened_in(text[text.rindex(PROMPT) + len(PROMPT) :])
    return ChatAudit(around, opened, _end(tokenizer, ends, base), _keeps_reasoning(tokenizer))


def _end(tokenizer: Any, ends: frozenset[int], base: str) -> str:
    """The token that ends an answer in a conversation. Raises BadInput if the model would sample on behind it."""
    text = _again(tokenizer, ANSWER)
    if ANSWER not in text:
        return ""
    after = tokenizer(text[text.rindex(ANSWER) + len(ANSWER) :], add_special_tokens=False)["input_ids"]
    first = next((token for token in after if tokenizer.decode([token]).strip()), None)
    if first is None:
        return ""
    written = repr(tokenizer.decode([first]))
    if first not in ends:
        known = " or ".join(repr(tokenizer.decode([token])) for token in sorted(ends)) or "no token"
        raise BadInput(
            f"the chat template of {base} ends an answer with {written} (token {first}), but the model stops at "
            f"{known}: answers would run on behind their end, and be trained on so. If {base} is a base model, {OFF}; "
            "else add that token to eos_token_id in its generation_config.json"
        )
    return written


def _keeps_reasoning(tokenizer: Any) -> bool:
    opening, closing = REASONING_TAGS[0]
    return THOUGHT in _again(tokenizer, f"{opening}\n{THOUGHT}\n{closing}\n\n{ANSWER}")


def _again(tokenizer: Any, answer: str) -> str:
    """The conversation with an answer as the template writes it; "" if it can't."""
    try:
        return conversation(tokenizer, [*messages(PROMPT), {"role": "assistant", "content": answer}])
    except BadInput:
        return ""


def end_ids(folder: Path, tokenizer: Any) -> frozenset[int]:
    """The token ids that end an answer, by the files of a base: its generation config, else its config."""
    file = next((folder / name for name in _CONFIGS if (folder / name).is_file()), None)
    try:
        ends = json.loads(file.read_text(encoding="utf-8")).get("eos_token_id") if file else None
    except (OSError, ValueError) as problem:
        raise BadInput(f"{file} can't be read: {problem}") from problem
    known = [ends] if isinstance(ends, int) else ends or [tokenizer.eos_token_id]
    return frozenset(end for end in known if end is not None)
