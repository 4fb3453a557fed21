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
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from threading import Event
from typing import Any, Never, TypeVar

from quiverdb.errors import CorruptionError, FormatError, LockedError, RateLimitedError, StorageError
from quiverdb.model.point import Points
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.qdrant.request.parse import number

__all__ = ["Uploader", "ahead", "attempt"]

S = TypeVar("S")
T = TypeVar("T")

_LASTING = (CorruptionError, FormatError, LockedError)
"""Troubles of the disk that do not pass by waiting."""
_PAUSE = 0.1
"""Seconds before the first new attempt; each further one waits twice as long."""
_PATIENCE = 30
"""How often in a row a batch may be refused because of too many requests; that says nothing against the batch."""
_LONGEST = 60.0
"""Seconds that a database may ask for; whoever asks for more is not waited for."""
_BUSY = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS))
_PASSING = frozenset({"ABORTED", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNKNOWN"})
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
            attempt(partial(store, batch), self._retries)
            return len(batch.ids)

        self._follow(map(stored, ahead(read, sources, self._workers)), total)

    def send(
        self,
        sources: Iterable[S],
        prepare: Callable[[S], Callable[[], Any]],
        count: Callable[[S], int],
        total: int | None,
    ) -> None:
        """Send several batches at a time; what is prepared is sent as often as it takes."""
        stopped = Event()

        def sent(batch: S) -> int:
            attempt(prepare(batch), self._retries, stopped)
            return count(batch)

        self._follow(ahead(sent, sources, self._workers, stopped), total)

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


def attempt(call: Callable[[], T], retries: int, stopped: Event | None = None) -> T:
    """Return what a call returns; one that fails for a reason that may pass is made so many more times.

    How often a busy database may ask to wait is counted apart. Once ``stopped`` is set, nobody waits any more.
    """
    failures = refusals = 0
    while True:
        try:
            return call()
        except Exception as error:
            wait = _wished(error)
            if wait is not None and refusals < _PATIENCE and wait <= _LONGEST:
                refusals += 1
            elif wait is None and failures < retries and _may_pass(error):
                wait = _PAUSE * 2.0**failures
                failures += 1
            else:
                raise
            if _paused(wait, stopped):
                raise


def _paused(seconds: float, stopped: Event | None) -> bool:
    """Wait, and tell whether that was ended."""
    if stopped is not None:
        return stopped.wait(seconds)
    time.sleep(seconds)
    return False


def _wished(error: Exception) -> float | None:
    """Return for how many seconds a database wishes to be left alone, if it says so."""
    match error:
        case RateLimitedError():
            return error.retry_after
        case ResourceExhaustedResponse():
            return error.retry_after_s
    return None


def _may_pass(error: Exception) -> bool:
    """Tell whether what was refused may be taken later on."""
    match error:
        case StorageError():
            return not isinstance(error, _LASTING)
        case UnexpectedResponse(status_code=int(status)):
            return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY
        case ResponseHandlingException():
            return True
    code = getattr(error, "code", None)  # of gRPC, which need not be installed
    return callable(code) and getattr(code(), "name", "") in _PASSING


def ahead(make: Callable[[S], T], sources: Iterable[S], workers: int, stopped: Event | None = None) -> Iterator[T]:
    """Yield ``make`` of each source in order, made on so many threads and as many sources ahead.

    With one worker nothing is made ahead. An error ends the iteration at the place of its source; so does an error of
    ``sources``. Then ``stopped`` is set, so that what is still being made can end early.

    >>> list(ahead(str, range(5), 2))
    ['0', '1', '2', '3', '4']
    """
    tasks = _tasks(make, sources)
    if workers == 1:
        for task in tasks:
            yield task()
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, "quiverdb-upload") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(copy_context().run, task))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            if stopped is not None:
                stopped.set()
            for future in waiting:
                future.cancel()


def _tasks(make: Callable[[S], T], sources: Iterable[S]) -> Iterator[Callable[[], T]]:
    """Yield what makes something of each source, and at the end what raises the error that ended them."""
    try:
        for source in sources:
            yield partial(make, source)
    except Exception as error:
        yield partial(_raise, error)


def _raise(error: Exception) -> Never:
    raise error
