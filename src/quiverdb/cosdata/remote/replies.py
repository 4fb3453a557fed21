"""From the answer of a server, of whichever release, to the result of an operation, or the error that it means.

Releases differ in what they tell, and wrap it differently. What an answer leaves out is ``None`` in the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from quiverdb.cosdata.errors import (
    ConnectionFailedError,
    CosdataError,
    NotFoundError,
    RequestTimeoutError,
    error_of,
)
from quiverdb.cosdata.operations import Arguments, Operation
from quiverdb.errors import QuiverError, UnsupportedError
from quiverdb.remote.protocol import TransportError
from quiverdb.remote.retry import TimedOutError
from quiverdb.wire.http_message import Reply

__all__ = ["absent", "failure", "refusal", "result_of", "unsupported"]

T = TypeVar("T")

_SHOWN = 200
"""How much of a strange answer errors show."""


# --- errors


def refusal(operation: Operation, arguments: Arguments, reply: Reply) -> QuiverError | None:
    """Return the error that an answer means; ``None`` for one that the operation ends well with."""
    if reply.status in range(200, 300):
        return None
    if operation.method == "HEAD" and reply.status in _SILENT:
        return _SILENT[reply.status](arguments)
    if operation.name == "create_session" and absent(reply):
        return NotFoundError(f"the server has no {operation.path}: is host the address of a Cosdata server?")
    if absent(reply):
        return unsupported(operation.name)
    body = reply.body.decode(errors="replace").strip()
    return error_of(reply.status, _sentence(body) or f"{reply.status} {reply.reason}".strip(), body)


_SILENT: Mapping[int, Callable[[Arguments], QuiverError | None]] = MappingProxyType({
    HTTPStatus.NOT_FOUND: lambda _: None,
    HTTPStatus.BAD_REQUEST: lambda given: NotFoundError(f"Collection {given['collection']!r} Not Found!", status=400),
})  # fmt: skip
"""What statuses mean that come without a body: no such vector, no such collection."""


def absent(reply: Reply) -> bool:
    """Tell whether a server does not know the route or the verb: what it says of things has a body."""
    return reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) and not reply.body


_FEATURES: Mapping[str, str] = MappingProxyType({
    "create_version": "Creating versions",
    "delete_version": "Deleting versions",
    "set_current_version": "Making a former version current",
    "read_version": "Reading a former version",
})  # fmt: skip


def unsupported(name: str) -> UnsupportedError:
    """Return the error that tells of an operation that a server lacks.

    >>> print(unsupported("create_version"))
    Creating versions is not supported by this Cosdata server. QuiverDB's server and embedded database offer it.
    """
    feature = _FEATURES.get(name) or name.replace("_", " ").capitalize()
    return UnsupportedError(feature, "this Cosdata server", "QuiverDB's server and embedded database offer it.")


def _sentence(body: str) -> str:
    """Return what a server says went wrong, in a sentence or with JSON around it."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    if isinstance(told, Mapping):
        told = told.get("message") or told.get("error")
    return told if isinstance(told, str) else body


def failure(error: TransportError) -> CosdataError:
    """Return the error for an answer that did not come."""
    kind = RequestTimeoutError if isinstance(error, TimedOutError) else ConnectionFailedError
    return kind(str(error), body="")


# --- results


def result_of(operation: Operation, arguments: Arguments, reply: Reply) -> Any:
    """Return the result in an answer to an operation that was carried out.

    Raise ``ConnectionFailedError`` for an answer that no release of Cosdata would give.
    """
    if operation.method == "HEAD":
        return reply.status in range(200, 300)
    if operation.empty:
        return None
    try:
        return _READERS[operation.name](reply.body, arguments)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        body = reply.body[:_SHOWN].decode(errors="replace")
        message = f"the answer to {operation.name} is not what Cosdata answers ({error}): {body!r}"
        raise ConnectionFailedError(message, status=reply.status, body=body) from error


class _Session(msgspec.Struct):
    access_token: str
    created_at: int | float | None = None
    expires_at: int | float | None = None


class _Created(msgspec.Struct):
    id: str
    name: str
    description: str | None = None


class _Listed(msgspec.Struct):
    name: str
    description: str | None = None
    dense_vector: dict[str, Any] | None = None
    sparse_vector: dict[str, Any] | None = None
    tf_idf_options: dict[str, Any] | None = None
    vectors_count: int | None = None
    dimension: int | None = None


class _Collection(msgspec.Struct):
    name: str
    description: str | None = None
    dense_vector: dict[str, Any] | None = None
    sparse_vector: dict[str, Any] | None = None
    tf_idf_options: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    metadata_schema: dict[str, Any] | None = None
    store_raw_text: bool | None = None
    vectors_count: int | None = None
    dimension: int | None = None


class _IndexingStatus(msgspec.Struct):
    collection_name: str
    total_transactions: int | None = None
    completed_transactions: int | None = None
    in_progress_transactions: int | None = None
    not_started_transactions: int | None = None
    total_records_indexed_completed: int | None = None
    average_rate_per_second_completed: float | None = None
    last_synced: str | None = None


class _Opened(msgspec.Struct):
    transaction_id: str
    created_at: str | None = None


class _Vector(msgspec.Struct):
    id: str | int
    document_id: str | None = None
    dense_values: list[float] | None = None
    metadata: dict[str, Any] | None = None
    sparse_indices: list[int] | None = None
    sparse_values: list[float | tuple[int, float]] | None = None
    text: str | None = None


class _Near(msgspec.Struct):
    id: str | int
    score: float


class _Hit(msgspec.Struct, kw_only=True):
    id: str | int
    document_id: str | None = None
    score: float | None
    text: str | None = None


class _Hits(msgspec.Struct, omit_defaults=True):
    results: list[_Hit]
    warning: str | None = None


class _Batch(msgspec.Struct, omit_defaults=True):
    responses: list[_Hits]
    warning: str | None = None


class _Version(msgspec.Struct):
    version_number: int
    hash: int | None = None
    timestamp: float | None = None
    vector_count: int | None = None
    description: str | None = None


class _Versions(msgspec.Struct):
    versions: list[_Version]
    current_version: int | None = None
    current_hash: int | None = None


def _as(kind: type[T]) -> Callable[[bytes, Arguments], Any]:
    """Return what reads a struct, which stands for a dict with all its fields."""
    decoder = msgspec.json.Decoder(kind)
    return lambda body, _: msgspec.to_builtins(decoder.decode(body))


def _created(body: bytes, arguments: Arguments) -> Any:
    """Read what is told of a new collection, where servers may say nothing."""
    name = arguments["name"]
    given = {"id": name, "name": name, "description": arguments.get("description")}
    return msgspec.to_builtins(msgspec.convert({**given, **_told(body)}, _Created))


def _told(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}


def _dimensioned(collection: dict[str, Any]) -> dict[str, Any]:
    if collection["dimension"] is None:
        collection["dimension"] = (collection["dense_vector"] or {}).get("dimension")
    return collection


def _collection(body: bytes, _: Arguments) -> Any:
    return _dimensioned(msgspec.to_builtins(msgspec.json.decode(body, type=_Collection)))


def _loaded(body: bytes, arguments: Arguments) -> Any:
    told = {"name": arguments["collection"], **_told(body)}
    return _dimensioned(msgspec.to_builtins(msgspec.convert(told, _Collection)))


def _collections(body: bytes, _: Arguments) -> Any:
    """Read a bare list, or one in an object."""
    told = msgspec.json.decode(body)
    if isinstance(told, Mapping):
        told = told.get("collections")
    return {"collections": [_dimensioned(msgspec.to_builtins(each)) for each in msgspec.convert(told, list[_Listed])]}


def _unloaded(body: bytes, arguments: Arguments) -> Any:
    return _sentence(body.decode()) or f"Collection '{arguments['collection']}' successfully unloaded"


def _indexing_status(body: bytes, arguments: Arguments) -> Any:
    told = {"collection_name": arguments["collection"], **_told(body)}
    return msgspec.to_builtins(msgspec.convert(told, _IndexingStatus))


def _index_created(kind: str) -> Callable[[bytes, Arguments], Any]:
    message = f"{kind} index created successfully"
    return lambda body, _: {"message": str(_told(body).get("message") or message)}


def _indexes(body: bytes, arguments: Arguments) -> Any:
    """Read a list of indexes, or an object with one field for each."""
    told = _told(body)
    listed = told.get("indexes")
    if listed is None:
        name = arguments["collection"]
        listed = [
            {"type": kind.replace("-", "_"), "name": name, **entry}
            for kind, entry in told.items()
            if isinstance(entry, dict)
        ]
    return {
        "collection_name": told.get("collection_name", arguments["collection"]),
        "indexes": msgspec.convert(listed, list[dict[str, Any]]),
    }


_is_boundary = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _status(body: bytes, _: Arguments) -> Any:
    """Read a status, which documentation shows with its name around the rest."""
    told = msgspec.json.decode(body, type=dict[str, Any])
    status = told.pop("status", None)
    if isinstance(status, dict) and len(status) == 1:
        [(status, inner)] = status.items()
        told.update(inner if isinstance(inner, dict) else {})
    if not isinstance(status, str):
        raise msgspec.ValidationError("it says no status")
    return {"status": _is_boundary.sub("_", status).lower(), **told}


def _vector(vector: _Vector) -> dict[str, Any]:
    """Return a vector whose sparse part lies in two lists, and not in one of pairs."""
    indices, values = vector.sparse_indices, vector.sparse_values
    if values and isinstance(values[0], tuple):
        pairs = msgspec.convert(values, list[tuple[int, float]])
        indices, values = [index for index, _ in pairs], [value for _, value in pairs]
    elif values == [] and indices is None:
        indices = []
    whole = {**msgspec.to_builtins(vector), "sparse_indices": indices, "sparse_values": values}
    return {**whole, "id": str(vector.id)}


_VECTOR = msgspec.json.Decoder(_Vector)
_VECTORS = msgspec.json.Decoder(list[_Vector])


def _one_vector(body: bytes, _: Arguments) -> Any:
    return _vector(_VECTOR.decode(body))


def _all_vectors(body: bytes, _: Arguments) -> Any:
    return [_vector(vector) for vector in _VECTORS.decode(body)]


def _version(version: _Version) -> dict[str, Any]:
    number = version.version_number
    return {
        "hash": number if version.hash is None else version.hash,
        "version_number": number,
        "timestamp": None if version.timestamp is None else int(version.timestamp),
        "vector_count": version.vector_count,
        "id": str(number),
        "description": version.description,
    }


_VERSION = msgspec.json.Decoder(_Version)
_VERSIONS = msgspec.json.Decoder(_Versions)


def _one_version(body: bytes, _: Arguments) -> Any:
    return _version(_VERSION.decode(body))


def _all_versions(body: bytes, _: Arguments) -> Any:
    """Read versions, of which servers name the present one by its number or by its hash."""
    told = _VERSIONS.decode(body)
    versions = [_version(version) for version in told.versions]
    number, digest = told.current_version, told.current_hash
    for version in versions:
        if number is None and version["hash"] == digest:
            number = version["version_number"]
        if digest is None and version["version_number"] == number:
            digest = version["hash"]
    return {"versions": versions, "current_version": number, "current_hash": number if digest is None else digest}


_HITS = msgspec.json.Decoder(_Hits)
_BATCH = msgspec.json.Decoder(_Batch)
_NEAR = msgspec.json.Decoder(list[_Near])


def _hits(body: bytes, _: Arguments) -> Any:
    return _numbered(_HITS.decode(body))


def _batch(body: bytes, _: Arguments) -> Any:
    told = _BATCH.decode(body)
    return {**msgspec.to_builtins(told), "responses": [_numbered(hits) for hits in told.responses]}


def _neighbors(body: bytes, _: Arguments) -> Any:
    return [{"id": str(near.id), "score": near.score} for near in _NEAR.decode(body)]


def _numbered(hits: _Hits) -> dict[str, Any]:
    """Return hits by ids that are strings, which in the first releases were numbers."""
    for hit in hits.results:
        hit.id = str(hit.id)
    whole: dict[str, Any] = msgspec.to_builtins(hits)
    return whole


_READERS: Mapping[str, Callable[[bytes, Arguments], Any]] = MappingProxyType({
    "create_session": _as(_Session),
    "create_collection": _created,
    "list_collections": _collections,
    "loaded_collections": _as(list[str]),
    "get_collection": _collection,
    "load_collection": _loaded,
    "unload_collection": _unloaded,
    "indexing_status": _indexing_status,
    "create_dense_index": _index_created("Dense"),
    "create_sparse_index": _index_created("Sparse"),
    "create_tf_idf_index": _index_created("TF-IDF"),
    "list_indexes": _indexes,
    "create_transaction": _as(_Opened),
    "transaction_status": _status,
    "get_vector": _one_vector,
    "find_vectors": _all_vectors,
    "vector_neighbors": _neighbors,
    "list_versions": _all_versions,
    "current_version": _one_version,
    "get_version": _one_version,
    "create_version": _one_version,
    "set_current_version": _one_version,
    "search_dense": _hits,
    "batch_search_dense": _batch,
    "search_sparse": _hits,
    "batch_search_sparse": _batch,
    "search_text": _hits,
    "batch_search_text": _batch,
    "search_hybrid": _hits,
    "batch_search_hybrid": _batch,
})  # fmt: skip
