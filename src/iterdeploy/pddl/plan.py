"""Plan files, read strictly: `(action args)`, comments, and time stamps on all actions or on none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import cast

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.kept import Kept
from iterdeploy.pddl.lexer import NEWLINE, SPACE, clean, misplaced, place, words
from iterdeploy.pddl.structures import Action

_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_LIST = re.compile(r"\(([^()]*)\)")
_SHORT = 200  # characters; a longer action is not kept
_STAMP = re.compile(rf"({_NUMBER})[ \t]{{0,8}}:")
_DURATION = re.compile(rf"\[[ \t]{{0,8}}{_NUMBER}[ \t]{{0,8}}\]")


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan file that was read. `offsets` tell where its actions stand, where they are not in order."""

    actions: tuple[Action, ...]
    text: str
    offsets: tuple[int, ...] | None = None

    def place(self, step: int) -> tuple[int, int]:
        """Line and column, from 1, of a step, from 1."""
        offsets = self.offsets or [found.start() for found in _LIST.finditer(clean(self.text))]
        return place(self.text, offsets[step - 1])


def read_plan(text: str) -> Plan:
    """The actions of a plan file, in the order in which they are to be done.

    An empty text is the empty plan. With time stamps (`0.5: (go a) [2]`) the actions are put in the order
    of their times; durations are read and do not matter. Raises PddlError with line and column for anything
    that is not an action, for stamps on some actions only, and for two actions at one time.
    """
    cleaned = clean(text)
    *lists, end = cleaned.split(")")
    actions = tuple([_known.get(part) or _alone(part) for part in lists])
    if all(actions) and not end.strip(SPACE):
        return Plan(cast("tuple[Action, ...]", actions), text)
    return _stamped_plan(text, cleaned)


_known: Kept[str, Action] = Kept()  # plans share most of their actions


def _alone(part: str) -> Action | None:
    """The action of " (stack a b", if nothing but white space stands before it."""
    before, _, listed = part.partition("(")
    found = words(listed)
    if not found or "(" in listed or before.strip(SPACE):
        return None
    action = Action(found[0], tuple(found[1:]))
    return _known.keep(part, action) if len(part) < _SHORT else action


def _empty(text: str, cleaned: str) -> PddlError:
    blank = next(found for found in _LIST.finditer(cleaned) if not found[1].strip(SPACE))
    return misplaced("() is not an action", text, blank.start())


def _stamped_plan(text: str, cleaned: str) -> Plan:
    """A plan with something between its actions: time stamps and durations, or what should not be there."""
    actions: list[tuple[int, Action]] = []
    stamps: list[Decimal] = []
    end = 0
    for found in _LIST.finditer(cleaned):
        stamps += _stamp(text, cleaned, end, found.start(), stamped=bool(stamps))
        if not (action := words(found[1])):
            raise _empty(text, cleaned)
        actions.append((found.start(), Action(action[0], tuple(action[1:]))))
        end = found.end()
    if _stamp(text, cleaned, end, len(cleaned), stamped=bool(stamps)):
        raise misplaced("a time stamp without an action", text, end)
    if len(stamps) != len(actions):
        raise misplaced("some actions have a time stamp and some have none", text, actions[0][0])
    return _in_time(text, actions, stamps)


def _stamp(text: str, cleaned: str, start: int, end: int, stamped: bool) -> list[Decimal]:
    """The time stamp, if any, that ends the text between two actions; a duration may stand before it."""
    start = _skip_space(cleaned, start, end)
    duration = _DURATION.match(cleaned, start, end) if stamped else None
    if duration:
        start = _skip_space(cleaned, duration.end(), end)
    stamp = _STAMP.match(cleaned, start, end)
    rest = _skip_space(cleaned, stamp.end() if stamp else start, end)
    if rest < end:
        found = NEWLINE.split(text[rest : rest + 30])[0]
        raise misplaced(f"expected an action such as (move a b), found {found!r}", text, rest)
    return [Decimal(stamp[1])] if stamp else []


def _skip_space(text: str, start: int, end: int) -> int:
    return end - len(text[start:end].lstrip(SPACE))


def _in_time(text: str, actions: list[tuple[int, Action]], stamps: list[Decimal]) -> Plan:
    """Actions by their time; this validator does one at a time, so no two may share one."""
    ordered = sorted(zip(stamps, actions, strict=True), key=lambda pair: pair[0])
    for (time, _), (later, (offset, action)) in pairwise(ordered):
        if time == later:
            raise misplaced(f"{action} is not alone at time {time}", text, offset)
    offsets = tuple(offset for _, (offset, _) in ordered)
    return Plan(tuple(action for _, (_, action) in ordered), text, offsets)
