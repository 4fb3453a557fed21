"""Embedders: what turns texts into vectors. Any object with these methods serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quiverdb.model.point import FloatArray, SparseVector

__all__ = ["DenseEmbedder", "SparseEmbedder"]


class DenseEmbedder(Protocol):
    """Map texts of similar meaning to vectors of similar direction."""

    @property
    def size(self) -> int:
        """Number of components of every vector."""

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return one row per text: float32, shape (number of texts, size)."""


class SparseEmbedder(Protocol):
    """Map texts to weighted terms; documents and queries are weighted in different ways."""

    def embed_documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return one vector per text to be stored."""

    def embed_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return one vector per text to search for."""
