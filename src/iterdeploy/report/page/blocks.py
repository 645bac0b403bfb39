"""The page's data in named blocks: inside the page while there is room, in files beside it after that.

A block is JSON, compressed and in base64, so that no text of a model can end a script or leave a string. A file
beside the page is a script with one call, because a page that was opened from the disk may load scripts and nothing
else.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

FOLDER = "report-data"
ROOM = 2_700_000  # characters of blocks in a page of less than 3 MB

LEVEL = 6  # of gzip: the page is 8 % longer than at level 9, and packed in a third of the time

Put = Callable[[str, bytes], None]
"""Takes a file that belongs beside the page: its path from the run's folder, and what it holds."""


def pack(value: object) -> str:
    """A value of JSON as a block; equal values give equal blocks."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return base64.b64encode(gzip.compress(text, LEVEL, mtime=0)).decode()


class Group:
    """Blocks that stay together: all of them in the page, or all of them beside it."""

    def __init__(self, room: int, put: Put) -> None:
        self._room = room
        self._put = put
        self._beside = False
        self.kept: dict[str, str] = {}

    @property
    def size(self) -> int:
        """Characters of the blocks that are kept for the page."""
        return sum(map(len, self.kept.values()))

    def add(self, name: str, value: object) -> None:
        """Pack a block. Names are of letters, digits and dashes."""
        self.kept[name] = pack(value)
        if self._beside or self.size > self._room:
            self.spill()

    def spill(self) -> None:
        """Hand all blocks, and those to come, to files."""
        self._beside = True
        for name, block in self.kept.items():
            self._put(f"{FOLDER}/{name}.js", f'iterdeployBlock("{name}","{block}")\n'.encode())
        self.kept.clear()


def fitting(groups: list[Group], room: int) -> dict[str, str]:
    """The blocks that the page holds: group after group, as long as one still fits whole."""
    blocks: dict[str, str] = {}
    for group in groups:
        if group.size > room:
            group.spill()
        room -= group.size
        blocks |= group.kept
    return blocks
