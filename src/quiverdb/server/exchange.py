"""One request and its answer, over ASGI."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.wire.rest import encode

__all__ = ["Answer", "ClientGoneError", "Headers", "Receive", "Request", "Scope", "Send", "TooLargeError", "ok"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)
TEXT: Headers = ((b"content-type", b"text/plain; charset=utf-8"),)


class ClientGoneError(ConnectionError):
    """Tell that a client vanished or stalled before its request was complete."""


class TooLargeError(Exception):
    """Tell that a body has more bytes than ``limit``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"JSON payload is larger than allowed (limit: {limit} bytes)")
        self.limit = limit


class Request:
    """Read a request: its path, query and headers, and its body as it arrives."""

    def __init__(self, scope: Scope, receive: Receive, path: Mapping[str, str], *, patience: float) -> None:
        self.scope = scope
        self.path = path
        self._receive = receive
        self._patience = patience

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query string; of a name that occurs twice, the last value."""
        text = self.scope["query_string"]
        try:
            return dict(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")) if text else {}
        except ValueError:
            raise InvalidInputError("Failed to deserialize query parameters: not UTF-8") from None

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; ``ClientGoneError`` if it does not come to its end."""
        more = True
        while more:
            message = await self._next()
            more = message.get("more_body", False)
            yield message.get("body", b"")

    async def body(self, limit: int) -> bytes:
        """Return the body; ``TooLargeError`` if it has more bytes than ``limit``."""
        if int(self.headers.get("content-length", 0)) > limit:
            raise TooLargeError(limit)
        parts, size = [], 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise TooLargeError(limit)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _next(self) -> MutableMapping[str, Any]:
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError:
            raise ClientGoneError("the body came too slowly") from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError("the client went away")
        return message


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
        headers = [*self.headers, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})

    def compressed(self) -> Answer:
        """Return the answer as gzip."""
        packer = zlib.compressobj(1, wbits=31)
        headers = (*self.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
        return Answer(packer.compress(self.body) + packer.flush(), self.status, headers)


def ok(result: Any, seconds: float) -> Answer:
    """Return a result in the envelope that all answers have.

    >>> ok(True, 0.25).body
    b'{"result":true,"status":"ok","time":0.25}'
    """
    return Answer(b'{"result":%b,"status":"ok","time":%b}' % (encode(result), repr(round(seconds, 9)).encode()))


def accepted(seconds: float) -> Answer:
    """Return what tells that work goes on after the answer."""
    return Answer(encode({"status": "accepted", "time": seconds}), HTTPStatus.ACCEPTED)
