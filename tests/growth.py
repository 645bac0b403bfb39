"""How CPU time grows with a text, read on a machine that does other work too."""

from __future__ import annotations

from collections.abc import Callable


def grows_linearly(seconds: Callable[[int], float], length: int) -> bool:
    """Whether four times the length takes less than twelve times as long, and 0.3 s; 16 would be its square.

    What else runs only adds to a reading: where the first two fail, the least of up to three of each is compared.
    """
    short, long = seconds(length), seconds(4 * length)
    for _ in range(2):
        if long < 12 * short + 0.3:
            break
        short, long = min(short, seconds(length)), min(long, seconds(4 * length))
    return long < 12 * short + 0.3
