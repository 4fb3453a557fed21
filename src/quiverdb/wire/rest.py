"""Requests and answers of the REST API: between arguments and what travels, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from math import isfinite
from string import Formatter
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import numpy as np

from quiverdb.errors import Fault, InvalidInputError
from quiverdb.wire.http_message import Request
from quiverdb.wire.operations import Operation

__all__ = [
    "arguments_of",
    "body_arguments",
    "body_of",
    "decode",
    "encode",
    "path_arguments",
    "request",
    "result_of",
    "written",
]

WHOLE = "*"


def request(operation: Operation, arguments: Mapping[str, Any]) -> Request:
    """Return the request that asks for an operation; an argument that is ``None`` is left out.

    Raise ``InvalidInputError`` for arguments that have no form in JSON or cannot stand in a path.

    >>> from quiverdb.wire.operations import OPERATIONS
    >>> request(OPERATIONS["count"], {"collection_name": "a b", "exact": True, "timeout": 3})
    Request(method='POST', path='/collections/a%20b/points/count', query=(('timeout', '3'),), body=b'{"exact":true}')
    """
    steps = {name: _step(name, arguments[name]) for name in path_arguments(operation.path)}
    query = [(name.strip("_"), _text(arguments[name])) for name in operation.query if arguments.get(name) is not None]
    return Request(
        operation.method,
        operation.path.format_map(steps),
        tuple(query),
        written(body_of(operation, arguments)) if operation.body else None,
    )


def written(given: Any) -> bytes:
    """Return a body as JSON; raises ``InvalidInputError`` for numbers that would silently become nothing."""
    body = encode(given)
    if b"null" in body and not _finite(given):
        raise InvalidInputError("JSON has no NaN or infinity: leave such a number out, or give another one")
    return body


def _finite(value: Any) -> bool:
    """Tell whether JSON has all numbers in a value."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    if isinstance(value, np.ndarray | np.floating):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    return all(map(_finite, _fields(value).values()))


@cache
def path_arguments(path: str) -> tuple[str, ...]:
    """Return the names of the arguments in a path."""
    return tuple(name for _, name, _, _ in Formatter().parse(path) if name)


def _step(name: str, value: Any) -> str:
    """Return an argument as one step of a path; dots alone would lead elsewhere."""
    text = str(value)
    if text in ("", ".", ".."):
        raise InvalidInputError(f"{name} can't be {text!r}", field=name)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"{name} {text!r} is not allowed: {error.reason}", field=name) from error


def _text(value: Any) -> str:
    """Return an argument as it stands in a query string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value.value if isinstance(value, Enum) else value)


def body_of(operation: Operation, arguments: Mapping[str, Any]) -> Any:
    """Return the JSON body that arguments make up."""
    body: dict[str, Any] = {}
    for argument, field in operation.body.items():
        value = arguments.get(argument)
        if value is None:
            continue
        if field == WHOLE:
            return value
        if field in _CHOICES:
            body = {**_CHOICES[field](value), **body}
        else:
            body[field] = value
    return body


def _fields(value: Any) -> Mapping[str, Any]:
    """Return the fields of a dict or model that have a value; anything else has none."""
    if not isinstance(value, Mapping):
        value = value.__dict__ if hasattr(type(value), "model_fields") else {}
    return {name: field for name, field in value.items() if field is not None}


def _points_or_filter(value: Any) -> Mapping[str, Any]:
    fields = _fields(value)
    if "points" in fields or "filter" in fields:
        return fields
    if fields or isinstance(value, Mapping) or hasattr(type(value), "model_fields"):
        return {"filter": value}
    return {"points": _listed(value, "points_selector")}


def _points_or_batch(value: Any) -> Mapping[str, Any]:
    fields = _fields(value)
    if "points" in fields or "batch" in fields:
        return fields
    if "ids" in fields:
        return {"batch": value}
    return {"points": _listed(value, "points")}


def _listed(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidInputError(f"{name} must be a list, got {type(value).__name__}", field=name)
    return list(value)


_CHOICES: Mapping[str, Callable[[Any], Mapping[str, Any]]] = MappingProxyType({
    "points|filter": _points_or_filter,
    "points|batch": _points_or_batch,
})  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value that JSON lacks as one that it has."""
    if hasattr(type(value), "model_fields"):
        given = value.model_fields_set
        return {
            name.rstrip("_"): field for name, field in value.__dict__.items() if field is not None and name in given
        }
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise InvalidInputError(f"{type(value).__name__} has no form in JSON: give a model, a dict, a list or a number")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """Return plain data as JSON; of models, the fields that were given a value.

    >>> import numpy as np
    >>> encode({"vector": np.array([0.5, 1], "f4")})
    b'{"vector":[0.5,1.0]}'
    """
    try:
        return _encoder.encode(value)
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise InvalidInputError(f"a request cannot be written as JSON: {error}") from error


def decode(body: bytes) -> Any:
    """Return the plain data that JSON holds; ``InvalidInputError`` says what is no JSON."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(str(error), fault="body") from error


def result_of(operation: Operation, body: bytes) -> Any:
    """Return the plain result in the body of an answer; ``None`` where a server only took a request on.

    Raise ``InvalidInputError`` for what is no answer of a server.
    """
    answer = decode(body)
    if operation.bare:
        return answer
    if not isinstance(answer, Mapping) or ("result" not in answer and answer.get("status") != "accepted"):
        raise InvalidInputError("a server answers with a result, or that it accepted the request")
    return answer.get("result")


def arguments_of(operation: Operation, path: Mapping[str, str], query: Mapping[str, str], body: Any) -> dict[str, Any]:
    """Return the arguments that a request stands for, the way a server means it.

    ``path`` and ``query`` are unquoted, ``body`` is plain data. Unknown fields are left alone, as by a real server.
    Raise ``InvalidInputError`` for what cannot be read.

    >>> from quiverdb.wire.operations import OPERATIONS
    >>> arguments_of(OPERATIONS["delete"], {"collection_name": "c"}, {"wait": "true"}, {"points": [1]})
    {'wait': True, 'collection_name': 'c', 'points_selector': [1]}
    """
    arguments = dict(operation.left_out)
    for name in path_arguments(operation.path):
        arguments[name] = _read(name, path[name], "path")
    for name in operation.query:
        if (text := query.get(name.rstrip("_"))) is not None:
            arguments[name] = _read(name, text, "query")
    if operation.body:
        arguments.update(body_arguments(operation, body))
    return arguments


def body_arguments(operation: Operation, body: Any) -> Iterable[tuple[str, Any]]:
    """Return the arguments that a JSON body holds."""
    for argument, field in operation.body.items():
        if field == WHOLE:
            yield argument, body
            return
        if not isinstance(body, Mapping):
            raise InvalidInputError(f"expected an object, got {type(body).__name__}", fault="body")
        value = next((found for name in field.split("|") if (found := body.get(name)) is not None), None)
        if value is not None:
            yield argument, value


class _Reader(NamedTuple):
    """Read text, or raise ``ValueError`` for what is not ``wanted``."""

    read: Callable[[str], Any]
    wanted: str


def _flag(text: str) -> bool:
    return ("false", "true").index(text) == 1


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError
    return int(text)


def _factor(text: str) -> int | str:
    return text if text in _CONSISTENCIES else _number(text)


def _ordering(text: str) -> str:
    return _ORDERINGS[_ORDERINGS.index(text)]


_CONSISTENCIES = ("majority", "quorum", "all")
_ORDERINGS = ("weak", "medium", "strong")
_TEXT = _Reader(str, "text")
_FLAG = _Reader(_flag, "true or false")
_NUMBER = _Reader(_number, "a number")
_READERS: Mapping[str, _Reader] = MappingProxyType({
    "wait": _FLAG,
    "force": _FLAG,
    "timeout": _NUMBER,
    "completed_limit": _NUMBER,
    "details_level": _NUMBER,
    "peer_id": _NUMBER,
    "shard_id": _NUMBER,
    "consistency": _Reader(_factor, f"a number, {', '.join(_CONSISTENCIES)}"),
    "ordering": _Reader(_ordering, ", ".join(_ORDERINGS)),
    "with_": _Reader(lambda text: text.split(","), "names"),
})  # fmt: skip
"""How arguments in paths and query strings are read; those left out are text."""


def _read(name: str, text: str, fault: Fault) -> Any:
    reader = _READERS.get(name, _TEXT)
    try:
        return reader.read(text)
    except ValueError:
        message = f"{name.rstrip('_')} must be {reader.wanted}, got {text!r}"
        raise InvalidInputError(message, field=name, fault=fault) from None
