"""The services that gRPC itself defines: health checks, and reflection, by which clients ask what a server offers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import grpc

from quiverdb.server.core import Core
from quiverdb.server.rpc_failures import rpc_failure
from quiverdb.server.rpc_handlers import Context, Handler, admit
from quiverdb.wire.messages import POOL, SERVICES, Rpc, enum

if TYPE_CHECKING:
    from google.protobuf.descriptor import FileDescriptor
    from google.protobuf.message import Message

__all__ = ["SERVED", "Health", "reflection_handlers"]

_HEALTH = "grpc.health.v1.Health"
_REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
SERVED = ("qdrant.Collections", "qdrant.Points", "qdrant.Qdrant", "qdrant.Snapshots", _HEALTH, *_REFLECTIONS)
"""The services that a server tells of."""


class Health:
    """Tell whether a server takes requests; like Qdrant, in the same way for whatever service is asked about."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def __iter__(self) -> Iterator[Handler]:
        """Yield the handlers."""
        for name, make, answer in (
            ("Check", grpc.unary_unary_rpc_method_handler, self._check),
            ("Watch", grpc.unary_stream_rpc_method_handler, self._watch),
        ):
            yield f"/{_HEALTH}/{name}", _typed(make, answer, SERVICES[_HEALTH][name])

    def stop(self) -> None:
        """Tell all who watch that the server stops."""
        self._stopped.set()

    def _state(self) -> Message:
        state = "NOT_SERVING" if self._stopped.is_set() else "SERVING"
        return SERVICES[_HEALTH]["Check"].reply(
            status=enum("grpc.health.v1.HealthCheckResponse.ServingStatus").Value(state)
        )

    async def _check(self, _request: Message, _context: Context) -> Message:
        return self._state()

    async def _watch(self, _request: Message, _context: Context) -> AsyncIterator[Message]:
        yield self._state()
        await self._stopped.wait()
        yield self._state()


def reflection_handlers(core: Core) -> Iterator[Handler]:
    """Yield the handlers of both versions of the reflection service, which say the same."""

    async def answer(questions: AsyncIterator[Any], context: Context) -> AsyncIterator[Message]:
        try:
            await admit(core, "reflection", context)
        except Exception as error:
            await context.abort(*rpc_failure(error))
        async for question in questions:
            yield _reflected(question)

    for service in _REFLECTIONS:
        rpc = SERVICES[service]["ServerReflectionInfo"]
        yield f"/{service}/ServerReflectionInfo", _typed(grpc.stream_stream_rpc_method_handler, answer, rpc)


def _typed(make: Callable[..., grpc.RpcMethodHandler], answer: Any, rpc: Rpc) -> grpc.RpcMethodHandler:
    return make(answer, rpc.request.FromString, rpc.reply.SerializeToString)


def _reflected(question: Any) -> Message:
    """Return the answer to a question about what the server offers."""
    reply = SERVICES[f"{question.DESCRIPTOR.file.package}.ServerReflection"]["ServerReflectionInfo"].reply
    kind = question.WhichOneof("message_request")
    try:
        told = _REFLECTED[kind](getattr(question, kind))
    except KeyError:
        error = {"error_code": grpc.StatusCode.NOT_FOUND.value[0], "error_message": f"there is nothing for {kind}"}
        told = {"error_response": error}
    return reply(valid_host=question.host, original_request=question, **told)


def _services(_: str) -> dict[str, Any]:
    return {"list_services_response": {"service": [{"name": name} for name in SERVED]}}


def _file_of(symbol: str) -> FileDescriptor:
    try:
        return POOL.FindFileContainingSymbol(symbol)
    except KeyError:  # the pool does not know methods by their names
        service, _, method = symbol.rpartition(".")
        return POOL.FindServiceByName(service).methods_by_name[method].containing_service.file


def _files(file: FileDescriptor) -> dict[str, Any]:
    """Tell of a file and of all that it builds upon."""
    found = {file.name: file}
    for one in (queue := [file]):
        new = {other.name: other for other in one.dependencies if other.name not in found}
        found |= new
        queue += new.values()
    return {"file_descriptor_response": {"file_descriptor_proto": [one.serialized_pb for one in found.values()]}}


def _no_extension(extension: Any) -> dict[str, Any]:
    raise KeyError(extension.extension_number)


def _extensions(name: str) -> dict[str, Any]:
    return {"all_extension_numbers_response": {"base_type_name": POOL.FindMessageTypeByName(name).full_name}}


_REFLECTED: Mapping[str | None, Callable[[Any], dict[str, Any]]] = MappingProxyType({
    "file_by_filename": lambda name: _files(POOL.FindFileByName(name)),
    "file_containing_symbol": lambda symbol: _files(_file_of(symbol)),
    "file_containing_extension": _no_extension,
    "all_extension_numbers_of_type": _extensions,
    "list_services": _services,
})  # fmt: skip
"""What answers each kind of question; ``KeyError`` tells that there is nothing."""
