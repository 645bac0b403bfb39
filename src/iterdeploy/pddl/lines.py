"""One line of an answer: the actions in it, and what stands besides them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from iterdeploy.pddl.lexer import SPACE, fold, is_name, words
from iterdeploy.pddl.rules import Rule
from iterdeploy.pddl.structures import Action

_LIST = re.compile(r"\(([^()]*)\)")
_MARK = re.compile(
    r"[-*+•–][ \t]+|(?:step[ \t]{1,4})?\(?([0-9]{1,6})(?:\.[0-9]{1,6})?[.:)]{1,3}[ \t]*", re.IGNORECASE
)
_BETWEEN = SPACE + ",->→"  # what may part two actions on a line
_SHORT = 100  # characters of a line that is kept
_KEPT = 20_000  # lines


@dataclass(frozen=True, slots=True)
class Line:
    """What was read of a line: actions, or prose, or what is `bad`, neither the one nor the other."""

    actions: tuple[Action, ...] = ()
    rest: str = ""  # the text that is no part of an action
    remark: str = ""  # a comment, or an action that may be a sentence: looked at for corrections alone
    bad: bool = False
    number: int | None = None  # of a numbered list
    used: frozenset[Rule] = frozenset()


@dataclass(slots=True)
class _Found:
    """The actions of a line while they are being read."""

    actions: list[Action]
    rest: list[str]
    leading: bool = False  # there is text before the first action, and it is no heading


class LineReader:
    """Reads lines by the rules that it was given and the actions of one domain, to their arities."""

    def __init__(self, arities: Mapping[str, int], rules: frozenset[Rule]) -> None:
        self._arities = arities
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
        text, number = self._undress(text, used)
        if inside and text.endswith(":") and Rule.PROSE in self._rules:
            return Line(rest=raw, used=frozenset({Rule.PROSE}))
        found = self._actions(text, inside, used)
        rest = " ".join(found.rest)
        stray = "(" in rest or ")" in rest
        chatty = bool(rest) and Rule.PROSE not in self._rules
        aside = found.leading and number is None and not inside
        if not found.actions or stray or chatty or aside:
            return Line(rest=raw, bad=inside or (stray and bool(found.actions)))
        if rest:
            used.add(Rule.PROSE)
        known = all(action.name in self._arities for action in found.actions)
        remark = comment if known else raw
        return Line(tuple(found.actions), rest, remark, False, number, frozenset(used))

    def knows(self, line: Line) -> bool:
        """Whether some action of the line is one of the domain's."""
        return any(action.name in self._arities for action in line.actions)

    def _undress(self, text: str, used: set[Rule]) -> tuple[str, int | None]:
        """The text without backticks, list marks, capitals and closing punctuation; and its list number."""
        number = None
        dressed = text
        if Rule.FENCES in self._rules:
            text = self._note(Rule.FENCES, dressed, dressed.strip("`"), used)
        if Rule.MARKS in self._rules:
            plain = text.replace("**", "")
            mark = _MARK.match(plain)
            if mark:
                number = int(mark[1]) if mark[1] else None
                plain = plain[mark.end() :]
            text = self._note(Rule.MARKS, text, plain, used)
        if Rule.CASE in self._rules:
            text = self._note(Rule.CASE, text, fold(text), used)
        if Rule.COMMAS in self._rules:
            text = self._note(Rule.COMMAS, text, text.rstrip(",." + SPACE), used)
        return text.strip("`" + SPACE if Rule.FENCES in self._rules else SPACE), number

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
            return _Found(bare.actions, [after.replace(")", "")]) if bare.actions else found
        return found

    def _listed(self, text: str, used: set[Rule]) -> _Found:
        """Actions with parentheses: (stack a b), stack(a, b)."""
        found = _Found([], [])
        unknown: list[Action] = []
        end = 0
        for match in _LIST.finditer(text):
            before = text[end : match.start()]
            end = match.end()
            action, before = self._list_action(before, match[1], text, used)
            known = action is not None and action.name in self._arities
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
        if found.rest and unknown:  # a list that is no action of the domain, in a sentence: a remark
            found.actions = [action for action in found.actions if action.name in self._arities]
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
