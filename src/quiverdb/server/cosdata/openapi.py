"""Cosdata's protocol, described for machines: OpenAPI 3.1, made of the table of operations when first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from quiverdb._version import __version__
from quiverdb.cosdata.operations import OPERATIONS, Operation
from quiverdb.server.cosdata.fields import REQUIRED, Schema, schema_of
from quiverdb.wire.rest import encode, path_arguments

__all__ = ["openapi_json"]

_SUMMARIES: Mapping[str, str] = MappingProxyType({
    "create_session": "Log in, and get a token.",
    "create_collection": "Create a collection.",
    "list_collections": "List all collections.",
    "loaded_collections": "List the names of the collections that are loaded.",
    "get_collection": "Describe a collection.",
    "delete_collection": "Delete a collection with all that it holds.",
    "load_collection": "Load a collection.",
    "unload_collection": "Unload a collection; it stays usable.",
    "indexing_status": "Tell how far the indexing of transactions is.",
    "create_dense_index": "Create the index of dense vectors.",
    "create_sparse_index": "Create the index of sparse vectors.",
    "create_tf_idf_index": "Create the index of texts.",
    "list_indexes": "Describe the indexes of a collection.",
    "delete_index": "Delete an index: dense, sparse or tf_idf.",
    "create_transaction": "Open a transaction.",
    "upsert_in_transaction": "Stage vectors that the transaction stores.",
    "add_to_transaction": "Stage one vector that the transaction stores.",
    "delete_in_transaction": "Stage the deletion of a vector.",
    "commit": "Do all that was staged, or nothing.",
    "abort": "Forget what was staged.",
    "transaction_status": "Tell what became of a transaction.",
    "commit_together": "Commit transactions of several collections, all or none.",
    "stream_upsert": "Store vectors at once.",
    "stream_delete": "Delete a vector at once.",
    "get_vector": "Return a vector.",
    "find_vectors": "Return the vectors of a document.",
    "vector_exists": "Tell by the status whether there is a vector.",
    "vector_neighbors": "Return the vectors that are nearest to one.",
    "list_versions": "List the versions of a collection.",
    "current_version": "Return the version that the collection is at.",
    "get_version": "Return a version.",
    "create_version": "Name the present state of a collection.",
    "set_current_version": "Make the collection what it was at a version.",
    "delete_version": "Forget a version.",
    "search_dense": "Find the nearest vectors.",
    "batch_search_dense": "Find the nearest vectors of several.",
    "search_sparse": "Find the sparse vectors with the greatest products.",
    "batch_search_sparse": "Find the sparse vectors with the greatest products, for several queries.",
    "search_text": "Find the texts that fit best.",
    "batch_search_text": "Find the texts that fit best, for several queries.",
    "search_hybrid": "Find by two of vector, terms and text together.",
    "batch_search_hybrid": "Find by two of vector, terms and text together, for several queries.",
})  # fmt: skip

_TEXT: Schema = {"type": "string"}
_PARAMETERS: Mapping[str, Schema] = MappingProxyType({
    "transaction_id": {"type": "string", "pattern": "^0x[0-9A-Fa-f]{8}$"},
    "index_type": {"enum": ["dense", "sparse", "tf_idf"]},
})  # fmt: skip
"""What stands in paths and query strings; those left out are strings."""
_ERROR: Schema = {
    "type": "object",
    "properties": {"error": _TEXT, "code": {"type": "integer"}, "message": _TEXT},
    "required": ["error", "code", "message"],
}
_SENTENCE: Mapping[str, Any] = {"text/html": {"schema": _TEXT}}


@cache
def openapi_json() -> bytes:
    """Return the description."""
    paths: dict[str, dict[str, Any]] = {}
    for row in OPERATIONS.values():
        paths.setdefault(row.path, {})[row.method.lower()] = _described(row)
    return encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "QuiverDB", "version": __version__, "summary": "Speaks Cosdata's protocol."},
            "paths": paths,
            "components": {
                "schemas": {"Error": _ERROR},
                "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            },
            "security": [{"token": []}],
        }
    )


def _described(row: Operation) -> dict[str, Any]:
    required = REQUIRED.get(row.name, ())
    described: dict[str, Any] = {
        "operationId": row.name,
        "summary": _SUMMARIES[row.name],
        "parameters": [
            *(_parameter(name, "path", required=True) for name in path_arguments(row.path)),
            *(_parameter(name, "query", required=name in required) for name in row.query),
        ],
        "responses": _responses(row),
    }
    if row.whole or row.body:
        body = schema_of(row.name, row.whole) if row.whole else _fields(row)
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if row.name == "create_session":
        described["security"] = []
    return described


def _fields(row: Operation) -> Schema:
    fields = {name: schema_of(row.name, name) for name in row.body}
    return {"type": "object", "properties": fields, "required": list(REQUIRED.get(row.name, ()))}


def _parameter(name: str, place: str, *, required: bool) -> Schema:
    schema = _PARAMETERS.get(name, {**_TEXT, "minLength": 1} if place == "path" else _TEXT)
    return {"name": name, "in": place, "required": required, "schema": schema}


def _responses(row: Operation) -> Mapping[str, Any]:
    done: dict[str, Any] = {"description": HTTPStatus(row.status).phrase}
    if not (row.empty or row.method == "HEAD"):
        done["content"] = {"application/json": {"schema": {}}}
    forms = _SENTENCE
    if row.json_errors:
        forms = {**_SENTENCE, "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    failed: Mapping[str, Any] = {"content": {} if row.method == "HEAD" else forms}
    return {
        str(row.status): done,
        "4XX": {"description": "The request is refused.", **failed},
        "5XX": {"description": "The server failed.", **failed},
    }
