"""Embedders: from texts and pictures to vectors, by object or by the name of a registered model."""

from quiverdb.embed.bm25 import Bm25
from quiverdb.embed.hashing import HashingEmbedder
from quiverdb.embed.protocol import DenseEmbedder, ImageEmbedder, SparseEmbedder, TextEmbedder
from quiverdb.embed.registry import ModelInfo, embed, model_infos, register, unregister

__all__ = [
    "Bm25",
    "DenseEmbedder",
    "HashingEmbedder",
    "ImageEmbedder",
    "ModelInfo",
    "SparseEmbedder",
    "TextEmbedder",
    "embed",
    "model_infos",
    "register",
    "unregister",
]
