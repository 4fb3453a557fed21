"""What ``QdrantClient.query`` answers."""

from __future__ import annotations

from typing import Any

from quiverdb.qdrant._model_base import Model
from quiverdb.qdrant.models import SparseVector

__all__ = ["QueryResponse"]


class QueryResponse(Model, extra="forbid"):
    """Tell of a text that was found: its point's id, payload and score, and its vectors if they were asked for.

    >>> QueryResponse(id=1, embedding=None, metadata={}, document="a text", score=0.5).document
    'a text'
    """

    id: str | int
    embedding: list[float] | None
    sparse_embedding: SparseVector | None = None
    metadata: dict[str, Any]
    document: str
    score: float
