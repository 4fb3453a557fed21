"""VikingDB's protocol: its routes, who is let in, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from quiverdb.errors import InvalidInputError
from quiverdb.server.access import NOBODY, Access
from quiverdb.server.core import Core
from quiverdb.server.dialect import Dialect
from quiverdb.server.exchange import Answer, Endpoint, Request, Response, Route, Scope
from quiverdb.server.limits import is_deeper
from quiverdb.server.routing import MethodError, PathError
from quiverdb.server.settings import MEGABYTE
from quiverdb.server.vikingdb import rights
from quiverdb.server.vikingdb.answers import failed, is_action, parameters, request_id, succeeded
from quiverdb.server.vikingdb.guard import Guard, Proof, check_body
from quiverdb.server.vikingdb.replays import Replays
from quiverdb.vikingdb.exceptions import failure
from quiverdb.vikingdb.operations import CONTROL_VERSION, OPERATIONS, PING, Backend, Operation
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.service.service import SUCCESS, Service
from quiverdb.wire.rest import decode

__all__ = ["VikingDialect"]

_ROOT = b"api"
_PING = "ping"
_METHOD = "POST"
_PROOF = "quiverdb.proof"


class VikingDialect(Dialect):
    """Speak VikingDB's protocol, with a backend in place of the database's own service if one is given.

    >>> import quiverdb
    >>> from quiverdb.server.settings import Settings
    >>> with quiverdb.open(":memory:") as database:
    ...     dialect = VikingDialect(Core(database, Settings()))
    ...     dialect.find({"method": "POST", "raw_path": b"/", "query_string": b"Action=GetVikingdbIndex"})[0].label
    'POST /?Action=GetVikingdbIndex'
    """

    protocol = "vikingdb"

    def __init__(self, core: Core, backend: Backend | None = None) -> None:
        self._core = core
        self._backend = backend
        self._settings = core.settings.vikingdb
        self._most = self._settings.max_request_size_mb * MEGABYTE
        self.guard = Guard(core.settings, core.access)
        self.replays = Replays(self._settings.clock_skew_secs)
        super().__init__(self._routes())
        self._actions = {
            row.action: Route(row.name, _METHOD, f"/?Action={row.action}", self._endpoint(row))
            for row in OPERATIONS.values()
            if row.action
        }

    def owns(self, scope: Scope) -> bool:
        """Tell by the first step of the path, or by an action in the query."""
        return scope["raw_path"].split(b"/", 2)[1:2] == [_ROOT] or is_action(scope)

    def find(self, scope: Scope) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request, to which an action in its query may lead."""
        if not is_action(scope):
            return super().find(scope)
        asked = parameters(scope)
        route = self._actions.get(asked["Action"])
        if route is None or asked.get("Version", CONTROL_VERSION) != CONTROL_VERSION:
            raise PathError(asked["Action"])
        if scope["method"] != _METHOD:
            raise MethodError((_METHOD,))
        return route, {}

    async def admit(self, request: Request, route: Route | None) -> Access:
        """Return what a caller may do; only whether a server is there may be asked by everybody."""
        if route is not None and route.name == _PING:
            return NOBODY
        access, request.scope[_PROOF] = await self.guard.caller(request.scope)
        if route is not None and route.name not in rights.IN_RECOVERY:
            self._core.calls.check_mode(route.name)
        return access

    def failure(self, error: Exception, route: Route | None, request: Request) -> Response:  # noqa: ARG002
        """Return the answer that tells of an error, in the envelope that the path is known for."""
        return failed(request, error)

    def _routes(self) -> Iterator[Route]:
        for row in OPERATIONS.values():
            yield Route(row.name, _METHOD, row.path, self._endpoint(row))
        for method in ("GET", _METHOD):
            yield Route(_PING, method, PING, self._ping)

    async def _ping(self, request: Request) -> Answer:
        about = {"api": PING, "code": "Success", "message": SUCCESS, "request_id": request_id(request.scope)}
        return succeeded(request, {**about, "result": {}})

    def _endpoint(self, row: Operation) -> Endpoint:
        async def endpoint(request: Request) -> Answer:
            body = await request.sent(self._most)
            work = partial(self._core.workers.run, row.access, self._answer, row, request, body)
            proof: Proof | None = request.scope[_PROOF]
            if proof is None or row.access == "read":
                return await work()
            with self.replays.once(proof):
                return await work()

        return endpoint

    def _answer(self, row: Operation, request: Request, body: bytes) -> Answer:
        """Carry out an operation; runs on a worker."""
        proof: Proof | None = request.scope[_PROOF]
        if proof is not None:
            check_body(proof, body)
        payload = self._payload(request, body)
        rights.check(request.access, row, payload, self._core.database)
        if row.name in rights.GROWING:
            self._core.calls.quotas.check()
        call = partial(self._service().call, row.name, options=RequestOptions(request_id=request_id(request.scope)))
        return succeeded(request, rights.visible(request.access, row, payload, call))

    def _payload(self, request: Request, body: bytes) -> dict[str, Any]:
        """Return the fields of a body; one that is empty has none."""
        if not body:
            return {}
        request.require_json()
        body = request.unpacked(body, self._most)
        most = self._core.settings.service.max_depth
        if is_deeper(body, most):
            raise failure("InvalidParameter", f"The body is nested more than {most} levels deep.")
        try:
            payload = decode(body)
        except InvalidInputError as error:
            raise failure("InvalidParameter", f"The body is no JSON: {error}.") from error
        if not isinstance(payload, dict):
            raise failure("InvalidParameter", "The body must be an object.")
        return payload

    def _service(self) -> Backend:
        """Return what carries operations out; made by the first request, since that may take its time."""
        if self._backend is None:
            self._backend = Service.of(self._core.database)
        return self._backend
