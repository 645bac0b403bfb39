"""From text to nested groups of words, in time linear in the text.

Only ASCII letters are folded. Unicode case folding or normalisation would make one name out of two:
the Kelvin sign lowers to "k", and NFKC turns a full-width "b" into "b".
"""

from __future__ import annotations

import re
from functools import lru_cache

from iterdeploy.pddl.errors import BeyondError, PddlError

MAX_DEPTH = 100  # nested parentheses; keeps every later recursion far from Python's own limit
SPACE = " \t\r\n\f\v"

_BOM = "\ufeff"
_CAPITALS = re.compile(r"[A-Z]+")
_COMMENT = re.compile(r";[^\n]*")
NEWLINE = re.compile(r"\r\n|\r|\n")
_STRANGE = re.compile(r"[^ \t\r\n\f\v()a-z0-9_.+@#?:=<>*/-]")
_PLAIN = b" \t\r\n\f\v()abcdefghijklmnopqrstuvwxyz0123456789_.+@#?:=<>*/-"
_TOKEN = re.compile(r"\([^()]*\)|[()]|[^ \t\r\n\f\v()]+")  # a list without lists in it is one token
_WORD = re.compile(r"[^ \t\r\n\f\v]+")
_NAME = re.compile(r"[a-z0-9_][a-z0-9_.+@#-]*")


class Group:
    """One parenthesised list.

    `parts` are its words and lists, where a list of words alone is still text, "(on a b)": most lists are
    read only once, as facts. `items` has those taken apart too.
    """

    __slots__ = ("_items", "end", "parts", "start")

    def __init__(self, start: int, parts: list[str | Group]) -> None:
        self.start = start  # number of the token that it begins with
        self.end = start  # number of the token that it ends with
        self.parts = parts
        self._items: list[str | Group] | None = None

    @property
    def items(self) -> list[str | Group]:
        """The words and lists in it."""
        if self._items is None:
            self._items = self._take_apart()
        return self._items

    def _take_apart(self) -> list[str | Group]:
        items: list[str | Group] = []
        token = self.start + 1
        for part in self.parts:
            items.append(FlatGroup(token, part) if isinstance(part, str) and part[0] == "(" else part)
            token += _width(part)
        return items

    def token_of(self, item: int) -> tuple[int, int]:
        """The number of the token that an item begins with, and of the word in it (-1: all of it)."""
        return self.start + 1 + sum(map(_width, self.parts[:item])), -1


class FlatGroup(Group):
    """A list of words: one token."""

    __slots__ = ()

    def __init__(self, start: int, text: str) -> None:
        super().__init__(start, list(words(text[1:-1])))
        self._items = self.parts

    def token_of(self, item: int) -> tuple[int, int]:
        """The token of the whole list, and the number of the word in it."""
        return self.start, item


def _width(part: str | Group) -> int:
    """How many tokens a part is made of."""
    return 1 if isinstance(part, str) else part.end - part.start + 1


class MisreadError(Exception):
    """A token, or a word of one, cannot be what it is; `located` turns its number into a place."""

    def __init__(self, message: str, token: int, word: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.token = token
        self.word = word


class BeyondMisreadError(MisreadError):
    """It is PDDL, and more than is read here."""


def words(text: str) -> list[str]:
    """The words of a text without parentheses; only ASCII white space parts them."""
    if text.isascii() and text.isprintable():  # then a blank is the only white space in it
        return text.split()
    return _WORD.findall(text)


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
    if cleaned.encode("utf-8", "surrogatepass").translate(None, _PLAIN):  # quicker than a search
        strange = _STRANGE.search(cleaned)
        assert strange is not None
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
            offset = found.start() + _word_offset(found[0], error.word)
            break
    if isinstance(error, BeyondMisreadError):
        return BeyondError(error.message, *place(text, offset))
    return misplaced(error.message, text, offset)


def _word_offset(token: str, word: int) -> int:
    if word < 0 or not token.startswith("("):
        return 0
    starts = [found.start() + 1 for found in _WORD.finditer(token[1:-1])]
    return starts[word] if word < len(starts) else len(token) - 1


def _nest(tokens: list[str]) -> list[str | Group]:
    parts: list[str | Group] = []
    above: list[tuple[Group, list[str | Group]]] = []
    for number, token in enumerate(tokens):
        if len(token) > 1 or token not in "()":
            parts.append(token)
        elif token == "(":
            if len(above) >= MAX_DEPTH:
                raise MisreadError(f"parentheses are nested more than {MAX_DEPTH} deep", number)
            group = Group(number, [])
            parts.append(group)
            above.append((group, parts))
            parts = group.parts
        else:
            if not above:
                raise MisreadError("')' closes nothing", number)
            group, parts = above.pop()
            group.end = number
    if above:
        raise MisreadError("this '(' is never closed", above[-1][0].start)
    return parts


def _only_group(parts: list[str | Group]) -> Group:
    if not parts:
        raise MisreadError("the text is empty", 0)
    first = parts[0]
    if isinstance(first, str):
        raise MisreadError(f"expected (define ...), found {first!r}", 0)
    if len(parts) > 1:
        raise MisreadError("there is text after the last ')'", first.end + 1)
    return first


def flaw(message: str, group: Group, item: int = -1) -> MisreadError:
    """What to raise about the list itself, or about its item of that number."""
    if item < 0:
        return MisreadError(message, group.start)
    return MisreadError(message, *group.token_of(item))


def beyond(message: str, group: Group, item: int = -1) -> MisreadError:
    """The same for what is PDDL and not read here; the message names the feature."""
    found = flaw(message, group, item)
    return BeyondMisreadError(found.message, found.token, found.word)


def head(group: Group) -> str:
    """The first word of a list; "" if it is empty or begins with a list."""
    first = group.parts[0] if group.parts else ""
    return first if isinstance(first, str) and first[:1] != "(" else ""


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


@lru_cache(maxsize=4096)
def is_name(word: str) -> bool:
    """Whether the folded word can name an object, type, predicate or action."""
    return _NAME.fullmatch(word) is not None
