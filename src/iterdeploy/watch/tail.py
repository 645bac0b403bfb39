"""A file of rows that another process writes: only what is new is read, and never much at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")

GULP = 1 << 25  # bytes read in one look: a tenth of a second


class Tail(Generic[Row]):
    """Counts the whole rows of a growing file, and keeps the last few; `count` is estimated until all is read."""

    def __init__(
        self, path: Path, kind: type[Row], tally: Callable[[Row], bool] | None = None, keep: int = 8
    ) -> None:
        self.path = path
        self._decode = msgspec.json.Decoder(kind).decode
        self._tally = tally
        self._keep = keep
        self._begin()

    def _begin(self) -> None:
        self._place, self._file, self._rows, self._size = 0, -1, 0, 0
        self.counted = 0  # rows for which `tally` holds, among those that were read
        self.last: deque[Row] = deque(maxlen=self._keep)

    @property
    def count(self) -> int:
        """Rows in the file: of what is not yet read as many as the mean length of a row tells."""
        rest = self._size - self._place
        return self._rows + (round(rest * self._rows / self._place) if rest > 0 and self._place else 0)

    @property
    def share(self) -> float | None:
        """Of the rows that were read, the share for which `tally` holds; None before the first."""
        return self.counted / self._rows if self._rows else None

    def look(self) -> bool:
        """Read what is new; False if the file is not there, be it not yet or no more."""
        try:
            found = self.path.stat()
            if found.st_ino != self._file or found.st_size < self._place:
                self._begin()  # another file of this name
            self._file, self._size = found.st_ino, found.st_size
            with open(self.path, "rb") as file:
                file.seek(self._place)
                new = file.read(GULP)
        except FileNotFoundError:
            self._begin()
            return False
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        lines = whole.splitlines()
        self._rows += len(lines)
        self._take(lines)
        return True

    def _take(self, lines: list[bytes]) -> None:
        for line in lines if self._tally else lines[-self._keep :]:
            try:
                row = self._decode(line)
            except (
                msgspec.DecodeError,
                UnicodeDecodeError,
            ):  # a torn row, which the run drops when it goes on
                continue
            self.last.append(row)
            self.counted += bool(self._tally and self._tally(row))


def last_rows(path: Path, kind: type[Row], count: int) -> list[Row]:
    """The last rows of a finished file, by reading its end alone; none if it is not there."""
    decode = msgspec.json.Decoder(kind).decode
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            start = max(0, file.tell() - (1 << 16))
            file.seek(start)
            lines = file.read().splitlines()[1 if start else 0 :]
    except FileNotFoundError:
        return []
    rows = []
    for line in lines[-count:]:
        try:
            rows.append(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return rows
