"""Ids: unsigned 64-bit integers, and UUIDs in any spelling, which become lower-case hyphenated strings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from reprlib import repr as short
from typing import Any
from uuid import UUID

from quiverdb.errors import InvalidInputError
from quiverdb.model.point import PointId
from quiverdb.qdrant.request.parse import series

__all__ = ["point_id", "point_ids"]

_LIMIT = 1 << 64
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_HYPHENATED = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SPELLINGS = re.compile(
    rf"(?:urn:uuid:)?{_HYPHENATED}|\{{{_HYPHENATED}\}}|[0-9a-f]{{32}}",
    re.IGNORECASE,
).fullmatch


def point_id(value: Any) -> PointId:
    """Return the id that ``value`` means.

    >>> point_id(7), point_id("{123E4567-E89B-12D3-A456-426614174000}")
    (7, '123e4567-e89b-12d3-a456-426614174000')
    """
    kind = type(value)
    if kind is int:
        if 0 <= value < _LIMIT:
            return int(value)
    elif kind is str:
        if _CANONICAL(value):
            return str(value)
        if _SPELLINGS(value):
            return str(UUID(value.lower()))
    elif isinstance(value, UUID):
        return str(value)
    elif isinstance(value, str):
        return point_id(str(value))
    elif hasattr(value, "__index__") and not isinstance(value, bool):
        return point_id(value.__index__())
    raise InvalidInputError(
        f"{short(value)} is not a valid point id: use an integer from 0 to 2^64-1 or a UUID", field="id"
    )


def point_ids(values: Iterable[Any]) -> Sequence[PointId]:
    """Return the ids that ``values`` mean."""
    ids = values if isinstance(values, list) else list(series(values, "ids"))
    if set(map(type, ids)) == {int} and min(ids) >= 0 and max(ids) < _LIMIT:
        return ids
    return [point_id(id) for id in ids]
