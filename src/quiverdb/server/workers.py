"""Threads that carry out operations, so that the event loop never waits for a database."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from quiverdb.wire.operations import Access

__all__ = ["Workers"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_KINDS: tuple[Access, ...] = ("read", "write", "manage")
_MANAGERS = 2
_log = logging.getLogger("quiverdb.server")


class Workers:
    """Run functions on threads; those that read, write and manage do not wait for each other.

    ``count`` is how many read and how many write; 0 means as many as there are cores, and two at least.
    """

    def __init__(self, count: int = 0) -> None:
        count = count or max(2, os.cpu_count() or 1)
        counts = {"read": count, "write": count, "manage": _MANAGERS}
        self._pools = {kind: ThreadPoolExecutor(counts[kind], f"quiverdb-{kind}") for kind in _KINDS}

    async def run(self, kind: Access, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Return what a function returns."""
        return await asyncio.get_running_loop().run_in_executor(self._pools[kind], function, *arguments)

    def start(self, kind: Access, function: Callable[[], object]) -> None:
        """Run a function that nobody waits for; its failure is told in the log."""
        self._pools[kind].submit(function).add_done_callback(_log_failure)

    def close(self) -> None:
        """Wait until all that was begun is done."""
        for pool in self._pools.values():
            pool.shutdown()


def _log_failure(done: Future[object]) -> None:
    if (error := done.exception()) is not None:
        _log.error("background work failed", exc_info=error)
