"""One request and its answer, over ASGI."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from quiverdb.errors import InvalidInputError, RefusedError
from quiverdb.server.access import NOBODY
from quiverdb.server.limits import BodySize
from quiverdb.wire.rest import encode

__all__ = [
    "GZIP_FROM",
    "JSON",
    "TEXT",
    "Answer",
    "ClientGoneError",
    "Endpoint",
    "Headers",
    "Receive",
    "Request",
    "Response",
    "Route",
    "Scope",
    "Send",
    "SlowClientError",
    "accepted",
    "bare",
    "headers_of",
    "ok",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

GZIP_FROM = 1 << 16
"""Answers of fewer bytes travel faster as they are."""
PATIENCE = 30.0
"""Seconds that a client has to send a body, besides what its size takes."""
SLOWEST = 16 * 1024
"""Bytes per second that a body must come at."""
_PACKINGS = {"gzip": 31, "deflate": 15}

JSON: Headers = ((b"content-type", b"application/json"),)
TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)


class ClientGoneError(ConnectionError):
    """Tell that a client vanished before its request was complete, or its answer read."""


class SlowClientError(TimeoutError):
    """Tell that a client took too long to send its request."""


class Request:
    """Read a request: its query and headers, and its body as it arrives."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.path: Mapping[str, str] = {}
        """What the braces in the path of the route stand for."""
        self.access = NOBODY
        """What the caller may do."""
        self._receive = receive

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query string; of a name that occurs twice, the last value."""
        text = self.scope["query_string"]
        try:
            return dict(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")) if text else {}
        except ValueError:
            raise InvalidInputError("it is not UTF-8", fault="query") from None

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case."""
        return headers_of(self.scope)

    async def chunks(self, size: BodySize | None = None) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, counted by ``size``.

        Raise ``ClientGoneError`` if it does not come to its end, ``SlowClientError`` if that takes too long.
        """
        loop = asyncio.get_running_loop()
        deadline, more = loop.time() + PATIENCE, True
        while more:
            message = await self._next(deadline)
            more = message.get("more_body", False)
            chunk = message.get("body", b"")
            if size is not None:
                size.add(chunk)
            deadline += len(chunk) / SLOWEST
            yield chunk

    async def json(self, limit: int) -> bytes:
        """Return a body of JSON, unpacked and unread; ``RefusedError`` if it has more bytes than ``limit``."""
        self.require_json()
        return self.unpacked(await self.sent(limit), limit)

    def require_json(self) -> None:
        """Raise ``RefusedError`` unless the body is said to be JSON."""
        if "json" not in self.headers.get("content-type", ""):
            raise RefusedError("Content type error: the header content-type must be application/json", status=400)

    async def sent(self, limit: int) -> bytes:
        """Return the body as it was sent; ``RefusedError`` if it has more bytes than ``limit``."""
        size = BodySize(limit, self.headers.get("content-length"))
        parts = [chunk async for chunk in self.chunks(size)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def unpacked(self, body: bytes, limit: int) -> bytes:
        """Return what a body holds that may be packed; ``RefusedError`` if it has more bytes than ``limit``."""
        packing = self.headers.get("content-encoding", "identity")
        return body if packing == "identity" else _unpacked(body, packing, limit)

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be packed."""
        return "gzip" in self.headers.get("accept-encoding", "")

    async def _next(self, deadline: float) -> MutableMapping[str, Any]:
        try:
            async with asyncio.timeout_at(deadline):
                message = await self._receive()
        except TimeoutError:
            raise SlowClientError("the body came too slowly") from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client went away")
        return message


def headers_of(scope: Scope) -> Mapping[str, str]:
    """Return the headers of a request, by name in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _unpacked(body: bytes, packing: str, limit: int) -> bytes:
    if packing not in _PACKINGS:
        raise RefusedError(f"the content-encoding {packing[:40]!r} is not known here: use gzip", status=415)
    unpacker = zlib.decompressobj(wbits=_PACKINGS[packing])
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise RefusedError(f"the body is no {packing}: {error}", status=400) from None
    BodySize(limit).add(unpacked)
    if not unpacker.eof:
        raise RefusedError(f"the {packing} of the body is cut off", status=400)
    return unpacked


class Answer(msgspec.Struct, frozen=True):
    """Hold the answer to a request.

    >>> Answer(b"{}").status
    200
    """

    body: bytes
    status: int = 200
    headers: Headers = JSON

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (as ASGI has it)
        """Send the answer."""
        headers = list(self.headers)
        if self.status != HTTPStatus.NO_CONTENT:  # which has no body, and must not tell of one
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def packed_for(self, request: Request) -> Answer:
        """Return the answer as gzip, if it is long and the client can read that."""
        return self._packed() if len(self.body) >= GZIP_FROM and request.takes_gzip else self

    def _packed(self) -> Answer:
        packer = zlib.compressobj(1, wbits=31)
        headers = (*self.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
        return Answer(packer.compress(self.body) + packer.flush(), self.status, headers)


def ok(result: Any, seconds: float) -> Answer:
    """Return a result in the envelope that all answers have.

    >>> ok(True, 0.25).body
    b'{"result":true,"status":"ok","time":0.25}'
    """
    return Answer(b'{"result":%b,"status":"ok","time":%b}' % (encode(result), repr(round(seconds, 9)).encode()))


def bare(result: Any) -> Answer:
    """Return a result without an envelope."""
    return Answer(encode(result))


def accepted(seconds: float) -> Answer:
    """Return what tells that work goes on after the answer."""
    return Answer(encode({"status": "accepted", "time": seconds}), HTTPStatus.ACCEPTED)


class Response(Protocol):
    """What can be sent: an ``Answer``, or anything else with a status that knows how to send itself over ASGI."""

    @property
    def status(self) -> int: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True):
    """Lead a method and path to what answers; ``name`` is that of the operation in the tables of its protocol."""

    name: str
    method: str
    path: str
    endpoint: Endpoint

    @property
    def label(self) -> str:
        """What the route is called in metrics."""
        return f"{self.method} {self.path}"
