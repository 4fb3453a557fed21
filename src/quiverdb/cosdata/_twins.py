"""What the synchronous and the asynchronous client do each in its own way, in pairs of the same shape."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = [
    "AsyncBegun",
    "Begun",
    "async_gather",
    "async_pause",
    "async_within",
    "gather",
    "pause",
    "within",
]

T = TypeVar("T")


class Begun:
    """Begin when made; within ``with`` end well or badly, as the block does."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Begin; further calls do nothing."""

    def _leave(self, *, failed: bool) -> None:
        """End, after a block that failed or not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(failed=exc_type is not None)


class AsyncBegun:
    """Begin when awaited or entered; within ``async with`` end well or badly, as the block does."""

    async def _begin(self) -> None:
        """Begin; further calls do nothing."""

    async def _leave(self, *, failed: bool) -> None:
        """End, after a block that failed or not."""

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(failed=exc_type is not None)


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def async_pause(seconds: float) -> None:
    """Wait, and let others run."""
    await asyncio.sleep(seconds)


def gather(send: Callable[[T], None], parts: Iterable[T], workers: int) -> None:
    """Send all parts, several at a time; the first error is raised, and what has not begun then never does."""
    if workers == 1:
        for part in parts:
            send(part)
        return
    with ThreadPoolExecutor(workers, "quiverdb-upsert") as pool:
        sent = [pool.submit(send, part) for part in parts]
        try:
            done, _ = wait(sent, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    for future in sent:
        if future in done:
            future.result()


async def async_gather(send: Callable[[T], Awaitable[None]], parts: Iterable[T], workers: int) -> None:
    """Send all parts, several at a time; the first error is raised, and what has not ended then is cancelled."""
    waiting = iter(parts)

    async def work() -> None:
        for part in waiting:
            await send(part)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def within(changes: Begun, callback: Callable[[Any], T]) -> T:
    """Return what a function returns that is given changes, which end after it."""
    with changes:
        return callback(changes)


async def async_within(changes: AsyncBegun, callback: Callable[[Any], T | Awaitable[T]]) -> T:
    """Return what a function returns that is given changes, which end after it; it may be asynchronous."""
    async with changes:
        result = callback(changes)
        return await result if inspect.isawaitable(result) else result
