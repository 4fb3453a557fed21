"""From anything that means a model to an object that has its attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.qdrant._model_base import adopt

__all__ = ["dispatch", "explain", "number", "parse", "plain", "shaped"]

T = TypeVar("T")

_SHOWN = 3
"""How many of the reasons against a value are told."""


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(models, name))


def parse(name: str, value: Any) -> Any:
    """Validate ``value`` as the model or union ``name``."""
    try:
        return _adapter(name).validate_python(adopt(value))
    except ValidationError as error:
        raise InvalidInputError(f"{name}: {explain(error)}", field=name) from error


def explain(error: ValidationError) -> str:
    """Say in one line what a value lacks."""
    reasons = error.errors(include_url=False, include_context=False)
    told = [f"{'.'.join(map(str, reason['loc'])) or 'value'}: {reason['msg']}" for reason in reasons[:_SHOWN]]
    return "; ".join(told) + ("; …" if len(reasons) > _SHOWN else "")


def shaped(name: str, value: Any) -> Any:
    """Return ``value`` if it is ``None`` or an object of the class ``name``; validate it otherwise."""
    if value is None or type(value).__name__ == name:
        return value
    return parse(name, value)


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
            raise InvalidInputError(f"{name} must be an integer, got {value!r}", field=name)
        value = value.__index__()
    if value < least:
        raise InvalidInputError(f"{name} must be at least {least}, got {value}", field=name)
    return int(value)
