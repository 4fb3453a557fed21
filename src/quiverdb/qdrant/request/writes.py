"""Writes: the operations that change points, and the points that they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from quiverdb.errors import InvalidInputError, UnsupportedError
from quiverdb.model.filter import Filter
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
from quiverdb.qdrant.request.parse import dispatch, parse, plain
from quiverdb.qdrant.request.points import points, points_of_batch, points_of_rows

__all__ = [
    "clear_payload",
    "delete",
    "delete_payload",
    "delete_vectors",
    "no_shard_key",
    "operation",
    "overwrite_payload",
    "selector",
    "set_payload",
    "update_mode",
    "update_vectors",
    "upsert",
]

_MODES = ("upsert", "insert_only", "update_only")


def no_shard_key(value: Any) -> None:
    """Reject a shard key: a single node has no shards to choose from."""
    if value is not None:
        raise UnsupportedError("A shard key", "an embedded database", "Leave shard_key_selector out.")


def selector(value: Any) -> Selector:
    """Return a choice of points: by id or by filter."""
    name = type(value).__name__
    if name == "Filter":
        return filter_of(value) or Filter()
    if name == "PointIdsList":
        no_shard_key(value.shard_key)
        return tuple(point_ids(value.points))
    if name == "FilterSelector":
        no_shard_key(value.shard_key)
        return filter_of(value.filter) or Filter()
    if isinstance(value, Mapping):
        union = "PointsSelector" if value.keys() & {"points", "filter"} else "Filter"
        return selector(parse(union, dict(value)))
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return tuple(point_ids(value))
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
    no_shard_key(given.shard_key)
    batch = points_of_batch(given.batch) if type(given).__name__ == "PointsBatch" else points_of_rows(given.points)
    return Upsert(batch, filter_of(given.update_filter), update_mode(given.update_mode))


def update_vectors(given: Any, update_filter: Any = None) -> UpdateVectors:
    """Replace vectors of points; the points carry no payload."""
    return UpdateVectors(points_of_rows(given, "PointVectors"), filter_of(update_filter))


def delete_vectors(names: Any, chosen: Any) -> DeleteVectors:
    """Remove vectors of points by name."""
    return DeleteVectors(selector(chosen), _strings(names, "vectors"))


def delete(chosen: Any) -> Delete:
    """Remove points."""
    return Delete(selector(chosen))


def set_payload(payload: Any, chosen: Any, key: str | None = None) -> SetPayload:
    """Merge values into payloads."""
    return SetPayload(selector(chosen), _object(payload), key)


def overwrite_payload(payload: Any, chosen: Any, key: str | None = None) -> OverwritePayload:
    """Replace payloads."""
    return OverwritePayload(selector(chosen), _object(payload), key)


def delete_payload(keys: Any, chosen: Any) -> DeletePayload:
    """Remove payload keys."""
    return DeletePayload(selector(chosen), _strings(keys, "keys"))


def clear_payload(chosen: Any) -> ClearPayload:
    """Remove payloads."""
    return ClearPayload(selector(chosen))


def _strings(values: Any, what: str) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{what} must be a list of strings, got {values!r}", field=what)
    found = tuple(values)
    for value in found:
        if not isinstance(value, str):
            raise InvalidInputError(f"{what} must be strings, got {value!r}", field=what)
    return found


def _object(payload: Any) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping):
        raise InvalidInputError(f"payload must be a dict, got {type(payload).__name__}", field="payload")
    return payload


def _target(part: Any) -> Any:
    """Return the points that one operation of a batch is about."""
    no_shard_key(part.shard_key)
    chosen = part.filter if part.points is None else part.points
    if chosen is None:
        raise InvalidInputError("an operation needs points or a filter", field="points")
    return chosen


def _update_vectors(part: Any) -> UpdateVectors:
    no_shard_key(part.shard_key)
    return update_vectors(part.points, part.update_filter)


_OPERATIONS: dict[str, Callable[[Any], PointOperation]] = {
    "UpsertOperation": lambda given: _insert(given.upsert),
    "DeleteOperation": lambda given: delete(given.delete),
    "SetPayloadOperation": lambda given: set_payload(
        given.set_payload.payload, _target(given.set_payload), given.set_payload.key
    ),
    "OverwritePayloadOperation": lambda given: overwrite_payload(
        given.overwrite_payload.payload, _target(given.overwrite_payload), given.overwrite_payload.key
    ),
    "DeletePayloadOperation": lambda given: delete_payload(given.delete_payload.keys, _target(given.delete_payload)),
    "ClearPayloadOperation": lambda given: clear_payload(given.clear_payload),
    "UpdateVectorsOperation": lambda given: _update_vectors(given.update_vectors),
    "DeleteVectorsOperation": lambda given: delete_vectors(given.delete_vectors.vector, _target(given.delete_vectors)),
}


def operation(given: Any) -> PointOperation:
    """Return one operation of a batch."""
    return dispatch(_OPERATIONS, "UpdateOperation", given)
