"""Rows as they lie in the database: their keys, their ids, their fields, and whether they are still there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quiverdb.model.filter import Filter, Range
from quiverdb.model.point import PointId
from quiverdb.vikingdb.exceptions import failure
from quiverdb.vikingdb.service.layout import AUTO_ID, EXPIRES, PK, Field, Schema, point_id

if TYPE_CHECKING:
    from quiverdb.vikingdb.service.service import Service

__all__ = ["SCALARS", "alive", "expired", "fields_of", "key_of", "primary_key", "read_key", "row_id", "scalar_fields"]

INT64 = range(-(2**63), 2**63)

SCALARS = {"int64", "float32", "string", "bool", "list<string>", "list<int64>", "date_time", "geo_point"}
"""The types of fields that an index may hold for filters."""

_AUTO = Field(field_name=AUTO_ID, field_type="int64", is_primary_key=True)
_KEY_BYTES = 256


def primary_key(schema: Schema) -> Field:
    """Return the field that tells rows apart: the declared one, or that of the numbers that are given out."""
    return next((field for field in schema.fields if field.is_primary_key), _AUTO)


def scalar_fields(schema: Schema) -> tuple[str, ...]:
    """Return the names of the fields that an index may hold for filters."""
    return tuple(field.field_name for field in schema.fields if field.field_type in SCALARS)


def read_key(schema: Schema, value: Any) -> int | str:
    """Return the primary key that a value stands for; digits serve as a number.

    Raises ``InvalidParameter`` for what can be no key of this collection.
    """
    field = primary_key(schema)
    name = field.field_name
    if field.field_type == "string":
        if not isinstance(value, str) or not value:
            raise failure("InvalidParameter", f"The primary key '{name}' must be a string that is not empty.")
        if len(value.encode("utf-8", "surrogatepass")) > _KEY_BYTES:
            raise failure("InvalidParameter", f"The primary key '{name}' is longer than {_KEY_BYTES} bytes.")
        return value
    number = _number(value)
    if number is None or not number or number not in INT64:
        raise failure("InvalidParameter", f"The primary key '{name}' must be an int64 other than 0.")
    return number


def row_id(schema: Schema, value: Any) -> PointId:
    """Return the id of the point that holds the row with this primary key."""
    return point_id(read_key(schema, value))


def key_of(payload: Mapping[str, Any]) -> int | str:
    """Return the primary key of a stored row."""
    key: int | str = payload[PK]
    return key


def fields_of(payload: Mapping[str, Any], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the fields of a stored row by their names, or all of them; vectors are not among them."""
    if names is None:
        return {name: value for name, value in payload.items() if not name.startswith("_")}
    return {name: payload[name] for name in names if name in payload}


def alive(service: Service, schema: Schema) -> Filter | None:
    """Return the filter for rows that have not expired, None where no row ever does."""
    return Filter(must_not=(expired(service),)) if schema.expiring else None


def expired(service: Service) -> Range:
    """Return the condition for rows that have expired."""
    return Range(EXPIRES, lte=service.clock())


def _number(value: Any) -> int | None:
    """Return an integer given as such or by its digits, None for all else."""
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        return int(value) if len(value) <= 20 else None
    return None if isinstance(value, bool) or not isinstance(value, int) else value
