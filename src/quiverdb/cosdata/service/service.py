"""The service: carries out Cosdata's operations on a database.

An operation goes to the function that its name stands for in a table. Those that search are in ``search``; the others
are here and in the modules beside, given the service, which holds what lives in this process alone.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.search import SEARCHES
from quiverdb.cosdata.service.state import load_state
from quiverdb.database import Database

__all__ = ["Service"]

Carry: TypeAlias = "Callable[[Service, Arguments], Any]"

_services: weakref.WeakValueDictionary[int, Service] = weakref.WeakValueDictionary()
_registry = threading.Lock()


class Service:
    """Carry out operations on a database, which stays with who opened it.

    Transactions that are open end after ``transaction_timeout`` seconds without use. ``clock`` tells the time since
    any moment, ``now`` that since 1970.
    """

    def __init__(
        self,
        database: Database,
        *,
        transaction_timeout: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.transaction_timeout = transaction_timeout
        self.clock = clock
        self.now = now

    @classmethod
    def of(cls, database: Database) -> Service:
        """Return the service that all users of a database in this process share."""
        with _registry:
            service = _services.get(id(database))
            if service is None:
                service = _services[id(database)] = cls(database)
            return service

    def call(self, operation: str, arguments: Arguments) -> Any:
        """Carry out an operation; raises the errors of ``quiverdb.cosdata.errors``."""
        search = SEARCHES.get(operation)
        if search is not None:
            return search(self.database, load_state(self.database, arguments["collection"]), arguments)
        return _OPERATIONS[operation](self, arguments)

    def close(self) -> None:
        """Do nothing: the database stays with who opened it, and others may share this service."""


_OPERATIONS: Mapping[str, Carry] = {}
