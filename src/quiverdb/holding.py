"""What the clients of every API have in common: how long they hold what they work on, and threads to work on.

A client holds a database or connections until it is closed. One that nobody closes gives them up when it is collected,
and a folder is told of then.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from quiverdb.errors import ClosedError

__all__ = ["MEMORY", "THREADS", "Threaded", "closed_error", "release"]

MEMORY = ":memory:"
"""The place of a database that is in memory only."""

THREADS = min(8, max(2, os.cpu_count() or 2))
"""As many as there are cores; more would fight over the interpreter, and two at least let reads pass a long write."""


def closed_error(described: str) -> ClosedError:
    """Return the error of a client that is used after ``close``."""
    return ClosedError(f"the client of {described} is closed: make a new one")


def release(close: Callable[[], None], folder: str | None) -> None:
    """Close what a client worked on that nobody closed, and warn of it if that was a folder."""
    close()
    if folder not in (None, MEMORY):
        warnings.warn(f"a client of {folder} was never closed", ResourceWarning, stacklevel=2)


class Threaded:
    """Let threads call the methods of an object; a cancelled call has either not begun or comes to its end.

    >>> import asyncio
    >>> class Counter:
    ...     def next(self, number: int) -> int:
    ...         return number + 1
    ...     def close(self) -> None: ...
    >>> async def main() -> int:
    ...     counter = Threaded(Counter(), "counting")
    ...     found = await counter.next(1)
    ...     await counter.close()
    ...     return found
    >>> asyncio.run(main())
    2
    """

    def __init__(self, backend: Any, name: str) -> None:
        self._backend = backend
        self._pool = ThreadPoolExecutor(THREADS, name)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        import asyncio

        method = getattr(self._backend, name)

        def run(*arguments: Any, **named: Any) -> Awaitable[Any]:
            work = partial(copy_context().run, method, *arguments, **named)
            return asyncio.wrap_future(self._pool.submit(work))

        return run

    async def close(self) -> None:
        """Let calls under way come to their end, and close the object."""
        import asyncio

        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self._backend.close)

    def forget(self) -> None:
        """Close without waiting, which whoever collects garbage must not do."""
        self._pool.shutdown(wait=False)
        self._backend.close()
