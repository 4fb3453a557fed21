"""Functions of the user's between a client and its connections: they see requests and answers, and may change them.

What they see are the requests and responses of httpx2, which those of httpx resemble.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from quiverdb.remote.headers import Pairs
from quiverdb.remote.multipart import FileForm
from quiverdb.wire.http_message import Reply

__all__ = ["AsyncMiddleware", "AsyncThrough", "Middleware", "Through"]

Middleware: TypeAlias = Callable[[Any, Callable[[Any], Any]], Any]
AsyncMiddleware: TypeAlias = Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]

_UNPACKED = ("content-encoding", "content-length", "transfer-encoding")
"""Headers that say how a body travelled, which is over by then."""


class Through:
    """Send requests by way of a function, which is given each one, and what sends it on.

    The answers of streams, such as snapshots, come without it.
    """

    def __init__(self, over: Any, origin: str, middleware: Middleware) -> None:
        self._over = over
        self._origin = origin
        self._middleware = middleware

    def __getattr__(self, name: str) -> Any:
        return getattr(self._over, name)

    def send(
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> Reply:
        """Return the answer to a request."""
        given = _request(method, self._origin + target, headers, body)

        def call_next(request: Any) -> Any:
            return _response(request, self._over.send(*_parts(request), _body(request, given, body), timeout))

        return _reply(self._middleware(given, call_next))


class AsyncThrough(Through):
    """Send requests by way of a coroutine function; see ``Through``."""

    async def send(  # type: ignore[override]
        self, method: str, target: str, headers: Pairs, body: bytes | FileForm | None, timeout: float | None
    ) -> Reply:
        """Return the answer to a request."""
        given = _request(method, self._origin + target, headers, body)

        async def call_next(request: Any) -> Any:
            return _response(request, await self._over.send(*_parts(request), _body(request, given, body), timeout))

        return _reply(await self._middleware(given, call_next))


def _request(method: str, url: str, headers: Pairs, body: bytes | FileForm | None) -> Any:
    import httpx2

    return httpx2.Request(method, url, headers=list(headers), content=body if isinstance(body, bytes) else None)


def _parts(request: Any) -> tuple[str, str, Pairs]:
    """Return method, target and headers."""
    pairs = tuple((name.lower(), value) for name, value in request.headers.items())
    return request.method, request.url.raw_path.decode(), pairs


def _body(request: Any, given: Any, body: bytes | FileForm | None) -> bytes | FileForm | None:
    """Return what is to be sent: what was, unless the request is another one."""
    return body if request is given else request.read() or None


def _response(request: Any, reply: Reply) -> Any:
    import httpx2

    headers = [(name, value) for name, value in reply.headers.items() if name not in _UNPACKED]
    phrase = {"reason_phrase": reply.reason.encode("latin-1")}
    return httpx2.Response(reply.status, headers=headers, content=reply.body, request=request, extensions=phrase)


def _reply(response: Any) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, response.reason_phrase, headers, response.content)
