"""The gRPC API as it is: a function for each procedure, which takes a message and returns one.

The messages are those of ``quiverdb.wire.messages``; any others that mean the same may be sent, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from quiverdb.qdrant.errors import api_errors
from quiverdb.remote.channel import AsyncGrpcTransport, GrpcTransport
from quiverdb.remote.headers import headers
from quiverdb.wire.messages import SERVICES

__all__ = ["AsyncStub", "Stub"]

Metadata: TypeAlias = Iterable[tuple[str, str]] | None


class _Service:
    """Hold functions under the names of a service's procedures."""

    def __init__(self, service: str, make: Callable[[str, Any], Any]) -> None:
        self._service = service
        for name, rpc in SERVICES[service].items():
            call = make(f"/qdrant.{service}/{name}", rpc.reply)
            call.__name__ = name
            call.__doc__ = f"Take a ``{rpc.request.__name__}``, return a ``{rpc.reply.__name__}``."
            self.__dict__[name] = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"the service {self.__dict__.get('_service')} has no procedure {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._service}>"


class Stub(_Service):
    """Call the procedures of a service.

    >>> from quiverdb.remote.settings import resolve
    >>> from quiverdb.wire.messages import message
    >>> stub = Stub(GrpcTransport(resolve("localhost")), "Collections")
    >>> stub.List.__doc__
    'Take a ``ListCollectionsRequest``, return a ``ListCollectionsResponse``.'
    """

    def __init__(self, transport: GrpcTransport, service: str) -> None:
        def make(path: str, reply: Any) -> Callable[..., Any]:
            def call(request: Any, timeout: float | None = None, metadata: Metadata = None) -> Any:
                with api_errors, headers(dict(metadata or ())):
                    return transport.call(path, request, reply, timeout)

            return call

        super().__init__(service, make)


class AsyncStub(_Service):
    """Call the procedures of a service from event loops; see ``Stub``."""

    def __init__(self, transport: AsyncGrpcTransport, service: str) -> None:
        def make(path: str, reply: Any) -> Callable[..., Awaitable[Any]]:
            async def call(request: Any, timeout: float | None = None, metadata: Metadata = None) -> Any:
                with api_errors, headers(dict(metadata or ())):
                    return await transport.call(path, request, reply, timeout)

            return call

        super().__init__(service, make)
