"""Uploads: batches are read ahead on threads and stored one after the other, or sent several at a time.

A batch that fails for a reason that may pass is tried again after a pause: as long as the database asks for when it
refuses too many requests, and otherwise twice as long each time.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from quiverdb.errors import CorruptionError, FormatError, LockedError, RateLimitedError, StorageError
from quiverdb.model.point import Points
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.qdrant.request.parse import number

__all__ = ["Uploader", "ahead"]

S = TypeVar("S")
T = TypeVar("T")

_LASTING = (CorruptionError, FormatError, LockedError)
"""Troubles of the disk that do not pass by waiting."""
_PAUSE = 0.1
"""Seconds before the first new attempt; each further one waits twice as long."""
_PATIENCE = 30
"""How often in a row a batch may be refused because of too many requests; that says nothing against the batch."""
_SERVER_ERROR = 500
_PASSING = frozenset({"ABORTED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"})
"""The gRPC statuses of a server or a network in trouble."""


class Uploader:
    """Store batches, on the terms that ``QdrantClient.upload_points`` documents."""

    def __init__(
        self, parallel: int | None, max_retries: int, progress: Callable[[int, int | None], None] | None
    ) -> None:
        self._workers = number(parallel, "parallel", 0, 1) or os.cpu_count() or 1
        self._retries = number(max_retries, "max_retries", 0, 0)
        self._progress = progress

    def store(
        self, sources: Iterable[S], read: Callable[[S], Points], store: Callable[[Points], Any], total: int | None
    ) -> None:
        """Read batches ahead of the one that is stored."""

        def stored(batch: Points) -> int:
            self._attempt(partial(store, batch))
            return len(batch.ids)

        self._follow(map(stored, ahead(read, sources, self._workers)), total)

    def send(
        self, sources: Iterable[S], send: Callable[[S], Any], count: Callable[[S], int], total: int | None
    ) -> None:
        """Send several batches at a time."""

        def sent(batch: S) -> int:
            self._attempt(partial(send, batch))
            return count(batch)

        self._follow(ahead(sent, sources, self._workers), total)

    def _follow(self, stored: Iterable[int], total: int | None) -> None:
        """Tell how far it is; an error gets the number of points up to which all are stored as ``uploaded``."""
        done = 0
        try:
            for count in stored:
                done += count
                if self._progress is not None:
                    self._progress(done, total)
        except Exception as error:
            error.__dict__["uploaded"] = done
            if done:
                error.add_note(f"the batch that begins with point {done} failed; those before it are stored")
            raise

    def _attempt(self, store: Callable[[], Any]) -> Any:
        failures = refusals = 0
        while True:
            try:
                return store()
            except (RateLimitedError, ResourceExhaustedResponse) as error:
                wait = error.retry_after if isinstance(error, RateLimitedError) else error.retry_after_s
                if wait is None or refusals == _PATIENCE:
                    raise
                time.sleep(wait)
                refusals += 1
            except Exception as error:
                if failures == self._retries or not _may_pass(error):
                    raise
                time.sleep(_PAUSE * 2**failures)
                failures += 1


def _may_pass(error: Exception) -> bool:
    """Tell whether what was refused may be taken later on."""
    match error:
        case StorageError():
            return not isinstance(error, _LASTING)
        case UnexpectedResponse(status_code=int(status)):
            return status >= _SERVER_ERROR
        case ResponseHandlingException():
            return True
    code = getattr(error, "code", None)  # of gRPC, which need not be installed
    return callable(code) and getattr(code(), "name", "") in _PASSING


def ahead(make: Callable[[S], T], sources: Iterable[S], workers: int) -> Iterator[T]:
    """Yield ``make`` of each source in order, made on so many threads and as many sources ahead.

    With one worker nothing is made ahead. An error ends the iteration at the place of its source.

    >>> list(ahead(str, range(5), 2))
    ['0', '1', '2', '3', '4']
    """
    if workers == 1:
        yield from map(make, sources)
        return
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(workers, "quiverdb-upload") as pool:
        try:
            for source in sources:
                waiting.append(pool.submit(make, source))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
