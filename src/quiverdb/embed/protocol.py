"""Embedders: what turns texts and pictures into vectors. Any object with the methods of one of these serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from quiverdb.model.point import FloatArray, SparseVector, VectorValue

__all__ = ["DenseEmbedder", "Embedder", "ImageEmbedder", "SparseEmbedder", "TextEmbedder"]


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


class TextEmbedder(Protocol):
    """Map texts to vectors of any kind, those to be stored and those to search for each in their way."""

    def embed_documents(self, texts: Sequence[str]) -> Sequence[VectorValue]:
        """Return one vector per text to be stored."""

    def embed_queries(self, texts: Sequence[str]) -> Sequence[VectorValue]:
        """Return one vector per text to search for."""


class ImageEmbedder(Protocol):
    """Map pictures to vectors."""

    def embed_images(self, images: Sequence[Any]) -> Sequence[VectorValue]:
        """Return one vector per picture, given as a path or as an object of the imaging library Pillow."""


Embedder: TypeAlias = DenseEmbedder | TextEmbedder | ImageEmbedder
