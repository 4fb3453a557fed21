"""A stand-in for the library fastembed (0.9), with its classes and signatures and without its models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

SIZE = 4
CALLS: list[tuple[str, str, int]] = []
"""Every call: the class, the method and how many inputs it got."""
LOADED: list[tuple[str, dict[str, Any]]] = []


@dataclass
class SparseEmbedding:
    values: np.ndarray
    indices: np.ndarray


class _Base:
    NAMES: Sequence[str] = ()
    DETAILS: ClassVar[dict[str, Any]] = {"dim": SIZE}

    def __init__(
        self, model_name: str, cache_dir: str | None = None, threads: int | None = None, **kwargs: Any
    ) -> None:
        if model_name not in self.NAMES:
            raise ValueError(f"Model {model_name} is not supported in {type(self).__name__}.")
        if cache_dir == "missing":
            raise ValueError(f"Could not load model {model_name} from any source.")
        LOADED.append((model_name, {"cache_dir": cache_dir, "threads": threads, **kwargs}))

    @classmethod
    def list_supported_models(cls) -> list[dict[str, Any]]:
        return [{"model": name, "description": "fake", **cls.DETAILS} for name in cls.NAMES]

    def _made(self, method: str, inputs: Any, shift: float) -> Iterator[Any]:
        given = [inputs] if isinstance(inputs, str) else list(inputs)
        CALLS.append((type(self).__name__, method, len(given)))
        return (self.make(float(len(str(item))) + shift) for item in given)

    def make(self, number: float) -> Any:
        return np.full(SIZE, number, np.float64)


class TextEmbedding(_Base):
    NAMES = ("Fake/text", "Fake/both")

    def embed(self, documents: Iterable[str], batch_size: int = 256, parallel: int | None = None) -> Iterator[Any]:
        return self._made("embed", documents, 0)

    def query_embed(self, query: str | Iterable[str], **kwargs: Any) -> Iterator[Any]:
        return self._made("query_embed", query, 0.5)


class SparseTextEmbedding(TextEmbedding):
    NAMES = ("Fake/splade", "Fake/bm42")
    DETAILS: ClassVar[dict[str, Any]] = {"requires_idf": True}

    def make(self, number: float) -> Any:
        return SparseEmbedding(np.array([number, 1.0]), np.array([7, 3]))


class LateInteractionTextEmbedding(TextEmbedding):
    NAMES = ("Fake/colbert",)

    def make(self, number: float) -> Any:
        return np.full((2, SIZE), number, np.float32)


class ImageEmbedding(_Base):
    NAMES = ("Fake/image", "Fake/both")

    def embed(self, images: Iterable[Any], batch_size: int = 16, parallel: int | None = None) -> Iterator[Any]:
        return self._made("embed", images, 0)


class LateInteractionMultimodalEmbedding(_Base):
    NAMES = ("Fake/colpali",)

    def embed_text(self, documents: Iterable[str], batch_size: int = 256) -> Iterator[Any]:
        return self._made("embed_text", documents, 0)

    def embed_image(self, images: Iterable[Any], batch_size: int = 2) -> Iterator[Any]:
        return self._made("embed_image", images, 0)

    def make(self, number: float) -> Any:
        return np.full((3, SIZE), number, np.float32)


def module() -> ModuleType:
    """Return the stand-in under the library's name."""
    made = ModuleType("fastembed")
    for kind in (
        TextEmbedding,
        SparseTextEmbedding,
        LateInteractionTextEmbedding,
        ImageEmbedding,
        LateInteractionMultimodalEmbedding,
    ):
        setattr(made, kind.__name__, kind)
    return made
