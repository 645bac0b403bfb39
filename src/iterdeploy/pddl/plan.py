"""Plan files, read strictly: `(action args)`, comments, and time stamps on all actions or on none."""

from __future__ import annotations

import re
from bisect import bisect_right
from decimal import Decimal
from itertools import pairwise

from iterdeploy.pddl.errors import PddlError
from iterdeploy.pddl.lexer import NEWLINE, SPACE, clean, misplaced
from iterdeploy.pddl.structures import Action

_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
_LIST = re.compile(r"\(([^()]*)\)")
_WORD = re.compile(r"[^ \t\r\n\f\v]+")
_STAMP = re.compile(rf"({_NUMBER})[ \t]{{0,8}}:")
_DURATION = re.compile(rf"\[[ \t]{{0,8}}{_NUMBER}[ \t]{{0,8}}\]")


def read_plan(text: str) -> tuple[Action, ...]:
    """The actions of a plan file, in the order in which they are to be done.

    An empty text is the empty plan. With time stamps (`0.5: (go a) [2]`) the actions are put in the order
    of their times; durations are read and do not matter. Raises PddlError with line and column for anything
    that is not an action, for stamps on some actions only, and for two actions at one time.
    """
    cleaned = clean(text)
    starts = [0, *(found.end() for found in NEWLINE.finditer(cleaned))]
    actions: list[Action] = []
    stamps: list[Decimal] = []
    end = 0
    for found in _LIST.finditer(cleaned):
        start = found.start()
        if cleaned[end:start].strip(SPACE):
            stamps += _stamp(text, cleaned, end, start, stamped=bool(stamps))
        words = _WORD.findall(found[1])
        if not words:
            raise misplaced("() is not an action", text, start)
        line = bisect_right(starts, start)
        actions.append(Action(words[0], tuple(words[1:]), line, start - starts[line - 1] + 1))
        end = found.end()
    if _stamp(text, cleaned, end, len(cleaned), stamped=bool(stamps)):
        raise misplaced("a time stamp without an action", text, len(cleaned))
    return _in_time(actions, stamps) if stamps else tuple(actions)


def _stamp(text: str, cleaned: str, start: int, end: int, stamped: bool) -> list[Decimal]:
    """The time stamp, if any, that ends the text between two actions; a duration may stand before it."""
    start = _skip_space(cleaned, start, end)
    duration = _DURATION.match(cleaned, start, end) if stamped else None
    if duration:
        start = _skip_space(cleaned, duration.end(), end)
    stamp = _STAMP.match(cleaned, start, end)
    rest = _skip_space(cleaned, stamp.end() if stamp else start, end)
    if rest < end:
        raise misplaced(
            f"expected an action such as (move a b), found {text[rest : rest + 20]!r}", text, rest
        )
    return [Decimal(stamp[1])] if stamp else []


def _skip_space(text: str, start: int, end: int) -> int:
    return end - len(text[start:end].lstrip(SPACE))


def _in_time(actions: list[Action], stamps: list[Decimal]) -> tuple[Action, ...]:
    """Actions by their time; this validator does one at a time, so no two may share one."""
    if len(stamps) != len(actions):
        raise PddlError("some actions have a time stamp and some have none", actions[0].line, 1)
    ordered = sorted(zip(stamps, actions, strict=True), key=lambda pair: pair[0])
    for (time, _), (later, action) in pairwise(ordered):
        if time == later:
            raise PddlError(f"{action} is not alone at time {time}", action.line, action.column)
    return tuple(action for _, action in ordered)
