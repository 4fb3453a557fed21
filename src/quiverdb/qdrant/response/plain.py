"""Plain results in, objects of the Qdrant API out: what a server answers becomes what the client's methods return.

Points are put together without validation, as all that is in them is any JSON; everything else is validated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, TypeAdapter

from quiverdb.qdrant import models
from quiverdb.wire.operations import Operation

__all__ = ["answer"]

_new = object.__new__
_set_fields_set: Any = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra: Any = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private: Any = BaseModel.__dict__["__pydantic_private__"].__set__


def answer(operation: Operation, result: Any) -> Any:
    """Return what the method of an operation returns; ``pydantic.ValidationError`` for what is none of its results.

    >>> from quiverdb.wire.operations import OPERATIONS
    >>> answer(OPERATIONS["count"], {"count": 3})
    CountResult(count=3)
    """
    if result is None:
        return None
    found = _reader(operation.result)(result)
    if not operation.taken:
        return found
    parts = tuple(getattr(found, name) for name in operation.taken)
    return parts if len(parts) > 1 else parts[0]


@cache
def _reader(result: str) -> Callable[[Any], Any]:
    """Return the function that reads a kind of result."""
    if result.endswith("[]"):
        read = _reader(result.removesuffix("[]"))
        return lambda values: [read(value) for value in values]
    if result in _READERS:
        return _READERS[result]
    return TypeAdapter(bool if result == "bool" else getattr(models, result)).validate_python


def _filled(model: type[BaseModel], fields: Mapping[str, Any]) -> Any:
    """Return a model with these fields, all others at their defaults."""
    made = _new(model)
    made.__dict__.update(_defaults(model))
    made.__dict__.update(fields)
    _set_fields_set(made, set(fields))
    _set_extra(made, None)
    _set_private(made, None)
    return made


@cache
def _defaults(model: type[BaseModel]) -> Mapping[str, Any]:
    return {name: None if field.is_required() else field.default for name, field in model.model_fields.items()}


def _point(model: type[BaseModel]) -> Callable[[Mapping[str, Any]], Any]:
    def read(value: Mapping[str, Any]) -> Any:
        point = _filled(model, value)
        if (vector := value.get("vector")) is not None:
            point.__dict__["vector"] = _vectors(vector)
        return point

    return read


def _vectors(value: Any) -> Any:
    """Return the vectors of a point: a dense one or rows as they are, sparse ones as objects, several by name."""
    if not isinstance(value, Mapping):
        return value
    return {
        name: models.SparseVector(**vector) if isinstance(vector, Mapping) else vector for name, vector in value.items()
    }


_scored = _point(models.ScoredPoint)
_record = _point(models.Record)


def _points(value: Mapping[str, Any]) -> Any:
    return _filled(models.QueryResponse, {"points": [_scored(point) for point in value["points"]]})


def _page(value: Mapping[str, Any]) -> Any:
    return _filled(models.ScrollResult, {**value, "points": [_record(point) for point in value["points"]]})


def _group(value: Mapping[str, Any]) -> Any:
    hits = {"hits": [_scored(point) for point in value["hits"]]}
    lookup = value.get("lookup")
    return _filled(models.PointGroup, {**value, **hits, "lookup": None if lookup is None else _record(lookup)})


def _groups(value: Mapping[str, Any]) -> Any:
    return _filled(models.GroupsResult, {"groups": [_group(group) for group in value["groups"]]})


_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "GroupsResult": _groups,
    "QueryResponse": _points,
    "Record": _record,
    "ScrollResult": _page,
})  # fmt: skip
"""Results with points in them."""
