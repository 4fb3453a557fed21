"""Errors of the Cosdata API, the same whether a server answered or the engine of this process.

::

    CosdataError (QuiverError)              status, body
    ├── AuthError (PermissionError)         wrong password, or a token that is unknown or expired
    ├── ValidationError (ValueError)        the request is wrong
    ├── NotFoundError (LookupError)         no such collection, index, vector, version or transaction
    ├── ConflictError                       the name is taken, or another transaction is open
    ├── ServerError                         the server failed
    ├── ConnectionFailedError (ConnectionError)   no answer came
    └── RequestTimeoutError (TimeoutError)        no answer came in time

``status`` and ``body`` are what a Cosdata server answers over HTTP; where it documents none, 400 is for requests that
are wrong. ``quiverdb.errors.UnsupportedError`` tells that the server at the other end lacks a feature.
"""

from __future__ import annotations

from quiverdb.errors import QuiverError

__all__ = [
    "AuthError",
    "ConflictError",
    "ConnectionFailedError",
    "CosdataError",
    "NotFoundError",
    "RequestTimeoutError",
    "ServerError",
    "ValidationError",
    "error_of",
]


class CosdataError(QuiverError):
    """Base of all errors: what went wrong, the HTTP ``status`` that says so, and the ``body`` of the answer.

    >>> error = NotFoundError("Collection Not Found!", status=400)
    >>> error.status, error.body
    (400, 'Collection Not Found!')
    """

    default_status: int | None = None

    def __init__(self, message: str, *, status: int | None = None, body: str | None = None) -> None:
        super().__init__(message)
        self.status = self.default_status if status is None else status
        self.body = message if body is None else body


class AuthError(CosdataError, PermissionError):
    """Tell that the server lets nobody in with this password or token."""

    default_status = 401


class ValidationError(CosdataError, ValueError):
    """Tell what was wrong with a request."""

    default_status = 400


class NotFoundError(CosdataError, LookupError):
    """Tell that there is no collection, index, vector, version or transaction of this name."""

    default_status = 404


class ConflictError(CosdataError):
    """Tell that a name is taken, or that another transaction is open."""

    default_status = 409


class ServerError(CosdataError):
    """Tell that a server failed."""

    default_status = 500


class ConnectionFailedError(CosdataError, ConnectionError):
    """Tell that no answer came that could be read."""


class RequestTimeoutError(CosdataError, TimeoutError):
    """Tell that no answer came in time."""


_MISSING = ("not found", "notfound")


def error_of(status: int, message: str, body: str | None = None) -> CosdataError:
    """Return the error that an answer of a server means.

    Cosdata answers 400 for some things that it does not find, so the sentence counts besides the status.

    >>> error_of(400, "Transaction Not Found!")
    NotFoundError('Transaction Not Found!')
    """
    if status == 401 or message.startswith("Wrong Credentials"):
        kind: type[CosdataError] = AuthError
    elif status == 409:
        kind = ConflictError
    elif status == 404 or (status in (400, 500) and any(words in message.lower() for words in _MISSING)):
        kind = NotFoundError
    elif status == 408:
        kind = RequestTimeoutError
    elif status >= 500:
        kind = ServerError
    else:
        kind = ValidationError
    return kind(message, status=status, body=body)
