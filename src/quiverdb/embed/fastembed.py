"""Models of the library fastembed, which comes with the extra ``fastembed``; it is imported when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np

from quiverdb.model.point import FloatArray, SparseVector, VectorValue

__all__ = ["FAMILIES", "Family", "FastEmbedModel", "described", "find", "installed"]

Family: TypeAlias = Literal["text", "sparse", "late_interaction_text", "image", "late_interaction_multimodal"]

FAMILIES: dict[Family, str] = {
    "text": "TextEmbedding",
    "sparse": "SparseTextEmbedding",
    "late_interaction_text": "LateInteractionTextEmbedding",
    "image": "ImageEmbedding",
    "late_interaction_multimodal": "LateInteractionMultimodalEmbedding",
}
"""The families of models, and the classes of the library that load them."""

_MULTIMODAL: Family = "late_interaction_multimodal"
_OF_TEXTS: tuple[Family, ...] = ("text", "sparse", "late_interaction_text", _MULTIMODAL)
_OF_PICTURES: tuple[Family, ...] = ("image", _MULTIMODAL)


def _library() -> ModuleType | None:
    try:
        return import_module("fastembed")
    except ImportError:
        return None


def installed() -> bool:
    """Tell whether the library can be imported."""
    return _library() is not None


def described(family: Family) -> list[dict[str, Any]]:
    """Return what the library tells about its models of a family; nothing if it is not installed."""
    loader = getattr(_library(), FAMILIES[family], None)  # releases differ in the classes they have
    return [] if loader is None else list(loader.list_supported_models())


def find(name: str, *, pictures: bool) -> tuple[Family, str] | None:
    """Return the family and exact name of a model of texts or of pictures."""
    wanted = name.casefold()
    for family in _OF_PICTURES if pictures else _OF_TEXTS:
        for model in described(family):
            if model["model"].casefold() == wanted:
                return family, model["model"]
    return None


class FastEmbedModel:
    """Embed with one model of the library; ``options`` are those of its class: ``cache_dir``, ``threads`` and so on."""

    def __init__(self, family: Family, name: str, **options: Any) -> None:
        self._family = family
        self._model = getattr(_library(), FAMILIES[family])(model_name=name, **options)

    def embed_documents(self, texts: Sequence[str]) -> list[VectorValue]:
        """Return one vector per text to be stored."""
        embed = self._model.embed_text if self._family == _MULTIMODAL else self._model.embed
        return [_vector(made) for made in embed(documents=texts, batch_size=len(texts))]

    def embed_queries(self, texts: Sequence[str]) -> list[VectorValue]:
        """Return one vector per text to search for."""
        if self._family == _MULTIMODAL:
            return self.embed_documents(texts)
        return [_vector(made) for made in self._model.query_embed(query=texts, batch_size=len(texts))]

    def embed_images(self, images: Sequence[Any]) -> list[VectorValue]:
        """Return one vector per picture."""
        embed = self._model.embed_image if self._family == _MULTIMODAL else self._model.embed
        return [_vector(made) for made in embed(images=images, batch_size=len(images))]


def _vector(made: Any) -> VectorValue:
    if hasattr(made, "indices"):
        order = np.argsort(made.indices, kind="stable")
        return SparseVector(np.asarray(made.indices)[order].astype(np.uint32), _floats(made.values)[order])
    return _floats(made)


def _floats(values: Any) -> FloatArray:
    return np.asarray(values, np.float32)
