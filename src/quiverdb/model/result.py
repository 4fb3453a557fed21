"""Results: what queries and writes answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from quiverdb.model.point import Payload, PointId, VectorValue

__all__ = ["FacetHit", "Group", "Hit", "Matrix", "Page", "Record", "WriteResult"]


class Record(msgspec.Struct, frozen=True, eq=False):
    """Return a stored point. ``order_value`` is the payload value that ``OrderBy`` ranked by."""

    id: PointId
    version: int
    payload: Payload | None = None
    vectors: Mapping[str, VectorValue] | None = None
    order_value: int | float | None = None
    shard_key: int | str | None = None


class Hit(msgspec.Struct, frozen=True, eq=False):
    """Return a point that a query found, with its score as the dialects show it."""

    id: PointId
    version: int
    score: float
    payload: Payload | None = None
    vectors: Mapping[str, VectorValue] | None = None
    order_value: int | float | None = None
    shard_key: int | str | None = None


class Page(msgspec.Struct, frozen=True, eq=False):
    """Return one page of a scroll and the id where the next one starts."""

    records: list[Record]
    next: PointId | None


class Group(msgspec.Struct, frozen=True, eq=False):
    """Return the hits that share the payload value ``id``."""

    id: int | str
    hits: list[Hit]
    lookup: Record | None = None


class FacetHit(msgspec.Struct, frozen=True):
    """Return a payload value and the number of points that have it."""

    value: str | int | bool
    count: int


class Matrix(msgspec.Struct, frozen=True, eq=False):
    """Return neighbours within a sample: for each pair the positions in ``ids`` and the score."""

    ids: list[PointId]
    rows: list[int]
    columns: list[int]
    scores: list[float]


class WriteResult(msgspec.Struct, frozen=True):
    """Acknowledge a write: ``completed`` is synced to the disk, ``acknowledged`` is written but not yet synced."""

    operation_id: int
    status: Literal["acknowledged", "completed"]
