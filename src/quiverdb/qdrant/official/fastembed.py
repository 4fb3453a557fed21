"""The classes of the official package that embed texts; here the clients themselves do."""

from __future__ import annotations

from quiverdb.qdrant._async_client import AsyncQdrantClient
from quiverdb.qdrant._client import QdrantClient
from quiverdb.qdrant.fastembed_common import QueryResponse

__all__ = ["AsyncQdrantFastembedMixin", "QdrantFastembedMixin", "QueryResponse"]

QdrantFastembedMixin = QdrantClient
AsyncQdrantFastembedMixin = AsyncQdrantClient
