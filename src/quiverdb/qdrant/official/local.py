"""What the official clients keep in ``_client`` where the database is embedded.

Programs ask for its class; those that go further reach the client it stands for.
"""

from __future__ import annotations

from typing import Any

from quiverdb.qdrant._async_client import AsyncQdrantClient
from quiverdb.qdrant._client import QdrantClient
from quiverdb.qdrant.official.bases import AsyncQdrantBase, Behind, QdrantBase

__all__ = ["AsyncQdrantLocal", "QdrantLocal"]


class _Local(Behind):
    """Offer the methods of a client under another class."""

    _kind: type[Any]

    def __init__(self, location: str, force_disable_check_same_thread: bool = False) -> None:  # noqa: ARG002
        self._stands_for = self._kind(location) if location == ":memory:" else self._kind(path=location)


@QdrantBase.register
class QdrantLocal(_Local):
    """Offer what ``QdrantClient`` does.

    >>> client = QdrantClient(":memory:")
    >>> isinstance(client._client, QdrantLocal)
    True
    """

    _kind = QdrantClient


@AsyncQdrantBase.register
class AsyncQdrantLocal(_Local):
    """Offer what ``AsyncQdrantClient`` does.

    >>> client = AsyncQdrantClient(":memory:")
    >>> isinstance(client._client, AsyncQdrantLocal)
    True
    """

    _kind = AsyncQdrantClient
