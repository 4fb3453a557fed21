"""Typed values: what the rows of a request hold is checked, and becomes what is stored.

Numbers of type float32 are rounded to float32 and kept as the shortest decimal that means it, so 92.65 stays 92.65.
Every function raises ``InvalidParameter`` for what its type does not take; ``name`` says where in a request it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quiverdb.model.point import FloatArray
from quiverdb.vikingdb.service.layout import Field, FieldType
from quiverdb.vikingdb.service.reading import (
    flag,
    integer,
    invalid,
    listing,
    number,
    sparse_weights,
    text,
    vector,
)
from quiverdb.vikingdb.service.units import moment, place

__all__ = ["DEFAULTS", "float32", "key_value", "measured_text", "read_value"]

STRING_BYTES = 65_535
TEXT_BYTES = 65_534
KEY_BYTES = 256
MOST_STRINGS, ITEM_BYTES, LIST_BYTES = 20_000, 1024, 1 << 20
MOST_INTEGERS = 1024
TENSOR_ROWS = (2, 64)
FPS = (0.2, 5.0)

DEFAULTS: Mapping[FieldType, Any] = {
    "int64": 0,
    "float32": 0.0,
    "string": "default",
    "bool": False,
    "list<string>": ["default"],
    "list<int64>": [0],
}
"""What rows hold that lack a field, where the field names no other value; other types must be given."""

_ADDRESS = re.compile(r"(?:tos|https?)://[^\s/]+(?:/\S*)?")
_DIGITS = re.compile(r"-?[0-9]{1,19}")


def read_value(field: Field, value: Any, name: str) -> Any:
    """Return what is stored for a value of a field; a dense vector becomes an array.

    >>> read_value(Field(field_name="score", field_type="float32"), np.float32(92.65), "score")
    92.65
    """
    if field.is_primary_key:
        return key_value(field, value, name)
    if field.field_type in _OF_A_SIZE:
        return _OF_A_SIZE[field.field_type](field, value, name)
    return _READERS[field.field_type](value, name)


def key_value(field: Field, value: Any, name: str) -> int | str:
    """Return a primary key; digits serve as a number.

    >>> key_value(Field(field_name="id", field_type="int64", is_primary_key=True), "-99", "id")
    -99
    """
    if field.field_type == "string":
        return measured_text(text(value, name), name, KEY_BYTES)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    found = integer(value, name)
    if not found:
        raise invalid(f"{name}: a primary key is never 0")
    return found


def measured_text(value: str, name: str, most: int) -> str:
    """Return a string that takes at most so many bytes in UTF-8."""
    if _bytes(value) > most:
        raise invalid(f"{name} takes at most {most} bytes")
    return value


def float32(value: Any, name: str) -> float:
    """Return the shortest decimal that means the float32 next to a number."""
    with np.errstate(over="ignore"):
        found = np.float32(number(value, name))
    if not np.isfinite(found):
        raise invalid(f"{name} must be a number of type float32, got {value!r}")
    return float(str(found))


def _string(value: Any, name: str) -> str:
    return measured_text(text(value, name, empty=True), name, STRING_BYTES)


def _text(value: Any, name: str) -> str:
    return measured_text(text(value, name, empty=True), name, TEXT_BYTES)


def _strings(value: Any, name: str) -> list[str]:
    items = list(listing(value, name, most=MOST_STRINGS))
    total = 0
    for at, item in enumerate(items):
        total += _bytes(measured_text(text(item, f"{name}[{at}]", empty=True), f"{name}[{at}]", ITEM_BYTES))
    if total > LIST_BYTES:
        raise invalid(f"{name} takes at most {LIST_BYTES} bytes in all")
    return items


def _integers(value: Any, name: str) -> list[int]:
    return [integer(item, f"{name}[{at}]") for at, item in enumerate(listing(value, name, most=MOST_INTEGERS))]


def _dense(field: Field, value: Any, name: str) -> FloatArray:
    return vector(value, name, field.dim or 0)


def _weights(value: Any, name: str) -> dict[str, float]:
    return {token: float32(weight, name) for token, weight in sparse_weights(value, name).items()}


def _tensor(field: Field, value: Any, name: str) -> list[list[float]]:
    rows = listing(value, name, least=TENSOR_ROWS[0], most=TENSOR_ROWS[1])
    many, wide = field.shape or (len(rows), 0)
    if len(rows) != many:
        raise invalid(f"{name} must have {many} rows, got {len(rows)}")
    return [
        [float32(item, name) for item in vector(row, f"{name}[{at}]", wide).tolist()] for at, row in enumerate(rows)
    ]


def _video(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return _address(value, name)
    if unknown := sorted(map(str, value.keys() - {"value", "fps"})):
        raise invalid(f"{name} has no key {unknown[0]!r}; it takes fps, value")
    found: dict[str, Any] = {"value": _address(value.get("value"), f"{name}.value")}
    if value.get("fps") is not None:
        found["fps"] = number(value["fps"], f"{name}.fps", *FPS)
    return found


def _moment(value: Any, name: str) -> str:
    if moment(value) is None:
        raise invalid(f"{name} must be a date like '2025-08-12T11:33:56+08:00' from 1970 to 3000, got {value!r}")
    return str(value)


def _place(value: Any, name: str) -> str:
    if place(value) is None:
        raise invalid(f"{name} must be a place like '116.408108,39.915023', got {value!r}")
    return str(value)


def _address(value: Any, name: str) -> str:
    found = measured_text(text(value, name), name, STRING_BYTES)
    if not _ADDRESS.fullmatch(found):
        raise invalid(f"{name} must be an address like 'tos://bucket/object' or 'https://host/path'")
    return found


def _bytes(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode())


_READERS: Mapping[FieldType, Callable[[Any, str], Any]] = {
    "int64": integer,
    "float32": float32,
    "string": _string,
    "bool": flag,
    "list<string>": _strings,
    "list<int64>": _integers,
    "sparse_vector": _weights,
    "text": _text,
    "image": _address,
    "video": _video,
    "date_time": _moment,
    "geo_point": _place,
}
_OF_A_SIZE: Mapping[FieldType, Callable[[Field, Any, str], Any]] = {"vector": _dense, "tensor": _tensor}
