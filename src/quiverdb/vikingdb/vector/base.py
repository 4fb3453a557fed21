"""What the clients of one thing have in common: the body of a request is made of what they name and what is asked.

A request is a model, a mapping, keywords, or a mapping or model and keywords that go before it. Mappings travel with
the keys that they have, except that the names that models have for a field stand for those of the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel

from quiverdb.vikingdb._connection import Connection
from quiverdb.vikingdb.request_options import RequestOptions, ensure_request_options
from quiverdb.vikingdb.vector.models.base import CollectionMeta, Model

if TYPE_CHECKING:
    from quiverdb.vikingdb.vector.client import VikingDB

__all__ = ["Asked", "VectorClientBase", "body", "may_repeat"]

TResponse = TypeVar("TResponse", bound=Model)
Asked: TypeAlias = BaseModel | Mapping[str, Any] | None


class VectorClientBase:
    """Base of the clients that ``VikingDB`` makes."""

    def __init__(self, service: VikingDB, meta: CollectionMeta | None = None) -> None:
        self._connection: Connection = service.connection
        self._named = {} if meta is None else meta.model_dump(by_alias=True, exclude_none=True)

    def _call(
        self,
        operation: str,
        expected: type[TResponse],
        model: type[Model],
        request: Asked,
        fields: Mapping[str, Any],
        options: RequestOptions | None,
    ) -> TResponse:
        """Carry out an operation and read its answer."""
        payload = {**self._named, **body(model, request, fields)}
        return expected.model_validate(self._connection.call(operation, payload, options))

    def __repr__(self) -> str:
        named = "".join(f" {name}={value!r}" for name, value in self._named.items())
        return f"<{type(self).__name__}{named} at {self._connection.described}>"


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
