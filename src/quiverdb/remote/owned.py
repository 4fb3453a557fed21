"""Things that belong to one process and one event loop, like connections: whoever else asks gets others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from quiverdb.errors import ClosedError

__all__ = ["Owned", "in_loop", "in_process"]

T = TypeVar("T")
Owner: TypeAlias = tuple[int, Any]


def in_process() -> Owner:
    """Return what owns the connections of a synchronous client: the process."""
    return os.getpid(), None


def in_loop() -> Owner:
    """Return what owns the connections of an asynchronous client: the event loop."""
    try:
        return os.getpid(), asyncio.get_running_loop()
    except RuntimeError:  # the loop is another library's
        return os.getpid(), None


class Owned(Generic[T]):
    """Make something once for each owner, from any thread.

    What belonged to an owner that is gone, which is the parent process or a closed loop, is handed to ``forget``.

    >>> owned = Owned(list, in_process, forget=lambda other: None)
    >>> owned.get() is owned.get()
    True
    """

    def __init__(self, make: Callable[[], T], owner: Callable[[], Owner], forget: Callable[[T], object]) -> None:
        self._make = make
        self._owner = owner
        self._forget = forget
        self._things: dict[Owner, T] = {}
        self._closed = False

    def get(self) -> T:
        """Return the caller's own; raises ``ClosedError`` after ``close``."""
        owner = self._owner()
        thing = self._things.get(owner)
        return self._first(owner) if thing is None else thing

    def _first(self, owner: Owner) -> T:
        if self._closed:
            raise ClosedError("the client is closed: make a new one")
        for other in [other for other in list(self._things) if _gone(other)]:
            if (left := self._things.pop(other, None)) is not None:
                self._forget(left)
        made = self._make()
        kept = self._things.setdefault(owner, made)  # a single step, so threads agree on one
        if kept is not made:
            self._forget(made)
        return kept

    def close(self) -> T | None:
        """Give nothing out any more; returns what the caller has to close."""
        self._closed = True
        own = self._things.pop(self._owner(), None)
        while self._things:
            self._forget(self._things.popitem()[1])
        return own


def _gone(owner: Owner) -> bool:
    process, loop = owner
    return process != os.getpid() or (loop is not None and loop.is_closed())
