"""Codecs of what needs no table: scalars, enums, lists and maps.

A codec of a message writes what the message holds; a codec of a field writes the field with its tag, and nothing for
what is as good as absent.
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
from quiverdb.wire.encoding import PACKED, double, float32, framed, tag, varint
from quiverdb.wire.shapes import ENUMS
from quiverdb.wire.values import WrongValueError, kind_of, members

if TYPE_CHECKING:
    from google.protobuf.descriptor import EnumDescriptor

__all__ = [
    "Codec",
    "Read",
    "Write",
    "list_codec",
    "map_codec",
    "message_codec",
    "payload_codec",
    "scalar_codec",
    "scalars_codec",
    "spellings",
    "text",
    "truth",
]

Write: TypeAlias = Callable[[Any], bytes]
Read: TypeAlias = Callable[[Any], Any]


class Codec(NamedTuple):
    """Write plain data as bytes, and read it back from what a message has."""

    write: Write
    read: Read | None
    """``None`` if a message has the plain data as it is."""


# --- scalars

_RANGES = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31),
    Field.CPPTYPE_INT64: (-(2**63), 2**63),
    Field.CPPTYPE_UINT32: (0, 2**32),
    Field.CPPTYPE_UINT64: (0, 2**64),
}


def _integer(kind: int) -> Write:
    low, high = _RANGES[kind]

    def write(value: Any) -> bytes:
        if type(value) is not int:
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise WrongValueError(f"expected an integer, got {value!r}")
            value = int(value)
        if not low <= value < high:
            raise WrongValueError(f"expected an integer from {low} to {high - 1}, got {value}")
        return varint(value)

    return write


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise WrongValueError(f"expected a number, got {value!r}")
    return float(value)


def truth(value: Any) -> bool:
    """Return what is true or false, and nothing else."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise WrongValueError(f"expected true or false, got {value!r}")


def text(value: Any) -> str:
    """Return what is a text: also a UUID, or an enum that stands for a text."""
    if type(value) is str:
        return value
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | UUID):
        return str(value)
    raise WrongValueError(f"expected a text, got {value!r}")


def _utf8(value: Any) -> bytes:
    try:
        return text(value).encode()
    except UnicodeEncodeError:
        raise WrongValueError(f"expected a text of Unicode characters, got {value!r}") from None


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    raise WrongValueError(f"expected bytes, got {value!r}")


_SCALARS: Mapping[int, Write] = {
    **{kind: _integer(kind) for kind in _RANGES},
    Field.CPPTYPE_BOOL: lambda value: b"\1" if truth(value) else b"\0",
    Field.CPPTYPE_DOUBLE: lambda value: double(_number(value)),
    Field.CPPTYPE_FLOAT: lambda value: float32(_number(value)),
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix("FieldType")).lower()


def spellings(kind: EnumDescriptor) -> dict[int, str | None]:
    """Return how JSON spells the members of an enum; ``None`` for those that it does not know."""
    table = ENUMS.get(kind.full_name.removeprefix("qdrant."), {})
    return {member.number: table.get(member.name, _snake(member.name)) for member in kind.values}


def _enum_codec(kind: EnumDescriptor) -> Codec:
    spelled = spellings(kind)
    numbers = {spelling: varint(number) for number, spelling in spelled.items() if spelling is not None}

    def write(value: Any) -> bytes:
        if isinstance(value, Enum):
            value = value.value
        try:
            return numbers[value]
        except (KeyError, TypeError):
            raise WrongValueError(f"expected one of {', '.join(numbers)}, got {value!r}") from None

    return Codec(write, spelled.get)


def _bare_codec(field: Field) -> Codec:
    """Return the codec of a scalar without its tag."""
    if field.enum_type is not None:
        return _enum_codec(field.enum_type)
    return Codec(_SCALARS[field.cpp_type], None)


def scalar_codec(field: Field) -> Codec:
    """Return the codec of a field that holds a scalar or an enum."""
    head = tag(field)
    if field.cpp_type == Field.CPPTYPE_STRING:
        write_text = _bytes if field.type == Field.TYPE_BYTES else _utf8
        return Codec(lambda value: framed(head, write_text(value)), None)
    write, read = _bare_codec(field)
    return Codec(lambda value: head + write(value), read)


def message_codec(field: Field, codec: Codec) -> Codec:
    """Return the codec of a field that holds a message, of the codec of that message."""
    head, write = tag(field), codec.write
    return Codec(lambda value: framed(head, write(value)), codec.read)


# --- lists and maps


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


def _joined(write: Write) -> Write:
    """Return what writes items one behind the other."""

    def write_all(given: Any) -> bytes:
        written: list[bytes] = []
        for item in _items(given):
            try:
                written.append(write(item))
            except WrongValueError as error:
                raise error.below(len(written)) from None
        return b"".join(written)

    return write_all


def list_codec(codec: Codec) -> Codec:
    """Return the codec of a field that holds a list, of the codec of a field that holds one item."""
    read = codec.read
    return Codec(_joined(codec.write), list if read is None else lambda items: [read(item) for item in items])


def scalars_codec(field: Field) -> Codec:
    """Return the codec of a field that holds a list of scalars."""
    if field.cpp_type == Field.CPPTYPE_STRING:
        return list_codec(scalar_codec(field))
    head = tag(field, PACKED)
    write_one, read = _bare_codec(field)
    write = values.write_floats if field.cpp_type == Field.CPPTYPE_FLOAT else _joined(write_one)

    def write_packed(given: Any) -> bytes:
        content = write(given)
        return framed(head, content) if content else b""

    return Codec(write_packed, list if read is None else lambda items: [read(item) for item in items])


def map_codec(field: Field, codec: Codec) -> Codec:
    """Return the codec of a map, of the codec of the field for a value."""
    head, (write, read) = tag(field), codec

    def write_map(given: Any) -> bytes:
        written = []
        for key, item in members(given).items():
            if item is not None:
                try:
                    written.append(framed(head, framed(b"\x0a", _utf8(str(key))) + write(item)))
                except WrongValueError as error:
                    raise error.below(key) from None
        return b"".join(written)

    def read_map(held: Any) -> dict[str, Any]:
        return {key: held[key] if read is None else read(held[key]) for key in held}

    return Codec(write_map, read_map)


def payload_codec(field: Field) -> Codec:
    """Return the codec of a map that holds any JSON."""
    head = tag(field)
    return Codec(lambda value: values.write_payload(head, value), values.read_payload)
