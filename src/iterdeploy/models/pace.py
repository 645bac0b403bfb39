"""Requests and tokens per minute: when the next request may go, for all threads that ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Spreads requests evenly over the minute, so that no limit of a server is met. 0: no limit."""

    def __init__(
        self,
        requests: float = 0,
        tokens: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._per_request = 60 / requests if requests else 0.0
        self._per_token = 60 / tokens if tokens else 0.0
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = {"requests": 0.0, "tokens": 0.0}
        self._held = 0.0

    def take(self, tokens: int) -> None:
        """Wait for the turn of one request that may take so many tokens."""
        while (left := self._left(tokens)) > 0:
            self._sleep(min(left, 1.0))  # others may give tokens back meanwhile

    def _left(self, tokens: int) -> float:
        """Seconds until the next request may go; 0 if this one goes now."""
        with self._lock:
            now = self._clock()
            left = max(self._held, *self._next.values()) - now
            if left <= 0:
                self._next = {"requests": now + self._per_request, "tokens": now + tokens * self._per_token}
            return left

    def give_back(self, tokens: int) -> None:
        """Tokens that were reserved and not used; the next request may go so much earlier."""
        with self._lock:
            self._next["tokens"] -= tokens * self._per_token

    def hold(self, seconds: float) -> None:
        """No request of anybody for so long: the server asked for it."""
        with self._lock:
            self._held = max(self._held, self._clock() + seconds)
