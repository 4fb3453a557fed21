"""Which fields of the gRPC messages a set of requests has, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from recorder import descriptor

from quiverdb.wire.operations import OPERATIONS


def known() -> set[str]:
    """Return the fields of all messages that requests of today's operations may be made of."""
    found: set[str] = set()
    waiting = [descriptor(row.rpc).input_type for row in OPERATIONS.values() if row.rpc]
    seen = set()
    while waiting:
        message = waiting.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        waiting += [field.message_type for field in message.fields if field.message_type]
        if not message.GetOptions().map_entry:
            found |= {f"{message.name}.{field.name}" for field in message.fields}
    return found


def used(messages: Iterable[Any]) -> set[str]:
    """Return the fields that messages have a value for, other than a zero that is as good as none."""
    return {f"{message.DESCRIPTOR.name}.{field}" for whole in messages for message, field in _fields(whole)}


def _fields(message: Any) -> Iterator[tuple[Any, str]]:
    for field, value in message.ListFields():
        yield message, field.name
        for inner in _messages(field, value):
            yield from _fields(inner)


def _messages(field: Any, value: Any) -> Iterable[Any]:
    """Return the messages in a field."""
    if field.message_type is None:
        return ()
    if field.message_type.GetOptions().map_entry:
        return value.values() if field.message_type.fields_by_name["value"].message_type else ()
    return (value,) if hasattr(value, "DESCRIPTOR") else value
