"""Plain values that have no fields, and their form in messages: payloads, dates, vectors.

Functions that write return what the constructor of a message takes: dicts for nested messages, which protobuf builds at
once without a copy of each. Vectors are the exception: their bytes are the array's, so a ready message is the fastest.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from quiverdb.dates import parse_datetime
from quiverdb.wire.messages import message

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from quiverdb.wire.shapes import Kind

__all__ = [
    "WrongValueError",
    "kind_of",
    "members",
    "read_array",
    "read_list",
    "read_local_time",
    "read_payload",
    "read_time",
    "read_value",
    "rows_of_columns",
    "write_dense",
    "write_payload",
    "write_time",
    "write_value",
]


class WrongValueError(Exception):
    """Tell what is wrong with a value, and by which steps it is reached from the outermost one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []

    def below(self, step: str | int) -> WrongValueError:
        """Return the error, one step further out."""
        self.steps.append(step)
        return self

    @property
    def path(self) -> str:
        """The steps as in ``filter.must[0].key``."""
        return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in reversed(self.steps)).removeprefix(".")


# --- what kind of value it is

_KINDS: dict[type, Kind] = {
    bool: "bool", int: "int", float: "float", str: "str", dict: "object",
    datetime: "time", date: "time", UUID: "str",
}  # fmt: skip
_SLOW_KINDS: tuple[tuple[Any, Kind], ...] = (
    ((bool, np.bool_), "bool"),
    ((int, np.integer), "int"),
    ((float, np.floating), "float"),
    ((str, UUID), "str"),
    (date, "time"),
)


def kind_of(value: Any) -> Kind:
    """Return what kind of plain value this is; a list is named after its first item."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    if isinstance(value, Enum):
        return kind_of(value.value)
    if isinstance(value, np.ndarray):
        return "rows" if value.ndim > 1 else "numbers"
    if isinstance(value, list | tuple | set | frozenset):
        return _kind_of_list(next(iter(value))) if value else "empty"
    return next((name for types, name in _SLOW_KINDS if isinstance(value, types)), "object")


def _kind_of_list(first: Any) -> Kind:
    match kind_of(first):
        case "int" | "float":
            return "numbers"
        case "str":
            return "texts"
        case "numbers" | "empty":
            return "rows"
        case _:
            return "objects"


# --- what has fields

_NOT_AN_OBJECT = (str, bytes, int, float, list, tuple, set, frozenset, np.ndarray, np.generic, date, UUID, Enum)


def members(value: Any) -> Mapping[str, Any]:
    """Return the fields of a mapping or of an object, by their names in JSON."""
    if isinstance(value, Mapping):
        return value
    if value is None or isinstance(value, _NOT_AN_OBJECT):
        raise WrongValueError(f"expected an object with fields, got {_named(value)}")
    held = getattr(value, "__dict__", None)
    if held is None:
        held = {name: getattr(value, name) for name in getattr(value, "__struct_fields__", ())}
    reserved = _reserved(tuple(held))
    return {reserved.get(name, name): item for name, item in held.items()} if reserved else held


@lru_cache(maxsize=1024)
def _reserved(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return the names that end in an underscore, which only Python needs, without it."""
    return {name: name[:-1] for name in names if name.endswith("_")}


def _named(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


# --- payloads

_PLAIN_FIELDS = {str: "string_value", int: "integer_value", float: "double_value", bool: "bool_value"}


def write_value(value: Any) -> dict[str, Any]:
    """Return any JSON value as arguments of a ``Value``."""
    field = _PLAIN_FIELDS.get(type(value))
    if field is not None:
        return {field: value}
    if value is None:
        return {"null_value": 0}
    if isinstance(value, Mapping):
        return {"struct_value": {"fields": write_payload(value)}}
    if isinstance(value, list | tuple | set | frozenset):
        return {"list_value": {"values": [write_value(item) for item in value]}}
    return write_value(_simplified(value))


def _simplified(value: Any) -> Any:
    """Return what JSON has for a value of another library."""
    match value:
        case Enum():
            return value.value
        case np.ndarray() | np.generic():
            return value.tolist()
        case str() | bool() | int() | float():
            return next(kind(value) for kind in (str, bool, int, float) if isinstance(value, kind))
        case UUID():
            return str(value)
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case bytes():
            return value.decode()
        case _:
            return {name: item for name, item in members(value).items() if item is not None}


def write_payload(payload: Any) -> dict[str, Any]:
    """Return an object as what a map of ``Value`` takes."""
    if not isinstance(payload, Mapping):
        payload = _simplified(payload)
        if not isinstance(payload, Mapping):
            raise WrongValueError(f"expected an object with fields, got {_named(payload)}")
    known = _PLAIN_FIELDS
    return {
        key if type(key) is str else str(key): {field: value}
        if (field := known.get(type(value))) is not None
        else write_value(value)
        for key, value in payload.items()
    }


_kind = message("Value").WhichOneof


def read_value(value: Any) -> Any:
    """Return the JSON value that a ``Value`` holds."""
    kind = _kind(value, "kind")
    if kind == "struct_value":
        return read_payload(value.struct_value.fields)
    if kind == "list_value":
        return [read_value(item) for item in value.list_value.values]
    return None if kind is None or kind == "null_value" else getattr(value, kind)


def read_payload(fields: Any) -> dict[str, Any]:
    """Return the object that a map of ``Value`` holds."""
    payload = {}
    for key in fields:
        value = fields[key]
        kind = _kind(value, "kind")
        if kind == "string_value":
            payload[key] = value.string_value
        elif kind == "integer_value":
            payload[key] = value.integer_value
        elif kind == "double_value":
            payload[key] = value.double_value
        else:
            payload[key] = read_value(value)
    return payload


# --- dates

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def write_time(value: Any) -> dict[str, int]:
    """Return a date, or the text of one, as arguments of a ``Timestamp``; UTC where no zone is given."""
    if isinstance(value, str):
        micros = parse_datetime(value)
    elif isinstance(value, datetime):
        micros = ((value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH) // _MICRO
    elif isinstance(value, date):
        micros = (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // _MICRO
    else:
        micros = None
    if micros is None:
        raise WrongValueError(f"expected a date as in 2024-02-29T12:00:00Z, got {_named(value)}")
    seconds, rest = divmod(micros, 1_000_000)
    return {"seconds": seconds, "nanos": rest * 1000}


def read_time(timestamp: Any) -> str:
    """Return a ``Timestamp`` as RFC 3339 text."""
    return read_local_time(timestamp) + "Z"


def read_local_time(timestamp: Any) -> str:
    """Return a ``Timestamp`` as text without a zone."""
    try:
        moment = _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        raise WrongValueError("expected a date between the years 1 and 9999") from None
    return moment.replace(tzinfo=None).isoformat()


# --- vectors

_Dense = message("DenseVector")


@cache
def _layout(size: int) -> tuple[bytes, struct.Struct]:
    """Return the bytes before the numbers of a dense vector, and what packs them."""
    length, head = 4 * size, bytearray(b"\x0a")
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head), struct.Struct(f"<{size}f")


def write_dense(vector: Any) -> Message:
    """Return a ``DenseVector`` of a list or array of numbers."""
    try:
        size = len(vector)
        if not size:
            return _Dense()
        head, layout = _layout(size)
        if isinstance(vector, np.ndarray):
            if vector.ndim != 1 or vector.dtype.kind not in "fiu":
                raise WrongValueError(f"expected a row of numbers, got an array of {vector.dtype}, {vector.shape}")
            return _Dense.FromString(head + vector.astype("<f4", copy=False).tobytes())
        return _Dense.FromString(head + layout.pack(*vector))
    except (struct.error, TypeError):
        raise WrongValueError(f"expected a list of numbers, got {_named(vector)}") from None
    except OverflowError:
        raise WrongValueError("a number is too large for a vector, which holds 32-bit floats") from None


def read_array(vector: Any) -> NDArray[np.float32]:
    """Return the numbers of a ``DenseVector`` as an array."""
    size = len(vector.data)
    if not size:
        return np.empty(0, dtype=np.float32)
    return np.frombuffer(vector.SerializeToString(), "<f4", size, len(_layout(size)[0]))


def read_list(vector: Any) -> list[float]:
    """Return the numbers of a ``DenseVector`` as a list."""
    size = len(vector.data)
    if not size:
        return []
    head, layout = _layout(size)
    return list(layout.unpack_from(vector.SerializeToString(), len(head)))


# --- points in columns


def rows_of_columns(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return points one by one that are given in columns: ids, vectors, payloads."""
    ids = list(batch["ids"])
    columns = batch["vectors"]
    payloads = batch.get("payloads")
    for name, column in (("vectors", columns), ("payloads", payloads)):
        for part in column.values() if isinstance(column, Mapping) else (column,):
            if part is not None and len(part) != len(ids):
                raise WrongValueError(f"got {len(part)} {name} for {len(ids)} points").below(name)
    return [_row_of(number, id, columns, payloads) for number, id in enumerate(ids)]


def _row_of(number: int, id: Any, columns: Any, payloads: Any) -> dict[str, Any]:
    """Return one of the points that are given in columns."""
    named = isinstance(columns, Mapping)
    vector = {name: column[number] for name, column in columns.items()} if named else columns[number]
    return {"id": id, "vector": vector, "payload": None if payloads is None else payloads[number]}
