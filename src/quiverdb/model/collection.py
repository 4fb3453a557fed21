"""Collections: what one is made of, and what one reports of itself.

Options that a caller left out are ``None`` and are reported back as such; the engine fills in its defaults
where it uses them.

Memory placement is ``cold``, ``cached`` or ``pinned``. Cold vectors stay on the disk: searches read the rows of their
candidates and keep none of them. Cached ones are mapped, as without a setting, and pinned ones read ahead on open.
A graph is mapped, or held in memory of the process when it or its codes are pinned (``always_ram``); a change of that
takes effect when the graph is next published or opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Binary",
    "CollectionInfo",
    "CollectionPatch",
    "CollectionSpec",
    "Datatype",
    "Distance",
    "FieldIndex",
    "FieldIndexInfo",
    "FieldType",
    "HnswSpec",
    "Memory",
    "OptimizerSpec",
    "Product",
    "Quantization",
    "Scalar",
    "SparseVectorSpec",
    "Status",
    "Stopwords",
    "StrictMode",
    "Turbo",
    "VectorPatch",
    "VectorSpec",
    "WalSpec",
]


class Distance(StrEnum):
    """Name a measure of similarity. Cosine and dot: larger is nearer; Euclid, Manhattan: smaller is nearer."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLID = "euclid"
    MANHATTAN = "manhattan"


class Datatype(StrEnum):
    """Name the number type in which vectors are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    UINT8 = "uint8"
    TURBO4 = "turbo4"
    TURBO8 = "turbo8"
    TURBO16 = "turbo16"


Memory: TypeAlias = Literal["cold", "cached", "pinned"]


class _Spec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all settings: frozen, keyword or positional, defaults left out of encodings."""


class HnswSpec(_Spec, frozen=True):
    """Set up a graph index. ``full_scan_threshold`` is in kilobytes of vectors."""

    m: int | None = None
    ef_construct: int | None = None
    full_scan_threshold: int | None = None
    max_indexing_threads: int | None = None
    on_disk: bool | None = None
    memory: Memory | None = None
    payload_m: int | None = None
    inline_storage: bool | None = None


class Scalar(_Spec, frozen=True, tag="scalar"):
    """Quantize every component to int8, with the range cut at ``quantile``."""

    quantile: float | None = None
    always_ram: bool | None = None
    memory: Memory | None = None


class Product(_Spec, frozen=True, tag="product"):
    """Quantize groups of components by a codebook; ``compression`` is x4 to x64."""

    compression: Literal["x4", "x8", "x16", "x32", "x64"]
    always_ram: bool | None = None
    memory: Memory | None = None


class Binary(_Spec, frozen=True, tag="binary"):
    """Quantize every component to one bit, one and a half, or two."""

    encoding: Literal["one_bit", "two_bits", "one_and_half_bits"] | None = None
    query_encoding: Literal["default", "binary", "scalar4bits", "scalar8bits"] | None = None
    always_ram: bool | None = None
    memory: Memory | None = None


class Turbo(_Spec, frozen=True, tag="turbo"):
    """Quantize every component to a few bits after a random rotation."""

    bits: Literal["bits1", "bits1_5", "bits2", "bits4", "bits8"] | None = None
    always_ram: bool | None = None
    memory: Memory | None = None


Quantization: TypeAlias = Scalar | Product | Binary | Turbo


class VectorSpec(_Spec, frozen=True):
    """Describe a named dense vector: ``size`` components, or a multivector of such rows compared by max_sim."""

    size: int
    distance: Distance
    datatype: Datatype | None = None
    multivector: Literal["max_sim"] | None = None
    hnsw: HnswSpec | None = None
    quantization: Quantization | None = None
    on_disk: bool | None = None
    memory: Memory | None = None


class SparseVectorSpec(_Spec, frozen=True):
    """Describe a named sparse vector; the ``idf`` modifier weights a query by inverse document frequency."""

    modifier: Literal["none", "idf"] | None = None
    datatype: Datatype | None = None
    full_scan_threshold: int | None = None
    on_disk: bool | None = None
    memory: Memory | None = None


class OptimizerSpec(_Spec, frozen=True):
    """Set up background work. Thresholds are in kilobytes of vectors."""

    deleted_threshold: float | None = None
    vacuum_min_vector_number: int | None = None
    default_segment_number: int | None = None
    max_segment_size: int | None = None
    memmap_threshold: int | None = None
    indexing_threshold: int | None = None
    flush_interval_sec: int | None = None
    max_optimization_threads: int | Literal["auto"] | None = None
    prevent_unoptimized: bool | None = None


class WalSpec(_Spec, frozen=True):
    """Carry the write-ahead log settings of a server; the embedded engine needs none."""

    wal_capacity_mb: int | None = None
    wal_segments_ahead: int | None = None
    wal_retain_closed: int | None = None


class StrictMode(_Spec, frozen=True):
    """Limit what requests may ask for."""

    enabled: bool | None = None
    max_query_limit: int | None = None
    max_timeout: int | None = None
    unindexed_filtering_retrieve: bool | None = None
    unindexed_filtering_update: bool | None = None
    search_max_hnsw_ef: int | None = None
    search_allow_exact: bool | None = None
    search_max_oversampling: float | None = None
    upsert_max_batchsize: int | None = None
    search_max_batchsize: int | None = None
    max_collection_vector_size_bytes: int | None = None
    read_rate_limit: int | None = None
    write_rate_limit: int | None = None
    max_collection_payload_size_bytes: int | None = None
    max_points_count: int | None = None
    filter_max_conditions: int | None = None
    condition_max_size: int | None = None
    multivector_config: Mapping[str, Mapping[str, Any]] | None = None
    sparse_config: Mapping[str, Mapping[str, Any]] | None = None
    max_payload_index_count: int | None = None
    max_resident_memory_percent: int | None = None


class FieldType(StrEnum):
    """Name the type of a payload index."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    GEO = "geo"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    UUID = "uuid"


class Stopwords(_Spec, frozen=True):
    """List words that a text index leaves out: those of ``languages`` and ``custom`` ones."""

    languages: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()


class FieldIndex(_Spec, frozen=True):
    """Describe a payload index. Options apply to the types that have them.

    ``bare`` tells that the caller named only the type, so that it is reported without parameters.

    >>> FieldIndex(FieldType.TEXT, tokenizer="word", lowercase=True).type
    <FieldType.TEXT: 'text'>
    """

    type: FieldType
    bare: bool = False
    on_disk: bool | None = None
    memory: Memory | None = None
    enable_hnsw: bool | None = None
    nested: str | None = None
    is_tenant: bool | None = None
    prefix: bool | None = None
    lookup: bool | None = None
    range: bool | None = None
    is_principal: bool | None = None
    tokenizer: Literal["prefix", "whitespace", "word", "multilingual", "code"] | None = None
    lowercase: bool | None = None
    ascii_folding: bool | None = None
    phrase_matching: bool | None = None
    min_token_len: int | None = None
    max_token_len: int | None = None
    stopwords: Stopwords | None = None
    stemmer: str | None = None
    """A snowball language, ``"none"`` when disabled, ``None`` when not given."""
    scoring: bool | Mapping[str, float] | None = None


class CollectionSpec(_Spec, frozen=True):
    """Describe a collection. The unnamed vector has the name ``""``.

    >>> CollectionSpec(vectors={"": VectorSpec(size=4, distance=Distance.COSINE)}).sparse_vectors
    {}
    """

    vectors: Mapping[str, VectorSpec] = msgspec.field(default_factory=dict)
    sparse_vectors: Mapping[str, SparseVectorSpec] = msgspec.field(default_factory=dict)
    hnsw: HnswSpec = HnswSpec()
    optimizers: OptimizerSpec = OptimizerSpec()
    quantization: Quantization | None = None
    wal: WalSpec | None = None
    strict_mode: StrictMode | None = None
    metadata: Mapping[str, Any] | None = None
    on_disk_payload: bool | None = None
    payload_memory: Memory | None = None
    id_tracker_memory: Memory | None = None
    shard_number: int | None = None
    sharding_method: Literal["auto", "custom"] | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    read_fan_out_factor: int | None = None
    read_fan_out_delay_ms: int | None = None


class VectorPatch(_Spec, frozen=True):
    """Change the settings of one named vector; ``quantization="disabled"`` removes quantization."""

    hnsw: HnswSpec | None = None
    quantization: Quantization | Literal["disabled"] | None = None
    on_disk: bool | None = None
    memory: Memory | None = None


class CollectionPatch(_Spec, frozen=True):
    """Change a collection's settings; ``None`` leaves a setting as it is, ``metadata`` is merged key by key."""

    vectors: Mapping[str, VectorPatch] = msgspec.field(default_factory=dict)
    sparse_vectors: Mapping[str, SparseVectorSpec] = msgspec.field(default_factory=dict)
    hnsw: HnswSpec | None = None
    optimizers: OptimizerSpec | None = None
    quantization: Quantization | Literal["disabled"] | None = None
    strict_mode: StrictMode | None = None
    metadata: Mapping[str, Any] | None = None
    on_disk_payload: bool | None = None
    payload_memory: Memory | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    read_fan_out_factor: int | None = None
    read_fan_out_delay_ms: int | None = None


class Status(StrEnum):
    """Tell how a collection fares: green ready, yellow background work under way, red an error needs a person."""

    GREEN = "green"
    YELLOW = "yellow"
    GREY = "grey"
    RED = "red"


class FieldIndexInfo(msgspec.Struct, frozen=True):
    """Report a declared payload index and how many points have a value in it."""

    index: FieldIndex
    points: int


class CollectionInfo(msgspec.Struct, frozen=True):
    """Report the state of a collection. ``error`` is set when background work failed."""

    status: Status
    points_count: int
    indexed_vectors_count: int
    segments_count: int
    spec: CollectionSpec
    payload_schema: Mapping[str, FieldIndexInfo]
    created_at: float
    """Seconds since 1970-01-01 UTC."""
    error: str | None = None
