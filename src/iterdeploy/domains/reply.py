"""Reading one answer between tags from what a model wrote, for domains whose answers are no plans."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iterdeploy.pddl.extract import REASONING_TAGS
from iterdeploy.types import Fault, Trace, Verdict

LONGEST = 20_000  # characters of an answer that a judge is given

_SPECIAL = re.compile(
    r"(?:\s*(?:<(?:eos|pad|end|eot|end_of_turn|endoftext)>|<[|｜][^<>\s]{1,40}[|｜]>|</s>))+\s*$"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer states, or why nothing could be read."""

    text: str
    reasoning: str = ""
    fault: Fault | None = None
    reason: str = ""
    rules: tuple[str, ...] = ()  # that were needed, by the names of pddl.rules


def read_reply(trace: Trace, tag: str, rules: tuple[str, ...]) -> Reply:
    """The text between `<tag>` and `</tag>`, or, by the rule bare-lines, all that follows the reasoning.

    By the rule reasoning, what stands before the last closing tag of reasoning is not read. Two blocks that differ are
    AMBIGUOUS: the reader never chooses for the model.
    """
    if trace.finish != "stop":
        why = (
            "hit the token limit before its end" if trace.finish == "length" else "was withheld by the server"
        )
        return Reply("", fault=Fault.TRUNCATED, reason=f"the answer {why}")
    text = _SPECIAL.sub("", trace.text)
    reasoning, used = "", []
    if "reasoning" in rules:
        end, closing = max((text.rfind(closing), closing) for _, closing in REASONING_TAGS)
        if end >= 0:
            reasoning, text, used = text[:end], text[end + len(closing) :], ["reasoning"]
        elif opened := next((opening for opening, _ in REASONING_TAGS if opening in text), ""):
            return Reply(
                "", text, Fault.NO_PLAN, f"the reasoning never ends: nothing closes {opened}", ("reasoning",)
            )
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL) if "tags" in rules else []
    if blocks:
        found, used = blocks[-1].strip(), [*used, "tags"]
        if any(block.strip() != found for block in blocks):
            return Reply("", reasoning, Fault.AMBIGUOUS, f"{len(blocks)} answers that differ", tuple(used))
    elif "bare-lines" in rules and f"<{tag}>" not in text:
        found, used = text.strip(), [*used, "bare-lines"]
    else:
        return Reply("", reasoning, Fault.NO_PLAN, f"no <{tag}> that ends", tuple(used))
    if not found or len(found) > LONGEST:
        said = f"is longer than {LONGEST} characters" if found else "is empty"
        return Reply("", reasoning, Fault.NO_PLAN, f"the answer {said}", tuple(used))
    return Reply(found, reasoning, rules=tuple(used))


def verdict(trace: Trace, validator: str, reply: Reply, fault: Fault | None, reason: str) -> Verdict:
    """The verdict on a reply; its cost is its number of words, and its lines stand where a plan has steps."""
    return Verdict(
        trace_id=trace.id,
        validator=validator,
        valid=fault is None,
        cost=len(reply.text.split()),
        fault=fault,
        reason=reason,
        plan=tuple(reply.text.splitlines()),
        reasoning_tokens=_tokens_before(trace, reply),
        rules=reply.rules,
    )


def _tokens_before(trace: Trace, reply: Reply) -> int:
    """Tokens of the reasoning, by its share of the answer's words; the words where no token ids are known."""
    words, thought = len(trace.text.split()), len(reply.reasoning.split())
    return round(thought / words * len(trace.token_ids)) if words and trace.token_ids else thought
