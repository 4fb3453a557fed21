"""The base classes of the official clients: what ``isinstance`` asks for, and what test doubles are derived from."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, Self

from quiverdb.qdrant._async_connection import AsyncConnection
from quiverdb.qdrant._client import QdrantClient

__all__ = ["AsyncQdrantBase", "Behind", "QdrantBase"]


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


class Behind:
    """Stand behind a client, as the official clients have objects that do their work: its class tells of which kind."""

    _stands_for: Any

    @classmethod
    def of(cls, client: Any) -> Self:
        """Stand behind a client that is there already."""
        made = cls.__new__(cls)
        made._stands_for = client
        return made

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        closed: bool = self._stands_for._closed
        return closed

    def __getattr__(self, name: str) -> Any:
        if name == "_stands_for":
            raise AttributeError(name)
        return getattr(self._stands_for, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._stands_for!r}>"
