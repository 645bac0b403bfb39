"""One line of an answer: the actions in it, and what stands besides them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from iterdeploy.pddl.lexer import SPACE, fold, is_name, words
from iterdeploy.pddl.mentions import MARK, MentionReader, Mentions, balanced, undressed
from iterdeploy.pddl.rules import Rule
from iterdeploy.pddl.structures import Action

_LIST = re.compile(r"\(([^()]*)\)")
_BETWEEN = SPACE + ",->→"  # what may part two actions on a line
_SHORT = 100  # characters of a line that is kept
_KEPT = 20_000  # lines
_NONE = Mentions()


@dataclass(frozen=True, slots=True)
class Line:
    """What was read of a line: actions, or prose, or what is `bad`, neither the one nor the other."""

    actions: tuple[Action, ...] = ()
    rest: str = ""  # the text that is no part of an action
    remark: str = ""  # a comment, or an action that may be a sentence: looked at for corrections alone
    bad: bool = False
    number: int | None = None  # of a numbered list; a time such as 1.5 is none
    broken: bool = False  # not read as actions, though it begins as one: `bad` within a plan
    mentions: Mentions = _NONE  # of actions that are not read as steps
    used: frozenset[Rule] = frozenset()


@dataclass(slots=True)
class _Found:
    """The actions of a line while they are being read."""

    actions: list[Action]
    rest: list[str]
    leading: bool = False  # there is text before the first action, and it is no heading
    strange: bool = False  # beside an action there is a list that is neither one nor a fact


class LineReader:
    """Reads lines by the rules that it was given and the actions of one domain, to their arities."""

    def __init__(self, arities: Mapping[str, int], facts: Collection[str], rules: frozenset[Rule]) -> None:
        self._arities = arities
        self._facts = facts  # the names of predicates: what may stand in parentheses beside an action
        self._mentions = MentionReader(arities)
        self._rules = rules
        self._kept: dict[tuple[str, bool], Line] = {}

    def read(self, raw: str, inside: bool) -> Line:
        """One line; `inside` tags or a fence every line should be an action, elsewhere prose is usual."""
        if len(raw) > _SHORT:
            return self._read(raw, inside)
        line = self._kept.get((raw, inside))
        if line is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            line = self._kept[raw, inside] = self._read(raw, inside)
        return line

    def _read(self, raw: str, inside: bool) -> Line:
        text, _, comment = raw.partition(";")
        text = text.strip(SPACE)
        if not text:
            return Line(remark=comment)
        used: set[Rule] = set()
        text, number, marked = self._undress(text, used)
        if inside and self._is_heading(text):
            return Line(rest=raw, used=frozenset({Rule.PROSE}))
        found = self._actions(text, inside, used)
        rest = " ".join(found.rest)
        stray = "(" in rest or ")" in rest
        chatty = bool(rest) and Rule.PROSE not in self._rules
        aside = found.leading and not marked and not inside
        stated = bool(found.actions) and any(self._mentions.mentions(part).actions for part in found.rest)
        if not found.actions or stray or chatty or aside or stated or found.strange:
            return self._prose(raw, found, inside or stated or (stray and bool(found.actions)), aside)
        if rest:
            used.add(Rule.PROSE)
        known = all(action.name in self._arities for action in found.actions)
        mentions = _NONE if inside else self._mentions.mentions(comment)
        remark = comment if known else raw
        return Line(tuple(found.actions), rest, remark, False, number, False, mentions, frozenset(used))

    def _is_heading(self, text: str) -> bool:
        if not text.endswith(":") or Rule.PROSE not in self._rules:
            return False
        return balanced(text) and not self._mentions.mentions(text).actions

    def _prose(self, raw: str, found: _Found, bad: bool, aside: bool) -> Line:
        """A line that states no step by the rules: whether it tries to, and what actions it speaks of."""
        text = undressed(raw)
        mark = MARK.match(raw.strip("*`" + SPACE))
        number = int(mark[1]) if mark and mark[1] and not mark[2] else None
        cut = text.startswith("(") and self._mentions.begins(text) and not balanced(text)
        unknown = text.startswith("(") and not found.actions and found.strange
        return Line(
            rest=raw,
            bad=bad or cut or (bool(found.actions) and found.strange and not aside),
            number=number,
            broken=unknown or self._mentions.breaks_off(text),
            mentions=self._mentions.mentions(text),
        )

    def knows(self, line: Line) -> bool:
        """Whether some action of the line is one of the domain's."""
        return any(action.name in self._arities for action in line.actions)

    def _undress(self, text: str, used: set[Rule]) -> tuple[str, int | None, bool]:
        """The text without backticks, list marks, capitals and closing punctuation; its number; if it had one."""
        number = None
        marked = False
        dressed = text
        if Rule.FENCES in self._rules:
            text = self._note(Rule.FENCES, dressed, dressed.strip("`"), used)
        if Rule.MARKS in self._rules:
            plain = text.replace("**", "")
            mark = MARK.match(plain)
            if mark:
                marked = bool(mark[1])
                number = int(mark[1]) if mark[1] and not mark[2] else None
                plain = plain[mark.end() :]
            text = self._note(Rule.MARKS, text, plain, used)
        if Rule.CASE in self._rules:
            text = self._note(Rule.CASE, text, fold(text), used)
        if Rule.COMMAS in self._rules:
            text = self._note(Rule.COMMAS, text, text.rstrip(",." + SPACE), used)
        return text.strip("`" + SPACE if Rule.FENCES in self._rules else SPACE), number, marked

    def _note(self, rule: Rule, before: str, after: str, used: set[Rule]) -> str:
        if after != before:
            used.add(rule)
        return after

    def _actions(self, text: str, inside: bool, used: set[Rule]) -> _Found:
        if Rule.CASE not in self._rules and fold(text) != text:
            return _Found([], [text])
        if "(" not in text:
            return self._bare(text, inside, used)
        found = self._listed(text, used)
        if not found.actions:
            before, _, after = text.partition("(")
            bare = self._bare(before.rstrip(SPACE), False, used)
            if bare.actions:
                return _Found(bare.actions, [after.replace(")", "")], strange=found.strange)
        return found

    def _listed(self, text: str, used: set[Rule]) -> _Found:
        """Actions with parentheses: (stack a b), stack(a, b)."""
        found = _Found([], [])
        unknown: list[Action] = []
        strange = False  # some list is neither an action of the domain nor a fact
        end = 0
        for match in _LIST.finditer(text):
            before = text[end : match.start()]
            end = match.end()
            action, before = self._list_action(before, match[1], text, used)
            known = action is not None and action.name in self._arities
            strange = strange or not (known or (action is not None and action.name in self._facts))
            if before.strip(_BETWEEN):
                found.rest.append(before.strip(SPACE))
                first = not (found.actions or unknown)
                found.leading = found.leading or (first and not before.rstrip(SPACE).endswith(":"))
            if action is None or (not known and found.rest):
                found.rest.append(match[1])
            elif known or not found.rest:
                found.actions.append(action)
                unknown += [] if known else [action]
        if text[end:].strip(_BETWEEN):
            found.rest.append(text[end:].strip(SPACE))
        if found.rest:  # a list that is no action of the domain, in a sentence, is no step
            found.actions = [action for action in found.actions if action.name in self._arities]
            found.strange = strange
        return found

    def _list_action(self, before: str, inner: str, text: str, used: set[Rule]) -> tuple[Action | None, str]:
        """The action of one list, and the text before it that is not the action's name."""
        head = before.rstrip(SPACE)
        name = head[-_SHORT:].split(" ")[-1].lstrip(",")
        whole = text == f"{name}({inner})" and is_name(name)
        if Rule.CALLS in self._rules and (name in self._arities or whole):
            used.add(Rule.CALLS)
            return Action(name, tuple(words(inner.replace(",", " ")))), head[: len(head) - len(name)]
        if Rule.COMMAS in self._rules:
            inner = self._note(Rule.COMMAS, inner, inner.replace(",", " "), used)
        found = words(inner)
        return (Action(found[0], tuple(found[1:])) if found else None), before

    def _bare(self, text: str, inside: bool, used: set[Rule]) -> _Found:
        """Actions without parentheses: stack a b."""
        if Rule.COMMAS in self._rules:
            text = self._note(Rule.COMMAS, text, text.replace(",", " "), used)
        found = words(text)
        if not found or Rule.BARE_LINES not in self._rules:
            return _Found([], [text])
        if found[0] in self._arities:
            parts = self._split(found)
            if inside or all(len(part) - 1 == self._arities[part[0]] for part in parts):
                used.add(Rule.BARE_LINES)
                return _Found([Action(part[0], tuple(part[1:])) for part in parts], [])
        elif inside and all(map(is_name, found)):
            used.add(Rule.BARE_LINES)
            return _Found([Action(found[0], tuple(found[1:]))], [])
        return _Found([], [text])

    def _split(self, found: list[str]) -> list[list[str]]:
        """The words, parted before each action's name; a line of the right length is one action."""
        if len(found) - 1 == self._arities[found[0]]:
            return [found]
        parts: list[list[str]] = []
        for word in found:
            if word in self._arities:
                parts.append([word])
            else:
                parts[-1].append(word)
        return parts
