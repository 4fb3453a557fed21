"""Which failures are worth another attempt, and when.

::

    TransportError          there was no answer that could be read
    ├── NotSentError        no connection came about: nothing was asked, so asking again is safe
    ├── LostError           the connection ended before the answer was whole: the server may have done what was asked
    └── TimedOutError       it takes longer than the caller waits for: the server may still be at it
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import msgspec

from quiverdb.remote.protocol import ResponseError, TransportError

__all__ = [
    "NEVER",
    "PATIENT",
    "USUAL",
    "LostError",
    "NotSentError",
    "Patience",
    "Retry",
    "TimedOutError",
    "async_repeated",
    "repeated",
    "retry_after",
]

T = TypeVar("T")

_TOO_MANY_REQUESTS = 429


class Patience(Protocol):
    """Decide whether to ask again."""

    def wait(self, error: Exception, repetition: int, *, repeatable: bool) -> float | None:
        """Return for how many seconds to wait before that; see ``Retry.wait``."""


class NotSentError(TransportError):
    """Tell that the server was not reached, and that it knows nothing of the request."""


class LostError(TransportError):
    """Tell that the connection ended before the answer was whole."""


class TimedOutError(TransportError):
    """Tell that the answer did not come in time."""


class Retry(msgspec.Struct, frozen=True):
    """Say how often a request is repeated, and how long to wait before.

    >>> USUAL.wait(NotSentError("connection refused"), 0, repeatable=False) <= USUAL.first
    True
    >>> USUAL.wait(LostError("connection reset"), 0, repeatable=False) is None
    True
    """

    repetitions: int = 2
    """After failures of the connection."""
    first: float = 0.1
    """Seconds; doubled for every further repetition, and shortened at random, so that clients do not march in step."""
    limited: int = 0
    """Repetitions after an answer that says to come back later."""
    longest: float = 60.0
    """Seconds; a server that asks for more patience is not waited for."""
    busy: tuple[int, ...] = ()
    """Statuses after which a repeatable request is repeated like after a failure of the connection."""

    def wait(self, error: Exception, repetition: int, *, repeatable: bool) -> float | None:
        """Return for how many seconds to wait before the request is made again, or ``None`` if it is not to be.

        ``repetition`` counts from zero. A request is ``repeatable`` if carrying it out twice does no harm.
        """
        if isinstance(error, ResponseError):
            if repeatable and error.status in self.busy:
                pause = retry_after(error.headers) or 0.0
                again = pause <= self.longest and repetition < self.repetitions
                return pause + self._jittered(repetition) if again else None
            seconds = retry_after(error.headers) if error.status == _TOO_MANY_REQUESTS else None
            if seconds is None or seconds > self.longest or repetition >= self.limited:
                return None
            return seconds + self._jittered(0)
        again = isinstance(error, NotSentError) or (repeatable and isinstance(error, LostError))
        return self._jittered(repetition) if again and repetition < self.repetitions else None

    def _jittered(self, repetition: int) -> float:
        return self.first * float(2**repetition) * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


NEVER = Retry(repetitions=0)
USUAL = Retry()
PATIENT = Retry(repetitions=3, limited=1_000_000)
"""For uploads, which have no use for the news that the server is busy."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return after how many seconds a server that refused a request wants to hear of it again, if it says so.

    >>> retry_after({"retry-after": "3"}), retry_after({"retry-after": "soon"}), retry_after({})
    (3.0, None, None)
    """
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def repeated(ask: Callable[[], T], retry: Patience, *, repeatable: bool) -> T:
    """Return what a question comes to, which is asked again as ``retry`` says."""
    repetition = 0
    while True:
        try:
            return ask()
        except (ResponseError, TransportError) as error:
            if (wait := retry.wait(error, repetition, repeatable=repeatable)) is None:
                raise
        time.sleep(wait)
        repetition += 1


async def async_repeated(ask: Callable[[], Awaitable[T]], retry: Patience, *, repeatable: bool) -> T:
    """Return what a question comes to that is awaited; see ``repeated``."""
    repetition = 0
    while True:
        try:
            return await ask()
        except (ResponseError, TransportError) as error:
            if (wait := retry.wait(error, repetition, repeatable=repeatable)) is None:
                raise
        await asyncio.sleep(wait)
        repetition += 1
