"""HTTP as uvicorn reads it, with an end to the patience for clients, and to the memory that they may take.

A connection waits for a request, reads its head, or answers it. The first two have deadlines that only their end
moves, so that no trickle of bytes keeps a connection; the third has the deadlines of the body (``exchange.py``) and of
the answer, which must be read.
"""

from __future__ import annotations

import asyncio
import math
from functools import cache
from http import HTTPStatus
from itertools import chain
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from quiverdb.server.exchange import SLOWEST
from quiverdb.wire.rest import encode

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

__all__ = ["PatientProtocol", "most_connections"]

HEAD_SECONDS = 10.0
"""How long the head of a request may take, from its first byte on."""
HEAD_BYTES = 1 << 16
"""How much may come without a head, or the end of a body, being complete."""
PIPELINED = 1000
"""How many requests may wait for the answer to the one before them."""
ANSWER_SECONDS = 30.0
"""How often it is looked whether an answer is read at ``SLOWEST`` at least."""

_TOLD = "Invalid HTTP request received."
_UNREADABLE = encode(
    {"code": "InvalidParameter", "message": _TOLD, "request_id": "unknown", "status": {"error": _TOLD}}
)
"""Whose protocol a request is that cannot be read nobody knows, so clients of each find here what they look for."""


@cache
def most_connections() -> float:
    """Return how many connections there may be, so that enough files are left for the database and for gRPC."""
    if resource is None:
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft * 3 // 4


class _RefusedError(Exception):
    """Tell the parser to stop."""


class PatientProtocol(HttpToolsProtocol):
    """Close connections that send nothing or read nothing, and those whose requests have no end or are too many."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._steps = 0
        """How often the parser got on."""
        self._stuck = 0
        """How many bytes came since the parser got on."""
        self._refusal = HTTPStatus.BAD_REQUEST
        self._deaf = False
        """Whether what comes is ignored, since it follows what could not be read."""
        self._resuming = False
        self._answered: RequestResponseCycle | None = None
        """The request that is being answered; others may wait behind it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= most_connections():
            transport.abort()
            return
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is None:
            return
        self._unset_keepalive_if_required()
        self._stop_head_timer()
        self._stop_answer_timer()
        self._give_up()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        steps = self._steps
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except HttpParserError:
            self._refuse(self._refusal)
            return
        self._stuck = self._stuck + len(data) if steps == self._steps else 0
        if self._stuck > HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif not self._in_head:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._abort)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a request that is complete, even though no other can follow; TLS cannot be closed by halves."""
        if self.cycle is None or self.cycle.more_body or self.cycle.response_complete or self.scheme == "https":
            return False
        self.cycle.keep_alive = False
        self._deafen()
        return True

    def on_message_begin(self) -> None:
        self._steps += 1
        self._in_head = True
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._steps += 1
        self._in_head = False
        if self._resuming:
            return
        self._unset_keepalive_if_required()
        self._check_head()
        self.scope["headers"] = tuple(self.headers)  # those that follow a body are none of the request
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._steps += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._steps += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()  # until those that wait are answered
        if self._answer_timer is None and self.transport.get_write_buffer_size():
            self._watch_answer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_answer_timer()
        self._watch_answer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_answer_timer()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _check_head(self) -> None:
        """Stop the parser at a head that is too long or means two things, or if too many requests wait."""
        if len(self.url) + sum(map(len, chain.from_iterable(self.headers))) > HEAD_BYTES:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _RefusedError
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]) or len(self.pipeline) >= PIPELINED:
            raise _RefusedError

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what cannot be read, and close; whoever waits for an answer before it is not given this one."""
        self._deafen()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or (cycle.more_body and cycle.response_started):
                self._abort()
                return
            if not cycle.more_body:
                cycle.keep_alive = False
                return
            self._give_up()
        head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(_UNREADABLE)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + _UNREADABLE)
        self.transport.close()

    def _decline(self, rest: bytes) -> None:
        """Go on with HTTP/1.1 after a request that offered another protocol, at whose head the parser has stopped."""
        self.parser = HttpRequestParser(self)
        framing = (b"content-length", b"transfer-encoding")
        fields = [b"%b: %b\r\n" % field for field in self.cycle.scope["headers"] if field[0] in framing]
        if fields:
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(fields))
            self._resuming = False
            self.cycle.more_body = True
            self.cycle.message_event.clear()
        self.data_received(rest)

    def _give_up(self) -> None:
        """Let no answer be written any more."""
        cycle = self._answered
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _abort(self) -> None:
        self._give_up()
        self.transport.abort()

    def _deafen(self) -> None:
        self._deaf = True
        self._stop_head_timer()
        self._unset_keepalive_if_required()

    def _watch_answer(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._answer_timer = self.loop.call_later(ANSWER_SECONDS, self._check_answer, unread)

    def _check_answer(self, before: int) -> None:
        """Give up on a client that has not read its share of what was unread before."""
        unread = self.transport.get_write_buffer_size()
        self._answer_timer = None
        if unread > max(0, before - ANSWER_SECONDS * SLOWEST):
            self._abort()
        elif unread:
            self._watch_answer()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
