"""The gRPC server: where it listens, how much it takes, how it starts and stops."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from quiverdb.errors import MissingLibraryError

try:
    import google.protobuf  # noqa: F401
    import grpc
except ImportError as error:
    raise MissingLibraryError("gRPC", library="grpcio and protobuf", extra="grpc") from error

from quiverdb.server.core import Core
from quiverdb.server.rpc_handlers import operation_handlers
from quiverdb.server.rpc_standard import Health, reflection_handlers
from quiverdb.server.settings import MEGABYTE, authority
from quiverdb.server.tls import grpc_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quiverdb.server.rpc_handlers import Handler

__all__ = ["RpcServer"]

DEFAULT_PORT = 6334
_GZIP_IF_ACCEPTED = 1
_MOST_WAITING = 100_000
"""Calls that may wait; by default some are refused from a thousand on, and where streams are limited, even sooner."""
_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", -1),
    ("grpc.server.max_pending_requests", _MOST_WAITING),
    ("grpc.server.max_pending_requests_hard_limit", _MOST_WAITING),
    ("grpc.so_reuseport", 0),
    ("grpc.default_compression_level", _GZIP_IF_ACCEPTED),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
)
"""Clients may ping as often as Qdrant lets them; a port is not shared; those that vanished are found out."""


class _Router(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._handlers = dict(handlers)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)


class RpcServer:
    """Answer calls over gRPC; must be made and used on one event loop.

    >>> import asyncio
    >>> from quiverdb.engine.database import EngineDatabase
    >>> from quiverdb.server.settings import Service, Settings
    >>> async def port(core):
    ...     server = RpcServer(core)
    ...     await server.start()
    ...     await server.stop()
    ...     return server.port
    >>> with EngineDatabase.open(":memory:") as database:
    ...     asyncio.run(port(Core(database, Settings(service=Service(grpc_port=0))))) > 0
    True
    """

    def __init__(self, core: Core) -> None:
        service = core.settings.service
        self._grace = service.graceful_shutdown_secs
        self._health = Health()
        handlers = chain(operation_handlers(core), self._health, reflection_handlers(core))
        limit = ("grpc.max_receive_message_length", service.max_grpc_request_size_mb * MEGABYTE)
        self._server = grpc.aio.server(handlers=[_Router(handlers)], options=[*_OPTIONS, limit])
        port = DEFAULT_PORT if service.grpc_port == "auto" else service.grpc_port or 0
        self.port = self._listen(service.host, port, grpc_credentials(core.settings))
        """The port that it listens on."""

    def _listen(self, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
        """Return the port that is listened on; ``OSError`` if it is taken or the host not of this machine."""
        address = authority(host, port)
        try:
            if credentials is None:
                found: int = self._server.add_insecure_port(address)
            else:
                found = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            message = f"gRPC cannot listen on {address}; see the log for the reason"
            raise OSError(message) from error
        return found

    async def start(self) -> None:
        """Begin to answer."""
        await self._server.start()

    async def stop(self) -> None:
        """Take no more calls, give those under way the time that is granted, and end."""
        self._health.stop()
        await self._server.stop(self._grace)
