"""What was made once and may be asked for again, within bounds."""

from __future__ import annotations

from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST = 20_000
"""Values that are kept."""


class Kept(dict[Key, Value]):
    """Values by key, from the second time that one is made: most that come once never come again.

    To keep a value takes longer than to make it, for whatever lives on is looked at by the garbage collector.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[int] = set()  # hashes: what is mistaken for another is kept too early, no more

    def keep(self, key: Key, value: Value) -> Value:
        """The value; kept, if its key was seen before."""
        seen, digest = self._seen, hash(key)
        if digest in seen:
            self[key] = value
            return value
        if len(seen) >= MOST:
            seen.clear()
            self.clear()
        seen.add(digest)
        return value
