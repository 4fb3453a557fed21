"""What operations share in this process: the database, clocks, locks, and the transactions that are open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

from quiverdb.cosdata.service.transactions import Transactions
from quiverdb.database import Database
from quiverdb.remote.database import RemoteDatabase

__all__ = ["Context", "Gate"]


class Gate:
    """Hold back who reads a collection while a part of a commit could be seen.

    >>> gate = Gate()
    >>> with gate.closed({"a"}):
    ...     gate.wait("b")
    False
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed: set[str] = set()

    @contextmanager
    def closed(self, uids: Collection[str]) -> Iterator[None]:
        """Hold back the readers of collections within the block; one at a time does so with each."""
        with self._changed:
            self._closed.update(uids)
        try:
            yield
        finally:
            with self._changed:
                self._closed.difference_update(uids)
                self._changed.notify_all()

    def wait(self, uid: str) -> bool:
        """Return once the readers of a collection are not held back, and tell whether they were."""
        if uid not in self._closed:
            return False
        with self._changed:
            self._changed.wait_for(lambda: uid not in self._closed)
        return True


class Context:
    """Hold what operations share. ``clock`` tells seconds since any moment, ``now`` those since 1970."""

    def __init__(
        self, database: Database, timeout: float, clock: Callable[[], float], now: Callable[[], float]
    ) -> None:
        self.database = database
        self.clock = clock
        self.now = now
        self.transactions = Transactions(timeout, clock, now)
        self.gate = Gate()
        self.recovery = threading.Lock()
        """Held by whoever carries out what the journal holds."""
        self.left = 1
        """How often commits were left in the journal that nobody carries out; some may be there at the beginning."""
        self.finished = 0
        """How often they were when all that the journal held was last carried out."""
        self.atomic = not isinstance(database, RemoteDatabase)
        """Whether the database applies a write as a whole whatever happens."""
        self.unloaded: set[str] = set()
        """The collections that were unloaded."""
        self._locks: dict[str, threading.RLock] = {}
        self._mutex = threading.Lock()

    @property
    def unfinished(self) -> bool:
        """Whether the journal may hold commits that are not carried out."""
        return self.finished < self.left

    def leave(self) -> None:
        """Note that a commit is left in the journal."""
        with self._mutex:
            self.left += 1

    @contextmanager
    def locked(self, uids: Collection[str]) -> Iterator[None]:
        """Keep others from changing collections."""
        with self._mutex:
            found = [self._locks.setdefault(uid, threading.RLock()) for uid in sorted(set(uids))]
        with ExitStack() as locks:
            for lock in found:
                locks.enter_context(lock)
            yield
