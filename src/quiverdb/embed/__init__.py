"""Embedders: from text to vectors."""

from quiverdb.embed.bm25 import Bm25
from quiverdb.embed.hashing import HashingEmbedder
from quiverdb.embed.protocol import DenseEmbedder, SparseEmbedder

__all__ = ["Bm25", "DenseEmbedder", "HashingEmbedder", "SparseEmbedder"]
