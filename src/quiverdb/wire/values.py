"""Plain values that have no fields, and their form in messages: payloads, dates, vectors."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import numpy as np

from quiverdb.dates import parse_datetime
from quiverdb.wire.encoding import SHORT, double, framed, varint
from quiverdb.wire.messages import message

if TYPE_CHECKING:
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
    "write_floats",
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

_KINDS: tuple[tuple[type | tuple[type, ...], Kind], ...] = (
    ((bool, np.bool_), "bool"),
    ((int, np.integer), "int"),
    ((float, np.floating), "float"),
    ((str, UUID), "str"),
    (date, "time"),
)
_LISTS = (list, tuple, set, frozenset)
_OF_LISTS: Mapping[Kind, Kind] = {
    "int": "numbers", "float": "numbers", "str": "texts", "numbers": "rows", "empty": "rows",
}  # fmt: skip


_COMMON: Mapping[type, Kind] = {bool: "bool", int: "int", float: "float", str: "str", dict: "object"}


@lru_cache(maxsize=1024)
def _kind_of_class(cls: type) -> Kind | None:
    """Return of what kind all values of a class are, ``None`` if it depends."""
    if issubclass(cls, (Enum, np.ndarray, *_LISTS)):
        return None
    return next((kind for classes, kind in _KINDS if issubclass(cls, classes)), "object")


def kind_of(value: Any) -> Kind:
    """Return what kind of plain value this is; a list is named after its first item."""
    cls: Any = type(value)
    kind = _COMMON.get(cls) or _kind_of_class(cls)
    if kind is not None:
        return kind
    if isinstance(value, _LISTS):
        return _OF_LISTS.get(kind_of(next(iter(value))), "objects") if value else "empty"
    if isinstance(value, Enum):
        return kind_of(value.value)
    return "rows" if value.ndim > 1 else "numbers"


# --- what has fields


@lru_cache(maxsize=1024)
def _reserved(cls: Any) -> Mapping[str, str]:
    """Return the fields of a class whose names end in an underscore, which only Python needs, without it."""
    names: Iterable[str] = getattr(cls, "model_fields", getattr(cls, "__struct_fields__", ()))
    return {name: name[:-1] for name in names if name.endswith("_")}


def members(value: Any) -> Mapping[str, Any]:
    """Return the fields of a mapping or of an object, by their names in JSON."""
    cls: Any = type(value)
    if cls is dict or isinstance(value, Mapping):
        return value  # type: ignore[no-any-return]
    if value is None or kind_of(value) != "object":
        raise WrongValueError(f"expected an object with fields, got {_named(value)}")
    held: Mapping[str, Any] | None = getattr(value, "__dict__", None)
    if held is None:
        names = getattr(cls, "__struct_fields__", None)
        if names is None:
            raise WrongValueError(f"expected an object with fields, got {_named(value)}")
        held = {name: getattr(value, name) for name in names}
    reserved = _reserved(cls)
    return {reserved.get(name, name): item for name, item in held.items()} if reserved else held


def _named(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


# --- payloads

_TRUE, _FALSE, _NULL = b"\x28\x01", b"\x28\x00", b"\x08\x00"
_FIELDS = b"\x0a"
_VALUES = b"\x0a"


def write_value(value: Any) -> bytes:
    """Return any JSON value as a ``Value``."""
    cls = type(value)
    if cls is str:
        text = value.encode() if value.isascii() else _utf8(value)
        size = len(text)
        return b"\x22" + (SHORT[size] if size < 16384 else varint(size)) + text
    if cls is int:
        if not -(2**63) <= value < 2**63:
            if not 2**63 <= value < 2**64:
                raise WrongValueError(f"expected an integer of 64 bits, got {value}")
            return b"\x11" + double(float(value))  # as Qdrant shows numbers that have no signed form
        return b"\x18" + (SHORT[value] if 0 <= value < 16384 else varint(value))
    if cls is float:
        return b"\x11" + double(value)
    if cls is bool:
        return _TRUE if value else _FALSE
    if value is None:
        return _NULL
    if isinstance(value, Mapping):
        return framed(b"\x32", write_payload(_FIELDS, value))
    if isinstance(value, _LISTS):
        return framed(b"\x3a", b"".join([framed(_VALUES, write_value(item)) for item in value]))
    return write_value(_simplified(value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise WrongValueError(f"expected a text of Unicode characters, got {_named(text)}") from None


def _simplified(value: Any) -> Any:
    """Return what JSON has for a value of another library."""
    match value:
        case Enum():
            return value.value
        case np.ndarray() | np.generic():
            return value.tolist()
        case str() | int() | float():
            return next(kind(value) for kind in (str, int, float) if isinstance(value, kind))
        case UUID() | date() | time() | timedelta() | Decimal() | bytes():
            return msgspec.to_builtins(value)  # as REST writes it
        case Iterator():
            return list(value)
        case _:
            return {name: item for name, item in members(value).items() if item is not None}


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    """Return the key of an entry, and the tag of its value."""
    return framed(b"\x0a", _utf8(name)) + b"\x12"


def write_payload(tag: bytes, payload: Any) -> bytes:
    """Return an object as the entries of a map of ``Value``."""
    if not isinstance(payload, Mapping):
        payload = _simplified(payload)
        if not isinstance(payload, Mapping):
            raise WrongValueError(f"expected an object with fields, got {_named(payload)}")
    parts: list[bytes] = []
    for name, item in payload.items():
        value = write_value(item)
        size = len(value)
        head = _key(name if type(name) is str else str(name)) + (SHORT[size] if size < 16384 else varint(size))
        size += len(head)
        parts += (tag, SHORT[size] if size < 16384 else varint(size), head, value)
    return b"".join(parts)


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
        if text := value.string_value:  # saves the question what it is
            payload[key] = text
        elif (kind := _kind(value, "kind")) == "integer_value":
            payload[key] = value.integer_value
        elif kind == "double_value":
            payload[key] = value.double_value
        else:
            payload[key] = read_value(value)
    return payload


# --- dates

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def write_time(value: Any) -> bytes:
    """Return a date, or the text of one, as a ``Timestamp``; UTC where no zone is given."""
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
    return b"\x08" + varint(seconds) + b"\x10" + varint(rest * 1000)


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


@cache
def _packer(size: int) -> struct.Struct:
    return struct.Struct(f"<{size}f")


def write_floats(vector: Any) -> bytes:
    """Return the numbers of a list or an array, four bytes each."""
    try:
        if isinstance(vector, np.ndarray):
            if vector.ndim != 1 or vector.dtype.kind not in "fiu":
                raise WrongValueError(f"expected a row of numbers, got an array of {vector.dtype}, {vector.shape}")
            return vector.astype("<f4", copy=False).tobytes()
        return _packer(len(vector)).pack(*vector)
    except (struct.error, TypeError):
        raise WrongValueError(f"expected a list of numbers, got {_named(vector)}") from None
    except OverflowError:
        raise WrongValueError("a number is too large for a vector, which holds 32-bit floats") from None


def _floats(vector: Any) -> tuple[int, bytes, int]:
    """Return the number of floats in a ``DenseVector``, bytes that hold them, and where in these they begin."""
    size, held = len(vector.data), vector.SerializeToString()
    return size, held, len(held) - 4 * size


def read_array(vector: Any) -> NDArray[np.float32]:
    """Return the numbers of a ``DenseVector`` as an array."""
    size, held, start = _floats(vector)
    return np.frombuffer(held, "<f4", size, start) if size else np.empty(0, dtype=np.float32)


def read_list(vector: Any) -> list[float]:
    """Return the numbers of a ``DenseVector`` as a list."""
    size, held, start = _floats(vector)
    return list(_packer(size).unpack_from(held, start))


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
