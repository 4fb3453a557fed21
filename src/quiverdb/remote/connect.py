"""From the arguments of a client to what carries its operations."""

from __future__ import annotations

import inspect
from threading import Thread
from typing import Any

import msgspec

from quiverdb.remote.caller import AsyncGrpcCaller, AsyncRestCaller, GrpcCaller, RestCaller
from quiverdb.remote.compatibility import check
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.protocol import AsyncCaller, Caller
from quiverdb.remote.settings import Settings, resolve

__all__ = ["async_caller", "caller", "check_version", "connect", "connect_async"]


def connect(url: str | None = None, **options: Any) -> Caller:
    """Return what carries operations to the server that ``url`` or other options name; nothing is sent yet.

    For the options see ``quiverdb.remote.settings.resolve``. Raise ``InvalidInputError`` for options that contradict
    each other.

    >>> connect("localhost", timeout=10)
    <RestCaller of http://localhost:6333>
    """
    return caller(resolve(url, **options))


def connect_async(url: str | None = None, **options: Any) -> AsyncCaller:
    """Return what carries operations to a server from event loops; see ``connect``."""
    return async_caller(resolve(url, **options))


def caller(settings: Settings) -> Caller:
    """Return what carries operations; over gRPC, if the settings prefer it, what it lacks goes over REST.

    Raise ``MissingLibraryError`` if gRPC is not installed.
    """
    rest = RestCaller(HttpTransport(settings))
    if not settings.prefer_grpc:
        return rest
    from quiverdb.remote.channel import GrpcTransport

    return GrpcCaller(GrpcTransport(settings), rest)


def async_caller(settings: Settings) -> AsyncCaller:
    """Return what carries operations from event loops; see ``caller``."""
    rest = AsyncRestCaller(AsyncHttpTransport(settings))
    if not settings.prefer_grpc:
        return rest
    from quiverdb.remote.channel import AsyncGrpcTransport

    return AsyncGrpcCaller(AsyncGrpcTransport(settings), rest)


def check_version(settings: Settings, client_version: str) -> Thread | None:
    """Warn, from a thread of its own, unless the version of the server goes with the client's.

    With an asynchronous client of the user's there is no way to ask from a thread, so ``None`` is returned.
    """
    if inspect.iscoroutinefunction(getattr(settings.http_client, "request", None)):
        return None
    thread = Thread(target=_check, args=(settings, client_version), name="quiverdb-version", daemon=True)
    thread.start()
    return thread


def _check(settings: Settings, client_version: str) -> None:
    if _asynchronous(settings.token_provider):  # servers tell their version without a token, too
        settings = msgspec.structs.replace(settings, token_provider=None)
    with HttpTransport(settings) as transport:
        check(transport.send, client_version)


def _asynchronous(provider: Any) -> bool:
    return inspect.iscoroutinefunction(provider) or inspect.iscoroutinefunction(getattr(provider, "__call__", None))  # noqa: B004
