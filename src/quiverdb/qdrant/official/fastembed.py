"""The classes of the official package that embed texts; here the clients themselves do."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from quiverdb.qdrant import models
from quiverdb.qdrant._async_client import AsyncQdrantClient
from quiverdb.qdrant._client import QdrantClient

__all__ = ["AsyncQdrantFastembedMixin", "QdrantFastembedMixin", "QueryResponse"]

QdrantFastembedMixin = QdrantClient
AsyncQdrantFastembedMixin = AsyncQdrantClient


class QueryResponse(BaseModel, extra="forbid"):
    """Hold one hit of a search by text.

    >>> QueryResponse(id=1, embedding=None, metadata={}, document="a text", score=0.5).document
    'a text'
    """

    id: str | int
    embedding: list[float] | None
    sparse_embedding: models.SparseVector | None = None
    metadata: dict[str, Any]
    document: str
    score: float
