"""What a client works on, and until when: a server elsewhere, or a database of this process.

Nothing is sent before the first call. ``AsyncConnection`` is the same for asynchronous clients: it sends requests
from the event loop, and works on a database on threads of its own, so that the loop only waits.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.holding import MEMORY, Threaded, closed_error, release
from quiverdb.vikingdb.config import ClientConfig, RetryConfig
from quiverdb.vikingdb.credentials import Auth
from quiverdb.vikingdb.operations import OPERATIONS
from quiverdb.vikingdb.request_options import RequestOptions

if TYPE_CHECKING:
    from quiverdb.database import Database
    from quiverdb.remote.tls import Verify

__all__ = ["AsyncConnection", "Connection", "Place", "place"]

Envelope: TypeAlias = Mapping[str, Any]


class Place(msgspec.Struct, frozen=True):
    """Say where a client works: at a server, in the folder ``path``, in memory, or on ``database``."""

    described: str
    config: ClientConfig | None = None
    auth: Auth | None = None
    path: str | None = None
    database: Any = None
    ping: bool = False
    """Whether to ask first whether the server is there."""


def place(
    endpoint: str | None,
    *,
    host: str | None,
    scheme: str,
    region: str,
    auth: Auth | None,
    timeout: float,
    user_agent: str | None,
    verify_ssl: Verify,
    retry: RetryConfig | None,
    sts_token: str,
    pool_connections: int,
    pool_maxsize: int,
    ping: bool,
    path: str | os.PathLike[str] | None,
    database: Database | None,
    control_endpoint: str | None,
) -> Place:
    """Return the place that the arguments of a client mean; raises ``InvalidInputError`` if they mean none."""
    named = {"endpoint": endpoint, "host": host, "path": path, "database": database}
    given = [name for name, value in named.items() if value is not None]
    if len(given) != 1:
        found = f", not {' and '.join(given)}" if given else ""
        raise InvalidInputError(f"give one of {', '.join(named)}{found}", field="endpoint")
    if database is not None:
        return Place(repr(database), database=database)
    if path is not None or endpoint == MEMORY:
        folder = MEMORY if path is None else os.fspath(path)
        return Place(folder, path=folder)
    address = str(endpoint or host)
    config = ClientConfig(
        address if "://" in address else f"{scheme}://{address}",
        region=region,
        timeout=timeout,
        retry=RetryConfig() if retry is None else retry,
        verify_ssl=verify_ssl,
        control_endpoint=control_endpoint,
        session_token=sts_token,
        pool_connections=pool_connections,
        pool_maxsize=pool_maxsize,
    )
    if user_agent is not None:
        config.user_agent = user_agent
    return Place(config.endpoint, config=config, auth=auth, ping=ping)


class _Embedded:
    """Carry out operations in this process, on a database that may be given up in the end."""

    def __init__(self, where: Place) -> None:
        from quiverdb.vikingdb.service.service import Service

        self._owned = where.path is not None
        self._database = where.database
        if where.path is not None:
            from quiverdb.engine.database import EngineDatabase

            self._database = EngineDatabase.open(where.path)
        self.call = Service.of(self._database).call

    def request(self, method: str, path: str, *, json_body: Any = None, **other: Any) -> Envelope:
        """Carry out what a request stands for."""
        row = next((row for row in OPERATIONS.values() if row.path == path and method == "POST"), None)
        if row is None:
            raise UnsupportedError(f"{method} {path}", "a database of this process")
        return self.call(row.name, json_body or {}, other.get("options"))

    def ping(self, options: RequestOptions | None = None) -> None:
        """Do nothing: what lives in this process is there."""

    def close(self) -> None:
        """Give up the database if it is owned."""
        if self._owned:
            self._owned = False
            self._database.close()


class Connection:
    """Carry out the operations of a client until it is closed."""

    def __init__(self, where: Place) -> None:
        self.described = where.described
        self.closed = False
        self._backend: Any
        if where.config is None:
            self._backend = _Embedded(where)
        else:
            from quiverdb.vikingdb.transport import Transport

            self._backend = Transport(where.config, where.auth)
        self._finalizer = weakref.finalize(self, release, self._backend.close, where.path)
        if where.ping:
            self.ping()

    def call(self, operation: str, payload: Mapping[str, Any], options: RequestOptions | None = None) -> Envelope:
        """Return the envelope of an operation; see ``Backend.call``. Raises ``ClosedError`` after ``close``."""
        envelope: Envelope = self._open().call(operation, payload, options)
        return envelope

    def request(self, method: str, path: str, payload: Any = None, options: RequestOptions | None = None) -> Envelope:
        """Return the envelope of any request; raises like ``call``."""
        envelope: Envelope = self._open().request(method, path, json_body=payload, options=options)
        return envelope

    def ping(self, options: RequestOptions | None = None) -> None:
        """Ask the server whether it is there; raises like ``call``."""
        self._open().ping(options)

    def _open(self) -> Any:
        if self.closed:
            raise closed_error(self.described)
        return self._backend

    def close(self) -> None:
        """Release what was opened; a second call does nothing."""
        self.closed = True
        if self._finalizer.detach() is not None:
            self._backend.close()


class AsyncConnection:
    """Carry out the operations of an asynchronous client until it is closed."""

    def __init__(self, where: Place) -> None:
        self.described = where.described
        self.closed = False
        self._backend: Any
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._ping_first = where.ping
        if where.config is None:
            self._backend = Threaded(_Embedded(where), "quiverdb-vikingdb")
            self._finalizer = weakref.finalize(self, release, self._backend.forget, where.path)
        else:
            from quiverdb.vikingdb.transport import AsyncTransport

            self._backend = AsyncTransport(where.config, where.auth)

    async def call(self, operation: str, payload: Mapping[str, Any], options: RequestOptions | None = None) -> Envelope:
        """Return the envelope of an operation; see ``Backend.call``. Raises ``ClosedError`` after ``close``."""
        envelope: Envelope = await (await self._open()).call(operation, payload, options)
        return envelope

    async def request(
        self, method: str, path: str, payload: Any = None, options: RequestOptions | None = None
    ) -> Envelope:
        """Return the envelope of any request; raises like ``call``."""
        envelope: Envelope = await (await self._open()).request(method, path, json_body=payload, options=options)
        return envelope

    async def ping(self, options: RequestOptions | None = None) -> None:
        """Ask the server whether it is there; raises like ``call``."""
        self._ping_first = False
        await (await self._open()).ping(options)

    async def _open(self) -> Any:
        if self.closed:
            raise closed_error(self.described)
        if self._ping_first:
            await self.ping()
        return self._backend

    async def close(self) -> None:
        """Let calls under way come to their end, and release what was opened; a second call does nothing."""
        self.closed = True
        if self._finalizer is not None:
            self._finalizer.detach()
        await self._backend.close()
