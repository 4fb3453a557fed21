"""Errors of the model become errors of the Qdrant API, by one table.

``NotFoundError``, ``InvalidInputError`` and ``AlreadyExistsError`` become ``UnexpectedResponse`` with the status and
body that a server answers, ``RateLimitedError`` becomes ``ResourceExhaustedResponse``, and an ``UnexpectedResponse``
when no waiting helps. ``RefusedError`` and ``RemoteError`` keep the status that a server answered. What goes wrong
between a client and its server becomes ``ResponseHandlingException`` if there was no answer. The ``RecursionError`` of
a request that contains itself is a wrong input too; all other errors pass as they are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType, TracebackType
from typing import cast

from quiverdb.errors import (
    AlreadyExistsError,
    Fault,
    InvalidInputError,
    LimitError,
    NotFoundError,
    QuiverError,
    RateLimitedError,
    RefusedError,
    RemoteError,
)
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.remote.protocol import ResponseError, TransportError

__all__ = ["api_errors", "standalone_error", "unexpected_response"]

_STATUSES: tuple[tuple[type[QuiverError], HTTPStatus, str], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND, "Not found"),
    (AlreadyExistsError, HTTPStatus.CONFLICT, "Wrong input"),
    (LimitError, HTTPStatus.BAD_REQUEST, "Bad request"),
    (RateLimitedError, HTTPStatus.TOO_MANY_REQUESTS, "Rate limiting exceeded"),
    (RefusedError, HTTPStatus.FORBIDDEN, ""),
    (RemoteError, HTTPStatus.SERVICE_UNAVAILABLE, ""),
)
"""The status of each error, unless it has one of its own, and how a server begins to tell of it."""

_FAULTS: Mapping[Fault, tuple[HTTPStatus, str]] = MappingProxyType({
    "meaning": (HTTPStatus.BAD_REQUEST, "Wrong input: {}"),
    "range": (HTTPStatus.UNPROCESSABLE_ENTITY, "Validation error in JSON body: [{}]"),
    "body": (HTTPStatus.BAD_REQUEST, "Format error in JSON body: {}"),
    "query": (HTTPStatus.BAD_REQUEST, "Deserialize error in query parameters: {}"),
    "path": (HTTPStatus.BAD_REQUEST, "Deserialize error in path parameters: {}"),
})  # fmt: skip
"""What becomes of an ``InvalidInputError``."""


def unexpected_response(error: BaseException | None) -> UnexpectedResponse | None:
    """Return what a server would answer to an error, or ``None`` if it would not say so."""
    if isinstance(error, RecursionError):
        error = InvalidInputError("the request is nested too deeply, or contains itself")
    for kind, status, prefix in _STATUSES:
        if isinstance(error, kind):
            headers = {}
            if isinstance(error, RateLimitedError) and error.retry_after is not None:
                headers["retry-after"] = str(math.ceil(error.retry_after))
            message = f"{prefix}: {_told(error)}" if prefix else _told(error)
            return _response(_status(error) or status, message, headers, plain=getattr(error, "plain", False))
    if isinstance(error, InvalidInputError):
        status, text = _FAULTS[error.fault]
        return _response(status, text.format(_told(error)))
    return None


def _told(error: BaseException) -> str:
    return "; ".join([str(error), *getattr(error, "__notes__", ())])


def _status(error: object) -> HTTPStatus | None:
    """Return the status that another server answered, if it has a meaning."""
    status = getattr(error, "status", None)
    return HTTPStatus(status) if status in set(HTTPStatus) else None


def standalone_error() -> UnexpectedResponse:
    """Return what a server without a cluster answers to a request that is about one."""
    return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Qdrant is running in standalone mode")


def _response(
    status: HTTPStatus, error: str, headers: Mapping[str, str] = MappingProxyType({}), *, plain: bool = False
) -> UnexpectedResponse:
    body = error if plain else json.dumps({"status": {"error": error}, "time": 0.0})
    kind = {"content-type": "text/plain; charset=utf-8" if plain else "application/json"}
    return UnexpectedResponse(status.value, status.phrase, body.encode(), {**kind, **headers})


def _raised(response: UnexpectedResponse) -> Exception:
    """Return what the client raises: an error of its own when the server says when to try again."""
    wait = response.headers.get("retry-after")
    if wait is None:
        return response
    return ResourceExhaustedResponse(response.structured()["status"]["error"], int(wait))


def _failed(error: ResponseError | TransportError) -> Exception:
    """Return what the client of a server raises; over gRPC that is an error of gRPC."""
    cause = error.__cause__
    over_grpc = isinstance(cause, Exception) and callable(getattr(cause, "code", None))
    if isinstance(error, ResponseError):
        wait = error.headers.get("retry-after", "")
        if error.status == HTTPStatus.TOO_MANY_REQUESTS and wait.isdigit():
            return ResourceExhaustedResponse(error.message, int(wait))
        if not over_grpc:
            return UnexpectedResponse(error.status, error.reason, error.content, error.headers)
    if over_grpc:
        return cast(Exception, cause)
    return ResponseHandlingException(cause if isinstance(cause, Exception) else error)


class _ApiErrors:
    """Translate the errors of a block."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        translated = None if exc is None else _translated(exc)
        if translated is None:
            return
        raised, cause = translated
        try:
            raise raised from cause
        finally:
            # what is raised knows this frame: known to it in turn, it would keep alive all that the call had open
            del translated, raised, cause, exc, traceback


def _translated(exc: BaseException) -> tuple[Exception, BaseException | None] | None:
    """Return what to raise for an error, and the cause of that; None for one that is none of this API's."""
    if isinstance(exc, ResponseError | TransportError):
        raised, cause = _failed(exc), exc.__cause__
        if raised is cause:  # which shall not lead back to itself
            exc.__cause__ = exc.__context__ = cause = None
        return raised, cause
    response = unexpected_response(exc)
    if response is None:
        return None
    raised = _raised(response)
    if (uploaded := getattr(exc, "uploaded", None)) is not None:
        raised.__dict__["uploaded"] = uploaded
    return raised, exc


api_errors = _ApiErrors()
"""A context that raises errors as this API does. It has no state and serves any number of threads."""
