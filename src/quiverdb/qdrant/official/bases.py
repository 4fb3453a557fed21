"""The base classes of the official clients: what ``isinstance`` asks for, and what test doubles are derived from."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from quiverdb.qdrant._async_connection import AsyncConnection
from quiverdb.qdrant._client import QdrantClient

__all__ = ["AsyncQdrantBase", "QdrantBase"]


class QdrantBase(metaclass=ABCMeta):  # noqa: B024 (any method may be left out)
    """Count ``QdrantClient`` as a subclass, and refuse the methods that a class derived from this one leaves out.

    >>> isinstance(QdrantClient(":memory:"), QdrantBase)
    True
    """

    def __init__(self, **kwargs: Any) -> None:  # noqa: ARG002 (classes derived from this one pass some)
        super().__init__()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(QdrantClient, name):
            message = f"{type(self).__name__} does not implement {name}"
            raise NotImplementedError(message)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)


class AsyncQdrantBase(QdrantBase):
    """Count ``AsyncQdrantClient`` as a subclass, as ``QdrantBase`` does for the synchronous client."""


QdrantBase.register(QdrantClient)
AsyncQdrantBase.register(AsyncConnection)
