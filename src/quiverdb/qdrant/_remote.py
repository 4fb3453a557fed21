"""The client in front of a server: what methods are given becomes plain data, plain results become models.

Nothing passes through the model of this package, so whatever a server can do the client can ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
import numpy as np
from pydantic import ValidationError

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant.http.exceptions import ResponseHandlingException
from quiverdb.qdrant.request import inference
from quiverdb.qdrant.request.inference import Purpose
from quiverdb.qdrant.response.plain import answer
from quiverdb.remote.caller import AsyncRestCaller, RestCaller
from quiverdb.remote.connect import async_caller, caller, check_version
from quiverdb.remote.settings import Settings, resolve
from quiverdb.wire.operations import OPERATIONS

if TYPE_CHECKING:
    from quiverdb.qdrant._stubs import AsyncStub, Stub
    from quiverdb.qdrant.http.api_client import AsyncApis, SyncApis
    from quiverdb.remote.channel import AsyncGrpcTransport, GrpcTransport

__all__ = ["AsyncRemote", "Remote", "Terms", "reach"]


class Terms(msgspec.Struct, frozen=True):
    """Say who makes vectors of texts and pictures: the server, or the client so many at a time."""

    cloud_inference: bool
    inference_batch: int


class Remote:
    """Ask a server what the methods of a client ask for."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self.settings = settings
        self.caller = caller(settings)
        self._terms = terms

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return what the method ``name`` returns; raise what a ``Caller`` raises."""
        return self.prepared(name, arguments)()

    def prepared(self, name: str, arguments: dict[str, Any]) -> Callable[[], Any]:
        """Return what calls the method ``name``, any number of times; models have run by then."""
        name, arguments = _prepared(name, arguments, self._terms)
        send = self.sending(name, arguments)
        return lambda: _read(name, send())

    def sending(self, name: str, arguments: dict[str, Any]) -> Callable[[], Any]:
        """Return what sends an operation, any number of times, and returns the plain result."""
        return lambda: self.caller.call(name, arguments)

    @cached_property
    def http(self) -> SyncApis:
        """The REST API as it is."""
        from quiverdb.qdrant.http.api_client import SyncApis

        return SyncApis(cast(RestCaller, getattr(self.caller, "rest", self.caller)))

    @cached_property
    def _grpc(self) -> GrpcTransport:
        from quiverdb.remote.channel import GrpcTransport

        used = getattr(self.caller, "transport", None)
        return used if isinstance(used, GrpcTransport) else GrpcTransport(self.settings)

    def stub(self, service: str) -> Stub:
        """Return the procedures of a service of the gRPC API."""
        from quiverdb.qdrant._stubs import Stub

        return Stub(self._grpc, service)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self.caller.close()
        if "_grpc" in self.__dict__:
            self._grpc.close()


class AsyncRemote:
    """Ask a server what the methods of an asynchronous client ask for."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self.settings = settings
        self.caller = async_caller(settings)
        self._terms = terms

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """Return what the method ``name`` returns; models run on a thread of their own."""
        if _needs_model(name, arguments, self._terms):
            name, arguments = await asyncio.to_thread(_prepared, name, arguments, self._terms)
        else:
            name, arguments = _prepared(name, arguments, self._terms)
        return _read(name, await self.caller.call(name, arguments))

    @cached_property
    def http(self) -> AsyncApis:
        """The REST API as it is."""
        from quiverdb.qdrant.http.api_client import AsyncApis

        return AsyncApis(cast(AsyncRestCaller, getattr(self.caller, "rest", self.caller)))

    @cached_property
    def _grpc(self) -> AsyncGrpcTransport:
        from quiverdb.remote.channel import AsyncGrpcTransport

        used = getattr(self.caller, "transport", None)
        return used if isinstance(used, AsyncGrpcTransport) else AsyncGrpcTransport(self.settings)

    def stub(self, service: str) -> AsyncStub:
        """Return the procedures of a service of the gRPC API."""
        from quiverdb.qdrant._stubs import AsyncStub

        return AsyncStub(self._grpc, service)

    async def close(self, grpc_grace: float | None = None) -> None:
        """Close all connections, those of gRPC once calls had so many seconds to end; a second call does nothing."""
        if self.settings.prefer_grpc or "_grpc" in self.__dict__:
            await self._grpc.close(grpc_grace)
        await self.caller.close()


def _read(name: str, result: Any) -> Any:
    try:
        return answer(OPERATIONS[name], result)
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ResponseHandlingException(error) from error


def _prepared(name: str, arguments: dict[str, Any], terms: Terms) -> tuple[str, dict[str, Any]]:
    """Return the operation that a method asks for, and its arguments as they travel."""
    arguments = {place: _without_messages(value) for place, value in arguments.items()}
    if name in _FORMS:
        name, arguments = _FORMS[name](name, arguments)
    if name in _EMBEDDED and not terms.cloud_inference:
        purpose, places = _EMBEDDED[name]
        parts = inference.embedded([arguments[place] for place in places], purpose, terms.inference_batch)
        arguments = arguments | dict(zip(places, parts, strict=True))
    return name, arguments


def _without_messages(value: Any) -> Any:
    """Return the plain data that a gRPC message stands for, or a list of them; anything else as it is."""
    if isinstance(value, list) and value and hasattr(type(value[0]), "DESCRIPTOR"):
        return [_without_messages(item) for item in value]
    if not hasattr(type(value), "DESCRIPTOR"):
        return value
    from quiverdb.wire import convert, messages  # whoever has a message has protobuf

    own = messages.message(value.DESCRIPTOR.name)  # it may be one of the official package
    return convert.to_plain(own.FromString(value.SerializeToString()))


def _needs_model(name: str, arguments: Mapping[str, Any], terms: Terms) -> bool:
    if name not in _EMBEDDED or terms.cloud_inference:
        return False
    return inference.needs_model(arguments[place] for place in _EMBEDDED[name][1])


_EMBEDDED: Mapping[str, tuple[Purpose, tuple[str, ...]]] = MappingProxyType({
    "upsert": ("document", ("points",)),
    "update_vectors": ("document", ("points",)),
    "batch_update_points": ("document", ("update_operations",)),
    "query_points": ("query", ("query", "prefetch")),
    "query_points_groups": ("query", ("query", "prefetch")),
    "query_batch_points": ("query", ("requests",)),
})  # fmt: skip
"""The arguments that may hold texts and pictures, and whether those are stored or searched for."""


_BARE = frozenset({"SparseVector", "Document", "Image", "InferenceObject"})


def _query(value: Any) -> Any:
    """Return a query, given as one or as what the nearest points of are wanted."""
    if isinstance(value, Mapping):
        bare = "indices" in value or "model" in value
    else:
        bare = isinstance(value, list | tuple | np.ndarray | int | str | UUID) or type(value).__name__ in _BARE
    return {"nearest": value} if bare else value


def _with_query(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    several = arguments.pop("query_points", None)
    if several is None:
        return name, arguments | {"query": _query(arguments["query"])}
    kept = {argument: arguments[argument] for argument in ("collection_name", "consistency", "timeout")}
    return _with_requests("query_batch_points", kept | {"requests": several})


def _with_requests(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    requests = [_with_nearest(request) for request in arguments["requests"]]
    return name, arguments | {"requests": requests}


def _with_nearest(request: Any) -> Any:
    if isinstance(request, Mapping):
        return {**request, "query": _query(request["query"])} if "query" in request else request
    query = _query(request.query)
    return request if query is request.query else request.model_copy(update={"query": query})


def _with_schema(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    old = arguments.pop("field_type")
    if arguments["field_schema"] is None:
        arguments["field_schema"] = old
    if arguments["field_schema"] is None:
        raise InvalidInputError("field_schema says what kind of index it shall be", field="field_schema")
    return name, arguments


def _with_completed(name: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Ask for what a limit is given of; servers pass over the limit otherwise."""
    given = arguments["with_"]
    parts = [given] if isinstance(given, str) else list(given or ())
    if arguments["completed_limit"] is not None and "completed" not in parts:
        parts.append("completed")
    return name, arguments | {"with_": parts or None}


_FORMS: Mapping[str, Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]] = MappingProxyType({
    "create_payload_index": _with_schema,
    "get_optimizations": _with_completed,
    "query_batch_points": _with_requests,
    "query_points": _with_query,
    "query_points_groups": _with_query,
})  # fmt: skip
"""Methods that take more forms of arguments than servers do."""


_OF_THE_CLIENT = frozenset({
    "check_compatibility", "cloud_inference", "force_disable_check_same_thread", "local_inference_batch_size",
    "location", "path", "url",
})  # fmt: skip
"""Options that say nothing about the connection, or say it twice."""


def reach(
    options: Mapping[str, Any], inference_batch: int, version: str, kind: type[Remote] = Remote
) -> tuple[str, Remote]:
    """Return where the server is that options of a client name, and what asks it; nothing is sent yet.

    Unless told not to, a thread asks for the version of the server and warns if ``version`` does not go with it.
    """
    about = {name: value for name, value in options.items() if name not in _OF_THE_CLIENT}
    settings = resolve(options["url"] or options["location"], **about)
    if options["check_compatibility"]:
        check_version(settings, version)
    terms = Terms(options["cloud_inference"], inference_batch)
    return settings.address.rest_uri, kind(settings, terms)
