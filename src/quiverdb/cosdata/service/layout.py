"""How a Cosdata collection lies in a collection of the database.

::

    metadata    {"cosdata": Settings}     what creation and indexes set; marks the collection as one of Cosdata
    points      head                      one point without vectors: the number of the last commit, and the versions
                present                   one per vector of the present state, its id made from the vector's id
                past                      what versions still see of vectors that were changed or deleted since

    vectors     raw                       dense values as they were given, without a graph
                dense    past_dense       what the dense index compares: present and past
                sparse   past_sparse

    payload     present   id, document_id, metadata, text, tokens, length, born
                past      past: {the payload when it was present}, past_tokens, died

Commits are numbered from 1. A point holds from the commit ``born`` on, a past one no longer from ``died`` on, so the
state after commit ``n`` is the points with ``born <= n`` that are present or have ``died > n``. Naming a state costs
nothing but its entry in the head. A point that no version sees is not kept when it changes.

What searches of the present state compare belongs to present points alone, so they need no filter, and statistics of
texts count present texts only.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = [
    "DENSE",
    "HEAD",
    "JOURNAL",
    "MARK",
    "PAST",
    "PAST_DENSE",
    "PAST_SPARSE",
    "PAST_TOKENS",
    "RAW",
    "SPARSE",
    "TOKENS",
    "DenseIndex",
    "Head",
    "NamedVersion",
    "Settings",
    "SparseIndex",
    "TextIndex",
    "past_id",
    "point_id",
]

MARK = "cosdata"
HEAD = str(uuid.UUID(int=0))
JOURNAL = "__cosdata_journal"
"""The collection that holds commits over several collections until each has its part."""

RAW, DENSE, SPARSE = "raw", "dense", "sparse"
PAST_DENSE, PAST_SPARSE = "past_dense", "past_sparse"
TOKENS, PAST_TOKENS = "tokens", "past_tokens"
"""Payload keys: the stemmed tokens of a text, joined by spaces."""
PAST = "past"


def _auto() -> Mapping[str, Any]:
    return {"type": "auto", "properties": {"sample_threshold": 100}}


class DenseIndex(msgspec.Struct, frozen=True):
    """Say how dense vectors are compared, and how deep graphs are built and searched."""

    metric: Literal["cosine", "euclidean", "dot_product", "hamming"] = "cosine"
    quantization: Mapping[str, Any] = msgspec.field(default_factory=_auto)
    num_layers: int = 7
    max_cache_size: int = 1000
    ef_construction: int = 512
    ef_search: int = 256
    neighbors_count: int = 32
    level_0_neighbors_count: int = 64


class SparseIndex(msgspec.Struct, frozen=True):
    """Carry the settings of a sparse index; scores are exact whatever they are."""

    quantization: int = 64
    sample_threshold: int = 1000


class TextIndex(msgspec.Struct, frozen=True):
    """Set BM25; lengths are compared with the average of all texts, so ``sample_threshold`` is only carried."""

    sample_threshold: int = 1000
    k1: float = 1.2
    b: float = 0.75


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Hold what the creation of a collection and of its indexes set."""

    dimension: int
    uid: str = ""
    """Of this collection alone, whatever it is called: a later one of its name has another."""
    dense_enabled: bool = True
    sparse_enabled: bool = False
    text_enabled: bool = False
    description: str | None = None
    config: Mapping[str, Any] = msgspec.field(default_factory=dict)
    metadata_schema: Mapping[str, Any] | None = None
    store_raw_text: bool = False
    dense: DenseIndex | None = None
    sparse: SparseIndex | None = None
    text: TextIndex | None = None


class NamedVersion(msgspec.Struct, frozen=True):
    """Name the state after commit ``number``: how many vectors it has, and when it was named (seconds since 1970)."""

    number: int
    count: int
    timestamp: float
    description: str | None = None


class Head(msgspec.Struct, frozen=True):
    """Hold what changes with each commit."""

    number: int = 0
    """Of the last commit."""
    same_as: int | None = None
    """The version that was made current again, if nothing was committed since."""
    past: int = 0
    """How many points are past."""
    versions: tuple[NamedVersion, ...] = ()
    """By number."""
    transactions: int = 0
    records: int = 0
    changed_at: float = 0.0


def point_id(vector_id: str) -> str:
    """Return the id of the present point that holds a vector.

    >>> point_id("a") == point_id("a") != point_id("b")
    True
    """
    return _uuid(vector_id, b"")


def past_id(vector_id: str, born: int) -> str:
    """Return the id of the past point that holds what a vector was from the commit ``born`` on.

    >>> past_id("a", 1) not in (past_id("a", 2), point_id("a"))
    True
    """
    return _uuid(vector_id, born.to_bytes(8))


def _uuid(text: str, salt: bytes) -> str:
    digits = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, salt=salt).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
