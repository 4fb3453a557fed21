"""Rates: how many units of work a collection takes per minute."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from quiverdb.errors import RateLimitedError

__all__ = ["Bucket"]

_MINUTE = 60.0


class Bucket:
    """Hold tokens for one minute's work, full at first and refilled steadily; ``kind`` names what it limits.

    >>> Bucket("Read", 2).take(2)
    """

    def __init__(self, kind: str, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._size = per_minute
        self._clock = clock
        self._tokens = float(per_minute)
        self._filled = clock()
        self._lock = threading.Lock()

    def take(self, cost: int) -> None:
        """Take tokens; ``RateLimitedError``, and none taken, when there are too few."""
        if cost > self._size:
            raise RateLimitedError(
                f"{self._kind} rate limit exceeded: the request costs {cost} of at most {self._size} tokens per "
                "minute; split it",
                retry_after=None,
            )
        with self._lock:
            now = self._clock()
            self._tokens = min(float(self._size), self._tokens + (now - self._filled) * self._size / _MINUTE)
            self._filled = now
            if self._tokens >= cost:
                self._tokens -= cost
                return
            left = self._tokens
        wait = (cost - left) * _MINUTE / self._size
        raise RateLimitedError(
            f"{self._kind} rate limit exceeded: Operation requires {cost} tokens but only {left:.1f} were available. "
            f"Retry after {math.ceil(wait)}s",
            retry_after=wait,
        )
