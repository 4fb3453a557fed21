"""Errors become answers, by one table."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus

from quiverdb.errors import ClosedError, LockedError, MissingLibraryError, QuiverError, StorageError, UnsupportedError
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.errors import unexpected_response
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.server.exchange import JSON, Answer, SlowClientError
from quiverdb.server.routing import MethodError, PathError
from quiverdb.wire.rest import encode

__all__ = ["failure", "refusal", "told"]

logger = logging.getLogger("quiverdb.server")

_STATUSES: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (MissingLibraryError, HTTPStatus.BAD_REQUEST, "Inference error"),
    (UnsupportedError, HTTPStatus.NOT_IMPLEMENTED, "Not implemented"),
    (ClosedError, HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable"),
    (LockedError, HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable"),
    (TransportError, HTTPStatus.SERVICE_UNAVAILABLE, "Service unavailable"),
    (StorageError, HTTPStatus.INTERNAL_SERVER_ERROR, "Service internal error"),
    (QuiverError, HTTPStatus.INTERNAL_SERVER_ERROR, "Service internal error"),
)
"""What ``quiverdb.qdrant.errors`` leaves to others; the first row that fits counts."""


def failure(error: Exception) -> Answer:
    """Return the answer that tells of an error; log one that nobody foresaw."""
    match error:
        case UnexpectedResponse(status_code=int(status)):
            return Answer(error.content, status, _headers(error.headers))
        case ResponseError():
            return Answer(error.content, error.status, _headers(error.headers))
        case ResourceExhaustedResponse():
            wait = (b"retry-after", b"%d" % error.retry_after_s)
            return refusal(HTTPStatus.TOO_MANY_REQUESTS, error.message, wait)
        case SlowClientError():
            return refusal(HTTPStatus.REQUEST_TIMEOUT, f"Timeout: {error}", (b"connection", b"close"))
        case PathError():
            return Answer(b"", HTTPStatus.NOT_FOUND, ())  # clients tell unknown routes by the empty body
        case MethodError():
            allowed = (b"allow", ", ".join(error.allowed).encode())
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", allowed)
    if (response := unexpected_response(error)) is not None:
        return failure(response)
    return refusal(*told(error))


def told(error: Exception) -> tuple[HTTPStatus, str]:
    """Return the status of an error of the server itself and what is told of it; log one that nobody foresaw."""
    for kind, status, prefix in _STATUSES:
        if isinstance(error, kind):
            if isinstance(error, StorageError) and _is_full(error):
                status, prefix = HTTPStatus.INSUFFICIENT_STORAGE, "No space left"
            return status, f"{prefix}: {error}"
    logger.error("a request failed", exc_info=error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, f"Service internal error: {type(error).__name__}"


def refusal(status: HTTPStatus, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    """Return an answer that says why a request is refused."""
    return Answer(encode({"status": {"error": message}, "time": 0.0}), status, (*JSON, *headers))


def _headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a failure elsewhere that make sense in this answer as well."""
    kept = ("content-type", "retry-after")
    return tuple((name.encode(), headers[name].encode()) for name in kept if name in headers)


def _is_full(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
