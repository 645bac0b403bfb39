"""The error of this room: a PDDL text that cannot be read, and where."""

from __future__ import annotations

from iterdeploy.errors import BadInput


class PddlError(BadInput):
    """A domain, problem or plan text is wrong at `line` and `column` (both from 1; 0 if unknown)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}, column {column}: {message}" if line else message)
        self.message = message
        self.line = line
        self.column = column


class BeyondError(PddlError):
    """The text uses a feature of PDDL that is not read here, such as numeric fluents; the message names it."""
