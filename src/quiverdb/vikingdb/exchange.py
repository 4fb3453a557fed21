"""What is asked of a server, what its answers mean, and when to ask again; nothing in here waits.

``Exchange`` makes a ``Question`` of a call. ``quiverdb.vikingdb.transport`` carries it: each attempt is ``signed``
anew, and ``envelope`` reads the answer. Within ``failures`` errors become those of this package.
"""

from __future__ import annotations

import os
import re
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.remote.address import Address
from quiverdb.remote.address import resolve as resolve_address
from quiverdb.remote.headers import Pairs, checked
from quiverdb.remote.http_reply import ENCODINGS
from quiverdb.remote.pool import Limits
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import LostError, NotSentError, TimedOutError, retry_after
from quiverdb.remote.settings import Settings
from quiverdb.remote.tls import Verify, tls_context
from quiverdb.vikingdb import signing
from quiverdb.vikingdb.config import ClientConfig, RetryConfig
from quiverdb.vikingdb.credentials import Auth, Outgoing
from quiverdb.vikingdb.exceptions import (
    UNKNOWN,
    VikingConnectionException,
    VikingVectorException,
    failure,
    status_of,
)
from quiverdb.vikingdb.operations import CONTROL_VERSION, OPERATIONS, PING, Operation, Payload
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.wire import rest
from quiverdb.wire.http_message import Reply

__all__ = ["REQUEST_ID", "Attempts", "Exchange", "Question", "envelope", "failures"]

REQUEST_ID = "X-Tt-Logid"
SUCCESS = "Success"

_OK = range(200, 300)
_TOO_MANY_REQUESTS = 429
_PATIENCE = 60.0
"""Seconds: a server that wants to be left alone for longer is not waited for."""
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the authorities to trust, besides those that OpenSSL goes by."""
_CLOUD = re.compile(r"[\w-]+\.vikingdb\.([\w-]+)\.volces\.com")
"""Hosts whose collections are managed at ``vikingdb.REGION.volcengineapi.com``."""


class Attempts(msgspec.Struct, frozen=True):
    """Decide when to ask again: what was not heard or put off, and what may have been done if that does no harm.

    >>> Attempts(RetryConfig(), 3).wait(NotSentError("refused"), 2, repeatable=True) is None
    True
    """

    config: RetryConfig
    most: int

    def wait(self, error: Exception, repetition: int, *, repeatable: bool) -> float | None:
        """Return for how many seconds to wait before another attempt; see ``Retry.wait``."""
        if repetition + 1 >= self.most or not _worth_it(error, repeatable=repeatable):
            return None
        pause = self.config.delay(repetition + 1)
        asked = retry_after(error.headers) if isinstance(error, ResponseError) else None
        if asked is None:
            return pause
        return None if asked > _PATIENCE else max(pause, asked)


class Question(msgspec.Struct, frozen=True):
    """Hold all about a request that stays the same from one attempt to the next."""

    address: Address
    outgoing: Outgoing
    api: str
    """What the answer is called."""
    repeatable: bool
    timeout: float
    retry: Attempts
    request_id: str
    ping: bool = False
    """Whether it only matters that there is an answer, and not who asks."""


def _worth_it(error: Exception, *, repeatable: bool) -> bool:
    if isinstance(error, ResponseError):
        return error.status == _TOO_MANY_REQUESTS or (repeatable and error.status >= 500)
    return isinstance(error, NotSentError) or (repeatable and isinstance(error, LostError | TimedOutError))


class _Nobody(Auth):
    """Leave requests as they are."""

    def sign_request(self, request: Any) -> None:
        pass


class Exchange:
    """Make requests, and read answers."""

    def __init__(self, config: ClientConfig, auth: Auth | None, http_client: Any = None) -> None:
        self._config = config
        self._http_client = http_client
        self.address = _address(config.endpoint)
        self._console = _console(self.address, config.control_endpoint)
        given = _Nobody() if auth is None else auth
        if not isinstance(given, Auth):
            raise InvalidInputError(
                "auth must be IAM(…), APIKey(…), HeaderAuth(…) or an Auth of your own", field="auth"
            )
        self._sign = given.signer(service=signing.SERVICE, region=config.region, session_token=config.session_token)

    # --- connections

    def settings(self, address: Address) -> Settings:
        """Return how to connect."""
        config = self._config
        return Settings(
            address=address,
            headers=(),
            metadata=(),
            timeout=config.timeout,
            limits=Limits(connections=None, idle=config.pool_maxsize),
            verify=self._authorities if address.tls else True,
            http_client=self._http_client,
        )

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        verify: Verify = self._config.verify_ssl
        if verify is True:
            verify = next(filter(None, map(os.environ.get, _BUNDLES)), True)
        try:
            return tls_context(verify)
        except OSError as error:
            message = f"the certificates of authorities to trust cannot be read from {verify!r}: {error}"
            raise InvalidInputError(message, field="verify_ssl") from error

    # --- questions

    def question(self, operation: str, payload: Payload, options: RequestOptions | None) -> Question:
        """Return what asks for an operation; raises ``InvalidInputError`` for what has no form in HTTP."""
        row = OPERATIONS[operation]
        query, path, address = {}, row.path, self.address
        if row.action and self._console is not None:
            query, path, address = {"Action": row.action, "Version": CONTROL_VERSION}, "/", self._console
        body = rest.written(payload)
        return self._question("POST", path, query, body, options, address, row.path, _repeatable(row, payload))

    def request(
        self, method: str, path: str, query: Mapping[str, str], body: Any, options: RequestOptions | None
    ) -> Question:
        """Return what asks for a path, which need not be that of an operation."""
        row = next((row for row in OPERATIONS.values() if row.path == path), None)
        repeatable = method in ("GET", "HEAD") or (row is not None and _repeatable(row, body or {}))
        written = b"" if body is None else rest.written(body)
        return self._question(method, path, query, written, options, self.address, path, repeatable)

    def ping(self, options: RequestOptions | None) -> Question:
        """Return what asks a server whether it is there."""
        asked = self._question("GET", PING, {}, b"", options, self.address, PING, repeatable=True)
        return msgspec.structs.replace(asked, ping=True)

    def _question(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes,
        options: RequestOptions | None,
        address: Address,
        api: str,
        repeatable: bool,
    ) -> Question:
        given = options or _NO_OPTIONS
        outgoing = Outgoing(
            method,
            address.scheme,
            address.authority,
            unquote(address.prefix) + path,
            {**query, **{str(name): str(value) for name, value in given.query.items()}},
            self._headers(given, address),
            body,
        )
        return Question(
            address=address,
            outgoing=outgoing,
            api=api,
            repeatable=repeatable if given.repeatable is None else given.repeatable,
            timeout=self._config.timeout if given.timeout is None else _seconds(given.timeout),
            retry=Attempts(self._config.retry, given.max_attempts or self._config.retry.max_attempts),
            request_id=given.request_id or UNKNOWN,
        )

    def _headers(self, options: RequestOptions, address: Address) -> dict[str, str]:
        """Return headers as they are signed; those of the options replace others, in any case of their names."""
        headers = {"Accept": "application/json"}
        if self._config.user_agent:
            headers["User-Agent"] = self._config.user_agent
        if address is not self.address:
            headers["Host"] = address.authority
        if options.headers:
            given = checked(options.headers)
            headers = {name: value for name, value in headers.items() if name.lower() not in given}
            headers |= {name: value for name, value in options.headers.items() if name.lower() not in _FORCED}
        headers["Content-Type"] = "application/json"
        if options.request_id:
            headers = {name: value for name, value in headers.items() if name.lower() != "x-tt-logid"}
            headers[REQUEST_ID] = options.request_id
        return headers

    def signed(self, question: Question, repetition: int = 0) -> tuple[str, str, Pairs, bytes | None, float]:
        """Return what to send at this moment: method, target, headers, body and timeout.

        A repetition gets an id of its own if the caller gave none: dates are whole seconds, so a server that carries
        out no signed request twice could not tell it from an equal one of somebody else.
        """
        asked = msgspec.structs.replace(question.outgoing, headers=dict(question.outgoing.headers))
        if repetition and REQUEST_ID.lower() not in map(str.lower, asked.headers):
            asked.headers[REQUEST_ID] = uuid.uuid4().hex
        if not question.ping:
            self._sign(asked)
        headers = asked.headers
        headers.setdefault("Host", asked.host)
        if not question.address.loopback:
            headers.setdefault("Accept-Encoding", ENCODINGS)
        if asked.method != "GET":
            headers["Content-Length"] = str(len(asked.body))
        target = quote(asked.path) + (f"?{urlencode(asked.query)}" if asked.query else "")
        return asked.method, target, tuple(headers.items()), asked.body or None, question.timeout


_NO_OPTIONS = RequestOptions()
_FORCED = ("content-type", "content-length", "x-date", "x-content-sha256")


def _address(endpoint: str) -> Address:
    return resolve_address(endpoint, port=None)


def _console(address: Address, endpoint: str | None) -> Address | None:
    """Return where the cloud manages collections, if this is the cloud."""
    cloud = _CLOUD.fullmatch(address.host)
    if endpoint is None and cloud is not None:
        endpoint = f"https://vikingdb.{cloud[1]}.volcengineapi.com"
    return None if endpoint is None else _address(endpoint)


def _seconds(timeout: Any) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf"):
        raise InvalidInputError(f"timeout must be a number of seconds above 0, got {timeout!r}", field="timeout")
    return float(timeout)


def _repeatable(row: Operation, payload: Payload) -> bool:
    """Tell whether doing it twice does no harm, as far as one can tell without knowing the primary key."""
    if row.name == "delete":
        return not payload.get("del_all")  # which would take what others wrote meanwhile
    return row.access == "read" or row.name == "update"


# --- answers


def envelope(question: Question, reply: Reply) -> dict[str, Any]:
    """Return what a server answered, in the form of the data plane.

    Raise ``ResponseError`` for an answer that means failure, whatever its status, and ``LostError`` for one that
    cannot be read.
    """
    if reply.status not in _OK:
        raise ResponseError(reply.status, reply.reason, reply.body, reply.headers)
    body = {} if question.ping else _read(reply.body)
    if body is None:
        raise LostError(f"the answer is not what VikingDB answers: {reply.body[:80]!r}")
    about = body.get("ResponseMetadata")
    if isinstance(about, dict):
        code = (about.get("Error") or {}).get("Code")
        body = {"request_id": about.get("RequestId"), "result": body.get("Result")}
    else:
        code = body.get("code")
    if not _fine(code):
        raise ResponseError(status_of(str(code)), reply.reason, reply.body, reply.headers)
    body["code"] = SUCCESS
    if not isinstance(body.get("message"), str):
        body["message"] = ""
    if not body.get("request_id"):
        body["request_id"] = reply.headers.get("x-tt-logid") or question.request_id
    body.setdefault("api", question.api)
    body.setdefault("result", None)
    return body


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        read = rest.decode(body)
    except InvalidInputError:
        return None
    return read if isinstance(read, dict) else None


def _fine(code: Any) -> bool:
    return code is None or str(code).lower() in ("success", "0", "")


@contextmanager
def failures(options: RequestOptions | None) -> Iterator[None]:
    """Turn what goes wrong with a request into the errors of this package."""
    request_id = (options and options.request_id) or UNKNOWN
    try:
        yield
    except ResponseError as error:
        raise _refused(error, request_id) from error
    except TransportError as error:
        retryable = _worth_it(error, repeatable=True)
        raise VikingConnectionException(str(error), request_id=request_id, retryable=retryable) from error
    except InvalidInputError as error:
        raise failure("InvalidParameter", str(error), request_id=request_id) from error


def _refused(error: ResponseError, request_id: str) -> VikingVectorException:
    """Return the error that a server answered with, in any of the forms that its releases know."""
    body = _read(error.content) or {}
    about = body.get("ResponseMetadata")
    if isinstance(about, dict):
        told = {**_lowered(about), **_lowered(about.get("Error"))}
    else:
        told = _lowered(body)
    text = "" if body else error.content.decode(errors="replace").strip()
    return VikingVectorException(
        str(told.get("code") or UNKNOWN),
        str(told.get("request_id") or error.headers.get("x-tt-logid") or request_id),
        str(told.get("message") or text or error.reason),
        status_code=error.status,
    )


def _lowered(told: Any) -> dict[str, Any]:
    """Return code, message and request id, which are written in either case."""
    given = told if isinstance(told, dict) else {}
    names = {"code": "Code", "message": "Message", "request_id": "RequestId"}
    found = {name: given.get(name) or given.get(other) for name, other in names.items()}
    return {name: value for name, value in found.items() if value}
