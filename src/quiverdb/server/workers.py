"""Threads that carry out operations, so that the event loop never waits for a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from quiverdb.wire.operations import Access

__all__ = ["Workers"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workers:
    """Run functions on threads; those that read, write and manage do not wait for each other."""

    def __init__(self, threads: Mapping[Access, int]) -> None:
        self._pools = {access: ThreadPoolExecutor(count, f"quiverdb-{access}") for access, count in threads.items()}

    async def run(self, access: Access, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Return what a function returns."""
        return await asyncio.get_running_loop().run_in_executor(self._pools[access], function, *arguments)

    def close(self) -> None:
        """Wait until all that was begun is done."""
        for pool in self._pools.values():
            pool.shutdown()
