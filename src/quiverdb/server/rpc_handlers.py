"""Qdrant's gRPC services: what arrives becomes a call, its result becomes a reply.

Handlers are made of the tables in ``wire``. They take and give bytes, so that messages are read and written by the
thread that carries a call out rather than by the event loop. A call that its client gives up before a thread has begun
it is never carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import msgspec
from google.protobuf.message import DecodeError

from quiverdb.errors import InvalidInputError
from quiverdb.server.access import FULL, Access, is_open
from quiverdb.server.bodies import ROWS
from quiverdb.server.core import Core
from quiverdb.server.exchange import GZIP_FROM
from quiverdb.server.rpc_failures import RpcFailure, rpc_failure
from quiverdb.wire.messages import MessageClass
from quiverdb.wire.operations import Operation
from quiverdb.wire.rpc import BY_RPC, arguments_of, messages_of, reply_bytes

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Context", "Handler", "admit", "operation_handlers"]

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = tuple[str, grpc.RpcMethodHandler]
"""The path of a method, and what answers it."""

_OK: int = grpc.StatusCode.OK.value[0]
_NEAR = ("ipv4:127.", "ipv6:%5B::1%5D", "ipv6:[::1]", "unix:")
"""How the addresses of clients on the same machine begin: for them packing costs more than it saves."""


def operation_handlers(core: Core) -> Iterator[Handler]:
    """Yield the handlers of the services Points, Collections, Snapshots and Qdrant."""
    for name, operation in BY_RPC.items():
        path = f"/qdrant.{name}"
        yield path, grpc.unary_unary_rpc_method_handler(_answering(core, operation, path))


def _answering(core: Core, operation: Operation, path: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
    kind = messages_of(operation).request

    async def answer(request: bytes, context: Context) -> bytes:
        began = perf_counter()
        failed: RpcFailure | None = None
        try:
            access = await admit(core, operation.name, context)
            reply = await core.workers.run(operation.access, _answer, core, operation, kind, request, access, began)
        except Exception as error:
            failed = rpc_failure(error)
        if failed is not None:
            core.answered("grpc", path, failed.code.value[0], perf_counter() - began)
            del request  # gRPC keeps what is raised here, and with it this frame
            await context.abort(*failed)
        if len(reply) < GZIP_FROM or context.peer().startswith(_NEAR):
            context.disable_next_message_compression()
        core.answered("grpc", path, _OK, perf_counter() - began)
        return reply

    return answer


def _answer(
    core: Core, operation: Operation, kind: MessageClass, request: bytes, access: Access, began: float
) -> bytes:
    """Carry out an operation; runs on a worker."""
    arguments = arguments_of(operation, _parse(kind, request))
    if operation.name in ROWS:
        arguments["points"] = _rows(arguments.get("points", []), ROWS[operation.name])
    result = core.calls.call(operation.name, arguments, access)
    return reply_bytes(operation, result, perf_counter() - began)


def _parse(kind: MessageClass, request: bytes) -> Message:
    try:
        return kind.FromString(request)
    except DecodeError as error:
        raise InvalidInputError(f"this is no {kind.DESCRIPTOR.name}: {error}") from error


def _rows(points: Any, kind: Any) -> Any:
    """Return points as objects, which readers of requests take without another look."""
    try:
        return msgspec.convert(points, kind)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"points: {error}", field="points") from error


async def admit(core: Core, operation: str, context: Context) -> Access:
    """Return what the caller may do, by the metadata of the call; raises ``RefusedError``."""
    return FULL if is_open(operation) else await core.access(dict(context.invocation_metadata()))
