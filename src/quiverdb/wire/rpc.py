"""Requests and replies of the gRPC API: between arguments and messages, in both directions.

Arguments become what a REST request would hold, and that becomes the message; results likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from google.protobuf.message import Message

from quiverdb.errors import UnsupportedError
from quiverdb.wire import rest
from quiverdb.wire.codecs import Codec, Write
from quiverdb.wire.convert import ARRAYS, LISTS, applied, to_plain
from quiverdb.wire.encoding import double, tag
from quiverdb.wire.messages import SERVICES, Rpc, descriptor
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation
from quiverdb.wire.shapes import NAMES, REPLIES, Only
from quiverdb.wire.values import kind_of, members

__all__ = [
    "BY_RPC",
    "arguments_of",
    "messages_of",
    "reply_bytes",
    "reply_message",
    "request_bytes",
    "request_message",
    "result_of",
]

BY_RPC: Mapping[str, Operation] = MappingProxyType(
    {operation.rpc: operation for operation in (*OPERATIONS.values(), *LEGACY.values()) if operation.rpc is not None}
)
"""The operation that each remote procedure carries out, by service and method."""


def messages_of(operation: Operation) -> Rpc:
    """Return the classes of an operation's messages; raises ``UnsupportedError`` if gRPC lacks the operation."""
    if operation.rpc is None:
        raise _unsupported(operation)
    service, method = operation.rpc.split("/")
    return SERVICES[service][method]


def _unsupported(operation: Operation) -> UnsupportedError:
    return UnsupportedError(operation.name, "the gRPC API", "Ask over REST.")


def request_message(operation: Operation, arguments: Mapping[str, Any]) -> Message:
    """Return the message that asks for an operation; see ``request_bytes``.

    >>> request_message(OPERATIONS["count"], {"collection_name": "docs", "exact": True, "consistency": 2})
    collection_name: "docs"
    exact: true
    read_consistency {
      factor: 2
    }
    <BLANKLINE>
    """
    return messages_of(operation).request.FromString(request_bytes(operation, arguments))


def request_bytes(operation: Operation, arguments: Mapping[str, Any]) -> bytes:
    """Return the message that asks for an operation, as it travels; an argument that is ``None`` is left out.

    Raise ``InvalidInputError`` for arguments that do not fit, and ``UnsupportedError`` if gRPC lacks the operation.
    """
    if operation.rpc is None:
        raise _unsupported(operation)
    form = _form(operation.rpc)
    asked = {form.names[name]: value for name, value in arguments.items() if value is not None and name in form.names}
    if form.chosen:
        asked.update(members(rest.body_of(operation, arguments)))
    if operation.name in _COMPLETED:
        _COMPLETED[operation.name](asked)
    return applied(form.write, asked)


class _Form(NamedTuple):
    """Say how arguments become a request."""

    names: Mapping[str, str]
    """The field that an argument is, as far as it is one; snapshots, for one, have none for ``wait``."""
    chosen: bool
    """Whether which fields there are depends on what the arguments are."""
    write: Write


@cache
def _form(rpc: str) -> _Form:
    operation = BY_RPC[rpc]
    kind = messages_of(operation).request.DESCRIPTOR
    chosen = any("|" in field or field == rest.WHOLE for field in operation.body.values())
    known = {NAMES.get(field.name, field.name) for field in kind.fields}
    names = {name: name for name in (*rest.path_arguments(operation.path), *operation.query) if name in known}
    if not chosen:
        names.update(operation.body)
    return _Form(names, chosen, LISTS.codec(descriptor(kind.full_name)).write)


def _name_collections(asked: dict[str, Any]) -> None:
    name = asked["collection_name"]
    asked["searches"] = [{**members(request), "collection_name": name} for request in asked["searches"]]


def _name_tokenizer(asked: dict[str, Any]) -> None:
    schema = asked["field_schema"]
    if kind_of(schema) == "object":
        settings = members(schema)
        if settings.get("type") == "text" and settings.get("tokenizer") is None:
            asked["field_schema"] = {**settings, "tokenizer": "word"}


_COMPLETED: Mapping[str, Callable[[dict[str, Any]], None]] = MappingProxyType({
    "create_payload_index": _name_tokenizer,
    "query_batch_points": _name_collections,
})  # fmt: skip
"""What servers want to be told over gRPC that goes without saying over REST."""


def arguments_of(operation: Operation, message: Message) -> dict[str, Any]:
    """Return the arguments that a message stands for, the way a server means it; vectors are arrays.

    Raise ``InvalidInputError`` for a message that contradicts itself.

    >>> message = request_message(OPERATIONS["delete"], {"collection_name": "docs", "points_selector": [1, 2]})
    >>> arguments_of(OPERATIONS["delete"], message)
    {'wait': False, 'collection_name': 'docs', 'points_selector': [1, 2]}
    """
    plain = to_plain(message, arrays=True)
    arguments = dict(operation.left_out)
    for name in (*rest.path_arguments(operation.path), *operation.query):
        value = plain.pop(name, None)
        if value is not None:
            arguments[name] = value
    arguments.update(rest.body_arguments(operation, plain))
    return arguments


def result_of(operation: Operation, reply: Message, *, arrays: bool = False) -> Any:
    """Return the plain result in a reply; with ``arrays``, vectors as numpy arrays.

    >>> reply = reply_message(OPERATIONS["count"], {"count": 3}, 0.01)
    >>> result_of(OPERATIONS["count"], reply)
    {'count': 3}
    """
    read = _reply(messages_of(operation).reply.DESCRIPTOR.full_name, arrays=arrays).read
    return None if read is None else applied(read, reply)


def reply_message(operation: Operation, result: Any, seconds: float) -> Message:
    """Return the reply that carries a result, which took some seconds; see ``reply_bytes``."""
    return messages_of(operation).reply.FromString(reply_bytes(operation, result, seconds))


def reply_bytes(operation: Operation, result: Any, seconds: float) -> bytes:
    """Return the reply that carries a result, as it travels.

    Raise ``InvalidInputError`` for a result that no message can hold.
    """
    kind = messages_of(operation).reply.DESCRIPTOR
    written = applied(_reply(kind.full_name).write, result)
    took = kind.fields_by_name.get("time")
    return written if took is None else written + tag(took) + double(seconds)


@cache
def _reply(name: str, *, arrays: bool = False) -> Codec:
    kind = descriptor(name)
    return (ARRAYS if arrays else LISTS).shaped(kind, REPLIES.get(kind.name, Only("result")))
