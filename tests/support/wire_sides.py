"""The official client and ours in front of one recorder, and what each of them sends for a call."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import qdrant_client
from recorder import HttpRequest, Recorder, RpcRequest
from restated import in_dicts, in_models_of
from wire_calls import Call

from quiverdb import qdrant
from quiverdb.qdrant import models as our_models

PROTOCOLS = ("rest", "grpc")
STORED = {"payload", "payloads", "metadata", "options", "object", "defaults"}
"""Fields with JSON of the user's own, where 1 is not 1.0 and null is a value."""


@dataclass(frozen=True)
class Sent:
    """What a client sent for a call, or how it failed before."""

    requests: tuple[Any, ...] = ()
    error: str | None = None


class Sides:
    """Two clients that take turns, made with the same options."""

    def __init__(self, recorder: Recorder, options: Mapping[str, Any]) -> None:
        self.recorder = recorder
        self.options = options
        self.official = qdrant_client.QdrantClient(**options)
        self.ours = qdrant.QdrantClient(**options)

    def close(self) -> None:
        self.official.close()
        self.ours.close()

    def theirs(self, call: Call) -> Sent:
        return self._sent(self.official, call, call.arguments)

    def mine(self, call: Call) -> Sent:
        return self._sent(self.ours, call, in_models_of(our_models, call.arguments))

    def mine_otherwise(self, call: Call) -> tuple[Sent, Sent]:
        """Return what our client sends for the official models, and for plain data."""
        plain = in_dicts(call.arguments, exclude_unset=not self.options["prefer_grpc"])
        return self._sent(self.ours, call, call.arguments), self._sent(self.ours, call, plain)

    def mine_awaited(self, call: Call) -> Sent:
        """Return what our asynchronous client sends."""
        return self._sent(_Awaited(self.options), call, in_models_of(our_models, call.arguments))

    def _sent(self, client: Any, call: Call, arguments: Mapping[str, Any]) -> Sent:
        self.recorder.taken()
        error = send(client, call, arguments)
        requests = tuple(plain(request) for request in self.recorder.taken())
        return Sent(requests) if requests else Sent(error=error)


def send(client: Any, call: Call, arguments: Mapping[str, Any] | None = None) -> str | None:
    """Call a method and return the error, if there was one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of recreate_collection
            getattr(client, call.method)(**(call.arguments if arguments is None else arguments))
    except Exception as raised:
        return repr(raised)
    return None


class _Awaited:
    """Makes an asynchronous client for each call."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    def __getattr__(self, method: str) -> Any:
        async def ask(arguments: Mapping[str, Any]) -> Any:
            async with qdrant.AsyncQdrantClient(**self.options) as client:
                return await getattr(client, method)(**arguments)

        return lambda **arguments: asyncio.run(ask(arguments))


@contextmanager
def sides(recorder: Recorder, protocol: str, **options: Any) -> Iterator[Sides]:
    """Make both clients with the same options."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of keys sent in the clear, by both
        made = Sides(
            recorder,
            {
                "url": recorder.url,
                "grpc_port": recorder.grpc_port,
                "prefer_grpc": protocol == "grpc",
                "check_compatibility": False,
                **options,
            },
        )
    try:
        yield made
    finally:
        made.close()


# --- what is compared

HEADERS = ("api-key", "authorization", "content-type", "x-custom")


def plain(request: HttpRequest | RpcRequest) -> Any:
    """Return a request without what may differ: the order of fields, nulls that stand for absent ones."""
    if isinstance(request, RpcRequest):
        metadata = {name: request.metadata[name] for name in HEADERS if name in request.metadata}
        return request.method, str(request.message), metadata
    headers = {name: request.headers[name] for name in HEADERS if name in request.headers}
    return request.method, request.path, request.query, headers, fields(request.body)


def fields(value: Any, *, stored: bool = False) -> Any:
    """Return JSON such that equal means the same."""
    if isinstance(value, Mapping):
        return {
            name: fields(item, stored=stored or name in STORED)
            for name, item in value.items()
            if stored or item is not None
        }
    if isinstance(value, list):
        return [fields(item, stored=stored) for item in value]
    if isinstance(value, bool) or (stored and isinstance(value, int | float)):
        return type(value).__name__, value
    return value


def made_of(value: Any) -> Any:
    """Return an answer as plain data that names the classes it is made of."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [made_of(item) for item in value]
    if isinstance(value, Mapping):
        return {name: made_of(item) for name, item in value.items()}
    if not hasattr(type(value), "model_fields"):
        return type(value).__name__, value.value if isinstance(value, Enum) else value
    return type(value).__name__, {name: made_of(getattr(value, name)) for name in type(value).model_fields}
