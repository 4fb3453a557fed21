"""The bytes of protobuf: numbers of variable length, tags, and what stands between the two.

Messages are written as bytes because that is faster than to build them: no object per nested message, no copies, and
vectors go over as they are. ``FromString`` makes a message of the bytes where one is wanted.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PACKED", "SHORT", "double", "float32", "framed", "tag", "varint"]

SHORT = [bytes((n,)) for n in range(128)] + [bytes((n & 127 | 128, n >> 7)) for n in range(128, 16384)]
"""All integers of up to two bytes; where many are written, a look here saves the call of ``varint``."""

_LOW_64_BITS = 2**64 - 1

PACKED = 2
"""The wire type of whatever has a length: texts, messages, lists of numbers."""

_WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: 1,
    FieldDescriptor.TYPE_FLOAT: 5,
    FieldDescriptor.TYPE_STRING: PACKED,
    FieldDescriptor.TYPE_BYTES: PACKED,
    FieldDescriptor.TYPE_MESSAGE: PACKED,
}

double: Callable[[float], bytes] = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    r"""Return an integer in as many bytes as it needs.

    >>> varint(300), len(varint(-1))
    (b'\xac\x02', 10)
    """
    if 0 <= number < 16384:
        return SHORT[number]
    number &= _LOW_64_BITS
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def tag(field: Any, wire_type: int | None = None) -> bytes:
    """Return what stands before the value of a field."""
    return varint(field.number << 3 | (_WIRE_TYPES.get(field.type, 0) if wire_type is None else wire_type))


def framed(tag: bytes, content: bytes) -> bytes:
    r"""Return content of any length behind a tag.

    >>> framed(b"\x0a", b"abc")
    b'\n\x03abc'
    """
    size = len(content)
    return tag + (SHORT[size] if size < 16384 else varint(size)) + content


def float32(number: float) -> bytes:
    """Return a number in four bytes; one that is too large becomes infinite."""
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", float("inf") if number > 0 else float("-inf"))
