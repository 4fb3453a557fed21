"""Errors of the model become errors of the Qdrant API, by one table.

``NotFoundError``, ``InvalidInputError`` and ``AlreadyExistsError`` become ``UnexpectedResponse`` with the status and
body that a server answers, and so does the ``RecursionError`` that a request causes which contains itself; all other
errors pass as they are.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from types import TracebackType

from quiverdb.errors import AlreadyExistsError, InvalidInputError, NotFoundError, QuiverError
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

__all__ = ["api_errors", "unexpected_response"]

_STATUSES: tuple[tuple[type[QuiverError], HTTPStatus, str], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND, "Not found"),
    (AlreadyExistsError, HTTPStatus.CONFLICT, "Wrong input"),
    (InvalidInputError, HTTPStatus.BAD_REQUEST, "Wrong input"),
)


def unexpected_response(error: BaseException | None) -> UnexpectedResponse | None:
    """Return what a server would answer to an error, or ``None`` if it would not say so."""
    if isinstance(error, RecursionError):
        error = InvalidInputError("the request is nested too deeply, or contains itself")
    for kind, status, prefix in _STATUSES:
        if isinstance(error, kind):
            body = {"status": {"error": f"{prefix}: {error}"}, "time": 0.0}
            return UnexpectedResponse(
                status.value, status.phrase, json.dumps(body).encode(), {"content-type": "application/json"}
            )
    return None


class _ApiErrors:
    """Translate the errors of a block."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is not None and (response := unexpected_response(exc)) is not None:
            raise response from exc


api_errors = _ApiErrors()
"""A context that raises errors as this API does. It has no state and serves any number of threads."""
