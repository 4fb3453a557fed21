"""Requests and replies of the gRPC API: between arguments and messages, in both directions.

Arguments become what a REST request would hold, and that becomes the message; results likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message

from quiverdb.errors import UnsupportedError
from quiverdb.wire import rest
from quiverdb.wire.codecs import Codec
from quiverdb.wire.convert import ARRAYS, LISTS, build, read_message, to_message, to_plain
from quiverdb.wire.messages import SERVICES, Rpc, descriptor, enum
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation
from quiverdb.wire.shapes import NAMES, REPLIES, Only
from quiverdb.wire.values import members

__all__ = ["BY_RPC", "arguments_of", "messages_of", "reply_message", "request_message", "result_of"]

BY_RPC: Mapping[str, Operation] = MappingProxyType(
    {operation.rpc: operation for operation in (*OPERATIONS.values(), *LEGACY.values()) if operation.rpc is not None}
)
"""The operation that each remote procedure carries out, by service and method."""


def messages_of(operation: Operation) -> Rpc:
    """Return the classes of an operation's messages; raises ``UnsupportedError`` if gRPC lacks the operation."""
    if operation.rpc is None:
        raise UnsupportedError(f"{operation.name}", "the gRPC API", "Ask over REST.")
    service, method = operation.rpc.split("/")
    return SERVICES[service][method]


def request_message(operation: Operation, arguments: Mapping[str, Any]) -> Message:
    """Return the message that asks for an operation; an argument that is ``None`` is left out.

    Raise ``InvalidInputError`` for arguments that do not fit, and ``UnsupportedError`` if gRPC lacks the operation.

    >>> request_message(OPERATIONS["count"], {"collection_name": "docs", "exact": True, "consistency": 2})
    collection_name: "docs"
    exact: true
    read_consistency {
      factor: 2
    }
    <BLANKLINE>
    """
    kind = messages_of(operation).request
    asked = dict(members(rest.body_of(operation, arguments))) if operation.body else {}
    for name in rest.path_arguments(operation.path):
        asked[name] = arguments[name]
    for name in _options(operation):
        asked[name] = arguments.get(name)
    message = to_message(kind, asked)
    if operation.name in _COMPLETED:
        _COMPLETED[operation.name](message)
    return message


def _name_collections(batch: Any) -> None:
    for request in batch.query_points:
        request.collection_name = batch.collection_name


def _name_tokenizer(request: Any) -> None:
    params = request.field_index_params
    if params.HasField("text_index_params") and not params.text_index_params.tokenizer:
        params.text_index_params.tokenizer = enum("TokenizerType").Value("Word")


_COMPLETED: Mapping[str, Callable[[Any], None]] = MappingProxyType({
    "create_payload_index": _name_tokenizer,
    "query_batch_points": _name_collections,
})  # fmt: skip
"""What servers want to be told over gRPC that goes without saying over REST."""


@cache
def _option_names(rpc: str, names: tuple[str, ...]) -> tuple[str, ...]:
    service, method = rpc.split("/")
    fields = SERVICES[service][method].request.DESCRIPTOR.fields
    known = {NAMES.get(field.name, field.name) for field in fields}
    return tuple(name for name in names if name in known)


def _options(operation: Operation) -> tuple[str, ...]:
    """Return the options that a message has a field for; snapshots, for one, are always waited for."""
    return _option_names(operation.rpc or "", operation.query)


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


@cache
def _reply_codec(name: str, *, arrays: bool = False) -> Codec:
    kind = descriptor(name)
    return (ARRAYS if arrays else LISTS).shaped(kind, REPLIES.get(kind.name, Only("result")))


def result_of(operation: Operation, reply: Message, *, arrays: bool = False) -> Any:
    """Return the plain result in a reply; with ``arrays``, vectors as numpy arrays.

    >>> reply = reply_message(OPERATIONS["count"], {"count": 3}, 0.01)
    >>> result_of(OPERATIONS["count"], reply)
    {'count': 3}
    """
    read = _reply_codec(messages_of(operation).reply.DESCRIPTOR.full_name, arrays=arrays).read
    return None if read is None else read_message(read, reply)


def reply_message(operation: Operation, result: Any, seconds: float) -> Message:
    """Return the reply that carries a result, which took some seconds.

    Raise ``InvalidInputError`` for a result that no message can hold.
    """
    kind = messages_of(operation).reply
    reply = build(kind, _reply_codec(kind.DESCRIPTOR.full_name).write, result)
    if "time" in kind.DESCRIPTOR.fields_by_name:
        reply.time = seconds  # type: ignore[attr-defined]
    return reply
