"""Messages that are almost right: a few fields hold something else, or are gone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from quiverdb.wire.operations import Operation
from quiverdb.wire.rpc import messages_of

_TEXTS = ("", "\0", "x" * 10_000, "../../x", "a[]", "😀" * 50, "x" * 300, "things", "v")
_NUMBERS = (math.nan, math.inf, -math.inf, 0.0, -1.0, 1e38, -1e30)
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def message_changed(operation: Operation, data: bytes, random: Random, times: int = 1) -> bytes:
    """The message of a request, in which a few fields are other than they should be."""
    message = messages_of(operation).request.FromString(data)
    for _ in range(times):
        inside = random.choice(list(_parts(message)))
        if inside.DESCRIPTOR.fields:
            _change(inside, random.choice(list(inside.DESCRIPTOR.fields)), random)
    return message.SerializeToString()


def _parts(message: Message) -> Iterator[Any]:
    """A message, and all that are in it."""
    yield message
    for field, held in message.ListFields():
        if field.message_type is None:
            continue
        if _is_map(field):
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in held.values():
                    yield from _parts(item)
        else:
            for item in held if field.is_repeated else (held,):
                yield from _parts(item)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _change(inside: Any, field: FieldDescriptor, random: Random) -> None:
    held = getattr(inside, field.name)
    if random.random() < 0.25:
        inside.ClearField(field.name)
    elif _is_map(field):
        inner = field.message_type.fields_by_name
        key = _other(inner["key"], random)
        if inner["value"].message_type is not None:
            held[key].SetInParent()
        else:
            held[key] = _other(inner["value"], random)
    elif field.message_type is not None:
        held.add() if field.is_repeated else held.SetInParent()
    elif field.is_repeated:
        held.extend([_other(field, random)] * random.choice([1, 3, 1000]))
    else:
        setattr(inside, field.name, _other(field, random))


def _other(field: FieldDescriptor, random: Random) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return random.choice(_TEXTS) if field.type == FieldDescriptor.TYPE_STRING else random.randbytes(5)
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return random.choice(_NUMBERS)
        case FieldDescriptor.CPPTYPE_BOOL:
            return random.random() < 0.5
        case FieldDescriptor.CPPTYPE_ENUM:
            return random.choice([0, 1, 2, 99, -1])
        case kind:
            least, most = _RANGES[kind]
            return random.choice([least, most, most // 2, 0, 1, 10_000])
