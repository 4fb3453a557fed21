"""Answers over HTTP, read whole or bit by bit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from quiverdb.remote.protocol import TransportError
from quiverdb.wire.http_message import Reply

__all__ = ["ENCODINGS", "AsyncOpened", "Opened", "reply"]

ENCODINGS = "gzip, deflate"
"""What ``reply`` understands."""

_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class Opened(msgspec.Struct, frozen=True):
    """Hold an answer whose body is still to come."""

    status: int
    reason: str
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class AsyncOpened(msgspec.Struct, frozen=True):
    """Hold an answer whose body is still to come."""

    status: int
    reason: str
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def reply(status: int, reason: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Return an answer with its body decompressed; raises ``TransportError`` if that cannot be done."""
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding != "identity" and body:
        try:
            body = zlib.decompress(body, _WINDOWS[encoding])
        except (KeyError, zlib.error) as error:
            raise TransportError(f"the server's answer cannot be decompressed from {encoding!r}") from error
    return Reply(status, reason, headers, body)
