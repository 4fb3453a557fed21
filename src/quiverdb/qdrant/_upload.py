"""Uploads: batches are read ahead on threads and stored one after the other."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from quiverdb.errors import CorruptionError, FormatError, LockedError, QuiverError, RateLimitedError, StorageError
from quiverdb.model.point import Points
from quiverdb.qdrant.request.parse import number

__all__ = ["Uploader", "ahead"]

S = TypeVar("S")
T = TypeVar("T")

_LASTING = (CorruptionError, FormatError, LockedError)
"""Troubles of the disk that do not pass by waiting."""
_PAUSE = 0.1
"""Seconds before the first new attempt; each further one waits twice as long."""


class Uploader:
    """Store batches with ``store``, on the terms that ``QdrantClient.upload_points`` documents."""

    def __init__(
        self,
        store: Callable[[Points], None],
        parallel: int | None,
        max_retries: int,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self._store = store
        self._workers = number(parallel, "parallel", 0, 1) or os.cpu_count() or 1
        self._retries = number(max_retries, "max_retries", 0, 0)
        self._progress = progress

    def run(self, sources: Iterable[S], read: Callable[[S], Points], total: int | None) -> None:
        """Read and store all batches; an error in any but the first is given a note that tells which."""
        done = 0
        try:
            for batch in ahead(read, sources, self._workers):
                self._attempt(batch)
                done += len(batch.ids)
                if self._progress is not None:
                    self._progress(done, total)
        except QuiverError as error:
            if done:
                error.add_note(f"the batch that begins with point {done} failed; those before it are stored")
            raise

    def _attempt(self, batch: Points) -> None:
        failures = 0
        while True:
            try:
                return self._store(batch)
            except RateLimitedError as error:
                if error.retry_after is None:
                    raise
                time.sleep(error.retry_after)
            except StorageError as error:
                if isinstance(error, _LASTING) or failures == self._retries:
                    raise
                time.sleep(_PAUSE * 2**failures)
                failures += 1


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
