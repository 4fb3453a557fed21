"""The REST server as an ASGI application: requests find their routes, and whoever may ask is answered."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import perf_counter

from quiverdb.server.access import FULL, is_open
from quiverdb.server.core import Core
from quiverdb.server.exchange import ClientGoneError, Receive, Request, Response, Route, Scope, Send, headers_of
from quiverdb.server.failures import failure
from quiverdb.server.rest import operation_routes
from quiverdb.server.routing import MethodError, PathError, Router
from quiverdb.server.service import service_routes
from quiverdb.server.snapshots import snapshot_routes

__all__ = ["Application"]

_log = logging.getLogger("quiverdb.server")


class Application:
    """Answer requests over REST.

    >>> import quiverdb
    >>> from quiverdb.server.settings import Settings
    >>> with quiverdb.open(":memory:") as database:
    ...     route, path = Application(Core(database, Settings())).router.find("GET", "/collections/a%20b")
    >>> route.name, path
    ('get_collection', {'collection_name': 'a b'})
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.routes = (*operation_routes(core), *service_routes(core), *snapshot_routes(core))
        self.router: Router[Route] = Router()
        for route in self.routes:
            self.router.add(route.method, route.path, route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        began = perf_counter()
        label = "unknown"
        try:
            route, request = await self._enter(scope, receive)
            label = route.label
            answer: Response = await route.endpoint(request)
        except ClientGoneError as error:
            _log.debug("%s: %s", scope["raw_path"].decode("ascii"), error)
            return
        except Exception as error:
            answer = failure(error)
        with suppress(ClientGoneError):
            await answer(scope, receive, send)
        seconds = perf_counter() - began
        self._core.answered("rest", label, answer.status, seconds)
        if _log.isEnabledFor(logging.DEBUG):
            path = scope["raw_path"].decode("ascii")  # in which no line can end
            _log.debug("%s %s: %d in %.1f ms", scope["method"], path, answer.status, seconds * 1e3)

    async def _enter(self, scope: Scope, receive: Receive) -> tuple[Route, Request]:
        """Return the route of a request whose caller may take it."""
        try:
            route, path = self.router.find(scope["method"], scope["raw_path"].decode("ascii"))
        except (PathError, MethodError):
            await self._core.access(headers_of(scope))  # those who are not let in learn of no route either
            raise
        access = FULL if is_open(route.name) else await self._core.access(headers_of(scope))
        access.require(route.name, path.get("collection_name"))
        self._core.calls.check_mode(route.name)
        return route, Request(scope, receive, path, access)
