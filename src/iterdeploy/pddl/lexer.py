"""From text to nested groups of words, in time linear in the text.

Only ASCII letters are folded. Unicode case folding or normalisation would make one name out of two:
the Kelvin sign lowers to "k", and NFKC turns a full-width "b" into "b".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from iterdeploy.pddl.errors import PddlError

MAX_DEPTH = 100  # nested parentheses; keeps every later recursion far from Python's own limit
SPACE = " \t\r\n\f\v"

_BOM = "\ufeff"
_CAPITALS = re.compile(r"[A-Z]+")
_COMMENT = re.compile(r";[^\r\n]*")
NEWLINE = re.compile(r"\r\n|\r|\n")
_STRANGE = re.compile(r"[^ \t\r\n\f\v()a-z0-9_.+@#?:=<>*/-]")
_TOKEN = re.compile(r"[()]|[^ \t\r\n\f\v()]+")
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.+@#-]*")


@dataclass(slots=True, eq=False)
class Group:
    """One parenthesised list; `start` is the number of its "(" among the tokens."""

    start: int
    items: list[str | Group] = field(default_factory=list)


class MisreadError(Exception):
    """A token cannot be what it is; the reader of the whole text turns its number into a place."""

    def __init__(self, message: str, token: int) -> None:
        super().__init__(message)
        self.message = message
        self.token = token


def fold(text: str) -> str:
    """The text with ASCII capitals made small, and nothing else changed."""
    if text.isascii():
        return text.lower()
    return _CAPITALS.sub(lambda found: found[0].lower(), text)


def clean(text: str) -> str:
    """The text folded, with comments and a leading byte-order mark blanked: every offset stays."""
    text = fold(text)
    if text.startswith(_BOM):
        text = " " + text[1:]
    if ";" in text:
        text = _COMMENT.sub(lambda found: " " * len(found[0]), text)
    return text


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character of the text."""
    line, start = 1, 0
    for found in NEWLINE.finditer(text, 0, offset):
        line, start = line + 1, found.end()
    return line, offset - start + 1


def misplaced(message: str, text: str, offset: int) -> PddlError:
    """The error for a wrong character at `offset`."""
    return PddlError(message, *place(text, offset))


def read(text: str) -> Group:
    """The one parenthesised list that a domain or problem text is.

    Raises PddlError for a character outside PDDL, unbalanced or too deep parentheses, or more than one list.
    """
    cleaned = clean(text)
    strange = _STRANGE.search(cleaned)
    if strange:
        raise misplaced(f"{strange[0]!r} is not a character of PDDL", text, strange.start())
    try:
        return _only_group(_nest(_TOKEN.findall(cleaned)))
    except MisreadError as error:
        raise located(error, text) from None


def located(error: MisreadError, text: str) -> PddlError:
    """The same error with the line and column of its token."""
    offset = len(text)
    for number, found in enumerate(_TOKEN.finditer(clean(text))):
        if number == error.token:
            offset = found.start()
            break
    return misplaced(error.message, text, offset)


def _nest(tokens: list[str]) -> list[str | Group]:
    items: list[str | Group] = []
    above: list[list[str | Group]] = []
    for number, token in enumerate(tokens):
        if token == "(":
            if len(above) >= MAX_DEPTH:
                raise MisreadError(f"parentheses are nested more than {MAX_DEPTH} deep", number)
            group = Group(number)
            items.append(group)
            above.append(items)
            items = group.items
        elif token == ")":
            if not above:
                raise MisreadError("')' closes nothing", number)
            items = above.pop()
        else:
            items.append(token)
    if above:
        opened = above[-1][-1]
        raise MisreadError("this '(' is never closed", opened.start if isinstance(opened, Group) else 0)
    return items


def _only_group(items: list[str | Group]) -> Group:
    if not items:
        raise MisreadError("the text is empty", 0)
    first = items[0]
    if not isinstance(first, Group):
        raise MisreadError(f"expected '(define', found {first!r}", 0)
    if len(items) > 1:
        raise MisreadError("there is text after the last ')'", first.start + _width(first))
    return first


def _width(item: str | Group) -> int:
    if isinstance(item, str):
        return 1
    return 2 + sum(_width(inner) for inner in item.items)


def flaw(message: str, group: Group, item: int = -1) -> MisreadError:
    """What to raise about the list itself, or about its item of that number."""
    if item < 0:
        return MisreadError(message, group.start)
    return MisreadError(message, group.start + 1 + sum(_width(before) for before in group.items[:item]))


def head(group: Group) -> str:
    """The first word of a list; "" if it is empty or begins with a list."""
    first = group.items[0] if group.items else ""
    return first if isinstance(first, str) else ""


def subgroup(group: Group, item: int, what: str) -> Group:
    """Item number `item` as a list; `what` names it in the error."""
    found = group.items[item] if item < len(group.items) else None
    if not isinstance(found, Group):
        raise flaw(f"expected {what} in parentheses", group, min(item, len(group.items) - 1))
    return found


def name_at(group: Group, item: int, what: str) -> str:
    """Item number `item` as a name; `what` names it in the error."""
    found = group.items[item] if item < len(group.items) else None
    if not isinstance(found, str):
        raise flaw(f"expected the name of {what}", group, min(item, len(group.items) - 1))
    if not is_name(found):
        raise flaw(f"{found!r} is not a name", group, item)
    return found


def is_name(word: str) -> bool:
    """Whether the folded word can name an object, type, predicate or action."""
    return _NAME.fullmatch(word) is not None
