"""The REST server as an ASGI application: a request finds its route, its answer is sent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, TypeAlias

from quiverdb.database import Database
from quiverdb.server.bodies import read_body
from quiverdb.server.calls import ALL, Calls
from quiverdb.server.exchange import Answer, ClientGoneError, Receive, Request, Scope, Send, accepted, ok
from quiverdb.server.failures import failure
from quiverdb.server.routing import Router
from quiverdb.server.service import FIXED
from quiverdb.server.workers import Workers
from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import arguments_of

__all__ = ["Application"]

logger = logging.getLogger("quiverdb.server")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Any]]


class Application:
    """Answer requests to a database."""

    def __init__(self, database: Database, workers: Workers) -> None:
        self._calls = Calls(database)
        self._workers = workers
        self._router: Router[Endpoint] = Router()
        for operation in ALL.values():
            self._router.add(operation.method, operation.path, self._endpoint(operation))
        for path, answer in FIXED.items():
            self._router.add("GET", path, _always(answer))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        try:
            endpoint, names = self._router.find(scope["method"], scope["raw_path"].decode("ascii"))
            answer = await endpoint(Request(scope, receive, names, patience=30))
        except ClientGoneError:
            return
        except Exception as error:
            answer = failure(error)
        await answer(scope, receive, send)

    def _endpoint(self, operation: Operation) -> Endpoint:
        async def endpoint(request: Request) -> Answer:
            started = perf_counter()
            body = await request.body(1 << 25) if operation.body else b""
            return await self._workers.run(
                operation.access, self._answer, operation, request.path, request.query, body, started
            )

        return endpoint

    def _answer(
        self, operation: Operation, path: Mapping[str, str], query: Mapping[str, str], body: bytes, started: float
    ) -> Answer:
        plain = read_body(operation.name, body) if operation.body else None
        result = self._calls.call(operation.name, arguments_of(operation, path, query, plain))
        seconds = perf_counter() - started
        return accepted(seconds) if result is None else ok(result, seconds)


def _always(answer: Answer) -> Endpoint:
    async def endpoint(_: Request) -> Answer:
        return answer

    return endpoint
