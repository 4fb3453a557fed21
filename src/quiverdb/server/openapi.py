"""What is served, described for machines: OpenAPI 3.1, made of the tables and the models when it is first asked for.

Bodies may have fields that are not described; those are passed over. What a description cannot say, such as that two
vectors must be of one length, is refused with a status of the 400s.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec
from pydantic import TypeAdapter

from quiverdb._version import __version__
from quiverdb.qdrant import QdrantClient, _legacy_models, models
from quiverdb.qdrant._connection import API_VERSION
from quiverdb.server.calls import ALL
from quiverdb.wire.operations import Operation
from quiverdb.wire.rest import encode, path_arguments

__all__ = ["openapi_json"]

JsonSchema = Mapping[str, Any]

_BODIES: Mapping[str, str] = MappingProxyType({
    "batch_update_points": "UpdateOperations",
    "clear_payload": "PointsSelector",
    "cluster_collection_update": "ClusterOperations",
    "count": "CountRequest",
    "create_collection": "CreateCollection",
    "create_payload_index": "CreateFieldIndex",
    "create_shard_key": "CreateShardingKey",
    "create_vector_name": "VectorNameConfig",
    "delete": "PointsSelector",
    "delete_payload": "DeletePayload",
    "delete_shard_key": "DropShardingKey",
    "delete_vectors": "DeleteVectors",
    "discover": "DiscoverRequest",
    "discover_batch": "DiscoverRequestBatch",
    "facet": "FacetRequest",
    "overwrite_payload": "SetPayload",
    "query_batch_points": "QueryRequestBatch",
    "query_points": "QueryRequest",
    "query_points_groups": "QueryGroupsRequest",
    "recommend": "RecommendRequest",
    "recommend_batch": "RecommendRequestBatch",
    "recommend_groups": "RecommendGroupsRequest",
    "recover_shard_snapshot": "ShardSnapshotRecover",
    "recover_snapshot": "SnapshotRecover",
    "retrieve": "PointRequest",
    "scroll": "ScrollRequest",
    "search": "SearchRequest",
    "search_batch": "SearchRequestBatch",
    "search_groups": "SearchGroupsRequest",
    "search_matrix_offsets": "SearchMatrixRequest",
    "search_matrix_pairs": "SearchMatrixRequest",
    "set_payload": "SetPayload",
    "update_collection": "UpdateCollection",
    "update_collection_aliases": "ChangeAliasesOperation",
    "update_quotas": "QuotaConfig",
    "update_vectors": "UpdateVectors",
    "upsert": "PointInsertOperations",
})  # fmt: skip
"""The model of the body of each operation that has one."""

_BOOLEAN: JsonSchema = {"type": "boolean"}
_INTEGER: JsonSchema = {"type": "integer", "minimum": 0}
_STRING: JsonSchema = {"type": "string"}
_POINT_ID: JsonSchema = {"anyOf": [_INTEGER, {"type": "string", "format": "uuid"}]}
_PARAMETERS: Mapping[str, JsonSchema] = MappingProxyType({
    "wait": _BOOLEAN,
    "force": _BOOLEAN,
    "anonymize": _BOOLEAN,
    "per_collection": _BOOLEAN,
    "timeout": {"type": "integer", "minimum": 1},
    "completed_limit": _INTEGER,
    "details_level": _INTEGER,
    "peer_id": _INTEGER,
    "shard_id": _INTEGER,
    "id": _POINT_ID,
    "ordering": {"enum": ["weak", "medium", "strong"]},
    "consistency": {"anyOf": [_INTEGER, {"enum": ["majority", "quorum", "all"]}]},
    "priority": {"enum": ["no_sync", "snapshot", "replica"]},
})  # fmt: skip
"""What stands in paths and query strings; those left out are strings."""


class _Page(msgspec.Struct, frozen=True):
    """Describe a route that stands for no operation; ``media`` is the type of an answer without an envelope."""

    method: str
    path: str
    summary: str
    result: str = "bool"
    query: tuple[str, ...] = ()
    media: str = ""
    body: str = ""


_COLLECTION = "/collections/{collection_name}"
_SHARD = f"{_COLLECTION}/shards/{{shard_id}}"
_FILE = "application/octet-stream"
_FORM = "multipart/form-data"
_SCOPE = ("anonymize", "per_collection", "timeout")
_TELEMETRY = (*_SCOPE, "details_level")
_PAGES: Mapping[str, _Page] = MappingProxyType({
    "healthz": _Page("GET", "/healthz", "Tell that the server is alive.", media="text/plain"),
    "livez": _Page("GET", "/livez", "Tell that the server is alive.", media="text/plain"),
    "readyz": _Page("GET", "/readyz", "Tell that the server answers requests.", media="text/plain"),
    "metrics": _Page("GET", "/metrics", "Report measurements for Prometheus.", query=_SCOPE, media="text/plain"),
    "telemetry": _Page("GET", "/telemetry", "Report what the server knows about itself.", "TelemetryData", _TELEMETRY),
    "get_issues": _Page("GET", "/issues", "List what could be improved.", media="application/json"),
    "clear_issues": _Page("DELETE", "/issues", "Forget what could be improved."),
    "get_quotas": _Page("GET", "/quotas", "Report how full memory and disk may become, and are.", "QuotaStatus"),
    "update_quotas": _Page("PUT", "/quotas", "Set how full memory and disk may become.", body="application/json"),
    "openapi": _Page("GET", "/openapi.json", "Describe what is served.", media="application/json"),
    "get_point": _Page("GET", f"{_COLLECTION}/points/{{id}}", "Return a point.", "Record", ("consistency", "timeout")),
    **{
        f"{verb}_{kind}snapshot": _Page(method, owner + path, *rest, **more)
        for kind, owner in {"": _COLLECTION, "shard_": _SHARD, "full_": ""}.items()
        for verb, method, path, rest, more in (
            ("download", "GET", "/snapshots/{snapshot_name}", ("Download a snapshot.",), {"media": _FILE}),
            ("upload", "POST", "/snapshots/upload", ("Upload a snapshot and recover from it.",),
             {"query": ("wait", "priority", "checksum"), "body": _FORM}),
        )
        if (verb, kind) != ("upload", "full_")
    },
    "stream_shard_snapshot": _Page("GET", f"{_SHARD}/snapshot", "Snapshot a shard as a stream.", media=_FILE),
})  # fmt: skip


@cache
def openapi_json() -> bytes:
    """Return the description."""
    schemas, definitions = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in ALL.items():
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            name, operation, schemas, definitions
        )
    for name, page in _PAGES.items():
        paths.setdefault(page.path, {})[page.method.lower()] = _page(name, page, schemas)
    return encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "QuiverDB", "version": __version__, "summary": f"Speaks the Qdrant API {API_VERSION}."},
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": {**definitions, "Error": _ERROR},
                "securitySchemes": {
                    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
                    "bearer": {"type": "http", "scheme": "bearer"},
                },
            },
            "security": [{"api-key": []}, {"bearer": []}, {}],
        }
    )


_ERROR: JsonSchema = {
    "type": "object",
    "properties": {
        "status": {"type": "object", "properties": {"error": _STRING}, "required": ["error"]},
        "time": {"type": "number"},
    },
    "required": ["status", "time"],
}


def _schemas() -> tuple[Mapping[str, JsonSchema], JsonSchema]:
    """Return the JSON schemas of all models that bodies and results name, and of those that these are made of."""
    results = {one.result for one in ALL.values()} | {page.result for page in _PAGES.values()}
    names = sorted({*_BODIES.values(), *(result.rstrip("[]") for result in results)} - {"bool"})
    adapters = [(name, "validation", TypeAdapter(_model(name))) for name in names]
    found, rest = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return {name: schema for (name, _), schema in found.items()}, rest["$defs"]


def _model(name: str) -> Any:
    return getattr(models, name, None) or getattr(_legacy_models, name)


def _operation(
    name: str, operation: Operation, schemas: Mapping[str, JsonSchema], definitions: JsonSchema
) -> JsonSchema:
    summary = inspect.getdoc(getattr(QdrantClient, name)) or name
    described = _described(name, summary.splitlines()[0], operation.path, operation.query)
    if operation.body:
        described["requestBody"] = _body("application/json", _open(schemas[_BODIES[name]], definitions))
    result = _result(operation.result, schemas)
    accepts = "snapshot" in name and "wait" in operation.query
    described["responses"] = _responses(result if operation.bare else _envelope(result), accepts=accepts)
    return described


def _page(name: str, page: _Page, schemas: Mapping[str, JsonSchema]) -> JsonSchema:
    described = _described(name, page.summary, page.path, page.query)
    if page.body == _FORM:
        form = {"type": "object", "properties": {"snapshot": {"type": "string", "format": "binary"}}}
        described["requestBody"] = _body(_FORM, {**form, "required": ["snapshot"]})
    elif page.body:
        described["requestBody"] = _body(page.body, schemas[_BODIES[name]])
    schema: JsonSchema = {} if page.media else _envelope(_result(page.result, schemas))
    described["responses"] = _responses(schema, page.media or "application/json", accepts=page.body == _FORM)
    return described


def _described(name: str, summary: str, path: str, query: Iterable[str]) -> dict[str, Any]:
    names = path_arguments(path)
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [
            *(_parameter(one, "path") for one in names),
            *(_parameter(one.rstrip("_"), "query") for one in query),
        ],
    }


def _parameter(name: str, place: str) -> JsonSchema:
    schema = _PARAMETERS.get(name, {**_STRING, "minLength": 1} if place == "path" else _STRING)
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _body(media: str, schema: JsonSchema) -> JsonSchema:
    return {"required": True, "content": {media: {"schema": schema}}}


def _open(schema: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    """Return the schema of a whole body, in which fields that nobody knows are passed over."""
    if "anyOf" in schema:
        return {"anyOf": [_open(member, definitions) for member in schema["anyOf"]]}
    if "$ref" in schema:
        return _open(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: value for name, value in schema.items() if name != "additionalProperties"}


def _result(name: str, schemas: Mapping[str, JsonSchema]) -> JsonSchema:
    if name.endswith("[]"):
        return {"type": "array", "items": _result(name.removesuffix("[]"), schemas)}
    return _BOOLEAN if name == "bool" else schemas[name]


def _envelope(result: JsonSchema) -> JsonSchema:
    properties = {"result": result, "status": {"const": "ok"}, "time": {"type": "number"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _responses(schema: JsonSchema, media: str = "application/json", *, accepts: bool) -> dict[str, Any]:
    error = _content({"$ref": "#/components/schemas/Error"})
    told = {"description": "The request is refused, or failed.", "content": error}
    barred = {"description": "The caller is not let in.", "content": {**_content(_STRING, "text/plain"), **error}}
    responses = {
        "200": {"description": "The result.", "content": _content(schema, media)},
        "401": barred,
        "403": barred,
        "4XX": told,
        "5XX": told,
    }
    if accepts:
        accepted = {"type": "object", "properties": {"status": {"const": "accepted"}}, "required": ["status"]}
        responses["202"] = {"description": "It is being done.", "content": _content(accepted)}
    return responses


def _content(schema: JsonSchema, media: str = "application/json") -> dict[str, JsonSchema]:
    return {media: {"schema": schema}}
