"""Requests of the model as those of the REST API: the name of an operation and its body, as plain data.

Every class of the model is written by its row in ``fields``; here stands what several classes are put together from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.errors import UnsupportedError
from quiverdb.model.collection import CollectionPatch, CollectionSpec, SparseVectorSpec, VectorSpec
from quiverdb.model.filter import Filter
from quiverdb.model.point import DenseColumn, Points, SparseVector, VectorColumn
from quiverdb.model.query import FacetQuery, GroupQuery, MatrixQuery, OrderBy, PayloadSelector, Query, Select
from quiverdb.model.shard import ShardSelector
from quiverdb.model.write import (
    ClearPayload,
    CreateFieldIndex,
    CreateVector,
    Delete,
    DeleteFieldIndex,
    DeletePayload,
    DeleteVector,
    DeleteVectors,
    OverwritePayload,
    Selector,
    SetPayload,
    UpdateVectors,
    Upsert,
    WriteOperation,
)
from quiverdb.remote.fields import plain

__all__ = [
    "Change",
    "alias_change",
    "collection",
    "count",
    "facet",
    "groups",
    "matrix",
    "patch",
    "query",
    "retrieve",
    "scroll",
    "write",
]

Body = dict[str, Any]
BACKEND = "a Qdrant server"
_HIGHEST = 3.4028234663852886e38


def _given(**fields: Any) -> Body:
    """Return the fields that have a value, as plain data."""
    return {name: plain(value) for name, value in fields.items() if value is not None}


def _payload_selector(selector: PayloadSelector) -> Any:
    if isinstance(selector, Select) and selector.include is not None and selector.exclude:
        raise UnsupportedError("Choosing and leaving out parts of a payload at once", BACKEND, "Do one of both.")
    if selector == Select():
        return True
    return plain(selector)


def _prefetch(given: Query) -> Body:
    """Return a query without what only the outermost one may ask for."""
    return _given(
        query={"order_by": plain(given.kind)} if isinstance(given.kind, OrderBy) else given.kind,
        prefetch=[_inner(source) for source in given.prefetch] or None,
        using=given.using or None,
        filter=given.filter,
        params=plain(given.params) or None,
        score_threshold=_threshold(given.score_threshold),
        limit=given.limit,
        lookup_from=given.lookup_from,
    )


def _threshold(score: float | None) -> float | None:
    """Return a score within the reach of float32, which scores are made of."""
    return None if score is None else max(-_HIGHEST, min(score, _HIGHEST))


def _inner(given: Query) -> Body:
    if given.offset or given.shard_keys is not None:
        raise UnsupportedError("A prefetch with an offset or shard keys of its own", BACKEND)
    return _prefetch(given)


def _search(given: Query) -> Body:
    return _prefetch(given) | _given(
        with_payload=_payload_selector(given.with_payload),
        with_vector=given.with_vectors,
        shard_key=given.shard_keys,
    )


def query(given: Query) -> Body:
    """Return a query."""
    return _search(given) | _given(offset=given.offset or None)


def groups(given: GroupQuery) -> Body:
    """Return a query for groups."""
    if given.query.offset:
        raise UnsupportedError("Leaving out the first groups", BACKEND)
    lookup = given.lookup_collection and _given(
        collection=given.lookup_collection,
        with_payload=_payload_selector(given.lookup_with_payload),
        with_vectors=given.lookup_with_vectors,
    )
    return _search(given.query) | _given(
        group_by=given.group_by, group_size=given.group_size, with_lookup=lookup or None
    )


def facet(given: FacetQuery) -> Body:
    """Return a query for the values of a payload key."""
    return _given(key=given.key, filter=given.filter, limit=given.limit, exact=given.exact, shard_key=given.shard_keys)


def matrix(given: MatrixQuery) -> Body:
    """Return a query for the neighbours within a sample."""
    return _given(
        using=given.using or None,
        filter=given.filter,
        sample=given.sample,
        limit=given.limit,
        shard_key=given.shard_keys,
    )


def scroll(given: ScrollRequest) -> Body:
    """Return a request for a page of points."""
    return _given(
        filter=given.filter,
        limit=given.limit,
        offset=given.offset,
        order_by=given.order_by,
        with_payload=_payload_selector(given.with_payload),
        with_vector=given.with_vectors,
        shard_key=given.shard_keys,
    )


def retrieve(
    ids: Sequence[Any], with_payload: PayloadSelector, with_vectors: Any, shard_keys: ShardSelector | None
) -> Body:
    """Return a request for points by id."""
    return _given(
        ids=list(ids),
        with_payload=_payload_selector(with_payload),
        with_vector=with_vectors,
        shard_key=shard_keys,
    )


def count(filter: Filter | None, shard_keys: ShardSelector | None, *, exact: bool) -> Body:
    """Return a request to count points."""
    return _given(filter=filter, exact=exact, shard_key=shard_keys)


# Writes


class Change(msgspec.Struct, frozen=True):
    """Name the operation that makes a change, with its body and what stands in its path.

    >>> write(DeleteFieldIndex("lang"))
    Change(operation='delete_payload_index', body={}, path={'field_name': 'lang'}, of_points=False)
    """

    operation: str
    body: Body
    path: Mapping[str, str] = {}
    of_points: bool = False
    """Whether it can be one of a batch."""


def write(operation: WriteOperation) -> Change:
    """Return a change of points or of a schema."""
    match operation:
        case CreateFieldIndex(key, index):
            return Change("create_payload_index", {"field_name": key, "field_schema": plain(index)})
        case DeleteFieldIndex(key):
            return Change("delete_payload_index", {}, {"field_name": key})
        case CreateVector(name, spec):
            return Change("create_vector_name", _vector_config(spec), {"vector_name": name})
        case DeleteVector(name):
            return Change("delete_vector_name", {}, {"vector_name": name})
    asked, names = _POINT_OPERATIONS[type(operation)]
    body: Body = {}
    for field in operation.__struct_fields__:
        value = getattr(operation, field)
        if field == "points":
            body |= _points(value) if isinstance(operation, Upsert) else {"points": _rows(value)}
        elif field == "selector":
            body |= _selector(value)
        elif value is not None:
            body[names.get(field, field)] = plain(value)
    return Change(asked, body, of_points=True)


_TERMS = {"filter": "update_filter", "mode": "update_mode", "shard_keys": "shard_key"}
_POINT_OPERATIONS: Mapping[type, tuple[str, Mapping[str, str]]] = {
    Upsert: ("upsert", _TERMS),
    UpdateVectors: ("update_vectors", _TERMS),
    DeleteVectors: ("delete_vectors", {**_TERMS, "names": "vector"}),
    Delete: ("delete", _TERMS),
    SetPayload: ("set_payload", _TERMS),
    OverwritePayload: ("overwrite_payload", _TERMS),
    DeletePayload: ("delete_payload", _TERMS),
    ClearPayload: ("clear_payload", _TERMS),
}
"""What the operations are called, and those of their fields that are called otherwise."""


def _selector(chosen: Selector) -> Body:
    return {"filter": plain(chosen)} if isinstance(chosen, Filter) else {"points": list(chosen)}


def _points(points: Points) -> Body:
    """Return points in columns if every point has every vector, which is quickest to write, or one by one."""
    columns = {name: _whole(column) for name, column in points.vectors.items()}
    if not columns or any(column is None for column in columns.values()):
        payloads = points.payloads
        rows = _rows(points)
        if payloads is not None:
            for row, payload in zip(rows, payloads, strict=True):
                row["payload"] = payload
        return {"points": rows}
    batch: Body = {"ids": list(points.ids), "vectors": columns[""] if _nameless(points) else columns}
    if points.payloads is not None:
        batch["payloads"] = [payload or {} for payload in points.payloads]
    return {"batch": batch}


def _nameless(points: Points) -> bool:
    """Tell whether vectors may stand without their names: only dense ones may."""
    column = points.vectors.get("")
    if len(points.vectors) != 1 or column is None:
        return False
    return isinstance(column, DenseColumn) or not any(isinstance(value, SparseVector) for value in column)


def _whole(column: VectorColumn) -> Any:
    """Return the vectors of a column in which no point lacks one; ``None`` for other columns."""
    if isinstance(column, DenseColumn):
        return column.rows if column.positions is None else None
    if not column or any(value is None for value in column):
        return None
    return [plain(value) for value in column]


def _rows(points: Points) -> list[Body]:
    """Return points one by one, without payloads."""
    nameless = _nameless(points)
    vectors: list[Body] = [{} for _ in points.ids]
    for name, column in points.vectors.items():
        for position, value in _cells(column):
            vectors[position][name] = plain(value)
    return [
        {"id": id, "vector": given[""] if nameless and given else given}
        for id, given in zip(points.ids, vectors, strict=True)
    ]


def _cells(column: VectorColumn) -> list[tuple[int, Any]]:
    if isinstance(column, DenseColumn):
        positions = range(len(column.rows)) if column.positions is None else column.positions.tolist()
        return list(zip(positions, column.rows, strict=True))
    return [(position, value) for position, value in enumerate(column) if value is not None]


_LATER = ("hnsw", "quantization", "on_disk", "memory", "full_scan_threshold")


def _vector_config(spec: VectorSpec | SparseVectorSpec) -> Body:
    """Return the settings of a vector that a collection gets later; the API takes but a few."""
    for name in _LATER:
        if getattr(spec, name, None) is not None:
            raise UnsupportedError(
                f"Setting {name} of a vector that is added to a collection", BACKEND, "Set it with update_collection."
            )
    settings = plain(spec)
    if isinstance(spec, VectorSpec):
        return {"dense": settings}
    return {"sparse": settings.pop("index", {}) | settings}


# Collections


def collection(spec: CollectionSpec) -> Body:
    """Return the settings of a collection to create."""
    for name in ("read_fan_out_factor", "read_fan_out_delay_ms"):
        if getattr(spec, name) is not None:
            raise UnsupportedError(f"{name} of a new collection", BACKEND, "Set it with update_collection.")
    return plain(spec)  # type: ignore[no-any-return]


def patch(changes: CollectionPatch) -> Body:
    """Return what shall change about a collection."""
    return plain(changes)  # type: ignore[no-any-return]


def alias_change(change: AliasChange) -> Body:
    """Return one change of aliases."""
    if change.rename is not None:
        return {"rename_alias": {"old_alias_name": change.rename, "new_alias_name": change.alias}}
    if change.collection is None:
        return {"delete_alias": {"alias_name": change.alias}}
    return {"create_alias": {"collection_name": change.collection, "alias_name": change.alias}}
