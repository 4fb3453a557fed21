"""The operations of the tables as routes: bodies are read, operations carried out, and results written on threads."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from quiverdb.server.bodies import read_body
from quiverdb.server.calls import ALL
from quiverdb.server.core import Core
from quiverdb.server.exchange import Answer, Endpoint, Request, Route, accepted, bare, ok
from quiverdb.server.limits import check_depth
from quiverdb.server.settings import MEGABYTE
from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import arguments_of

__all__ = ["operation_routes"]


def operation_routes(core: Core) -> Iterator[Route]:
    """Yield a route for each operation."""
    for operation in ALL.values():
        yield Route(operation.name, operation.method, operation.path, _endpoint(core, operation))


def _endpoint(core: Core, operation: Operation) -> Endpoint:
    limit = core.settings.service.max_request_size_mb * MEGABYTE

    async def endpoint(request: Request) -> Answer:
        began = perf_counter()
        body = await request.json(limit) if operation.body else b""
        return await core.workers.run(operation.access, _answer, core, operation, request, body, began)

    return endpoint


def _answer(core: Core, operation: Operation, request: Request, body: bytes, began: float) -> Answer:
    """Carry out an operation; runs on a worker."""
    plain = None
    if operation.body:
        check_depth(body, core.settings.service.max_depth)
        plain = read_body(operation.name, body)
    arguments = arguments_of(operation, request.path, request.query, plain)
    result = core.calls.call(operation.name, arguments, request.access)
    if operation.bare:
        return bare(result)
    seconds = perf_counter() - began
    answer = accepted(seconds) if result is None else ok(result, seconds)
    return answer.packed_for(request)
