"""Requests become arguments of operations; what cannot be read is refused in the words of Cosdata's server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quiverdb.cosdata.operations import Arguments, Operation
from quiverdb.errors import InvalidInputError, RefusedError
from quiverdb.server.cosdata.fields import REQUIRED
from quiverdb.server.exchange import Request
from quiverdb.server.limits import is_deeper
from quiverdb.wire.rest import decode

__all__ = ["arguments_of", "plain_body"]

_TRANSACTION_ID = re.compile("0x[0-9A-Fa-f]{8}", re.ASCII)
_BAD_REQUEST, _NOT_FOUND = 400, 404


def plain_body(body: bytes, depth: int) -> dict[str, Any]:
    """Return the fields of a JSON body; ``RefusedError`` (400) for what is no JSON, no object, or nested too deeply.

    >>> plain_body(b'{"top_k": 3}', depth=8)
    {'top_k': 3}
    """
    if is_deeper(body, depth):
        raise _unreadable(f"recursion limit exceeded: more than {depth} levels")
    try:
        plain = decode(body)
    except InvalidInputError as error:
        raise _unreadable(str(error)) from error
    if not isinstance(plain, dict):
        raise _unreadable(f"expected an object, got {_KINDS.get(type(plain), 'a number')}")
    return plain


_KINDS: Mapping[type, str] = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def arguments_of(row: Operation, request: Request, body: Mapping[str, Any], renamed: Mapping[str, str]) -> Arguments:
    """Return the arguments that a request stands for; fields that nobody knows are passed over.

    ``renamed`` says what fields are called now that had other names. Raise ``RefusedError`` for what is missing.
    """
    arguments: Arguments = dict(request.path)
    if "transaction_id" in arguments:
        arguments["transaction_id"] = _transaction_id(arguments["transaction_id"])
    if row.whole:
        arguments[row.whole] = body
    else:
        given = {renamed[name]: value for name, value in body.items() if name in renamed} | dict(body)
        arguments |= {name: given[name] for name in row.body if name in given}
    if row.query:
        arguments |= {name: request.query[name] for name in row.query if name in request.query}
    for name in REQUIRED.get(row.name, ()):
        if name not in arguments:
            raise _missing(name, in_query=name in row.query)
    return arguments


def _transaction_id(text: str) -> str:
    if _TRANSACTION_ID.fullmatch(text) is None:
        message = f"Path deserialize error: a transaction id is 0x and 8 hexadecimal digits, got {text[:40]!r}"
        raise RefusedError(message, status=_NOT_FOUND, plain=True)
    return f"0x{text[2:].upper()}"


def _missing(name: str, *, in_query: bool) -> RefusedError:
    if in_query:
        message = f"Query deserialize error: missing field `{name}`"
        return RefusedError(message, status=_BAD_REQUEST, plain=True)
    return _unreadable(f"missing field `{name}`")


def _unreadable(reason: str) -> RefusedError:
    return RefusedError(f"Json deserialize error: {reason}", status=_BAD_REQUEST, plain=True)
