"""Errors of the VikingDB API, the same whether a server answered or the engine of this process.

::

    VikingException (QuiverError)                 code, message, request_id, status_code, retryable
    ├── VikingAPIException                        a server refused a request, or could not carry it out
    │   ├── VikingVectorException = HTTPError     ... of the vector database
    │   ├── VikingMemException                    (names of the official SDK for its other products)
    │   └── VikingKnowledgeException
    └── VikingConnectionException (ConnectionError) = TransportError     no answer came that could be read

``VikingDBError`` is another name of ``VikingException``: former releases of the official SDK have ``VikingDBError``,
``HTTPError`` and ``TransportError``, today's have the others.
"""

from __future__ import annotations

from quiverdb.errors import QuiverError

__all__ = [
    "STATUSES",
    "HTTPError",
    "TransportError",
    "VikingAPIException",
    "VikingConnectionException",
    "VikingDBError",
    "VikingException",
    "VikingKnowledgeException",
    "VikingMemException",
    "VikingVectorException",
    "failure",
    "status_of",
]

UNKNOWN = "unknown"

STATUSES: dict[str, int] = {
    "MissingParameter": 400,
    "InvalidParameter": 400,
    "SignatureDoesNotMatch": 401,
    "InvalidCredential": 401,
    "AccessDenied": 403,
    "OperationDenied": 403,
    "NotFound": 404,
    "InvalidAction": 404,
    "MethodNotAllowed": 405,
    "RequestTimeout": 408,
    "AlreadyExists": 409,
    "RequestTooLarge": 413,
    "UnsupportedEncoding": 415,
    "TooManyRequests": 429,
    "InternalError": 500,
    "Unsupported": 501,
    "ServiceUnavailable": 503,
    "InsufficientStorage": 507,
}
"""The HTTP status of each kind of code: of ``NotFound.VikingdbIndex`` that of ``NotFound``."""


def status_of(code: str) -> int:
    """Return the HTTP status of an answer with this code.

    >>> status_of("NotFound.VikingdbCollection")
    404
    """
    return STATUSES.get(code.partition(".")[0], 500)


class VikingException(QuiverError):  # noqa: N818 (names of the official SDK)
    """Base of all errors; ``code`` is the server's word for what went wrong.

    >>> error = failure("NotFound.VikingdbIndex", "there is no index 'a'")
    >>> error.code, error.status_code, error.retryable
    ('NotFound.VikingdbIndex', 404, False)
    """

    def __init__(
        self,
        code: str | int,
        request_id: str = UNKNOWN,
        message: str | None = None,
        *,
        status_code: int | None = None,
        retryable: bool | None = None,
    ) -> None:
        self.code = str(code)
        self.request_id = request_id
        self.message = message or self.code
        self.status_code = status_code
        server_side = status_code is not None and (status_code == 429 or status_code >= 500)
        self.retryable = server_side if retryable is None else retryable
        super().__init__(self.message)

    def __str__(self) -> str:
        about = [f"code={self.code!r}", f"request_id={self.request_id}", f"http_status={self.status_code}"]
        return f"{self.message} ({', '.join(about)})"


class VikingAPIException(VikingException):
    """Tell that a server refused a request, or could not carry it out."""


class VikingVectorException(VikingAPIException):
    """Tell that the vector database refused a request, or could not carry it out."""


class VikingMemException(VikingAPIException):
    """Stand for errors of the official SDK's memory product, which this package does not have."""


class VikingKnowledgeException(VikingAPIException):
    """Stand for errors of the official SDK's knowledge product, which this package does not have."""


class VikingConnectionException(VikingException, ConnectionError):  # noqa: N818
    """Tell that no answer came that could be read."""

    def __init__(self, message: str, *, request_id: str = UNKNOWN, retryable: bool = True) -> None:
        super().__init__("ConnectionError", request_id, message, retryable=retryable)


VikingDBError = VikingException
HTTPError = VikingVectorException
TransportError = VikingConnectionException


def failure(code: str, message: str, *, request_id: str = UNKNOWN) -> VikingVectorException:
    """Return the error of a code, with its status."""
    return VikingVectorException(code, request_id, message, status_code=status_of(code))
