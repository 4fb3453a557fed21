"""Writes: the operations that change points, and the points that they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import Filter
from quiverdb.model.point import Points
from quiverdb.model.shard import ShardSelector
from quiverdb.model.write import (
    ClearPayload,
    Delete,
    DeletePayload,
    DeleteVectors,
    OverwritePayload,
    PointOperation,
    Selector,
    SetPayload,
    UpdateVectors,
    Upsert,
)
from quiverdb.qdrant.request.filters import filter_of
from quiverdb.qdrant.request.ids import point_ids
from quiverdb.qdrant.request.parse import dispatch, parse, plain, series, string, strings
from quiverdb.qdrant.request.points import points, points_of_batch, points_of_rows
from quiverdb.qdrant.request.shards import shard_selector

__all__ = [
    "clear_payload",
    "delete",
    "delete_payload",
    "delete_vectors",
    "in_shards",
    "operation",
    "operations",
    "overwrite_payload",
    "selector",
    "set_payload",
    "update_mode",
    "update_vectors",
    "upload",
    "upsert",
]

_MODES = ("upsert", "insert_only", "update_only")


_O = TypeVar("_O", bound=PointOperation)


def in_shards(operation: _O, shard_key: Any) -> _O:
    """Limit an operation to the shards asked for, if any are."""
    chosen = shard_selector(shard_key)
    return operation if chosen is None else msgspec.structs.replace(operation, shard_keys=chosen)


def selector(value: Any) -> tuple[Selector, ShardSelector | None]:
    """Return a choice of points, by id or by filter, and in which shards."""
    name = type(value).__name__
    if name == "Filter":
        return filter_of(value) or Filter(), None
    if name == "PointIdsList":
        return tuple(point_ids(value.points)), shard_selector(value.shard_key)
    if name == "FilterSelector":
        return filter_of(value.filter) or Filter(), shard_selector(value.shard_key)
    if isinstance(value, Mapping):
        union = "PointsSelector" if value.keys() & {"points", "filter"} else "Filter"
        return selector(parse(union, dict(value)))
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return tuple(point_ids(value)), None
    raise InvalidInputError(f"expected a list of ids or a filter, got {value!r}", field="points_selector")


def update_mode(value: Any) -> Any:
    """Return the mode of an upsert, by default ``"upsert"``."""
    mode = "upsert" if value is None else plain(value)
    if mode not in _MODES:
        raise InvalidInputError(f"update_mode is one of {', '.join(_MODES)}, not {mode!r}", field="update_mode")
    return mode


def upsert(given: Any, update_filter: Any = None, mode: Any = None) -> Upsert:
    """Store points given as a batch, a list, or either with its terms."""
    name = type(given).__name__
    if name in ("PointsList", "PointsBatch"):
        return _insert(given)
    return Upsert(points(given), filter_of(update_filter), update_mode(mode))


def _insert(given: Any) -> Upsert:
    batch = points_of_batch(given.batch) if type(given).__name__ == "PointsBatch" else points_of_rows(given.points)
    shards = shard_selector(given.shard_key)
    return Upsert(batch, filter_of(given.update_filter), update_mode(given.update_mode), shards)


def upload(update_filter: Any, mode: Any, shard_key: Any) -> Upsert:
    """Return the terms on which batches of points are stored, without the points."""
    return Upsert(Points((), {}), filter_of(update_filter), update_mode(mode), shard_selector(shard_key))


def update_vectors(given: Any, update_filter: Any = None) -> UpdateVectors:
    """Replace vectors of points; the points carry no payload."""
    return UpdateVectors(points_of_rows(given, "PointVectors"), filter_of(update_filter))


def delete_vectors(names: Any, chosen: Any) -> DeleteVectors:
    """Remove vectors of points by name."""
    points, shards = selector(chosen)
    return DeleteVectors(points, strings(names, "vectors"), shards)


def delete(chosen: Any) -> Delete:
    """Remove points."""
    return Delete(*selector(chosen))


def set_payload(payload: Any, chosen: Any, key: str | None = None) -> SetPayload:
    """Merge values into payloads."""
    points, shards = selector(chosen)
    return SetPayload(points, _object(payload), _key(key), shards)


def overwrite_payload(payload: Any, chosen: Any, key: str | None = None) -> OverwritePayload:
    """Replace payloads."""
    points, shards = selector(chosen)
    return OverwritePayload(points, _object(payload), _key(key), shards)


def delete_payload(keys: Any, chosen: Any) -> DeletePayload:
    """Remove payload keys."""
    points, shards = selector(chosen)
    return DeletePayload(points, strings(keys, "keys"), shards)


def clear_payload(chosen: Any) -> ClearPayload:
    """Remove payloads."""
    return ClearPayload(*selector(chosen))


def _key(value: Any) -> str | None:
    return None if value is None else string(value, "key")


def _object(payload: Any) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping):
        raise InvalidInputError(f"payload must be a dict, got {type(payload).__name__}", field="payload")
    return payload


def _target(part: Any) -> Any:
    """Return the points that one operation of a batch is about."""
    chosen = part.filter if part.points is None else part.points
    if chosen is None:
        raise InvalidInputError("an operation needs points or a filter", field="points")
    return chosen


_OPERATIONS: dict[str, tuple[str, Callable[[Any], PointOperation]]] = {
    "UpsertOperation": ("upsert", _insert),
    "DeleteOperation": ("delete", delete),
    "SetPayloadOperation": ("set_payload", lambda part: set_payload(part.payload, _target(part), part.key)),
    "OverwritePayloadOperation": (
        "overwrite_payload",
        lambda part: overwrite_payload(part.payload, _target(part), part.key),
    ),
    "DeletePayloadOperation": ("delete_payload", lambda part: delete_payload(part.keys, _target(part))),
    "ClearPayloadOperation": ("clear_payload", clear_payload),
    "UpdateVectorsOperation": ("update_vectors", lambda part: update_vectors(part.points, part.update_filter)),
    "DeleteVectorsOperation": ("delete_vectors", lambda part: delete_vectors(part.vector, _target(part))),
}
"""The field of each member that holds what to do, and how to read it."""


def _reader(field: str, read: Callable[[Any], PointOperation]) -> Callable[[Any], PointOperation]:
    def operation(given: Any) -> PointOperation:
        part = getattr(given, field)
        return in_shards(read(part), getattr(part, "shard_key", None))

    return operation


_READERS = {name: _reader(field, read) for name, (field, read) in _OPERATIONS.items()}


def operation(given: Any) -> PointOperation:
    """Return one operation of a batch."""
    return dispatch(_READERS, "UpdateOperation", given)


def operations(given: Sequence[Any]) -> list[PointOperation]:
    """Return the operations of a batch."""
    return [operation(each) for each in series(given, "update_operations")]
