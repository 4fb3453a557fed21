"""Requests to make vectors, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quiverdb.vikingdb.vector.models.base import DataApiResponse, Listed, Mapped, Model

__all__ = [
    "Embedding",
    "EmbeddingData",
    "EmbeddingInstruction",
    "EmbeddingModelOpt",
    "EmbeddingRequest",
    "EmbeddingResponse",
    "EmbeddingResult",
    "FullModalData",
]


class EmbeddingInstruction(Model):
    """Hold the words that a model wants before a text."""

    content: str | None = None


class EmbeddingModelOpt(Model):
    """Name a model, and what its vectors shall be like."""

    name: str | None = None
    version: str | None = None
    dim: int | None = None
    ndim: int | None = None
    shape: Sequence[int] | None = None
    instruction: EmbeddingInstruction | None = None


class FullModalData(Model):
    """Hold a part of a sequence: a text, an image or a video."""

    text: str | None = None
    image: Any | None = None
    video: Any | None = None


class EmbeddingData(FullModalData):
    """Hold what shall become a vector."""

    full_modal_seq: Sequence[FullModalData] | None = None


class EmbeddingRequest(Model):
    """Ask for vectors of texts, images or videos.

    >>> request = EmbeddingRequest(data=[{"text": "a"}], dense_model={"name": "bge-m3"})
    >>> request.dense_model.name
    'bge-m3'
    """

    data: Sequence[EmbeddingData]
    dense_model: EmbeddingModelOpt | None = None
    sparse_model: EmbeddingModelOpt | None = None
    tensor_model: EmbeddingModelOpt | None = None
    project_name: str | None = None
    max_retry_time: int | None = None


class Embedding(Model):
    """Hold the vectors of one input."""

    dense: list[float] | None = None
    sparse: dict[str, float] | None = None


class EmbeddingResult(Model):
    """Hold the vectors of all inputs."""

    data: Listed[Embedding]
    token_usage: Mapped


class EmbeddingResponse(DataApiResponse):
    """Answer with vectors."""

    result: EmbeddingResult | None = None
