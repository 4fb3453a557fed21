"""Signed requests that change something are carried out once.

Who overhears a request cannot have it carried out again, as long as its signature is good. Official clients that ask
again sign anew, but dates are whole seconds: what they repeat within the same second looks the same. So a request that
failed may come again, and one that was carried out is put off (429), which clients take as a reason to sign it anew.

All of this is used on one event loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quiverdb.errors import RateLimitedError
from quiverdb.server.vikingdb.guard import Proof

__all__ = ["Replays"]

MOST = 200_000
"""Signatures to remember; when there are more, those of the oldest date are, and no others of that date count."""


class Replays:
    """Remember signatures for as long as they are good: until their dates are ``window`` seconds ago.

    >>> replays, proof = Replays(900), Proof(time.time(), "0a", "")
    >>> with replays.once(proof):
    ...     pass
    >>> with replays.once(proof):
    ...     pass
    Traceback (most recent call last):
    quiverdb.errors.RateLimitedError: This very request was carried out already. Sign it anew, with a later date.
    """

    def __init__(self, window: float, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        self._window = window
        self._clock = clock
        self._most = most
        self._seen: dict[float, set[str]] = {}
        """By date."""
        self._count = 0
        self._forgotten = -math.inf
        """The latest date of which signatures were given up."""

    @contextmanager
    def once(self, proof: Proof) -> Iterator[None]:
        """Let a request be carried out, unless it was; one that fails counts as not carried out.

        Raises ``RateLimitedError``.
        """
        self._forget()
        if proof.date <= self._forgotten or proof.signature in self._seen.get(proof.date, ()):
            raise RateLimitedError(
                "This very request was carried out already. Sign it anew, with a later date.", retry_after=1
            )
        self._add(proof)
        try:
            yield
        except Exception:
            self._remove(proof)
            raise

    def __len__(self) -> int:
        return self._count

    def _add(self, proof: Proof) -> None:
        self._seen.setdefault(proof.date, set()).add(proof.signature)
        self._count += 1
        if self._count > self._most:
            self._forgotten = min(self._seen)
            self._drop(self._forgotten)

    def _remove(self, proof: Proof) -> None:
        of_date = self._seen.get(proof.date)
        if of_date is not None and proof.signature in of_date:
            of_date.remove(proof.signature)
            self._count -= 1

    def _forget(self) -> None:
        """Forget the signatures that are no longer good."""
        oldest = self._clock() - self._window
        for date in [date for date in self._seen if date < oldest]:
            self._drop(date)

    def _drop(self, date: float) -> None:
        self._count -= len(self._seen.pop(date))
