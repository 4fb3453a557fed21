"""What all operations on a database share: the database, the time, and locks."""

from __future__ import annotations

import threading
from collections.abc import Callable

from quiverdb.database import Database
from quiverdb.vikingdb.service.layout import Schema
from quiverdb.vikingdb.service.state import stored_name

__all__ = ["Context"]


class Context:
    """Hold a database; ``clock`` tells the seconds since 1970, by which rows with a time to live expire."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self.database = database
        self.clock = clock
        self.managing = threading.RLock()
        """Held while collections and indexes are created, changed or deleted."""
        self._locks: dict[str, threading.RLock] = {}

    def lock(self, schema: Schema) -> threading.RLock:
        """Return the lock under which a collection is changed."""
        return self._locks.setdefault(stored_name(schema), threading.RLock())
