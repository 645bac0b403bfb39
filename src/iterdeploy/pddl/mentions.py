"""What a text that is no plan line says of actions: steps that it states, and steps that it begins and breaks off."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import punctuation

from iterdeploy.pddl.lexer import SPACE, fold, words
from iterdeploy.pddl.structures import Action

MARK = re.compile(
    r"[-*+•–][ \t]+|(?:step[ \t]{1,4})?\(?([0-9]{1,6})(\.[0-9]{1,6})?[.:)]{1,3}[ \t]*", re.IGNORECASE
)
_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_FURTHER = re.compile(
    r"(?:(?:and|or|so|plus|now|then|next|finally|lastly|afterwards|also|after that|followed by)\b[,:]?[ \t]*){1,4}",
    re.IGNORECASE,
)
_OPENINGS = SPACE + punctuation + "→•–—“‘"
_ENDS = SPACE + ",.:!?\"'_"
_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Mentions:
    """The actions of the domain that a text mentions."""

    actions: tuple[Action, ...] = ()
    further: bool = False  # after "then" and the like: steps of their own, even if the plan has them too


class MentionReader:
    """Finds mentions of the actions of one domain, whatever rules the reader of its plans has."""

    def __init__(self, arities: Mapping[str, int]) -> None:
        self._arities = arities

    def mentions(self, text: str) -> Mentions:
        """Actions in brackets, called as stack(a, b), or written bare and alone: then stack a b."""
        text = undressed(text)
        opened = text.lstrip(_OPENINGS)
        started = _FURTHER.match(opened)
        said = opened[started.end() :] if started else opened
        found = self._bare(said)
        whole = _BRACKETED.fullmatch(said.rstrip(_ENDS))
        for match in _BRACKETED.finditer(text):
            inner = words(match[1].replace(",", " "))
            before = text[max(0, match.start() - _NAME_LENGTH) : match.start()].split()
            name = before[-1].lstrip(_OPENINGS) if before else ""
            if inner and (inner[0] in self._arities or (started and whole)):
                found.append(Action(inner[0], tuple(inner[1:])))
            elif self._arities.get(name) == len(inner):
                found.append(Action(name, tuple(inner)))
        return Mentions(tuple(found), bool(started and found))

    def breaks_off(self, text: str) -> bool:
        """Whether a text that cannot be read as an action begins as one, or opens or closes what it should not."""
        text = undressed(text)
        return self.begins(text) or not balanced(text)

    def begins(self, text: str) -> bool:
        """Whether the first word is an action's name."""
        opened = undressed(text).lstrip(_OPENINGS)[:_NAME_LENGTH]
        first = re.split(r"[\s()\[\]{},]", opened, maxsplit=1)[0]
        return first in self._arities or first.rstrip(_ENDS) in self._arities

    def _bare(self, text: str) -> list[Action]:
        found = words(text.strip(_OPENINGS).replace(",", " "))
        actions: list[Action] = []
        start = 0
        while start < len(found):
            end = start + 1 + self._arities.get(found[start], len(found))
            if end > len(found):
                return []
            actions.append(Action(found[start], tuple(found[start + 1 : end])))
            start = end
        return actions


def undressed(text: str) -> str:
    """The text without its list mark, backticks, bold and capitals."""
    text = text.replace("**", "").replace("`", "").strip(SPACE)
    mark = MARK.match(text)
    return fold(text[mark.end() :] if mark else text)


def balanced(text: str) -> bool:
    """Whether each parenthesis has its partner; a smile is none."""
    depth = 0
    for bracket in re.findall(r"[()]", text.replace(":)", "")):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            return False
    return depth == 0
