"""From a model's answer to the plan that it states. Lenient, by named rules, and says which were needed.

Whether the plan is right is not asked here: `validate` judges strictly what was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from iterdeploy.pddl.lexer import NEWLINE, SPACE, place
from iterdeploy.pddl.lines import Line, LineReader
from iterdeploy.pddl.rules import ALL_RULES, Rule, rules_of
from iterdeploy.pddl.structures import Action, Domain
from iterdeploy.types import Fault

REASONING_TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
)
"""How models mark what they think before they answer."""

_TAG = re.compile(r"<(/?)plan>", re.IGNORECASE | re.ASCII)
_FENCE = re.compile(r"^[ \t]{0,8}```[^\r\n`]*$", re.MULTILINE)
_SPECIAL = re.compile(
    r"<[|｜][^<>\s]{1,40}[|｜]>|</?s>|<(?:bos|eos|pad|unk|end|eot|endoftext|start_of_turn|end_of_turn)>",
    re.IGNORECASE,
)
_LONGEST_SPECIAL = 50
_CORRECTION = re.compile(
    r"\b(?:(?P<wait>wait(?! (?:for|until)\b)|hold on(?! to\b)|hmm)\b|oops\b|actually,"
    r"|(?:scratch|scrap|disregard|ignore) (?:that|this|it|the above)\b|(?<!no )correction\b|on second thought\b"
    r"|(?:that|this|it)(?: is|'s|’s| was| would be)? (?:wrong|incorrect|not (?:right|correct|valid))\b"
    r"|is not (?:right|correct|valid|applicable)\b|(?:a|my) mistake\b|i was wrong\b"
    r"|let(?: me|'s|’s| us) (?:correct|fix|re-?do|retry|restart|try again|start over|reconsider|rethink)\b)",
    re.IGNORECASE,
)
_SHOWN = 60  # characters of a line in a reason


@dataclass(frozen=True, slots=True)
class Extraction:
    """The plan of an answer, or why none could be read."""

    actions: tuple[Action, ...]
    reasoning: str  # all that stands before the last </think>, or another closing tag
    used: tuple[str, ...]  # the rules that were needed, in the order of `Rule`
    fault: Fault | None  # NO_PLAN, AMBIGUOUS or SYNTAX; None if a plan was read
    reason: str  # one sentence; empty if a plan was read


class _UnreadableError(Exception):
    """The answer holds no one plan."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of the answer."""

    start: int
    end: int


def extract(text: str, domain: Domain, rules: Sequence[str] = ALL_RULES) -> Extraction:
    """Read the plan that an answer states.

    An answer with several different plans, or with one that corrects itself, is AMBIGUOUS: the reader never
    chooses for the model. Raises BadInput for an unknown rule, and nothing for any answer.
    """
    reader = _Reader(text, _line_reader(domain, rules_of(rules)), rules_of(rules), "wait" in domain.actions)
    try:
        return Extraction(reader.plan(), reader.reasoning, reader.used_in_order(), None, "")
    except _UnreadableError as error:
        return Extraction((), reader.reasoning, reader.used_in_order(), error.fault, error.reason)


@lru_cache(maxsize=64)
def _line_reader(domain: Domain, rules: frozenset[Rule]) -> LineReader:
    arities = {name: len(schema.parameters) for name, schema in domain.actions.items()}
    return LineReader(arities, frozenset(domain.predicates), rules)


class _Reader:
    """Reads one answer; notes the rules that it needs on the way."""

    def __init__(self, text: str, lines: LineReader, rules: frozenset[Rule], waits: bool) -> None:
        self.text = text
        self.reasoning = ""
        self.used: set[Rule] = set()
        self._lines = lines
        self._rules = rules
        self._waits = waits  # "wait" is an action of the domain, and no correction

    def used_in_order(self) -> tuple[str, ...]:
        """The rules that were needed so far."""
        return tuple(rule.value for rule in Rule if rule in self.used)

    def plan(self) -> tuple[Action, ...]:
        """The one plan of the answer. Raises _UnreadableError."""
        answer = self._answer(without_special_tokens(self.text))
        tagged = self._tagged(answer) if Rule.TAGS in self._rules else []
        if tagged:
            self.used.add(Rule.TAGS)
            return self._of_blocks(tagged, answer)
        fenced = self._fenced(answer) if Rule.FENCES in self._rules else []
        if fenced:
            self.used.add(Rule.FENCES)
            return self._of_blocks(fenced, answer)
        return self._of_text(answer)

    def _answer(self, whole: _Span) -> _Span:
        """What follows the reasoning."""
        if Rule.REASONING not in self._rules:
            return whole
        ends = [(self.text.rfind(closing, whole.start, whole.end), closing) for _, closing in REASONING_TAGS]
        end, tag = max(ends)
        start = whole.start
        if end >= 0:
            self.used.add(Rule.REASONING)
            self.reasoning = self.text[:end]
            start = end + len(tag)
        for opening, closing in REASONING_TAGS:
            if self.text.find(opening, start, whole.end) >= 0:
                self.used.add(Rule.REASONING)
                self.reasoning = self.text[: whole.end]
                raise _UnreadableError(
                    Fault.NO_PLAN, f"the reasoning never ends: no {closing} after {opening}"
                )
        return _Span(start, whole.end)

    def _tagged(self, answer: _Span) -> list[_Span]:
        """The insides of the plan tags. The first may lack its opening tag, and any its closing one."""
        spans: list[_Span] = []
        opened: int | None = answer.start
        first = True
        for tag in _TAG.finditer(self.text, answer.start, answer.end):
            closing = bool(tag[1])
            if (
                opened is not None
                and (closing or not first)
                and not self._names_the_tags(opened, tag, answer)
            ):
                spans.append(_Span(opened, tag.start()))
            opened = None if closing else tag.end()
            first = False
        if opened is not None and not first:
            spans.append(_Span(opened, answer.end))
        return spans

    def _names_the_tags(self, opened: int, tag: re.Match[str], answer: _Span) -> bool:
        """Whether the tag that opened is part of a sentence: "in <plan> tags", "<plan> and </plan>".

        Another opening tag must follow. Text that may be a plan is never taken for a sentence.
        """
        said = self.text[opened : tag.start()]
        if tag[1]:
            return said.strip(SPACE).lower() in ("and", "...") and self._opens_after(tag.end(), answer)
        tag_start = opened - len("<plan>")
        before = NEWLINE.split(self.text[max(answer.start, tag_start - _SHOWN) : tag_start])[-1]
        return (
            bool(_TAG.split(before)[-1].strip(SPACE))
            and bool(NEWLINE.split(said, maxsplit=1)[0].strip(SPACE))
            and not any(_may_act(line) for _, line in self._read(_Span(opened, tag.start()), inside=False))
        )

    def _opens_after(self, start: int, answer: _Span) -> bool:
        return any(not tag[1] for tag in _TAG.finditer(self.text, start, answer.end))

    def _fenced(self, answer: _Span) -> list[_Span]:
        """The insides of those code fences that hold an action."""
        fences = list(_FENCE.finditer(self.text, answer.start, answer.end))
        spans = [
            _Span(opening.end(), fences[index + 1].start() if index + 1 < len(fences) else answer.end)
            for index, opening in enumerate(fences)
            if index % 2 == 0
        ]
        return [
            span
            for span in spans
            if any(self._lines.knows(line) for _, line in self._read(span, inside=True))
        ]

    def _of_blocks(self, blocks: list[_Span], answer: _Span) -> tuple[Action, ...]:
        """The plan of the blocks, which must all state the same one; empty blocks beside it do not count."""
        self._refuse_corrections_after(blocks, answer)
        plans = [self._of_block(block) for block in blocks]
        return self._the_same([plan for plan in plans if plan]) if any(plans) else ()

    def _of_block(self, block: _Span) -> tuple[Action, ...]:
        actions: list[Action] = []
        for number, line in self._read(block, inside=True):
            self._refuse_correction(line)
            if line.bad:
                where = place(self.text, block.start)[0] + number
                raise _UnreadableError(
                    Fault.SYNTAX, f"line {where} of the answer is not an action: {_shown(line.rest)}"
                )
            actions += line.actions
            self.used |= line.used
        return tuple(actions)

    def _refuse_corrections_after(self, blocks: list[_Span], answer: _Span) -> None:
        """A sentence after a block that takes the plan back."""
        ends = [*(block.start for block in blocks[1:]), answer.end]
        for block, end in zip(blocks, ends, strict=True):
            found = self._correction_in(self.text[block.end : end])
            if found:
                raise _corrected(found)

    def _of_text(self, answer: _Span) -> tuple[Action, ...]:
        """The plan of an answer without tags and fences: its runs of action lines, which must agree."""
        plans: list[list[Action]] = []
        mentioned: list[Action] = []
        last: int | None = None
        prose = broken = listing = False
        for _, line in self._read(answer, inside=False):
            if plans or line.actions:
                self._refuse_correction(line)
            coming = (len(plans[-1]) if last is None else last) + 1 if plans and listing else None
            item = coming is not None and line.number == coming
            if line.bad or (plans and (line.broken or (item and not line.actions))):
                raise _UnreadableError(Fault.SYNTAX, f"a line is not an action: {_shown(line.rest)}")
            if line.actions or line.number is not None:
                listing = bool(line.actions)
            if plans and line.mentions.further:
                raise _more(line.mentions.actions[0])
            if line.actions:
                follows = line.number is not None and last is not None and line.number == last + 1
                again = line.number == 1 and last is not None and last > 1
                if not plans or again or (broken and not follows):
                    plans.append([])
                    last = None
                _refuse_gap(last, line.number, len(plans[-1]))
                plans[-1] += line.actions
                self.used |= line.used
                last, broken = line.number, False
            elif line.rest.strip(SPACE):
                prose = broken = True
            if plans:
                mentioned += line.mentions.actions
        if not plans:
            raise _UnreadableError(Fault.NO_PLAN, "the answer states no plan")
        if prose:
            if Rule.PROSE not in self._rules:
                raise _UnreadableError(Fault.SYNTAX, "the answer holds more than a plan")
            self.used.add(Rule.PROSE)
        plan = self._the_same([tuple(plan) for plan in plans])
        stated = set(plan)
        other = next((action for action in mentioned if action not in stated), None)
        if other:
            raise _more(other)
        return plan

    def _the_same(self, plans: list[tuple[Action, ...]]) -> tuple[Action, ...]:
        if len(set(plans)) > 1:
            raise _UnreadableError(Fault.AMBIGUOUS, f"the answer states {len(set(plans))} different plans")
        if len(plans) > 1:
            if Rule.REPEATS not in self._rules:
                raise _UnreadableError(Fault.AMBIGUOUS, f"the answer states its plan {len(plans)} times")
            self.used.add(Rule.REPEATS)
        return plans[0]

    def _read(self, span: _Span, inside: bool) -> list[tuple[int, Line]]:
        """The lines of a part that are not empty, each with its number in it; fences are left out."""
        found = []
        for number, raw in enumerate(NEWLINE.split(self.text[span.start : span.end])):
            if Rule.FENCES in self._rules and _FENCE.fullmatch(raw):
                self.used.add(Rule.FENCES)
            elif raw.strip(SPACE):
                found.append((number, self._lines.read(raw, inside)))
        return found

    def _correction_in(self, text: str) -> str:
        """The line of a text that takes something back; "" if none does."""
        found = next((found for found in _CORRECTION.finditer(text) if self._counts(found)), None)
        if found is None:
            return ""
        start = max(text.rfind("\n", 0, found.start()), text.rfind("\r", 0, found.start())) + 1
        return NEWLINE.split(text[start : found.end() + _SHOWN])[0]

    def _refuse_correction(self, line: Line) -> None:
        for text in (line.rest, line.remark):
            if text and any(map(self._counts, _CORRECTION.finditer(text))):
                raise _corrected(text)

    def _counts(self, found: re.Match[str]) -> bool:
        return not (self._waits and found["wait"])


def _refuse_gap(last: int | None, number: int | None, steps: int) -> None:
    """A numbered list begins with 0, 1 or the number of its step, and leaves out none."""
    coming = (steps if last is None else last) + 1
    allowed = (0, 1, coming) if last is None else (last, coming)
    if number is not None and number not in allowed:
        raise _UnreadableError(Fault.AMBIGUOUS, f"step {coming} of the answer's list is missing")


def _may_act(line: Line) -> bool:
    return bool(line.bad or line.broken or line.actions or line.mentions.actions or line.number is not None)


def _corrected(line: str) -> _UnreadableError:
    return _UnreadableError(Fault.AMBIGUOUS, f"the answer takes its plan back: {_shown(line)}")


def _more(action: Action) -> _UnreadableError:
    return _UnreadableError(
        Fault.AMBIGUOUS, f"the answer states an action outside its plan: {_shown(str(action))}"
    )


def _shown(line: str) -> str:
    line = line.strip(SPACE)
    return repr(line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "...")


def without_special_tokens(text: str) -> _Span:
    """The text without white space and special tokens, such as <eos> and <|im_end|>, at its ends."""
    start, end = 0, len(text)
    moved = True
    while moved:
        moved = False
        while end > start and text[end - 1] in SPACE:
            end -= 1
        opening = text.rfind("<", max(start, end - _LONGEST_SPECIAL), end)
        if opening >= 0 and _SPECIAL.fullmatch(text, opening, end):
            end, moved = opening, True
    found: re.Match[str] | None = _SPECIAL.match(text, start, end)
    while found:
        start = found.end()
        while start < end and text[start] in SPACE:
            start += 1
        found = _SPECIAL.match(text, start, end)
    return _Span(start, end)
