"""Results and errors become answers, in the forms that Cosdata's clients know."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from quiverdb.cosdata.errors import CosdataError
from quiverdb.cosdata.operations import Operation
from quiverdb.errors import InvalidInputError, RefusedError
from quiverdb.qdrant.errors import unexpected_response
from quiverdb.remote.protocol import ResponseError
from quiverdb.server.exchange import JSON, Answer, Headers, SlowClientError
from quiverdb.server.failures import told
from quiverdb.server.routing import MethodError, PathError
from quiverdb.wire.rest import encode

__all__ = ["answer_of", "failure"]

_SENTENCE: Headers = ((b"content-type", b"text/html; charset=utf-8"),)
_EXISTS = "vector_exists"


def answer_of(row: Operation, result: Any) -> Answer:
    """Return the answer that tells of a result.

    >>> from quiverdb.cosdata.operations import OPERATIONS
    >>> answer_of(OPERATIONS["commit"], None)
    Answer(body=b'', status=204, headers=())
    """
    if row.name == _EXISTS:
        return Answer(b"", HTTPStatus.OK if result else HTTPStatus.NOT_FOUND, ())
    if row.empty:
        return Answer(b"", row.status, ())
    return Answer(encode(result), row.status)


def failure(error: Exception, row: Operation | None) -> Answer:
    """Return the answer that tells of an error; what the caller did wrong before the operation began is a sentence.

    >>> from quiverdb.cosdata.errors import NotFoundError
    >>> from quiverdb.cosdata.operations import OPERATIONS
    >>> failure(NotFoundError("no c"), OPERATIONS["search_dense"]).body
    b'{"error":"Not Found","code":404,"message":"no c"}'
    """
    match error:
        case PathError() | MethodError():
            return Answer(b"", HTTPStatus.NOT_FOUND, ())
        case SlowClientError():
            return _sentence(HTTPStatus.REQUEST_TIMEOUT, f"Timeout: {error}", (b"connection", b"close"))
        case RefusedError(status=status):
            return _sentence(status, str(error))
        case InvalidInputError(fault="path"):
            return _sentence(HTTPStatus.NOT_FOUND, f"Path deserialize error: {error}")
        case InvalidInputError(fault="query"):
            return _sentence(HTTPStatus.BAD_REQUEST, f"Query deserialize error: {error}")
    status, message, headers = _told(error)
    if row is None or not row.json_errors:
        return _sentence(status, message, *headers)
    body = {"error": _phrase(status), "code": status, "message": message}
    return Answer(encode(body), status, (*JSON, *headers))


def _told(error: Exception) -> tuple[int, str, Headers]:
    match error:
        case CosdataError(status=None) if isinstance(error, ConnectionError | TimeoutError):
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error), ()
        case CosdataError():
            return error.status or HTTPStatus.BAD_REQUEST, str(error), ()
        case ResponseError():
            return error.status, error.message, ()
    if (response := unexpected_response(error)) is not None:
        wait = response.headers.get("retry-after")
        headers = () if wait is None else ((b"retry-after", wait.encode()),)
        return response.status_code or HTTPStatus.INTERNAL_SERVER_ERROR, str(error), headers
    status, message = told(error)
    return status, message, ()


def _sentence(status: int, message: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(message.encode("utf-8", "replace"), status, (*_SENTENCE, *headers))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
