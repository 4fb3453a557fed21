"""From anything that means a model to an object that has its attributes."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from reprlib import repr as short
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant._model_base import adopt

__all__ = [
    "dispatch",
    "exact",
    "explain",
    "fitted",
    "number",
    "parse",
    "plain",
    "real",
    "series",
    "shaped",
    "string",
    "strings",
]

T = TypeVar("T")

_SHALLOW = frozenset(("missing", "extra_forbidden", "model_type", "model_attributes_type"))
"""Objections to a value's outline rather than to what is in it."""
_SCALARS = frozenset(("bool", "int", "str", "float"))
_SHOWN = 3
"""How many of the reasons against a value are told."""
_WEIGHED = 2000
"""Among how many reasons the nearest ones are looked for; more of them take longer to list than they are worth."""


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(models, name))


def parse(name: str, value: Any) -> Any:
    """Validate ``value`` as the model or union ``name``."""
    try:
        return _adapter(name).validate_python(adopt(value))
    except ValidationError as error:
        raise InvalidInputError(f"{name}: {explain(error)}", field=name, fault="body") from error


def explain(error: ValidationError) -> str:
    """Say in one line what a value lacks.

    Of a union pydantic tells what each member has against the value. Told is what those have against it that come
    nearest: they object to something inside the value, or to the fewest things.
    """
    if error.error_count() > _WEIGHED:
        return f"there are {error.error_count()} things wrong with it"
    reasons = error.errors(include_url=False, include_context=False)
    objections = Counter(_member(reason["loc"]) for reason in reasons)
    ranked = [
        ((_shallow(reason), objections[_member(reason["loc"])]), f"{_path(reason['loc'])}: {reason['msg']}")
        for reason in reasons
        if reason["type"] != "is_instance_of"
    ]
    nearest = min(rank for rank, _ in ranked)
    return "; ".join(list(dict.fromkeys(told for rank, told in ranked if rank == nearest))[:_SHOWN])


def _shallow(reason: ErrorDetails) -> bool:
    return reason["type"] in _SHALLOW or (reason["type"] == "list_type" and isinstance(reason["input"], Mapping))


def _member(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the part of a place up to the innermost member of a union."""
    last = max((index for index, part in enumerate(place) if isinstance(part, str) and part[:1].isupper()), default=-1)
    return place[: last + 1]


def _path(place: tuple[int | str, ...]) -> str:
    """Return a place in the value without the names of union members."""
    steps = [str(part) for part in place if isinstance(part, int) or (part.isidentifier() and part.islower())]
    if len(steps) > 1 and steps[-1] in _SCALARS:
        steps.pop()
    return ".".join(steps) or "value"


def shaped(name: str, value: Any) -> Any:
    """Return ``value`` if it is ``None`` or an object of the class ``name``; validate it otherwise."""
    return None if value is None else fitted(name, value)


def fitted(name: str, value: Any) -> Any:
    """Return ``value`` if it is an object of the class ``name``; validate it otherwise."""
    return value if type(value).__name__ == name else parse(name, value)


def dispatch(table: Mapping[str, Callable[..., T]], union: str, value: Any, *context: Any) -> T:
    """Apply the function that ``table`` has for the class of ``value``, a member of the union ``union``."""
    handler = table.get(type(value).__name__)
    if handler is not None:
        return handler(value, *context)
    for base in type(value).__mro__[1:-1]:
        if base.__name__ in table:
            return table[base.__name__](value, *context)
    if isinstance(value, Mapping):
        return dispatch(table, union, parse(union, dict(value)), *context)
    raise InvalidInputError(f"expected one of {', '.join(table)}, got {type(value).__name__}", field=union)


def plain(value: Any) -> Any:
    """Return the value of an enum member, and anything else as it is."""
    return value.value if isinstance(value, Enum) else value


def number(value: Any, name: str, least: int, default: int) -> int:
    """Return an integer of at least ``least``, or ``default`` for ``None``."""
    if value is None:
        return default
    if type(value) is not int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise InvalidInputError(f"{name} must be an integer, got {value!r}", field=name, fault="body")
        value = value.__index__()
    if value < least:
        raise InvalidInputError(f"{name} must be at least {least}, got {value}", field=name, fault="range")
    return int(value)


def real(value: Any, name: str, *, infinite: bool = False) -> float:
    """Return a number that is not NaN, and finite unless ``infinite`` ones make sense."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        most = math.inf if infinite and not isinstance(value, int) else sys.float_info.max
        if -most <= value <= most:
            return float(value)
    message = f"{name} must be a number that is not NaN or too large, got {short(value)}"
    raise InvalidInputError(message, field=name, fault="body")


def exact(value: Any, name: str) -> Any:
    """Return a number that is not NaN as it is: integers may have more digits than a ``float``."""
    real(value, name, infinite=True)
    return value


def string(value: Any, name: str) -> str:
    """Return ``value`` if it is a string."""
    if isinstance(value, str):
        return value
    raise InvalidInputError(f"{name} must be a string, got {short(value)}", field=name, fault="body")


def strings(values: Any, name: str) -> tuple[str, ...]:
    """Return the strings of a list."""
    return tuple([string(value, name) for value in series(values, name)])


def series(values: Any, name: str) -> Iterable[Any]:
    """Return ``values`` if they are a list or another iterable that is neither text nor a dict."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{name} must be a list, got {short(values)}", field=name, fault="body")
    return values
