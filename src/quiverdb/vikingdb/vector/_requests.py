"""What the arguments of methods become: the bodies of requests.

A request is a model, a mapping, keywords, or a mapping or model and keywords that go before it. Mappings travel with
the keys that they have, except that the names that models have for a field stand for those of the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, TypeAlias

import msgspec
from pydantic import BaseModel

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb.request_options import RequestOptions, ensure_request_options
from quiverdb.vikingdb.vector.models.base import Model

__all__ = ["MOST_ROWS", "Asked", "Options", "Row", "Shape", "batches", "body", "may_repeat", "payload"]

Asked: TypeAlias = BaseModel | Mapping[str, Any] | None
Options: TypeAlias = RequestOptions | None
Row: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = Mapping[str, Any]
"""A part of a schema, as the cloud's API has it."""

MOST_ROWS = 100
"""How many rows servers take at a time."""

_ALWAYS = ("IndexType", "Distance", "Quant")
"""What a ``VectorIndex`` says even where it is what servers of QuiverDB assume."""


def body(model: type[Model], request: Asked, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request says, by the names of the wire, without what is None.

    >>> from quiverdb.vikingdb.vector.models import DeleteDataRequest
    >>> body(DeleteDataRequest, {"delete_all": True, "ids": None}, {})
    {'del_all': True}

    Raise ``TypeError`` for a keyword that the model does not have, and for what is no request.
    """
    unknown = fields.keys() - _names(model)
    if unknown:
        raise TypeError(f"{model.__name__} has no field {sorted(unknown)[0]!r}")
    if isinstance(request, BaseModel):
        given = request.model_dump(by_alias=True, exclude_none=True)
    elif request is None or isinstance(request, Mapping):
        given = _on_the_wire(model, request or {})
    else:
        raise TypeError(f"a request is a {model.__name__} or a mapping, not {type(request).__name__}")
    return given | _on_the_wire(model, fields) if fields else given


def _on_the_wire(model: type[Model], given: Mapping[str, Any]) -> dict[str, Any]:
    aliases = _aliases(model)
    return {
        aliases.get(name, name) if aliases.get(name) not in given else name: _plain(value)
        for name, value in given.items()
        if value is not None
    }


def _plain(value: Any) -> Any:
    """Return a part of a request as plain data; parts may be models, too."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, list | tuple) and value and not isinstance(value[0], int | float | str):
        return [_plain(part) for part in value]
    return value


@cache
def _aliases(model: type[Model]) -> dict[str, str]:
    """Return the fields of a model that go by another name on the wire."""
    return {name: field.alias for name, field in model.model_fields.items() if field.alias not in (None, name)}


@cache
def _names(model: type[Model]) -> frozenset[str]:
    return frozenset({*model.model_fields, *_aliases(model).values(), "project_name"})


def may_repeat(primary_key: str | None, rows: Any, options: RequestOptions | None) -> RequestOptions | None:
    """Return options that say that an upsert may be made twice, if all rows carry the primary key."""
    given = ensure_request_options(options)
    if primary_key is None or given.repeatable is not None or not isinstance(rows, list | tuple):
        return options
    if not all(isinstance(row, Mapping) and row.get(primary_key) is not None for row in rows):
        return options
    return replace(given, repeatable=True)


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Return rows a number at a time.

    >>> [len(batch) for batch in batches([{}] * 5, 2)]
    [2, 2, 1]
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidInputError(f"batch_size must be a number from 1, got {size!r}", field="batch_size")
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch


def payload(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that the arguments of a method stand for.

    >>> from quiverdb.vikingdb.vector import Field
    >>> payload({"collection_name": "a", "fields": [Field("id", "int64", is_primary_key=True)], "filter": None})
    {'CollectionName': 'a', 'Fields': [{'FieldName': 'id', 'FieldType': 'int64', 'IsPrimaryKey': True}]}
    """
    named = {name: value for name, value in arguments.items() if name not in _NO_FIELDS} | arguments.get("other", {})
    return {
        **_shape(arguments.get("request") or {}),
        **{_camel(name): _shape(value) for name, value in named.items() if value is not None},
    }


_NO_FIELDS = ("self", "request", "other", "request_options")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _shape(value: Any) -> Any:
    """Return a shape with parts of a schema as mappings."""
    if isinstance(value, msgspec.Struct):
        given: dict[str, Any] = msgspec.to_builtins(value)
        always = {field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        return {name: always[name] for name in _ALWAYS if name in always} | given
    if isinstance(value, Mapping):
        return {name: _shape(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shape(part) for part in value]
    return value
