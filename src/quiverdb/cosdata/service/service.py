"""The service: carries out Cosdata's operations on a database.

An operation goes to the function that its name stands for in a table, given the ``Context`` that all share and the
state of the collection that is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import OPERATIONS, Arguments
from quiverdb.cosdata.service.collections import COLLECTIONS, create_collection, list_collections, loaded_collections
from quiverdb.cosdata.service.commits import current
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required, translated
from quiverdb.cosdata.service.indexes import INDEXES
from quiverdb.cosdata.service.search import SEARCHES
from quiverdb.cosdata.service.state import State
from quiverdb.cosdata.service.vectors import VECTORS
from quiverdb.cosdata.service.versions import VERSIONS
from quiverdb.cosdata.service.writes import WRITES, commit_together
from quiverdb.database import Database, OnePerDatabase
from quiverdb.errors import QuiverError

__all__ = ["Service"]

_ON_ONE: Mapping[str, Callable[[Context, State, Arguments], Any]] = {
    **COLLECTIONS,
    **INDEXES,
    **WRITES,
    **VECTORS,
    **VERSIONS,
}
_ON_ALL: Mapping[str, Callable[[Context, Arguments], Any]] = {
    "create_collection": create_collection,
    "list_collections": list_collections,
    "loaded_collections": loaded_collections,
    "commit_together": commit_together,
}


class Service:
    """Carry out operations on a database, which stays with who opened it.

    Transactions that are open end after ``transaction_timeout`` seconds without use. ``clock`` tells the time since
    any moment, ``now`` that since 1970.

    >>> from quiverdb.engine.database import EngineDatabase
    >>> with EngineDatabase.open(":memory:") as database:
    ...     service = Service(database)
    ...     _ = service.call("create_collection", {"name": "a", "dense_vector": {"enabled": True, "dimension": 2}})
    ...     service.call("stream_upsert", {"collection": "a", "vectors": [{"id": 1, "values": [0.5, 1]}]})
    ...     service.call("get_vector", {"collection": "a", "id": "1"})["dense_values"]
    [0.5, 1.0]
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
        self._context = Context(database, transaction_timeout, clock, now)

    @staticmethod
    def of(database: Database) -> Service:
        """Return the service that all users of a database in this process share."""
        return _SERVICES.of(database)

    @property
    def transaction_timeout(self) -> float:
        """After how many seconds without use a transaction that is open ends."""
        return self._context.transactions.timeout

    @transaction_timeout.setter
    def transaction_timeout(self, seconds: float) -> None:
        self._context.transactions.timeout = seconds

    def call(self, operation: str, arguments: Arguments) -> Any:
        """Carry out an operation; raises the errors of ``quiverdb.cosdata.errors``."""
        try:
            return self._carry_out(operation, arguments)
        except QuiverError as error:
            told = translated(operation, arguments.get("collection"), error)
            if told is error:
                raise
            raise told from error

    def _carry_out(self, operation: str, arguments: Arguments) -> Any:
        search = SEARCHES.get(operation)
        if search is not None:
            state = self._state(arguments, headless=arguments.get("version") is None)
            return search(self._context, state, arguments)
        on_all = _ON_ALL.get(operation)
        if on_all is not None:
            return on_all(self._context, arguments)
        on_one = _ON_ONE.get(operation)
        if on_one is not None:
            return on_one(self._context, self._state(arguments), arguments)
        known = ", ".join(OPERATIONS)
        raise ValidationError(f"there is no operation {operation!r} here (known: {known})")

    def _state(self, arguments: Arguments, *, headless: bool = False) -> State:
        return current(self._context, required(arguments, "collection"), headless=headless)

    def close(self) -> None:
        """Do nothing: the database stays with who opened it, and others may share this service."""


_SERVICES = OnePerDatabase(Service)
