"""Qdrant's protocol: its routes, its keys, and its errors."""

from __future__ import annotations

from quiverdb.server.access import FULL, Access, is_open
from quiverdb.server.core import Core
from quiverdb.server.dialect import Dialect
from quiverdb.server.exchange import Request, Response, Route, Scope
from quiverdb.server.failures import failure
from quiverdb.server.rest import operation_routes
from quiverdb.server.service import service_routes
from quiverdb.server.snapshots import snapshot_routes

__all__ = ["QdrantDialect"]


class QdrantDialect(Dialect):
    """Speak Qdrant's REST API, to whatever request is no other's.

    >>> import quiverdb
    >>> from quiverdb.server.settings import Settings
    >>> with quiverdb.open(":memory:") as database:
    ...     route, path = QdrantDialect(Core(database, Settings())).router.find("GET", "/collections/a%20b")
    >>> route.name, path
    ('get_collection', {'collection_name': 'a b'})
    """

    protocol = "rest"

    def __init__(self, core: Core) -> None:
        super().__init__((*operation_routes(core), *service_routes(core), *snapshot_routes(core)))
        self._core = core

    def owns(self, scope: Scope) -> bool:  # noqa: ARG002
        return True

    async def admit(self, request: Request, route: Route | None) -> Access:
        """Return what the caller may do; those who are not let in learn of no route either."""
        if route is None:
            return await self._core.access(request.headers)
        access = FULL if is_open(route.name) else await self._core.access(request.headers)
        access.require(route.name, request.path.get("collection_name"))
        self._core.calls.check_mode(route.name)
        return access

    def failure(self, error: Exception, route: Route | None, request: Request) -> Response:  # noqa: ARG002
        return failure(error)
