"""The protocol between whoever asks a Qdrant server for something and whatever carries the request there.

An operation is named by the method of the Qdrant client; its arguments go by the names of that method's parameters,
as plain data: JSON in the shapes of the REST API, and besides it numpy arrays for vectors, enums, datetimes, and
objects with the fields of the API as attributes. The answer is what REST's ``result`` holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["AsyncCaller", "Caller", "ResponseError", "TransportError"]


class Caller(Protocol):
    """Carry operations to a server, from any thread."""

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Return the plain result of an operation.

        Raises ``ResponseError`` when the server's answer means failure, and ``TransportError`` when there was none.
        """

    def close(self) -> None:
        """Close all connections; a second call does nothing."""


class AsyncCaller(Protocol):
    """Carry operations to a server, from one event loop."""

    async def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Return the plain result of an operation; see ``Caller.call``."""

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""


class ResponseError(Exception):
    """Tell that a server refused a request: the status, its reason, and the body and headers of the answer.

    An answer over gRPC has the status that REST would give; its ``grpc.RpcError`` is the cause.

    >>> error = ResponseError(404, "Not Found", b'{"status": {"error": "Not found: no such point"}}', {})
    >>> error.message
    'Not found: no such point'
    """

    def __init__(self, status: int, reason: str, content: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status, reason, content, headers)
        self.status = status
        self.reason = reason
        self.content = content
        self.headers = headers

    @property
    def message(self) -> str:
        """What the server says went wrong, or the reason of the status if it says nothing."""
        try:
            body = json.loads(self.content)
        except ValueError:
            return self.content.decode(errors="replace").strip() or self.reason
        status = body.get("status") if isinstance(body, dict) else None
        told = status.get("error") if isinstance(status, dict) else None
        return told if isinstance(told, str) else self.reason

    def __str__(self) -> str:
        return f"{self.status} {self.message}"


class TransportError(Exception):
    """Tell that a server gave no answer that could be read; the cause says why."""
