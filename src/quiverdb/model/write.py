"""Writes: the operations that change a collection. A request applies all of its operations or none.

With ``shard_keys`` an operation on points sees those shards only. Where a collection has shard keys, it needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from quiverdb.model.collection import FieldIndex, SparseVectorSpec, VectorSpec
from quiverdb.model.filter import Filter
from quiverdb.model.point import PointId, Points
from quiverdb.model.shard import ShardSelector

__all__ = [
    "ClearPayload",
    "CreateFieldIndex",
    "CreateVector",
    "Delete",
    "DeleteFieldIndex",
    "DeletePayload",
    "DeleteVector",
    "DeleteVectors",
    "OverwritePayload",
    "PointOperation",
    "SchemaOperation",
    "Selector",
    "SetPayload",
    "UpdateVectors",
    "Upsert",
    "WriteOperation",
]

Selector: TypeAlias = tuple[PointId, ...] | Filter
"""Points by id, or all that a filter lets through."""


class Upsert(msgspec.Struct, frozen=True, eq=False):
    """Store points, each replacing the point of the same id as a whole.

    ``mode`` may restrict this to new or to existing points. With a ``filter``, an existing point is replaced
    only if it passes; new points are stored in any case.
    """

    points: Points
    filter: Filter | None = None
    mode: Literal["upsert", "insert_only", "update_only"] = "upsert"
    shard_keys: ShardSelector | None = None


class UpdateVectors(msgspec.Struct, frozen=True, eq=False):
    """Replace the given vectors of existing points and keep the others; with a ``filter``, only where it passes."""

    points: Points
    filter: Filter | None = None
    shard_keys: ShardSelector | None = None


class DeleteVectors(msgspec.Struct, frozen=True):
    """Remove the named vectors of points."""

    selector: Selector
    names: tuple[str, ...]
    shard_keys: ShardSelector | None = None


class Delete(msgspec.Struct, frozen=True):
    """Remove points."""

    selector: Selector
    shard_keys: ShardSelector | None = None


class SetPayload(msgspec.Struct, frozen=True):
    """Merge ``payload`` into the payload, or into the object at ``key``. A null value removes its key."""

    selector: Selector
    payload: Mapping[str, Any]
    key: str | None = None
    shard_keys: ShardSelector | None = None


class OverwritePayload(msgspec.Struct, frozen=True):
    """Replace the payload."""

    selector: Selector
    payload: Mapping[str, Any]
    key: str | None = None
    shard_keys: ShardSelector | None = None


class DeletePayload(msgspec.Struct, frozen=True):
    """Remove the values at ``keys`` (payload paths)."""

    selector: Selector
    keys: tuple[str, ...]
    shard_keys: ShardSelector | None = None


class ClearPayload(msgspec.Struct, frozen=True):
    """Remove the payload."""

    selector: Selector
    shard_keys: ShardSelector | None = None


class CreateFieldIndex(msgspec.Struct, frozen=True):
    """Declare a payload index."""

    key: str
    index: FieldIndex


class DeleteFieldIndex(msgspec.Struct, frozen=True):
    """Drop a declared payload index."""

    key: str


class CreateVector(msgspec.Struct, frozen=True):
    """Add a named vector, which no point has yet."""

    name: str
    spec: VectorSpec | SparseVectorSpec


class DeleteVector(msgspec.Struct, frozen=True):
    """Drop a named vector and what points have stored under it."""

    name: str


PointOperation: TypeAlias = (
    Upsert | UpdateVectors | DeleteVectors | Delete | SetPayload | OverwritePayload | DeletePayload | ClearPayload
)
SchemaOperation: TypeAlias = CreateFieldIndex | DeleteFieldIndex | CreateVector | DeleteVector
WriteOperation: TypeAlias = PointOperation | SchemaOperation
