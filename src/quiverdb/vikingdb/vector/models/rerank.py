"""Requests to order documents by how well they answer a question, and their results."""

from __future__ import annotations

from collections.abc import Sequence

from quiverdb.vikingdb.vector.models.base import DataApiResponse, Listed, Mapped, Model
from quiverdb.vikingdb.vector.models.embedding import FullModalData

__all__ = ["Rerank", "RerankRequest", "RerankResponse", "RerankResult"]


class RerankRequest(Model):
    """Ask how well documents answer a question."""

    project_name: str | None = None
    model_name: str | None
    model_version: str | None = None
    data: Sequence[Sequence[FullModalData]]
    query: Sequence[FullModalData]
    instruction: str | None = None
    return_origin_data: bool | None = None
    max_retry_time: int | None = None


class Rerank(Model):
    """Hold how well a document answers; ``id`` is its place in the request."""

    id: int | None = None
    score: float | None = None
    origin_data: Sequence[FullModalData] | None = None


class RerankResult(Model):
    """Hold the documents, the best first."""

    data: Listed[Rerank]
    token_usage: Mapped


class RerankResponse(DataApiResponse):
    """Answer with documents in order."""

    result: RerankResult | None = None
