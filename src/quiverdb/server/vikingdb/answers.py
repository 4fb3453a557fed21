"""Results and errors become answers: always JSON, in the envelope of the data plane or in that of the cloud's console.

::

    {"api", "code", "message", "request_id", "result"}                      below /api/vikingdb
    {"ResponseMetadata": {"RequestId", "Action", …, "Error"?}, "Result"}    for /?Action=…
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from quiverdb.errors import InvalidInputError, QuiverError, RateLimitedError, RefusedError
from quiverdb.qdrant.errors import unexpected_response
from quiverdb.remote.protocol import ResponseError
from quiverdb.server.exchange import JSON, Answer, Headers, Request, Scope, SlowClientError, headers_of
from quiverdb.server.failures import told
from quiverdb.server.routing import MethodError, PathError
from quiverdb.vikingdb import signing
from quiverdb.vikingdb.exceptions import STATUSES, VikingException
from quiverdb.vikingdb.operations import CONTROL_VERSION
from quiverdb.wire.rest import encode

__all__ = ["failed", "is_action", "parameters", "request_id", "succeeded"]

_ID = "quiverdb.request_id"
_LONGEST_ID = 256
_LOGID = b"x-tt-logid"
_REGION = "cn-beijing"

_CODES: Mapping[int, str] = {
    **{status: code for code, status in reversed(STATUSES.items())},
    HTTPStatus.BAD_REQUEST: "InvalidParameter",
    HTTPStatus.UNPROCESSABLE_ENTITY: "InvalidParameter",
    HTTPStatus.UNAUTHORIZED: "InvalidCredential",
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.NOT_FOUND: "InvalidAction",
}
"""What a status is called that is not made from a code."""


def is_action(scope: Scope) -> bool:
    """Tell whether a request is one to the control plane in the form of the cloud, which shares its path with others.

    >>> is_action({"raw_path": b"/", "query_string": b"Action=ListVikingdbIndex&Version=2025-06-09"})
    True
    """
    if scope["raw_path"] != b"/":
        return False
    return any(part.partition(b"=")[0] == b"Action" for part in scope["query_string"].split(b"&"))


def parameters(scope: Scope) -> dict[str, str]:
    """Return the parameters in the query of a request; what is no UTF-8 in them is replaced."""
    return dict(parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True))


def request_id(scope: Scope) -> str:
    """Return the id of a request: the one that its client gave it, or a new one, which stays with it.

    >>> request_id({"headers": [(b"x-tt-logid", b"import-7")]})
    'import-7'
    """
    if _ID not in scope:
        given = headers_of(scope).get("x-tt-logid", "").strip().encode("latin-1")
        scope[_ID] = given[:_LONGEST_ID].decode("utf-8", "ignore") or uuid.uuid4().hex
    found: str = scope[_ID]
    return found


def succeeded(request: Request, envelope: Mapping[str, Any]) -> Answer:
    """Return the answer that holds the result in an envelope."""
    scope = request.scope
    if is_action(scope):
        return _answer(scope, {"ResponseMetadata": _about(scope), "Result": envelope["result"]}).packed_for(request)
    return _answer(scope, envelope).packed_for(request)


def failed(request: Request, error: Exception) -> Answer:
    """Return the answer that tells of an error; log one that nobody foresaw."""
    scope = request.scope
    status, code, message, headers = _told(error)
    if is_action(scope):
        about = {**_about(scope), "Error": {"Code": code, "Message": message}}
        return _answer(scope, {"ResponseMetadata": about}, status, headers)
    body = {
        "api": scope["raw_path"].decode("ascii", "replace"),
        "code": code,
        "message": message,
        "request_id": request_id(scope),
        "result": None,
    }
    return _answer(scope, body, status, headers)


def _answer(scope: Scope, body: Mapping[str, Any], status: int = HTTPStatus.OK, headers: Headers = ()) -> Answer:
    return Answer(encode(body), status, (*JSON, (_LOGID, request_id(scope).encode()), *headers))


def _about(scope: Scope) -> dict[str, Any]:
    asked = parameters(scope)
    try:
        region = signing.read_authorization(headers_of(scope).get("authorization", "")).region
    except InvalidInputError:
        region = _REGION
    return {
        "RequestId": request_id(scope),
        "Action": asked["Action"],
        "Version": asked.get("Version", CONTROL_VERSION),
        "Service": signing.SERVICE,
        "Region": region,
    }


def _told(error: Exception) -> tuple[int, str, str, Headers]:
    """Return status, code, message and headers of the answer that tells of an error."""
    match error:
        case VikingException(status_code=None):  # such as one that tells of no answer from elsewhere
            return HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", error.message, ()
        case VikingException(code="InternalError", __cause__=QuiverError() as cause):
            return _told(cause)
        case VikingException():
            return int(error.status_code or 0), error.code, error.message, _wait(error.__cause__)
        case PathError():
            return _coded(HTTPStatus.NOT_FOUND, "There is no such operation.")
        case MethodError():
            allowed = (b"allow", ", ".join(error.allowed).encode())
            return _coded(HTTPStatus.METHOD_NOT_ALLOWED, "The operation has another method.", allowed)
        case SlowClientError():
            return _coded(HTTPStatus.REQUEST_TIMEOUT, f"{error}", (b"connection", b"close"))
        case RateLimitedError():
            return _coded(HTTPStatus.TOO_MANY_REQUESTS, str(error), *_wait(error))
        case RefusedError(status=status):
            return _coded(status, str(error))
        case InvalidInputError():
            return _coded(HTTPStatus.BAD_REQUEST, str(error))
        case RecursionError():
            return _coded(HTTPStatus.BAD_REQUEST, "The request is nested too deeply.")
        case ResponseError():
            return _coded(error.status, error.message)
    if (response := unexpected_response(error)) is not None:
        return _coded(response.status_code or HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    return _coded(*told(error))


def _coded(status: int, message: str, *headers: tuple[bytes, bytes]) -> tuple[int, str, str, Headers]:
    return status, _CODES.get(status, "InternalError"), message, headers


def _wait(error: object) -> Headers:
    seconds = error.retry_after if isinstance(error, RateLimitedError) else None
    return () if seconds is None else ((b"retry-after", b"%d" % math.ceil(seconds)),)
