"""Requests over HTTP, one at a time from any thread, or many from an event loop.

A transport tries once. Its errors tell whether it makes sense to try again: see ``quiverdb.remote.retry``.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable
from typing import Any, BinaryIO
from urllib.parse import urlencode

from quiverdb.remote.address import Address
from quiverdb.remote.headers import Pairs, async_token, merged, token
from quiverdb.remote.http_clients import AsyncClient, Client, make_client
from quiverdb.remote.http_reply import ENCODINGS
from quiverdb.remote.middleware import AsyncMiddleware, AsyncThrough, Middleware, Through
from quiverdb.remote.multipart import FileForm
from quiverdb.remote.pool import AsyncPool, Pool
from quiverdb.remote.settings import Settings
from quiverdb.remote.tls import tls_context
from quiverdb.wire.http_message import Reply, Request

__all__ = ["AsyncHttpTransport", "HttpTransport", "async_connections", "connections"]

_OK = range(200, 300)


class _Http:
    """Prepare requests: everything that waits for nobody."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        address = settings.address
        self._prefix = address.prefix
        self._headers = (("host", address.authority), *settings.headers)
        # Compressing costs more than it saves when nothing travels far.
        accepted = () if address.loopback else (("accept-encoding", ENCODINGS),)
        self._bare = (*self._headers, *_unless_given(self._headers, accepted))
        self._json = (*self._bare, *_unless_given(self._bare, (("content-type", "application/json"),)))

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._settings.address

    def _target(self, request: Request) -> str:
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self._prefix}{request.path}{query}"

    def _prepared(self, request: Request, bearer: str | None, timeout: float | None) -> tuple[Any, ...]:
        """Return method, target, headers, body and timeout."""
        body = request.body
        fixed = self._bare
        if body is not None:
            fixed = (*self._json, ("content-length", str(len(body))))
        elif request.method in ("POST", "PUT", "PATCH"):
            fixed = (*fixed, ("content-length", "0"))
        return request.method, self._target(request), merged(fixed, bearer), body, self._seconds(timeout)

    def _with_file(
        self, request: Request, form: FileForm, bearer: str | None, timeout: float | None
    ) -> tuple[Any, ...]:
        about: Pairs = (("content-type", form.content_type), ("content-length", str(form.length)))
        headers = merged((*self._bare, *about), bearer)
        return request.method, self._target(request), headers, form, self._seconds(timeout)

    def _for_download(self, request: Request, bearer: str | None, timeout: float | None) -> tuple[Any, ...]:
        headers = merged((*self._headers, ("accept-encoding", "identity")), bearer)
        return request.method, self._target(request), headers, None, self._seconds(timeout)

    def _seconds(self, timeout: float | None) -> float:
        return self._settings.timeout if timeout is None else timeout


def _unless_given(given: Pairs, usual: Pairs) -> Pairs:
    names = {name for name, _ in given}
    return tuple((name, value) for name, value in usual if name not in names)


def _wants_client(settings: Settings) -> bool:
    """Tell whether a proxy stands between, or options ask for more than the ordinary connections can do."""
    address = settings.address
    proxies = urllib.request.getproxies()
    proxied = address.scheme in proxies or "all" in proxies
    return bool(settings.http_options) or (proxied and not urllib.request.proxy_bypass(address.connect_to[0]))


def _client_maker(kind: str, settings: Settings) -> Callable[[], Any]:
    """Return what makes a client with all that the settings say."""
    import httpx2

    limits = httpx2.Limits(
        max_connections=settings.limits.connections,
        max_keepalive_connections=settings.limits.idle,
        keepalive_expiry=settings.limits.expiry,
    )
    verify = tls_context(settings.verify, settings.cert) if settings.address.tls else True
    return make_client(kind, {"verify": verify, "timeout": settings.timeout, "limits": limits, **settings.http_options})


def connections(settings: Settings) -> Pool | Client:
    """Return what sends requests to the address of the settings, with the headers that each is given."""
    address = settings.address
    if settings.http_client is not None:
        return Client(address.origin, given=settings.http_client)
    if _wants_client(settings):
        return Client(address.origin, make=_client_maker("Client", settings))
    return Pool(address, _context(settings), settings.limits)


def async_connections(settings: Settings) -> AsyncPool | AsyncClient:
    """Return what sends requests from event loops; see ``connections``."""
    address = settings.address
    if settings.http_client is not None:
        return AsyncClient(address.origin, given=settings.http_client)
    if _wants_client(settings):
        return AsyncClient(address.origin, make=_client_maker("AsyncClient", settings))
    return AsyncPool(address, _context(settings), settings.limits)


def _context(settings: Settings) -> ssl.SSLContext | None:
    return tls_context(settings.verify, settings.cert) if settings.address.tls else None


class HttpTransport(_Http):
    """Talk to a server over HTTP; safe to use from several threads, and after a fork.

    >>> from quiverdb.remote.settings import resolve
    >>> with HttpTransport(resolve("localhost")) as transport:
    ...     transport
    <HttpTransport of http://localhost:6333>
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._over: Pool | Client | Through = connections(settings)

    def send(self, request: Request, timeout: float | None = None, *, bearer: str | None = None) -> Reply:
        """Return a server's answer, whatever its status; raises ``TransportError`` if there is none.

        ``bearer`` is a token to send in place of the provider's.
        """
        if bearer is None:
            bearer = token(self._settings.token_provider)
        return self._over.send(*self._prepared(request, bearer, timeout))

    def download(self, request: Request, into: BinaryIO, timeout: float | None = None) -> Reply:
        """Write the body of an answer to a file as it arrives; a failure's is returned instead."""
        bearer = token(self._settings.token_provider)
        with self._over.stream(*self._for_download(request, bearer, timeout)) as opened:
            if opened.status not in _OK:
                return Reply(opened.status, opened.reason, opened.headers, b"".join(opened.chunks))
            for piece in opened.chunks:
                into.write(piece)
        return Reply(opened.status, opened.reason, opened.headers, b"")

    def upload(self, request: Request, form: FileForm, timeout: float | None = None) -> Reply:
        """Send a file as the body of a request; raises like ``send``."""
        bearer = token(self._settings.token_provider)
        return self._over.send(*self._with_file(request, form, bearer, timeout))

    def add_middleware(self, middleware: Middleware) -> None:
        """Send requests by way of a function from here on, which sees them before those that were added earlier."""
        self._over = Through(self._over, self.address.origin, middleware)

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._over.close()

    def __enter__(self) -> HttpTransport:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._settings.address.rest_uri}>"


class AsyncHttpTransport(_Http):
    """Talk to a server over HTTP from event loops; what is said of ``HttpTransport`` holds.

    >>> from quiverdb.remote.settings import resolve
    >>> AsyncHttpTransport(resolve("https://db.example.com"))
    <AsyncHttpTransport of https://db.example.com:6333>
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._over: AsyncPool | AsyncClient | AsyncThrough = async_connections(settings)

    async def send(self, request: Request, timeout: float | None = None, *, bearer: str | None = None) -> Reply:
        """Return a server's answer, whatever its status; see ``HttpTransport.send``."""
        if bearer is None:
            bearer = await async_token(self._settings.token_provider)
        return await self._over.send(*self._prepared(request, bearer, timeout))

    async def download(self, request: Request, into: BinaryIO, timeout: float | None = None) -> Reply:
        """Write the body of an answer to a file as it arrives; a failure's is returned instead."""
        import anyio.to_thread

        bearer = await async_token(self._settings.token_provider)
        async with self._over.stream(*self._for_download(request, bearer, timeout)) as opened:
            if opened.status not in _OK:
                body = b"".join([piece async for piece in opened.chunks])
                return Reply(opened.status, opened.reason, opened.headers, body)
            async for piece in opened.chunks:
                await anyio.to_thread.run_sync(into.write, piece)
        return Reply(opened.status, opened.reason, opened.headers, b"")

    async def upload(self, request: Request, form: FileForm, timeout: float | None = None) -> Reply:
        """Send a file as the body of a request; raises like ``send``."""
        bearer = await async_token(self._settings.token_provider)
        return await self._over.send(*self._with_file(request, form, bearer, timeout))

    def add_middleware(self, middleware: AsyncMiddleware) -> None:
        """Send requests by way of a coroutine function from here on; see ``HttpTransport.add_middleware``."""
        self._over = AsyncThrough(self._over, self.address.origin, middleware)

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""
        await self._over.close()

    async def __aenter__(self) -> AsyncHttpTransport:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    __repr__ = HttpTransport.__repr__
