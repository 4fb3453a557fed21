"""How a VikingDB collection lies in a collection of the database.

::

    name        NAME, or PROJECT.NAME in projects other than "default"
    metadata    {"vikingdb": Schema}     fields, vectorizer and indexes; marks the collection as one of VikingDB
    points      one per row; its id is made from the primary key

    vectors     raw              the dense vector as it was given or made from the text, without a graph
                sparse           the sparse vector
                dense.<index>    what one index compares

    payload     <field>          values as they are returned, dense vectors excepted
                _pk              the primary key, also where rows have none but a number that was given out
                _time.<field>    microseconds since 1970, of a date_time         _geo.<field>   {"lon", "lat"}
                _tokens.<field>  of a field with full text search, its tokens, joined by spaces
                _sparse          the weights of tokens that were made of a text
                _expires         seconds since 1970 from which on the row is gone

Names of fields begin with a letter, so they never meet the keys that begin with an underscore. A dot is a step into an
object: ``_time`` holds one with the names of the fields.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from quiverdb.model.point import PointId

__all__ = [
    "AUTO_ID",
    "DEFAULT_PROJECT",
    "EXPIRES",
    "GEO",
    "MARK",
    "PK",
    "RAW",
    "SPARSE",
    "TIME",
    "TOKENS",
    "WEIGHTS",
    "Field",
    "FieldType",
    "FullText",
    "Index",
    "Schema",
    "VectorIndex",
    "Vectorizer",
    "collection_name",
    "dense_name",
    "point_id",
]

MARK = "vikingdb"
DEFAULT_PROJECT = "default"
AUTO_ID = "__AUTO_ID__"
"""The name of the primary key where none is declared: an int64 that is given out."""

RAW, SPARSE = "raw", "sparse"
PK, EXPIRES, TIME, GEO, TOKENS, WEIGHTS = "_pk", "_expires", "_time", "_geo", "_tokens", "_sparse"

FieldType: TypeAlias = Literal[
    "int64",
    "float32",
    "string",
    "bool",
    "list<string>",
    "list<int64>",
    "vector",
    "sparse_vector",
    "tensor",
    "text",
    "image",
    "video",
    "date_time",
    "geo_point",
]


class _Part(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of all parts of a schema; encoded with the field names of the control plane."""


class Field(_Part, frozen=True, rename="pascal"):
    """Describe a field: ``dim`` of vectors, the ``shape`` of tensors, the value of rows that lack it."""

    field_name: str
    field_type: FieldType
    dim: int | None = None
    shape: tuple[int, ...] | None = None
    is_primary_key: bool = False
    default_value: Any = None


class Vectorizer(_Part, frozen=True, rename="pascal"):
    """Say which model makes vectors of which fields."""

    model_name: str
    model_version: str | None = None
    text_field: str | None = None
    image_field: str | None = None
    video_field: str | None = None
    dim: int | None = None
    instruction: Mapping[str, Any] | None = None


class FullText(_Part, frozen=True, rename="pascal"):
    """Say how a text field is cut into tokens for keyword search."""

    field: str
    analyzer: Mapping[str, Any] = msgspec.field(default_factory=dict)


class VectorIndex(_Part, frozen=True, rename="pascal"):
    """Say how vectors are compared, and how deep graphs are built and searched."""

    index_type: Literal["hnsw", "hnsw_hybrid", "flat", "diskann"] = "hnsw"
    distance: Literal["ip", "l2", "cosine"] = "ip"
    quant: Literal["int8", "float", "fix16", "pq"] = "int8"
    hnsw_m: int = 20
    hnsw_cef: int = 400
    hnsw_sef: int = 400
    diskann_m: int | None = None
    diskann_cef: int | None = None
    pq_code_ratio: float | None = None
    cache_ratio: float | None = None


class Index(_Part, frozen=True, rename="pascal"):
    """Describe an index; without ``scalar_index`` all scalar fields can be filtered, with an empty one none."""

    index_name: str
    vector_index: VectorIndex = VectorIndex()
    scalar_index: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool = True
    cpu_quota: int | None = None
    shard_policy: str | None = None
    shard_count: int | None = None
    created_at: float = 0.0
    updated_at: float = 0.0


class Schema(_Part, frozen=True, rename="pascal"):
    """Describe a collection: its fields, what makes vectors of them, and its indexes by name."""

    project_name: str
    collection_name: str
    resource_id: str
    fields: tuple[Field, ...]
    dense: Vectorizer | None = None
    sparse: Vectorizer | None = None
    tensor: Vectorizer | None = None
    full_text: tuple[FullText, ...] = ()
    indexes: Mapping[str, Index] = msgspec.field(default_factory=dict)
    expiring: bool = False
    """Whether a row was ever given a time to live."""
    description: str | None = None
    created_at: float = 0.0
    updated_at: float = 0.0


def collection_name(project: str, name: str) -> str:
    """Return what a collection is called in the database.

    >>> collection_name("default", "text"), collection_name("shop", "text")
    ('text', 'shop.text')
    """
    return name if project == DEFAULT_PROJECT else f"{project}.{name}"


def dense_name(index: str) -> str:
    """Return the name of the vectors that an index compares."""
    return f"dense.{index}"


def point_id(key: int | str) -> PointId:
    """Return the id of the point that holds the row with this primary key.

    >>> point_id(7)
    7
    >>> point_id("7") != point_id("-7")
    True
    """
    if isinstance(key, int) and key > 0:
        return key
    kind = "i" if isinstance(key, int) else "s"
    digest = hashlib.blake2b(f"{kind}{key}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest))
