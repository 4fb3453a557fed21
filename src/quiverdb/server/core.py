"""What the two protocols share: who may ask, who carries it out, and who counts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from quiverdb.database import Database
from quiverdb.server.access import Access
from quiverdb.server.auth import Authenticator, exists_in
from quiverdb.server.calls import Calls
from quiverdb.server.metrics import Protocol, Requests
from quiverdb.server.settings import Settings
from quiverdb.server.workers import Workers

__all__ = ["Core"]

_log = logging.getLogger("quiverdb.server")


class Core:
    """Hold a database with all that a server needs around it; the database is not closed with it.

    >>> import quiverdb
    >>> with quiverdb.open(":memory:") as database:
    ...     core = Core(database, Settings())
    ...     core.calls.call("collection_exists", {"collection_name": "docs"})
    ...     core.close()
    {'exists': False}
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self.id = str(uuid4())
        self.started = datetime.now(UTC)
        self.database = database
        self.settings = settings
        self.workers = Workers(settings.service.max_workers)
        self.calls = Calls(database, settings, self.workers)
        self.requests = Requests()
        self._authenticator = Authenticator(settings.service, exists_in(database))
        slowest = settings.service.slow_query_secs
        self._slow = float("inf") if slowest is None else slowest

    async def access(self, headers: Mapping[str, str]) -> Access:
        """Return what the caller may do whose headers these are; ``RefusedError`` for one that is not let in."""
        return await self._authenticator.authenticate_async(headers, partial(self.workers.run, "read"))

    def answered(self, protocol: Protocol, endpoint: str, status: int, seconds: float) -> None:
        """Count an answer, and tell of a slow one."""
        self.requests.record(protocol, endpoint, status, seconds)
        if seconds >= self._slow:
            _log.warning("%s took %.3f s", endpoint, seconds)

    def close(self) -> None:
        """Wait until all that was begun is done."""
        self.workers.close()
