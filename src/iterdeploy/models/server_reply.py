"""What a server's reply says, whoever made the server: the answer's text, why it ended, and what it took.

A refusal, a filtered or an empty answer is data. What is no answer at all raises Unreachable, to be asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iterdeploy.models.http import PASSING, Refused, Unreachable
from iterdeploy.types import Finish

LENGTH = frozenset({"length", "max_tokens", "model_length"})
BROKEN = frozenset({"error", "abort", "aborted", "cancelled"})
"""Reasons that say the server, and not the model, ended the answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Token counts are the server's own; None where it gave none."""

    text: str  # the reasoning, where it came apart, stands in front as <think>...</think>
    finish: Finish
    model: str  # as the server names it; "" where it does not
    fingerprint: str
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None  # part of completion_tokens


def read_reply(url: str, held: object, most: int) -> Reply:
    """The reply in the JSON that a chat or completion endpoint answered with. `most`: the token limit asked for."""
    if not isinstance(held, dict):
        raise Unreachable(f"{url} answers with no JSON object: {str(held)[:200]!r}")
    if held.get("error") and not held.get("choices"):
        raise _error(url, held["error"])
    choices = held.get("choices")
    if not isinstance(choices, list):
        raise Unreachable(f"{url} answers with no list of choices: {str(held)[:200]}")
    usage = _table(held.get("usage"))
    spent = _count(usage.get("completion_tokens"))
    text, finish = _answer(url, choices[0], spent, most) if choices else ("", "filtered")
    details = _table(usage.get("completion_tokens_details"))
    return Reply(
        text=text,
        finish=finish,
        model=_text(held.get("model")),
        fingerprint=_text(held.get("system_fingerprint")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=spent,
        reasoning_tokens=_count(details.get("reasoning_tokens")),
    )


def filtered(problem: Refused) -> Reply | None:
    """The reply that a refused request stands for if the server's filter refused its prompt; else None."""
    said = problem.said.lower()
    if problem.status in (400, 403) and ("content_filter" in said or "content management policy" in said):
        return Reply("", "filtered", "", "", None, None, None)
    return None


def _answer(url: str, choice: object, spent: int | None, most: int) -> tuple[str, Finish]:
    if not isinstance(choice, dict):
        raise Unreachable(f"{url} answers with a choice that is no object: {str(choice)[:200]}")
    reason = _text(choice.get("finish_reason"))
    if reason in BROKEN or (choice.get("error") and not reason):
        raise Unreachable(f"{url} broke off an answer: {choice.get('error') or reason}")
    finish: Finish = "stop"
    if reason in LENGTH or (not reason and spent is not None and spent >= most):
        finish = "length"
    if "message" not in choice:
        return _text(choice.get("text")), "filtered" if reason == "content_filter" else finish
    message = _table(choice["message"])
    said, thought = _parts(message.get("content"))
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning")) or thought
    refusal = _text(message.get("refusal"))
    if reason == "content_filter" or (refusal and not said):
        finish = "filtered"
    return _whole(thought, said or refusal, finish), finish


def _whole(thought: str, said: str, finish: Finish) -> str:
    """One text, as the model wrote it. Reasoning that was cut off is left open."""
    if not thought.strip() or "</think>" in said:
        return said
    opening = "" if thought.lstrip().startswith("<think>") else "<think>\n"
    if finish != "stop" and not said:
        return opening + thought
    closing = "" if thought.rstrip().endswith("</think>") else "\n</think>\n"
    return opening + thought + closing + said


def _parts(content: object) -> tuple[str, str]:
    """(text, reasoning) of a message's content, which is a text, or a list of parts."""
    if not isinstance(content, list):
        return _text(content), ""
    said, thought = "", ""
    for part in map(_table, content):
        said += _text(part.get("text"))
        inner = part.get("thinking")
        thought += _text(inner) if isinstance(inner, str) else _parts(inner)[0]
    return said, thought


def _error(url: str, error: object) -> Unreachable | Refused:
    """An error in a reply of status 200, as gateways send where what is behind them failed."""
    held = _table(error)
    said, code = _text(held.get("message")) or str(error)[:500], held.get("code")
    number = code if isinstance(code, int) else 0
    if number and number < 500 and number not in PASSING:
        return Refused(f"{url} answers {number}: {said}", number, said)
    return Unreachable(f"{url} answers with an error: {said}")


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text that can be written: half of a surrogate pair, which JSON can hold, becomes "?"."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None
