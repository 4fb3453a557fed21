"""Requests to a VikingDB server, with what proves who asks: one driver for threads, one for event loops.

What to send, what answers mean and when to ask again says ``quiverdb.vikingdb.exchange``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, Self

from quiverdb.errors import ClosedError
from quiverdb.remote.address import Address
from quiverdb.remote.http import async_connections, connections
from quiverdb.remote.retry import async_repeated, repeated
from quiverdb.vikingdb.config import ClientConfig
from quiverdb.vikingdb.credentials import Auth
from quiverdb.vikingdb.exchange import Exchange, Question, envelope, failures
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.request_options import RequestOptions, ensure_request_options

__all__ = ["AsyncTransport", "Transport"]


class Transport:
    """Carry operations to a server over HTTP; safe to use from several threads, and after a fork.

    Nothing is sent before the first call. A request is made again, after a pause, if it was not heard or put off, and
    also if it may have been carried out when that does no harm. ``session`` is a client of httpx2 or httpx to send
    with.

    >>> from quiverdb.vikingdb import APIKey
    >>> Transport(ClientConfig("http://localhost:9527"), APIKey("secret"))
    <Transport of http://localhost:9527>
    """

    def __init__(self, config: ClientConfig, auth: Auth | None = None, session: Any = None) -> None:
        self._exchange = Exchange(config, auth, session)
        self._open: dict[Address, Any] = {}
        self._closed = False

    def call(self, operation: str, payload: Payload, options: RequestOptions | None = None) -> dict[str, Any]:
        """Return the envelope of the answer to an operation; see ``Backend.call``."""
        with failures(options):
            return self._ask(self._exchange.question(operation, payload, options))

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        options: RequestOptions | None = None,
    ) -> dict[str, Any]:
        """Return the envelope of the answer to any request; raises like ``call``."""
        given = _with_headers(options, headers)
        with failures(given):
            return self._ask(self._exchange.request(method, path, params or {}, json_body, given))

    def ping(self, options: RequestOptions | None = None) -> None:
        """Ask the server whether it is there; raises like ``call``."""
        with failures(options):
            self._ask(self._exchange.ping(options))

    def _ask(self, question: Question) -> dict[str, Any]:
        repetitions = count()

        def ask() -> dict[str, Any]:
            reply = self._connections(question.address).send(*self._exchange.signed(question, next(repetitions)))
            return envelope(question, reply)

        return repeated(ask, question.retry, repeatable=question.repeatable)

    def _connections(self, address: Address) -> Any:
        if self._closed:
            raise ClosedError("the client is closed: make a new one")
        found = self._open.get(address)
        return found or self._open.setdefault(address, connections(self._exchange.settings(address)))

    def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._closed = True
        for opened in list(self._open.values()):
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._exchange.address.rest_uri}>"


class AsyncTransport:
    """Carry operations to a server over HTTP from event loops; what is said of ``Transport`` holds.

    >>> AsyncTransport(ClientConfig("https://db.example.com"))
    <AsyncTransport of https://db.example.com>
    """

    def __init__(self, config: ClientConfig, auth: Auth | None = None, session: Any = None) -> None:
        self._exchange = Exchange(config, auth, session)
        self._open: dict[Address, Any] = {}
        self._closed = False

    async def call(self, operation: str, payload: Payload, options: RequestOptions | None = None) -> dict[str, Any]:
        """Return the envelope of the answer to an operation; see ``Backend.call``."""
        with failures(options):
            return await self._ask(self._exchange.question(operation, payload, options))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        options: RequestOptions | None = None,
    ) -> dict[str, Any]:
        """Return the envelope of the answer to any request; raises like ``call``."""
        given = _with_headers(options, headers)
        with failures(given):
            return await self._ask(self._exchange.request(method, path, params or {}, json_body, given))

    async def ping(self, options: RequestOptions | None = None) -> None:
        """Ask the server whether it is there; raises like ``call``."""
        with failures(options):
            await self._ask(self._exchange.ping(options))

    async def _ask(self, question: Question) -> dict[str, Any]:
        repetitions = count()

        async def ask() -> dict[str, Any]:
            reply = await self._connections(question.address).send(*self._exchange.signed(question, next(repetitions)))
            return envelope(question, reply)

        return await async_repeated(ask, question.retry, repeatable=question.repeatable)

    def _connections(self, address: Address) -> Any:
        if self._closed:
            raise ClosedError("the client is closed: make a new one")
        found = self._open.get(address)
        return found or self._open.setdefault(address, async_connections(self._exchange.settings(address)))

    async def close(self) -> None:
        """Close all connections; a second call does nothing."""
        self._closed = True
        for opened in list(self._open.values()):
            await opened.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    __repr__ = Transport.__repr__


def _with_headers(options: RequestOptions | None, headers: Mapping[str, str] | None) -> RequestOptions:
    """Return options with headers added, unless the options have others of these names."""
    given = ensure_request_options(options)
    return RequestOptions(**{**vars(given), "headers": given.merge_headers(headers)})
