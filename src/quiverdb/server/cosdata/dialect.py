"""Cosdata's protocol: its routes, its logins, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quiverdb.cosdata.errors import AuthError
from quiverdb.cosdata.operations import LEGACY_PATHS, OPERATIONS, Backend, Operation
from quiverdb.cosdata.service.service import Service
from quiverdb.errors import RefusedError
from quiverdb.server.access import NOBODY, Access, Need
from quiverdb.server.core import Core
from quiverdb.server.cosdata.answers import answer_of, failure
from quiverdb.server.cosdata.openapi import openapi_json
from quiverdb.server.cosdata.requests import arguments_of, plain_body
from quiverdb.server.cosdata.sessions import Attempts, Passwords, Sessions
from quiverdb.server.dialect import Dialect
from quiverdb.server.exchange import Answer, Endpoint, Request, Response, Route, Scope
from quiverdb.server.settings import MEGABYTE

__all__ = ["CosdataDialect"]

_ROOTS = frozenset((b"vectordb", b"auth", b"api-docs"))
_GUARDED = b"/vectordb"
_LOGIN = "create_session"
_LOGIN_BYTES = 1 << 16
"""What somebody may send of whom nothing is known."""
_BAD_REQUEST, _UNAUTHORIZED = 400, 401

_OPEN = Need("open")
_WRITE = Need("collection", write=True)
_NEEDS: Mapping[str, Need] = {
    _LOGIN: _OPEN,
    "list_collections": Need("any"),
    "loaded_collections": Need("any"),
    "commit_together": Need("any"),  # what it is about stands in the body
    "create_collection": Need("global", manage=True),
    "delete_collection": Need("global", manage=True),
}
_NEEDS_BY_ACCESS: Mapping[str, Need] = {
    "read": Need("collection"),
    "write": _WRITE,
    "manage": Need("collection", write=True, extras=True),
}
_IN_RECOVERY = frozenset((_LOGIN, "delete_collection"))
"""What recovery mode leaves."""
_GROWING = frozenset((
    "create_collection", "create_dense_index", "create_sparse_index", "create_tf_idf_index", "upsert_in_transaction",
    "add_to_transaction", "commit", "commit_together", "stream_upsert",
))  # fmt: skip
"""What quotas stop."""


class CosdataDialect(Dialect):
    """Speak Cosdata's protocol, with a backend in place of the database's own service if one is given.

    >>> import quiverdb
    >>> from quiverdb.server.settings import Settings
    >>> with quiverdb.open(":memory:") as database:
    ...     route, path = CosdataDialect(Core(database, Settings())).router.find("GET", "/vectordb/collections/a%2Fb")
    >>> route.name, path
    ('get_collection', {'collection': 'a/b'})
    """

    protocol = "cosdata"

    def __init__(self, core: Core, backend: Backend | None = None) -> None:
        self._core = core
        self._backend = backend
        self._settings = core.settings.cosdata
        self._passwords = Passwords(core.settings)
        self._sessions = Sessions(self._settings.token_lifetime_secs)
        self._attempts = Attempts()
        super().__init__(self._routes(), exact=True)

    def owns(self, scope: Scope) -> bool:
        """Tell by the first step of the path."""
        return any(step in _ROOTS for step in scope["raw_path"].split(b"/", 2)[1:2])

    async def admit(self, request: Request, route: Route | None) -> Access:
        """Return what the owner of a token or key may do; who has none learns of no route below ``/vectordb``."""
        if route is None:
            guarded = request.scope["raw_path"].startswith(_GUARDED)
            return await self._access(request.headers) if guarded else NOBODY
        need = _need(route.name)
        if need.scope == "open":
            return NOBODY
        access = await self._access(request.headers)
        access.check(need, request.path.get("collection"))
        if route.name not in _IN_RECOVERY:
            self._core.calls.check_mode(route.name)
        return access

    def failure(self, error: Exception, route: Route | None, request: Request) -> Response:  # noqa: ARG002
        """Return the answer that tells of an error, in the form that its route has for them."""
        return failure(error, OPERATIONS.get(route.name) if route is not None else None)

    async def _access(self, headers: Mapping[str, str]) -> Access:
        """Return what the caller may do who has a token, after any word; or a key, or a token made with one."""
        words = headers.get("authorization", "").split(maxsplit=1)
        access = self._sessions.access_of(words[1].rstrip()) if len(words) > 1 else None
        if access is not None:
            return access
        if self._core.settings.service.keys:  # without keys Qdrant's protocol lets in everybody
            try:
                return await self._core.access(headers)
            except RefusedError:
                pass
        raise RefusedError("Invalid auth token!", status=_UNAUTHORIZED, plain=True)

    def _routes(self) -> Iterator[Route]:
        for row in OPERATIONS.values():
            endpoint = self._login if row.name == _LOGIN else self._endpoint(row, {})
            yield Route(row.name, row.method, row.path, endpoint)
        for (method, path), (name, renamed) in LEGACY_PATHS.items():
            yield Route(name, method, path, self._endpoint(OPERATIONS[name], renamed))
        yield Route("openapi", "GET", "/api-docs/openapi.json", self._openapi)

    def _endpoint(self, row: Operation, renamed: Mapping[str, str]) -> Endpoint:
        limit = self._settings.max_request_size_mb * MEGABYTE

        async def endpoint(request: Request) -> Answer:
            body = await request.json(limit) if row.body or row.whole else b""
            return await self._core.workers.run(row.access, self._answer, row, renamed, request, body)

        return endpoint

    def _answer(self, row: Operation, renamed: Mapping[str, str], request: Request, body: bytes) -> Answer:
        """Carry out an operation; runs on a worker."""
        plain = plain_body(body, self._core.settings.service.max_depth) if body else {}
        arguments = arguments_of(row, request, plain, renamed)
        if row.name == "commit_together":
            _check_each(request.access, arguments["transactions"])
        if row.name in _GROWING:
            self._core.calls.quotas.check()
        result = self._service().call(row.name, arguments)
        return answer_of(row, self._shown(row.name, result, request.access)).packed_for(request)

    def _service(self) -> Backend:
        """Return what carries operations out; made by the first request, since that may take its time."""
        if self._backend is None:
            service = Service.of(self._core.database)
            service.transaction_timeout = self._settings.transaction_timeout_secs
            self._backend = service
        return self._backend

    def _shown(self, operation: str, result: Any, access: Access) -> Any:
        """Cut a result about everything down to what the caller may know of."""
        if operation == "loaded_collections":
            return access.visible(result)
        if operation != "list_collections":
            return result
        listed = [one for one in result["collections"] if access.sees(one["name"])]
        return listed if self._settings.bare_list else {**result, "collections": listed}

    async def _login(self, request: Request) -> Answer:
        row = OPERATIONS[_LOGIN]
        body = plain_body(await request.json(_LOGIN_BYTES), self._core.settings.service.max_depth)
        given = arguments_of(row, request, body, {})
        for name, value in given.items():
            if not isinstance(value, str):
                message = f"Json deserialize error: `{name}` must be a string"
                raise RefusedError(message, status=_BAD_REQUEST, plain=True)
        address = (request.scope.get("client") or ("",))[0]
        await asyncio.sleep(self._attempts.delay(address))
        access = self._passwords.access_of(given["username"], given["password"])
        if access is None:
            self._attempts.failed(address)
            raise AuthError("Wrong Credentials!", status=_BAD_REQUEST)
        return answer_of(row, self._sessions.open(access))

    async def _openapi(self, _: Request) -> Answer:
        return Answer(await self._core.workers.run("read", openapi_json))


def _need(name: str) -> Need:
    row = OPERATIONS.get(name)
    return _OPEN if row is None else _NEEDS.get(name) or _NEEDS_BY_ACCESS[row.access]


def _check_each(access: Access, transactions: Any) -> None:
    """Raise ``RefusedError`` unless the caller may write to each collection that transactions are about."""
    listed = transactions if isinstance(transactions, list) else []
    names: Iterable[Any] = [one.get("collection") for one in listed if isinstance(one, dict)] or [None]
    for name in names:
        access.check(_WRITE, name if isinstance(name, str) else None)
