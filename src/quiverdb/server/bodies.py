"""Bodies of requests: JSON becomes plain data, with the types that an operation asks for.

What is scalar in the signature of an operation's method is checked while the JSON is read; the rest is left to the
readers of requests. Points to store become objects, which those take without another look.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypedDict, get_args, get_type_hints

import msgspec

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import QdrantClient
from quiverdb.server.calls import ALL
from quiverdb.wire.rest import WHOLE

__all__ = ["ROWS", "PointStruct", "PointVectors", "read_body"]

_SCALARS = {int, float, str, bool, type(None)}


class PointStruct(msgspec.Struct):
    """Hold a point to store; readers of requests know it by the name of its class."""

    id: int | str
    vector: Any
    payload: dict[str, Any] | None = None


class PointVectors(msgspec.Struct):
    """Hold new vectors of a point."""

    id: int | str
    vector: Any


ROWS: Mapping[str, Any] = MappingProxyType({"upsert": list[PointStruct], "update_vectors": list[PointVectors]})
"""What ``points`` of these operations are."""


def read_body(operation: str, body: bytes) -> Any:
    """Return the body of a request as plain data; ``InvalidInputError`` says what is wrong with it.

    >>> read_body("count", b'{"exact": true}')
    {'exact': True}
    """
    try:
        return _decoder(operation).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(str(error), fault="body") from error


@cache
def _decoder(operation: str) -> msgspec.json.Decoder[Any]:
    fields = ALL[operation].body
    if WHOLE in fields.values():
        return msgspec.json.Decoder()
    hints = get_type_hints(getattr(QdrantClient, operation))
    types: dict[str, Any] = {}
    for argument, field in fields.items():
        for name in field.split("|"):
            types[name] = _scalar(hints[argument]) | None if field == name else Any
    if operation in ROWS:
        types["points"] = ROWS[operation] | None
    shape = TypedDict("Body", types, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(shape)


def _scalar(hint: Any) -> Any:
    """Return a type of scalars, and ``Any`` for every other type."""
    return hint if set(get_args(hint) or (hint,)) <= _SCALARS else Any
