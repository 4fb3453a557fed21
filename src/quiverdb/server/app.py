"""The server over HTTP as an ASGI application: requests find their protocol and route, and who may ask is answered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter

from quiverdb.server.core import Core
from quiverdb.server.dialect import Dialect
from quiverdb.server.exchange import ClientGoneError, Receive, Request, Response, Route, Scope, Send
from quiverdb.server.routing import MethodError, PathError

__all__ = ["Application"]

_log = logging.getLogger("quiverdb.server")


class Application:
    """Answer requests in the first of several protocols that owns them; the last one takes those that nobody owns.

    >>> import quiverdb
    >>> from quiverdb.server.qdrant import QdrantDialect
    >>> from quiverdb.server.settings import Settings
    >>> with quiverdb.open(":memory:") as database:
    ...     core = Core(database, Settings())
    ...     Application(core, [QdrantDialect(core)]).dialect_of({"raw_path": b"/collections"}).protocol
    'rest'
    """

    def __init__(self, core: Core, dialects: Sequence[Dialect]) -> None:
        self._core = core
        self._dialects = tuple(dialects)

    def dialect_of(self, scope: Scope) -> Dialect:
        """Return the protocol that a request is of."""
        return next((one for one in self._dialects if one.owns(scope)), self._dialects[-1])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        began = perf_counter()
        dialect = self.dialect_of(scope)
        request, route = Request(scope, receive), None
        try:
            route = await _route_of(dialect, request)
            answer: Response = await route.endpoint(request)
        except ClientGoneError as error:
            _log.debug("%s: %s", scope["raw_path"].decode("ascii"), error)
            return
        except Exception as error:
            answer = dialect.failure(error, route, request)
        with suppress(ClientGoneError):
            await answer(scope, receive, send)
        seconds = perf_counter() - began
        label = "unknown" if route is None else route.label
        self._core.answered(dialect.protocol, label, answer.status, seconds)
        if _log.isEnabledFor(logging.DEBUG):
            path = scope["raw_path"].decode("ascii")  # in which no line can end
            _log.debug("%s %s: %d in %.1f ms", scope["method"], path, answer.status, seconds * 1e3)


async def _route_of(dialect: Dialect, request: Request) -> Route:
    """Return the route of a request whose caller may take it, and note in the request what that caller may do."""
    try:
        route, request.path = dialect.find(request.scope)
    except (PathError, MethodError):
        await dialect.admit(request, None)
        raise
    request.access = await dialect.admit(request, route)
    return route
