"""Connections to one server that stay open between requests: of ``http.client``, and of httpcore for event loops.

These two are the ordinary transports, since they cost the CPU least per request. A connection that the server closed
meanwhile is noticed before it is used.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, IncompleteRead
from threading import BoundedSemaphore
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from quiverdb.remote.address import Address
from quiverdb.remote.headers import Pairs
from quiverdb.remote.http_failures import Failures
from quiverdb.remote.http_reply import AsyncOpened, Opened, reply
from quiverdb.remote.multipart import CHUNK, FileForm
from quiverdb.remote.owned import Owned, in_loop, in_process
from quiverdb.remote.retry import TimedOutError
from quiverdb.wire.http_message import Reply

if TYPE_CHECKING:
    import httpcore2

__all__ = ["AsyncPool", "Limits", "Pool"]


class Limits(msgspec.Struct, frozen=True):
    """Say how many connections there may be, how many idle ones are kept, and for how many seconds."""

    connections: int | None = 100
    idle: int | None = 20
    expiry: float | None = 5.0


_SMALL = 1 << 16
"""Bytes of a body that are worth copying, so that it leaves together with what stands before it."""


class _Joined(HTTPConnection):
    """Send a small body in one piece with its head."""

    body = b""
    broken = False

    def send(self, data: Any) -> None:
        """Send the head that is handed over, and the body that waits."""
        body, self.body = self.body, b""
        super().send(data + body if body else data)


class _JoinedTls(_Joined, HTTPSConnection):
    pass


class _Connections:
    """Hold the connections of one process."""

    def __init__(self, limits: Limits) -> None:
        self.idle: deque[tuple[_Joined, float]] = deque()
        self.room = None if limits.connections is None else BoundedSemaphore(limits.connections)
        self.closed = False

    def close(self) -> None:
        self.closed = True
        while self.idle:
            self.idle.popleft()[0].close()


class Pool:
    """Send requests from any thread, each over a connection of its own.

    >>> from quiverdb.remote.address import resolve
    >>> Pool(resolve("localhost"), None, Limits()).close()
    """

    def __init__(self, address: Address, context: ssl.SSLContext | None, limits: Limits) -> None:
        self._address = address
        self._context = context
        self._limits = limits
        self._connections = Owned(lambda: _Connections(limits), in_process, _Connections.close)

    def send(self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float) -> Reply:
        """Return the answer to a request; raises ``TransportError`` if there is none."""
        with self._asked(method, target, headers, body, timeout) as response, Failures(connected=True):
            return reply(response.status, response.reason, _named(response), response.read())

    @contextmanager
    def stream(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float
    ) -> Iterator[Opened]:
        """Open the answer to a request, to be read within the block; raises like ``send``."""
        with self._asked(method, target, headers, body, timeout) as response:
            yield Opened(response.status, response.reason, _named(response), _chunks(response))

    @contextmanager
    def _asked(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float
    ) -> Iterator[HTTPResponse]:
        connections = self._connections.get()
        if connections.room is not None and not connections.room.acquire(timeout=timeout):
            raise TimedOutError(f"all {self._limits.connections} connections were in use for {timeout:g} s")
        connection = self._idle(connections) or self._new()
        done = False
        try:
            with Failures() as failures:
                _connect(connection, timeout)
                failures.connected = True
                response = _ask(connection, method, target, headers, body)
            yield response
            done = response.isclosed() and connection.sock is not None and not connection.broken
        finally:
            self._put_back(connections, connection, done)

    def _idle(self, connections: _Connections) -> _Joined | None:
        """Return the connection that was used last, if it still stands."""
        expiry = self._limits.expiry
        while True:
            try:
                connection, since = connections.idle.pop()
            except IndexError:
                return None
            if (expiry is None or monotonic() - since < expiry) and not _readable(connection.sock):
                return connection
            connection.close()

    def _new(self) -> _Joined:
        host, port = self._address.connect_to
        if self._context is None:
            return _Joined(host, port)
        return _JoinedTls(host, port, context=self._context)

    def _put_back(self, connections: _Connections, connection: _Joined, done: bool) -> None:
        full = self._limits.idle is not None and len(connections.idle) >= self._limits.idle
        if done and not full:
            connections.idle.append((connection, monotonic()))
            if connections.closed:
                connections.close()
        else:
            connection.close()
        if connections.room is not None:
            connections.room.release()

    def close(self) -> None:
        """Close all connections that are not in use, and the others as they become idle."""
        if (connections := self._connections.close()) is not None:
            connections.close()


def _connect(connection: HTTPConnection, timeout: float) -> None:
    if connection.sock is None:
        connection.timeout = timeout
        connection.connect()
    else:
        connection.sock.settimeout(timeout)


def _ask(connection: _Joined, method: str, target: str, headers: Pairs, body: bytes | FileForm | None) -> HTTPResponse:
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if isinstance(body, bytes) and len(body) <= _SMALL:
        connection.body, body = body, None
    try:
        connection.endheaders(body.chunks() if isinstance(body, FileForm) else body)
    except ConnectionError:  # the server may have said why it listens no more
        connection.broken = True
    return connection.getresponse()


def _readable(sock: socket.socket) -> bool:
    """Tell whether there is something to read, which on an idle connection can only be its end."""
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _named(response: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        with Failures(connected=True):
            piece = response.read(CHUNK)
            if not piece and response.length:  # which the library lets pass
                raise IncompleteRead(b"", response.length)
        if not piece:
            return
        yield piece


class AsyncPool:
    """Send requests from tasks; every event loop has connections of its own.

    >>> from quiverdb.remote.address import resolve
    >>> AsyncPool(resolve("localhost"), None, Limits())._address.authority
    'localhost:6333'
    """

    def __init__(self, address: Address, context: ssl.SSLContext | None, limits: Limits) -> None:
        self._address = address
        self._context = context
        self._limits = limits
        self._pool = Owned(self._new, in_loop, lambda _: None)

    def _new(self) -> httpcore2.AsyncConnectionPool:
        import httpcore2

        return httpcore2.AsyncConnectionPool(
            ssl_context=self._context,
            max_connections=self._limits.connections,
            max_keepalive_connections=self._limits.idle,
            keepalive_expiry=self._limits.expiry,
        )

    async def send(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float
    ) -> Reply:
        """Return the answer to a request; raises ``TransportError`` if there is none."""
        request = self._request(method, target, headers, body, timeout)
        with Failures():
            response = await self._pool.get().request(**request)
        return reply(response.status, _reason(response), _lowered(response), response.content)

    @asynccontextmanager
    async def stream(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float
    ) -> AsyncIterator[AsyncOpened]:
        """Open the answer to a request, to be read within the block; raises like ``send``."""
        opening = self._pool.get().stream(**self._request(method, target, headers, body, timeout))
        with Failures():
            response = await opening.__aenter__()
        try:
            yield AsyncOpened(response.status, _reason(response), _lowered(response), _async_chunks(response))
        finally:
            await opening.__aexit__(None, None, None)

    def _request(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float
    ) -> dict[str, Any]:
        import httpcore2

        host, port = self._address.connect_to
        return {
            "method": method,
            "url": httpcore2.URL(
                scheme=self._address.scheme.encode(), host=host.encode(), port=port, target=target.encode()
            ),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "content": body.async_chunks() if isinstance(body, FileForm) else body,
            "extensions": {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)},
        }

    async def close(self) -> None:
        """Close all connections of the running event loop."""
        if (pool := self._pool.close()) is not None:
            await pool.aclose()


def _reason(response: httpcore2.Response) -> str:
    reason: bytes = response.extensions.get("reason_phrase", b"")
    return reason.decode("latin-1")


def _lowered(response: httpcore2.Response) -> dict[str, str]:
    return {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}


async def _async_chunks(response: httpcore2.Response) -> AsyncIterator[bytes]:
    with Failures(connected=True):
        async for piece in response.aiter_stream():
            yield piece
