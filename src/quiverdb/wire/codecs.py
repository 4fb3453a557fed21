"""Codecs of what needs no table: scalars, enums, lists and maps.

A codec writes plain data as what the constructor of a message takes, and reads the field of a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID

import numpy as np
from google.protobuf.descriptor import FieldDescriptor as Field

from quiverdb.wire import values
from quiverdb.wire.shapes import ENUMS
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor

__all__ = [
    "PAYLOAD",
    "Codec",
    "Function",
    "integer",
    "list_codec",
    "map_codec",
    "repeated_codec",
    "scalar_codec",
    "text",
    "truth",
    "write_list",
]

Function: TypeAlias = Callable[[Any], Any]


class Codec(NamedTuple):
    """Write plain data as what a message's constructor takes for it, and read it back."""

    write: Function
    read: Function | None
    """``None`` if a message has the plain data as it is."""


PAYLOAD = Codec(values.write_payload, values.read_payload)


# --- scalars

_RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31),
    Field.CPPTYPE_INT64: (-(2**63), 2**63),
    Field.CPPTYPE_UINT32: (0, 2**32),
    Field.CPPTYPE_UINT64: (0, 2**64),
}


def integer(kind: int) -> Function:
    """Return what writes the integers of a kind of field."""
    low, high = _RANGES[kind]

    def write(value: Any) -> int:
        if type(value) is not int:
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise WrongValueError(f"expected an integer, got {value!r}")
            value = int(value)
        if not low <= value < high:
            raise WrongValueError(f"expected an integer from {low} to {high - 1}, got {value}")
        return value  # type: ignore[no-any-return]

    return write


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise WrongValueError(f"expected a number, got {value!r}")
    return float(value)


def truth(value: Any) -> bool:
    """Write true or false."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise WrongValueError(f"expected true or false, got {value!r}")


def text(value: Any) -> str:
    """Write a text, a UUID, or an enum that stands for a text."""
    if type(value) is str:
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | UUID):
        return str(value)
    raise WrongValueError(f"expected a text, got {value!r}")


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    raise WrongValueError(f"expected bytes, got {value!r}")


_SCALARS: Mapping[int, Function] = {
    **{kind: integer(kind) for kind in _RANGES},
    Field.CPPTYPE_BOOL: truth,
    Field.CPPTYPE_DOUBLE: _number,
    Field.CPPTYPE_FLOAT: _number,
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix("FieldType")).lower()


def _spelled(kind: EnumDescriptor) -> Codec:
    """Return the codec of an enum, whose members JSON spells in its own way."""
    table = ENUMS.get(kind.full_name.removeprefix("qdrant."), {})
    spellings = {member.number: table.get(member.name, _snake(member.name)) for member in kind.values}
    numbers = {spelling: number for number, spelling in spellings.items() if spelling is not None}

    def write(value: Any) -> int:
        if isinstance(value, Enum):
            value = value.value
        try:
            return numbers[value]
        except (KeyError, TypeError):
            raise WrongValueError(f"expected one of {', '.join(numbers)}, got {value!r}") from None

    return Codec(write, spellings.get)


def scalar_codec(field: Field) -> Codec:
    """Return the codec of a field that holds a scalar or an enum."""
    if field.enum_type is not None:
        return _spelled(field.enum_type)
    if field.cpp_type == Field.CPPTYPE_STRING:
        return Codec(_bytes if field.type == Field.TYPE_BYTES else text, None)
    return Codec(_SCALARS[field.cpp_type], None)


# --- lists and maps


def _numbers(values: Any) -> list[Any]:
    """Return numbers as a list, where one by one would take too long."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "fiu":
        return values.tolist()  # type: ignore[no-any-return]
    given = list(_items(values))
    return given if set(map(type, given)) <= {int, float} else [_number(value) for value in given]


def _integers(kind: int) -> Function:
    low, high = _RANGES[kind]
    write_one = write_list(integer(kind))

    def write(values: Any) -> list[int]:
        if isinstance(values, np.ndarray):
            values = values.tolist()
        if type(values) is list and set(map(type, values)) == {int} and low <= min(values) and max(values) < high:
            return values
        return write_one(values)  # type: ignore[no-any-return]

    return write


def repeated_codec(field: Field) -> Codec:
    """Return the codec of a field that holds a list of scalars."""
    if field.enum_type is None:
        if field.cpp_type in _RANGES:
            return Codec(_integers(field.cpp_type), list)
        if field.cpp_type in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
            return Codec(_numbers, list)
    return list_codec(scalar_codec(field))


def _items(given: Any) -> Iterable[Any]:
    """Return the items of a list, of points in columns, or the one item that stands for a list of itself."""
    if isinstance(given, list | tuple):
        return given
    if isinstance(given, str | bytes | Enum):
        return (given,)
    if isinstance(given, Sequence | Set | Iterator | np.ndarray):
        return given
    if kind_of(given) == "object":
        held = members(given)
        if "ids" in held and "vectors" in held:
            return values.rows_of_columns(held)
    return (given,)


def write_list(write: Function) -> Function:
    """Return what writes each item of a list."""

    def write_all(given: Any) -> list[Any]:
        written = []
        for item in _items(given):
            try:
                written.append(write(item))
            except WrongValueError as error:
                raise error.below(len(written)) from None
        return written

    return write_all


def list_codec(codec: Codec) -> Codec:
    """Return the codec of a list."""
    read = codec.read
    return Codec(write_list(codec.write), list if read is None else lambda items: [read(item) for item in items])


def map_codec(codec: Codec) -> Codec:
    """Return the codec of a map."""
    write, read = codec

    def write_map(given: Any) -> dict[str, Any]:
        written = {}
        for key, item in members(given).items():
            if item is not None:
                try:
                    written[str(key)] = write(item)
                except WrongValueError as error:
                    raise error.below(key) from None
        return written

    def read_map(held: Any) -> dict[str, Any]:
        return {key: held[key] if read is None else read(held[key]) for key in held}

    return Codec(write_map, read_map)
