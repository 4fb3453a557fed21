"""Classes of products that QuiverDB does not have: programs may import them, and are told when they use one."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from quiverdb.errors import UnsupportedError

__all__ = ["lacking", "of_product"]


def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
    raise UnsupportedError(type(self).__name__, "QuiverDB", "It is a product of VikingDB's cloud.")


@cache
def lacking(name: str) -> type:
    """Return a class that cannot be used.

    >>> try:
    ...     lacking("VikingMem")(host="example.com")
    ... except UnsupportedError as error:
    ...     print(error)
    VikingMem is not supported by QuiverDB. It is a product of VikingDB's cloud.
    """
    return type(name, (), {"__init__": _refuse, "__doc__": f"Stand for {name}, which QuiverDB does not have."})


@cache
def of_product(name: str, base: type) -> type:
    """Return an error of a product, which nothing raises."""
    return type(name, (base,), {"__doc__": f"Stand for {name}, which nothing raises."})
