"""What all methods share that ask a database: where it is decides who answers, and errors are those of the API."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from quiverdb.qdrant.errors import api_errors

if TYPE_CHECKING:
    from quiverdb.qdrant._connection import Connection

__all__ = ["arguments_of", "is_operation", "operation"]

_MISSING = inspect.Parameter.empty

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="Connection")


def operation(method: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Make a method, written for a database that is open, ask the server instead where the client has one."""
    name = method.__name__

    @wraps(method)
    def ask(self: C, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with api_errors:
            if self._remote is None:
                return method(self, *args, **kwargs)
            return cast(T, self._remote.call(name, arguments_of(method, args, kwargs)))

    method.__dict__["_parameters"] = ask.__dict__["_parameters"] = _parameters(method)
    return ask


def is_operation(method: Callable[..., Any]) -> bool:
    """Tell whether a method is one that a server can be asked for."""
    return "_parameters" in method.__dict__


def _parameters(method: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the names of a method's parameters with their defaults."""
    found = list(inspect.signature(method).parameters.values())[1:]
    return {parameter.name: parameter.default for parameter in found}


def arguments_of(method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of an operation by name; ``TypeError`` for a call that the method would not take."""
    parameters: Mapping[str, Any] = method.__dict__["_parameters"]
    placed = dict(zip(parameters, args, strict=False))
    arguments = {**parameters, **placed, **kwargs}
    complete = all(value is not _MISSING for value in arguments.values())
    if not complete or len(arguments) != len(parameters) or len(placed) != len(args) or placed.keys() & kwargs.keys():
        inspect.signature(method).bind(None, *args, **kwargs)
    return arguments
