"""Files of rows: one JSON object a line, appended to NAME.part as they come, and put in place whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from iterdeploy.errors import RunError, Torn
from iterdeploy.store import disk

Row = TypeVar("Row")

_log = logging.getLogger(__name__)


def encode(row: object) -> bytes:
    """A row as one line; the same row gives the same bytes."""
    return msgspec.json.encode(row) + b"\n"


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """All rows of a finished file; raises Torn naming the first line that cannot be read."""
    decode = msgspec.json.Decoder(kind).decode
    rows, rest, problem = _readable(disk.read(path), decode)
    if rest:
        raise Torn(
            f"{path}, line {len(rows) + 1} of a finished file cannot be read ({problem}): it was "
            "changed after the run wrote it; put a good copy back, or delete it and all that was made "
            "from it to have both computed again"
        )
    return rows


def write_rows(path: Path, rows: Iterable[object], mark: disk.Mark = disk.unmarked) -> None:
    """Put a file of rows in place that were all there at once."""
    disk.put(path, b"".join(encode(row) for row in rows), mark)


def finished(path: Path) -> bool:
    """Whether a file has its final name; clears away what a killed run left beside it."""
    if not path.exists():
        return False
    for leftover in (part_of(path), path.with_name(path.name + ".tmp")):
        if leftover.exists():
            disk.remove(leftover)
    return True


def part_of(path: Path) -> Path:
    """Where the rows of an unfinished file are collected."""
    return path.with_name(path.name + ".part")


class Part(Generic[Row]):
    """An unfinished file of rows: it opens with the rows that an earlier process left, and grows.

    `key` names a row; `rows` maps each key to its row. Use as a context manager.
    """

    def __init__(
        self, path: Path, kind: type[Row], key: Callable[[Row], str], mark: disk.Mark = disk.unmarked
    ) -> None:
        self.path = path
        self._key = key
        self._mark = mark
        self._part = part_of(path)
        self.rows: dict[str, Row] = {key(row): row for row in _recovered(self._part, kind)}
        with disk.writing(self._part):
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._part, "ab", buffering=0)  # noqa: SIM115  (closed in __exit__)

    def __enter__(self) -> Part[Row]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, row: Row) -> None:
        """Hand one row to the system at once, so that a kill after this loses nothing."""
        key = self._key(row)
        if key in self.rows:
            raise RunError(f"{self.path}: the row {key} came twice; each must come once")
        with disk.writing(self._part):
            self._write(encode(row))
        self.rows[key] = row
        self._mark("row")

    def finish(self, order: Sequence[str]) -> list[Row]:
        """Put the file in place with exactly the rows of `order`, in that order."""
        self._refuse_unless(order)
        rows = [self.rows[key] for key in order]
        write_rows(self.path, rows, self._mark)
        self._file.close()
        disk.remove(self._part)
        return rows

    def _write(self, line: bytes) -> None:
        written = self._file.write(line)
        while written < len(line):  # a disk that fills up takes a part of the line before it refuses
            written += self._file.write(line[written:])

    def _refuse_unless(self, order: Sequence[str]) -> None:
        missing = [key for key in order if key not in self.rows]
        foreign = sorted(self.rows.keys() - set(order))
        if missing:
            raise RunError(f"{self.path}: {len(missing)} of {len(order)} rows never came, first {missing[0]}")
        if foreign:
            raise RunError(f"{self.path}: {len(foreign)} rows were not asked for, first {foreign[0]}")


def _recovered(part: Path, kind: type[Row]) -> list[Row]:
    """The whole rows of an unfinished file; what follows them is cut off, for it will be made again."""
    if not part.exists():
        return []
    data = disk.read(part)
    rows, rest, problem = _readable(data, msgspec.json.Decoder(kind).decode)
    if rest:
        _log.warning("%s: line %d is torn (%s); it is dropped and made again", part, len(rows) + 1, problem)
        with disk.writing(part), open(part, "r+b") as file:
            file.truncate(len(data) - len(rest))
    return rows


def _readable(data: bytes, decode: Callable[[bytes], Any]) -> tuple[list[Any], bytes, str]:
    """The rows up to the first line that cannot be read, the bytes from there on, and why."""
    rows: list[Any] = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            return rows, data[start:], "it has no end"
        try:
            rows.append(decode(data[start:end]))
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return rows, data[start:], str(cause)
        start = end + 1
    return rows, b"", ""
