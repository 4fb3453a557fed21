"""Operations over REST or gRPC: what to send, what an answer means, and when to ask again.

Over gRPC, operations that the protocol lacks go over REST.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quiverdb.errors import InvalidInputError
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.multipart import FileForm
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import USUAL, Retry, async_repeated, repeated
from quiverdb.remote.settings import whole_seconds
from quiverdb.wire import rest
from quiverdb.wire.http_message import Reply
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation

if TYPE_CHECKING:
    from quiverdb.remote.channel import AsyncGrpcTransport, GrpcTransport

__all__ = ["AsyncGrpcCaller", "AsyncRestCaller", "GrpcCaller", "RestCaller"]

_OK = frozenset({200, 201, 202})


def _operation(name: str) -> Operation:
    found = OPERATIONS.get(name) or LEGACY.get(name)
    if found is None:
        raise InvalidInputError(f"there is no operation {name!r}", field="operation")
    return found


def _repeatable(operation: Operation) -> bool:
    """Tell whether an operation may be carried out twice: it reads, or leaves points as the first time did."""
    if operation.path.endswith("/points/batch"):
        return False  # its first step may find points by what a later one changes
    return operation.method == "GET" or operation.access == "read" or "/points" in operation.path


def _timed(operation: Operation, arguments: Mapping[str, Any]) -> tuple[Mapping[str, Any], float | None]:
    """Return arguments with a timeout as servers take it, and for how long to wait: a bit longer than the server."""
    timeout = arguments.get("timeout")
    if timeout is None:
        return arguments, None
    seconds = whole_seconds(timeout)
    wait = None if not seconds else float(seconds + (0 if operation.access == "read" else _GRACE))  # servers refuse 0
    return {**arguments, "timeout": seconds}, wait


_GRACE = 5
"""Seconds."""


def _successful(reply: Reply) -> Reply:
    """Return an answer; raises ``ResponseError`` for one that means failure."""
    if reply.status not in _OK:
        raise ResponseError(reply.status, reply.reason, reply.body, reply.headers)
    return reply


def _result(operation: Operation, reply: Reply) -> Any:
    """Return the plain result in an answer."""
    try:
        return rest.result_of(operation, reply.body)
    except InvalidInputError as error:
        raise TransportError(f"the server's answer is not what Qdrant answers: {reply.body[:80]!r}") from error


class RestCaller:
    """Carry operations to a server over REST.

    >>> from quiverdb.remote.settings import resolve
    >>> RestCaller(HttpTransport(resolve("localhost")))
    <RestCaller of http://localhost:6333>
    """

    def __init__(self, transport: HttpTransport, retry: Retry = USUAL) -> None:
        self.transport = transport
        self._retry = retry

    def call(self, operation: str, arguments: Mapping[str, Any], *, retry: Retry | None = None) -> Any:
        """Return the plain result of an operation; see ``Caller.call``. ``retry`` is for this call only."""
        row = _operation(operation)
        return _result(row, self.ask(row, arguments, retry=retry))

    def ask(
        self,
        row: Operation,
        arguments: Mapping[str, Any],
        *,
        retry: Retry | None = None,
        form: FileForm | None = None,
    ) -> Reply:
        """Return the answer to an operation, perhaps one that no name stands for; raises like ``call``.

        A ``form`` is sent as the body.
        """
        arguments, timeout = _timed(row, arguments)
        request = rest.request(row, arguments)

        def ask() -> Reply:
            if form is not None:
                return _successful(self.transport.upload(request, form, timeout))
            return _successful(self.transport.send(request, timeout))

        return repeated(ask, retry or self._retry, repeatable=_repeatable(row))

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.transport.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.transport.address.rest_uri}>"


class AsyncRestCaller:
    """Carry operations to a server over REST, from event loops; what is said of ``RestCaller`` holds.

    >>> from quiverdb.remote.connect import connect_async
    >>> connect_async("localhost")
    <AsyncRestCaller of http://localhost:6333>
    """

    def __init__(self, transport: AsyncHttpTransport, retry: Retry = USUAL) -> None:
        self.transport = transport
        self._retry = retry

    async def call(self, operation: str, arguments: Mapping[str, Any], *, retry: Retry | None = None) -> Any:
        """Return the plain result of an operation; see ``Caller.call``. ``retry`` is for this call only."""
        row = _operation(operation)
        return _result(row, await self.ask(row, arguments, retry=retry))

    async def ask(
        self,
        row: Operation,
        arguments: Mapping[str, Any],
        *,
        retry: Retry | None = None,
        form: FileForm | None = None,
    ) -> Reply:
        """Return the answer to an operation; see ``RestCaller.ask``."""
        arguments, timeout = _timed(row, arguments)
        request = rest.request(row, arguments)

        async def ask() -> Reply:
            if form is not None:
                return _successful(await self.transport.upload(request, form, timeout))
            return _successful(await self.transport.send(request, timeout))

        return await async_repeated(ask, retry or self._retry, repeatable=_repeatable(row))

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""
        await self.transport.close()

    __repr__ = RestCaller.__repr__


class _Procedure:
    """Say how one operation goes over gRPC."""

    def __init__(self, operation: Operation, arguments: Mapping[str, Any]) -> None:
        from quiverdb.wire import rpc

        arguments, timeout = _timed(operation, arguments)
        self._operation = operation
        self._read = rpc.result_of
        self.terms = (
            f"/qdrant.{operation.rpc}",
            rpc.request_bytes(operation, arguments),
            rpc.messages_of(operation).reply,
            timeout,
        )

    def result(self, reply: Any) -> Any:
        """Return the plain result in a reply."""
        try:
            return self._read(self._operation, reply)
        except InvalidInputError as error:
            raise TransportError(f"the server's reply is not what Qdrant replies: {error}") from error


class GrpcCaller:
    """Carry operations to a server over gRPC, or over REST where gRPC lacks them.

    >>> from quiverdb.remote.connect import connect
    >>> connect("localhost", prefer_grpc=True)
    <GrpcCaller of localhost:6334>
    """

    def __init__(self, transport: GrpcTransport, rest: RestCaller, retry: Retry = USUAL) -> None:
        self.transport = transport
        self.rest = rest
        self._retry = retry

    def call(self, operation: str, arguments: Mapping[str, Any], *, retry: Retry | None = None) -> Any:
        """Return the plain result of an operation; see ``Caller.call``. ``retry`` is for this call only."""
        row = _operation(operation)
        if row.rpc is None:
            return self.rest.call(operation, arguments, retry=retry)
        procedure = _Procedure(row, arguments)

        def ask() -> Any:
            return procedure.result(self.transport.call(*procedure.terms))

        return repeated(ask, retry or self._retry, repeatable=_repeatable(row))

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.transport.close()
        self.rest.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.transport.address.grpc_target}>"


class AsyncGrpcCaller:
    """Carry operations to a server over gRPC, from event loops; what is said of ``GrpcCaller`` holds.

    >>> from quiverdb.remote.connect import connect_async
    >>> connect_async("localhost", prefer_grpc=True)
    <AsyncGrpcCaller of localhost:6334>
    """

    def __init__(self, transport: AsyncGrpcTransport, rest: AsyncRestCaller, retry: Retry = USUAL) -> None:
        self.transport = transport
        self.rest = rest
        self._retry = retry

    async def call(self, operation: str, arguments: Mapping[str, Any], *, retry: Retry | None = None) -> Any:
        """Return the plain result of an operation; see ``Caller.call``. ``retry`` is for this call only."""
        row = _operation(operation)
        if row.rpc is None:
            return await self.rest.call(operation, arguments, retry=retry)
        procedure = _Procedure(row, arguments)

        async def ask() -> Any:
            return procedure.result(await self.transport.call(*procedure.terms))

        return await async_repeated(ask, retry or self._retry, repeatable=_repeatable(row))

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""
        await self.transport.close()
        await self.rest.close()

    __repr__ = GrpcCaller.__repr__
