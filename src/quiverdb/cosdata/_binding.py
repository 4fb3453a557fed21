"""One collection's view of a module: the same methods, without the collection's name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = ["of_collection"]

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M")


def of_collection(method: Callable[Concatenate[M, str, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a method of an object with a ``collection``: that of a module, for this collection.

    The object's ``_module`` is the module. What the method returns may be awaitable.
    """

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(self._module, self.collection.name, *args, **kwargs)

    functools.update_wrapper(call, method)
    own, _collection_name, *rest = inspect.signature(method).parameters.values()
    signature = inspect.signature(method).replace(parameters=[own, *rest])
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
