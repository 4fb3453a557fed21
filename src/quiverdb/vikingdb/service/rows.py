"""Rows as they lie in the database: their keys, their ids, their fields, and whether they are still there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from quiverdb.model.filter import Filter, Range
from quiverdb.model.point import PointId
from quiverdb.model.result import Record
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import AUTO_ID, EXPIRES, PK, Field, FieldType, Schema, point_id
from quiverdb.vikingdb.service.state import stored_name
from quiverdb.vikingdb.service.values import key_value

__all__ = [
    "alive",
    "dense_size",
    "expired",
    "field_of_type",
    "fields_of",
    "is_row",
    "key_of",
    "living_rows",
    "primary_key",
    "read_key",
    "row_id",
]

_AUTO = Field(field_name=AUTO_ID, field_type="int64", is_primary_key=True)


def primary_key(schema: Schema) -> Field:
    """Return the field that tells rows apart: the declared one, or that of the numbers that are given out."""
    return next((field for field in schema.fields if field.is_primary_key), _AUTO)


def field_of_type(schema: Schema, kind: FieldType) -> Field | None:
    """Return the first field of a type."""
    return next((field for field in schema.fields if field.field_type == kind), None)


def dense_size(schema: Schema) -> int | None:
    """Return how many components the dense vectors of a collection have, None if its rows have none."""
    field = field_of_type(schema, "vector")
    if field is not None:
        return field.dim
    return schema.dense.dim if schema.dense is not None else None


def read_key(schema: Schema, value: Any, name: str = "id") -> int | str:
    """Return the primary key that a value stands for; digits serve as a number.

    Raises ``InvalidParameter`` for what can be no key of this collection.
    """
    return key_value(primary_key(schema), value, name)


def row_id(schema: Schema, value: Any) -> PointId:
    """Return the id of the point that holds the row with this primary key."""
    return point_id(read_key(schema, value))


def key_of(payload: Mapping[str, Any]) -> int | str:
    """Return the primary key of a stored row."""
    key: int | str = payload[PK]
    return key


def is_row(payload: Mapping[str, Any] | None) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether a point is a row, and not one that was stored through another API."""
    return payload is not None and PK in payload


def fields_of(payload: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the fields of a stored row by their names, or all of them; dense vectors are not among them."""
    if names is None:
        return {name: value for name, value in payload.items() if name[0] != "_"}
    return {name: payload[name] for name in names if name in payload}


def alive(context: Context, schema: Schema) -> Filter | None:
    """Return the filter for rows that have not expired, None where no row ever does."""
    return Filter(must_not=(expired(context.clock()),)) if schema.expiring else None


def expired(now: float) -> Range:
    """Return the condition for rows that have expired by a moment."""
    return Range(EXPIRES, lte=now)


def living_rows(
    context: Context, schema: Schema, keys: Iterable[int | str], vectors: tuple[str, ...] = (), *, now: float
) -> dict[int | str, Record]:
    """Return the rows with these primary keys that exist and have not expired."""
    ids = [point_id(key) for key in dict.fromkeys(keys)]
    found = context.database.retrieve(stored_name(schema), ids, with_vectors=vectors or False)
    rows = {key_of(record.payload): record for record in found if is_row(record.payload)}
    return {key: row for key, row in rows.items() if (row.payload or {}).get(EXPIRES, math.inf) > now}
