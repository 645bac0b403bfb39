"""Numbers as a person reads them."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it must be.

    >>> count(1, "task"), count(2000, "task")
    ('1 task', '2,000 tasks')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def clock_face(seconds: float | None) -> str:
    """Seconds as on a clock.

    >>> clock_face(None), clock_face(7.2), clock_face(187), clock_face(7500)
    ('unknown', '0:07', '3:07', '2:05:00')
    """
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
