"""Errors become gRPC statuses, with the words that REST answers have."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from grpc import StatusCode

from quiverdb.remote.protocol import ResponseError
from quiverdb.server.failures import failure

__all__ = ["Metadata", "RpcFailure", "rpc_failure"]

Metadata: TypeAlias = tuple[tuple[str, str], ...]

_CODES: Mapping[int, StatusCode] = MappingProxyType({
    HTTPStatus.BAD_REQUEST: StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: StatusCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: StatusCode.FAILED_PRECONDITION,
    HTTPStatus.REQUEST_TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.CONFLICT: StatusCode.ALREADY_EXISTS,
    HTTPStatus.PRECONDITION_FAILED: StatusCode.FAILED_PRECONDITION,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.UNPROCESSABLE_ENTITY: StatusCode.INVALID_ARGUMENT,
    HTTPStatus.LOCKED: StatusCode.FAILED_PRECONDITION,
    HTTPStatus.TOO_MANY_REQUESTS: StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.NOT_IMPLEMENTED: StatusCode.UNIMPLEMENTED,
    HTTPStatus.BAD_GATEWAY: StatusCode.UNAVAILABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: StatusCode.UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.INSUFFICIENT_STORAGE: StatusCode.RESOURCE_EXHAUSTED,
})  # fmt: skip
"""The code that says what a status says; those left out become ``INTERNAL``."""


_MOST = 4096
"""Clients refuse more than 8 kB of headers."""


class RpcFailure(NamedTuple):
    """Tell a client why there is no reply."""

    code: StatusCode
    details: str
    trailing: Metadata = ()


def rpc_failure(error: Exception) -> RpcFailure:
    """Return what tells of an error; log one that nobody foresaw.

    >>> from quiverdb.errors import RateLimitedError
    >>> rpc_failure(RateLimitedError("wait a little", retry_after=1.5)).trailing
    (('retry-after', '2'),)
    """
    answer = failure(error)
    trailing = tuple((name.decode(), value.decode()) for name, value in answer.headers if name == b"retry-after")
    details = ResponseError(answer.status, HTTPStatus(answer.status).phrase, answer.body, {}).message
    return RpcFailure(_CODES.get(answer.status, StatusCode.INTERNAL), _shortened(details), trailing)


def _shortened(text: str) -> str:
    """Return as much of a text as fits in the headers that clients take: it travels there, percent-encoded."""
    if len(quote(text)) <= _MOST:
        return text
    kept = text[: _MOST // 4].encode()[: _MOST // 4].decode(errors="ignore")
    return f"{kept}…"
