"""Routes that tell of the server itself, and the few about points and quotas that no operation stands for."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Any

from quiverdb.errors import InvalidInputError, NotFoundError
from quiverdb.qdrant._connection import API_VERSION
from quiverdb.server import metrics
from quiverdb.server.access import Access
from quiverdb.server.core import Core
from quiverdb.server.exchange import TEXT, Answer, Endpoint, Request, Route, bare, ok
from quiverdb.server.openapi import openapi_json
from quiverdb.server.settings import MEGABYTE
from quiverdb.wire.operations import OPERATIONS
from quiverdb.wire.rest import arguments_of, decode

__all__ = ["service_routes"]

_log = logging.getLogger("quiverdb.server")

_POINT = "/collections/{collection_name}/points/{id}"
_DIGITS = 20
"""As many as a number that is an id can have."""
_HEALTH = {
    "healthz": "healthz check passed",
    "livez": "healthz check passed",
}


def service_routes(core: Core) -> Iterator[Route]:
    """Yield the routes."""
    for name, text in _HEALTH.items():
        yield Route(name, "GET", f"/{name}", _always(_text(text)))
    yield Route("readyz", "GET", "/readyz", _readyz(core))
    yield Route("metrics", "GET", "/metrics", _metrics(core))
    yield Route("telemetry", "GET", "/telemetry", _telemetry(core))
    yield Route("get_issues", "GET", "/issues", _always(bare({"issues": []})))
    yield Route("clear_issues", "DELETE", "/issues", _always(ok(result=True, seconds=0.0)))
    yield Route("get_quotas", "GET", "/quotas", _quotas(core))
    yield Route("update_quotas", "PUT", "/quotas", _new_quotas(core))
    yield Route("get_point", "GET", _POINT, _point(core))
    yield Route("openapi", "GET", "/openapi.json", _openapi(core))


def _always(answer: Answer) -> Endpoint:
    async def endpoint(_: Request) -> Answer:
        return answer

    return endpoint


def _text(told: str, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(told.encode(), status, TEXT)


def _readyz(core: Core) -> Endpoint:
    """Tell whether requests can be answered, for which a gateway needs the server behind it."""

    async def endpoint(_: Request) -> Answer:
        if core.settings.storage.backend is not None:
            try:
                await core.workers.run("read", core.database.collection_names)
            except Exception as error:
                _log.warning("the backend is not ready: %s", error)
                return _text("the backend is not ready", HTTPStatus.SERVICE_UNAVAILABLE)
        return _text("all shards are ready")

    return endpoint


def _metrics(core: Core) -> Endpoint:
    def text() -> str:
        recovering = core.settings.storage.recovery_mode is not None
        prefix = core.settings.service.metrics_prefix
        return "".join(metrics.prometheus_text(core.requests, core.database, prefix=prefix, recovery_mode=recovering))

    async def endpoint(_: Request) -> Answer:
        told = await core.workers.run("read", text)
        return Answer(told.encode(), headers=((b"content-type", metrics.CONTENT_TYPE.encode()),))

    return endpoint


def _openapi(core: Core) -> Endpoint:
    async def endpoint(_: Request) -> Answer:
        return Answer(await core.workers.run("read", openapi_json))

    return endpoint


def _telemetry(core: Core) -> Endpoint:
    async def endpoint(request: Request) -> Answer:
        began = perf_counter()
        level = request.query.get("details_level", "0")
        if not level.isdecimal() or len(level) > 9:
            message = f"details_level must be a number, got {level!r}"
            raise InvalidInputError(message, field="details_level", fault="query")
        told = await core.workers.run("read", _told, core, int(level), request.access)
        return ok(told, perf_counter() - began)

    return endpoint


def _told(core: Core, level: int, access: Access) -> dict[str, Any]:
    """Return what a server tells of itself; from level 1 on, of each collection too."""
    settings = core.settings
    features = dict.fromkeys(("debug", "service_debug_feature", "gpu", "rocksdb", "staging"), False)
    names = access.visible(core.database.collection_names())
    collections: dict[str, Any] = {"number_of_collections": len(names)}
    if level and settings.storage.recovery_mode is None:
        collections["collections"] = [told for name in names if (told := _collection(core, name)) is not None]
    return {
        "id": core.id,
        "app": {
            "name": "qdrant",
            "version": API_VERSION,
            "features": {**features, "recovery_mode": settings.storage.recovery_mode is not None},
            "startup": core.started.isoformat(),
            "jwt_rbac": settings.service.jwt_rbac,
        },
        "collections": collections,
        "cluster": {"enabled": False},
        "requests": core.requests.telemetry(),
        "quota": core.calls.quotas.telemetry(),
    }


def _collection(core: Core, name: str) -> dict[str, Any] | None:
    try:
        info = core.calls.call("get_collection", {"collection_name": name})
    except ValueError:  # it was deleted meanwhile
        return None
    params = info.config.params
    vectors = len(params.vectors) if isinstance(params.vectors, Mapping) else int(params.vectors is not None)
    count = (info.points_count or 0) * (vectors + len(params.sparse_vectors or {}))
    return {"vectors": count, "optimizers_status": info.optimizer_status, "params": params}


def _quotas(core: Core) -> Endpoint:
    async def endpoint(_: Request) -> Answer:
        began = perf_counter()
        status = await core.workers.run("read", core.calls.quotas.status)
        return ok(status, perf_counter() - began)

    return endpoint


def _new_quotas(core: Core) -> Endpoint:
    async def endpoint(request: Request) -> Answer:
        began = perf_counter()
        body = await request.json(MEGABYTE)
        await core.workers.run("manage", lambda: core.calls.quotas.set(decode(body)))
        return ok(result=True, seconds=perf_counter() - began)

    return endpoint


def _point(core: Core) -> Endpoint:
    retrieve = OPERATIONS["retrieve"]

    def answer(request: Request, began: float) -> Answer:
        id = request.path["id"]
        terms = {name: value for name, value in request.query.items() if name in retrieve.query}
        ids = {"ids": [int(id) if id.isdecimal() and id.isascii() and len(id) <= _DIGITS else id], "with_vector": True}
        arguments = arguments_of(retrieve, request.path, terms, ids)
        found = core.calls.call("retrieve", arguments, request.access)
        if not found:
            raise NotFoundError(f"Point with id {id} does not exists!", kind="point", name=id)
        return ok(found[0], perf_counter() - began)

    async def endpoint(request: Request) -> Answer:
        return await core.workers.run("read", answer, request, perf_counter())

    return endpoint
