"""Settings of collections go to the model and come back as they were given."""

from __future__ import annotations

from typing import Any

import pytest
from qdrant_client import models as official

from quiverdb.database import AliasChange
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import (
    Binary,
    CollectionInfo,
    CollectionPatch,
    CollectionSpec,
    Datatype,
    Distance,
    FieldIndex,
    FieldIndexInfo,
    FieldType,
    HnswSpec,
    OptimizerSpec,
    Product,
    Scalar,
    SparseVectorSpec,
    Status,
    Stopwords,
    StrictMode,
    Turbo,
    VectorPatch,
    VectorSpec,
    WalSpec,
)
from quiverdb.model.defaults import HNSW, OPTIMIZERS
from quiverdb.model.write import CreateVector
from quiverdb.qdrant import models
from quiverdb.qdrant.request.collections import (
    alias_changes,
    collection_patch,
    collection_spec,
    create_vector,
    field_index,
)
from quiverdb.qdrant.response.collections import collection_info

VECTOR = {"size": 4, "distance": "Cosine"}
SPEC = VectorSpec(4, Distance.COSINE)
FULL = {
    "size": 4,
    "distance": "Manhattan",
    "hnsw_config": {"m": 8, "memory": "pinned"},
    "quantization_config": {"scalar": {"type": "int8", "quantile": 0.9}},
    "on_disk": True,
    "memory": "cold",
    "datatype": "float16",
    "multivector_config": {"comparator": "max_sim"},
}
SOURCES = {"ours": models, "official": official, "dict": None}


def build(source: Any, name: str, fields: dict[str, Any]) -> Any:
    return fields if source is None else getattr(source, name)(**fields)


def info_of(spec: CollectionSpec, **changes: Any) -> models.CollectionInfo:
    fields: dict[str, Any] = {
        "status": Status.GREEN,
        "points_count": 3,
        "indexed_vectors_count": 2,
        "segments_count": 1,
        "spec": spec,
        "payload_schema": {},
        "created_at": 1_700_000_000.5,
    }
    return collection_info(CollectionInfo(**fields | changes))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_one_vector_without_a_name(source: Any) -> None:
    spec = collection_spec(vectors=build(source, "VectorParams", VECTOR))
    assert spec == CollectionSpec(vectors={"": SPEC})
    shown = info_of(spec).config.params.vectors
    assert shown == models.VectorParams(**VECTOR)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_vectors_by_name(source: Any) -> None:
    given = {"a": build(source, "VectorParams", VECTOR), "b": build(source, "VectorParams", FULL)}
    spec = collection_spec(vectors=given)
    assert spec.vectors == {
        "a": SPEC,
        "b": VectorSpec(
            4,
            Distance.MANHATTAN,
            Datatype.FLOAT16,
            "max_sim",
            HnswSpec(m=8, memory="pinned"),
            Scalar(0.9),
            on_disk=True,
            memory="cold",
        ),
    }
    assert info_of(spec).config.params.vectors == {"a": models.VectorParams(**VECTOR), "b": models.VectorParams(**FULL)}


def test_no_vectors_are_an_empty_dict() -> None:
    assert collection_spec() == CollectionSpec()
    assert info_of(CollectionSpec()).config.params.vectors == {}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SparseVectorSpec()),
        ({"modifier": "idf"}, SparseVectorSpec("idf")),
        (
            {"index": {"full_scan_threshold": 5, "on_disk": True, "memory": "cold", "datatype": "float16"}},
            SparseVectorSpec(None, Datatype.FLOAT16, 5, True, "cold"),
        ),
    ],
)
def test_sparse_vectors(source: Any, fields: dict[str, Any], expected: SparseVectorSpec) -> None:
    spec = collection_spec(sparse_vectors={"s": build(source, "SparseVectorParams", fields)})
    assert spec.sparse_vectors == {"s": expected}
    assert info_of(spec).config.params.sparse_vectors == {"s": models.SparseVectorParams(**fields)}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("ScalarQuantization", {"scalar": {"type": "int8", "quantile": 0.5, "always_ram": True}}, Scalar(0.5, True)),
        ("ProductQuantization", {"product": {"compression": "x16"}}, Product("x16")),
        (
            "BinaryQuantization",
            {"binary": {"encoding": "two_bits", "query_encoding": "binary"}},
            Binary("two_bits", "binary"),
        ),
        ("TurboQuantization", {"turbo": {"bits": "bits1_5", "memory": "cold"}}, Turbo("bits1_5", memory="cold")),
    ],
)
def test_quantization(source: Any, name: str, fields: dict[str, Any], expected: Any) -> None:
    spec = collection_spec(quantization=build(source, name, fields))
    assert spec.quantization == expected
    assert info_of(spec).config.quantization_config == getattr(models, name)(**fields)
    assert collection_patch(quantization=build(source, name, fields)).quantization == expected


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_all_settings(source: Any) -> None:
    strict = {
        "enabled": True,
        "max_query_limit": 5,
        "multivector_config": {"m": {"max_vectors": 3}},
        "sparse_config": {"s": {"max_length": 7}},
    }
    spec = collection_spec(
        hnsw=build(source, "HnswConfigDiff", {"m": 8, "payload_m": 4}),
        optimizers=build(
            source, "OptimizersConfigDiff", {"deleted_threshold": 0.5, "max_optimization_threads": "auto"}
        ),
        wal=build(source, "WalConfigDiff", {"wal_capacity_mb": 1}),
        strict_mode=build(source, "StrictModeConfig", strict),
        metadata={"a": 1},
        on_disk_payload=False,
        payload=build(source, "PayloadStorageParams", {"memory": "cached"}),
        id_tracker=build(source, "IdTrackerParams", {"memory": "pinned"}),
        shard_number=2,
        sharding_method="custom" if source is None else source.ShardingMethod.CUSTOM,
        replication_factor=3,
        write_consistency_factor=4,
    )
    assert spec == CollectionSpec(
        hnsw=HnswSpec(m=8, payload_m=4),
        optimizers=OptimizerSpec(deleted_threshold=0.5, max_optimization_threads="auto"),
        wal=WalSpec(wal_capacity_mb=1),
        strict_mode=StrictMode(
            enabled=True,
            max_query_limit=5,
            multivector_config={"m": {"max_vectors": 3}},
            sparse_config={"s": {"max_length": 7}},
        ),
        metadata={"a": 1},
        on_disk_payload=False,
        payload_memory="cached",
        id_tracker_memory="pinned",
        shard_number=2,
        sharding_method="custom",
        replication_factor=3,
        write_consistency_factor=4,
    )
    shown = info_of(spec).config
    assert (shown.hnsw_config.m, shown.hnsw_config.payload_m) == (8, 4)
    assert shown.hnsw_config.ef_construct == HNSW.ef_construct
    assert shown.optimizer_config.deleted_threshold == 0.5
    assert shown.optimizer_config.flush_interval_sec == OPTIMIZERS.flush_interval_sec
    assert shown.wal_config.wal_capacity_mb == 1
    assert shown.strict_mode_config == models.StrictModeConfigOutput(**strict)
    assert shown.metadata == {"a": 1}
    params = shown.params
    assert (params.on_disk_payload, params.payload.memory, params.id_tracker.memory) == (False, "cached", "pinned")
    assert (params.shard_number, params.sharding_method) == (2, models.ShardingMethod.CUSTOM)
    assert (params.replication_factor, params.write_consistency_factor) == (3, 4)


def test_defaults_are_those_that_the_engine_uses() -> None:
    shown = info_of(CollectionSpec()).config
    assert (shown.hnsw_config.m, shown.hnsw_config.ef_construct) == (HNSW.m, HNSW.ef_construct)
    assert shown.optimizer_config.indexing_threshold == OPTIMIZERS.indexing_threshold
    assert (shown.params.shard_number, shown.params.replication_factor) == (1, 1)


def test_state_of_a_collection() -> None:
    shown = info_of(CollectionSpec())
    assert shown.status is models.CollectionStatus.GREEN
    assert shown.optimizer_status is models.OptimizersStatusOneOf.OK
    assert (shown.points_count, shown.indexed_vectors_count, shown.segments_count) == (3, 2, 1)
    assert shown.created_at.timestamp() == 1_700_000_000.5
    assert shown.warnings is None
    broken = info_of(CollectionSpec(), status=Status.RED, error="disk full")
    assert broken.status is models.CollectionStatus.RED
    assert broken.optimizer_status == models.OptimizersStatusOneOf1(error="disk full")
    assert broken.warnings == [models.CollectionWarning(message="disk full")]
    assert models.CollectionInfo.model_validate_json(broken.model_dump_json()) == broken


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_changes(source: Any) -> None:
    patch = collection_patch(
        vectors={"a": build(source, "VectorParamsDiff", {"hnsw_config": {"m": 4}, "quantization_config": "Disabled"})},
        sparse_vectors={"s": build(source, "SparseVectorParams", {"modifier": "idf"})},
        hnsw=build(source, "HnswConfigDiff", {"ef_construct": 50}),
        quantization="Disabled" if source is None else source.Disabled.DISABLED,
        params=build(source, "CollectionParamsDiff", {"replication_factor": 2, "payload": {"memory": "cold"}}),
        metadata={"b": 2},
    )
    assert patch == CollectionPatch(
        vectors={"a": VectorPatch(hnsw=HnswSpec(m=4), quantization="disabled")},
        sparse_vectors={"s": SparseVectorSpec("idf")},
        hnsw=HnswSpec(ef_construct=50),
        quantization="disabled",
        replication_factor=2,
        payload_memory="cold",
        metadata={"b": 2},
    )
    assert collection_patch() == CollectionPatch()


TEXT = {
    "type": "text",
    "tokenizer": "word",
    "min_token_len": 2,
    "lowercase": True,
    "phrase_matching": True,
    "scoring": True,
    "nested": "a",
}
INDEXES: list[tuple[str, dict[str, Any], FieldIndex]] = [
    (
        "KeywordIndexParams",
        {"type": "keyword", "is_tenant": True, "prefix": True},
        FieldIndex(FieldType.KEYWORD, is_tenant=True, prefix=True),
    ),
    (
        "IntegerIndexParams",
        {"type": "integer", "lookup": True, "range": False},
        FieldIndex(FieldType.INTEGER, lookup=True, range=False),
    ),
    ("FloatIndexParams", {"type": "float", "on_disk": True}, FieldIndex(FieldType.FLOAT, on_disk=True)),
    ("GeoIndexParams", {"type": "geo", "memory": "cold"}, FieldIndex(FieldType.GEO, memory="cold")),
    ("BoolIndexParams", {"type": "bool", "enable_hnsw": False}, FieldIndex(FieldType.BOOL, enable_hnsw=False)),
    (
        "DatetimeIndexParams",
        {"type": "datetime", "is_principal": True},
        FieldIndex(FieldType.DATETIME, is_principal=True),
    ),
    ("UuidIndexParams", {"type": "uuid"}, FieldIndex(FieldType.UUID)),
    (
        "TextIndexParams",
        TEXT,
        FieldIndex(
            FieldType.TEXT,
            tokenizer="word",
            min_token_len=2,
            lowercase=True,
            phrase_matching=True,
            scoring=True,
            nested="a",
        ),
    ),
    (
        "TextIndexParams",
        {"type": "text", "stopwords": "english", "stemmer": {"type": "snowball", "language": "german"}},
        FieldIndex(FieldType.TEXT, stopwords=Stopwords(("english",)), stemmer="german"),
    ),
    (
        "TextIndexParams",
        {"type": "text", "stopwords": {"languages": ["english"], "custom": ["x"]}, "stemmer": {"type": "none"}},
        FieldIndex(FieldType.TEXT, stopwords=Stopwords(("english",), ("x",)), stemmer="none"),
    ),
]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize(
    ("name", "fields", "expected"), INDEXES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_payload_index(source: Any, name: str, fields: dict[str, Any], expected: FieldIndex) -> None:
    assert field_index(build(source, name, fields)) == expected
    shown = info_of(CollectionSpec(), payload_schema={"a": FieldIndexInfo(expected, 5)}).payload_schema["a"]
    assert (shown.data_type.value, shown.points) == (fields["type"], 5)
    assert shown.params == getattr(models, name)(**fields)


@pytest.mark.parametrize("given", ["keyword", models.PayloadSchemaType.KEYWORD, official.PayloadSchemaType.KEYWORD])
def test_payload_index_by_name(given: Any) -> None:
    index = field_index(given)
    assert index == FieldIndex(FieldType.KEYWORD, bare=True)
    shown = info_of(CollectionSpec(), payload_schema={"a": FieldIndexInfo(index, 0)}).payload_schema["a"]
    assert (shown.data_type, shown.params) == (models.PayloadSchemaType.KEYWORD, None)


def test_scoring_may_be_an_object() -> None:
    given = models.TextIndexParams(type="text", scoring=models.TextScoringParams(type="bm25"))
    assert field_index(given).scoring is True


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_vectors_to_add(source: Any) -> None:
    dense = build(source, "DenseVectorNameConfig", {"dense": {**VECTOR, "datatype": "float16"}})
    sparse = build(source, "SparseVectorNameConfig", {"sparse": {"modifier": "idf"}})
    assert create_vector("a", dense) == CreateVector("a", VectorSpec(4, Distance.COSINE, Datatype.FLOAT16))
    assert create_vector("s", sparse) == CreateVector("s", SparseVectorSpec("idf"))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_aliases(source: Any) -> None:
    changes = [
        build(source, "CreateAliasOperation", {"create_alias": {"collection_name": "c", "alias_name": "a"}}),
        build(source, "RenameAliasOperation", {"rename_alias": {"old_alias_name": "a", "new_alias_name": "b"}}),
        build(source, "DeleteAliasOperation", {"delete_alias": {"alias_name": "b"}}),
    ]
    assert alias_changes(changes) == [AliasChange("a", "c"), AliasChange("b", rename="a"), AliasChange("b")]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: collection_spec(vectors=5), "dict of named vectors"),
        (lambda: collection_spec(vectors={"a": {"size": 4}}), "distance"),
        (lambda: collection_spec(vectors={"size": "four", "distance": "Dot"}), "size"),
        (lambda: collection_spec(vectors={"a": 5}), "VectorParams"),
        (lambda: collection_spec(sparse_vectors=["s"]), "dict of named vectors"),
        (lambda: collection_spec(quantization={"scalar": {}}), "QuantizationConfig"),
        (lambda: collection_spec(hnsw={"mm": 1}), "mm"),
        (lambda: collection_spec(metadata=[1]), "metadata"),
        (lambda: collection_patch(quantization="Enabled"), "Disabled"),
        (lambda: field_index("keywords"), "'keywords'"),
        (lambda: field_index({"type": "keywords"}), "'keywords'"),
        (lambda: field_index({"type": "keyword", "x": 1}), "x"),
        (lambda: field_index(5), "type of index"),
        (lambda: create_vector("a", {"dense": {}}), "VectorNameConfig"),
        (lambda: alias_changes([{"create_alias": {}}]), "AliasOperations"),
        (lambda: alias_changes([5]), "expected one of"),
    ],
)
def test_wrong_settings_are_refused(call: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        call()
