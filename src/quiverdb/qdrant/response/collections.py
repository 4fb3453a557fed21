"""What collections report of themselves.

Settings are shown as they were given, except where the API promises a value: there the engine's own one stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import msgspec

from quiverdb.model.collection import (
    Binary,
    CollectionInfo,
    CollectionSpec,
    FieldIndex,
    FieldIndexInfo,
    FieldType,
    Product,
    Quantization,
    Scalar,
    SparseVectorSpec,
    Stopwords,
    Turbo,
    VectorSpec,
    WalSpec,
)
from quiverdb.model.defaults import HNSW, OPTIMIZERS
from quiverdb.qdrant import models
from quiverdb.qdrant._model_base import Model

__all__ = ["aliases_response", "collection_info", "collections_response"]

M = TypeVar("M", bound=Model)
E = TypeVar("E", bound=Enum)


def _shown(model: type[M], spec: msgspec.Struct, defaults: msgspec.Struct | None = None, **changes: Any) -> M:
    """Fill a model from the fields of the same names, and from ``defaults`` where a field is ``None``."""
    fields: dict[str, Any] = {}
    for name in spec.__struct_fields__:
        value = getattr(spec, name)
        if value is None and defaults is not None:
            value = getattr(defaults, name)
        if name in model.model_fields:
            fields[name] = value
    return model(**fields | changes)


def _member(enum: type[E], value: str | None) -> E | None:
    return None if value is None else enum(value)


def collection_info(info: CollectionInfo) -> models.CollectionInfo:
    """Return the state and settings of a collection."""
    return models.CollectionInfo(
        status=models.CollectionStatus(info.status),
        optimizer_status=models.OptimizersStatusOneOf.OK
        if info.error is None
        else models.OptimizersStatusOneOf1(error=info.error),
        warnings=None if info.error is None else [models.CollectionWarning(message=info.error)],
        indexed_vectors_count=info.indexed_vectors_count,
        points_count=info.points_count,
        segments_count=info.segments_count,
        config=_config(info.spec),
        payload_schema={key: _field_info(field) for key, field in info.payload_schema.items()},
        update_queue=models.UpdateQueueInfo(length=0),
        created_at=datetime.fromtimestamp(info.created_at, UTC),
    )


def _config(spec: CollectionSpec) -> models.CollectionConfig:
    optimizers = spec.optimizers
    threads = optimizers.max_optimization_threads
    return models.CollectionConfig(
        params=_params(spec),
        hnsw_config=_shown(models.HnswConfig, spec.hnsw, HNSW),
        optimizer_config=_shown(
            models.OptimizersConfig,
            optimizers,
            OPTIMIZERS,
            max_optimization_threads=threads if isinstance(threads, int) else None,
        ),
        wal_config=_shown(models.WalConfig, spec.wal or WalSpec(), _WAL),
        quantization_config=_quantization(spec.quantization),
        strict_mode_config=None
        if spec.strict_mode is None
        else _shown(models.StrictModeConfigOutput, spec.strict_mode),
        metadata=None if spec.metadata is None else dict(spec.metadata),
    )


_WAL = WalSpec(wal_capacity_mb=32, wal_segments_ahead=0, wal_retain_closed=1)
"""What a server reports where a setting was not given."""


def _params(spec: CollectionSpec) -> models.CollectionParams:
    return models.CollectionParams(
        vectors=_vectors(spec.vectors),
        shard_number=spec.shard_number or 1,
        sharding_method=_member(models.ShardingMethod, spec.sharding_method),
        replication_factor=spec.replication_factor or 1,
        write_consistency_factor=spec.write_consistency_factor or 1,
        read_fan_out_factor=spec.read_fan_out_factor,
        read_fan_out_delay_ms=spec.read_fan_out_delay_ms,
        on_disk_payload=True if spec.on_disk_payload is None else spec.on_disk_payload,
        payload=None
        if spec.payload_memory is None
        else models.PayloadStorageParams(memory=models.Memory(spec.payload_memory)),
        id_tracker=None
        if spec.id_tracker_memory is None
        else models.IdTrackerParams(memory=models.Memory(spec.id_tracker_memory)),
        sparse_vectors={name: _sparse(sparse) for name, sparse in spec.sparse_vectors.items()} or None,
    )


def _vectors(vectors: Mapping[str, VectorSpec]) -> models.VectorParams | dict[str, models.VectorParams]:
    if len(vectors) == 1 and "" in vectors:
        return _dense(vectors[""])
    return {name: _dense(vector) for name, vector in vectors.items()}


def _dense(spec: VectorSpec) -> models.VectorParams:
    return models.VectorParams(
        size=spec.size,
        distance=models.Distance(spec.distance.value.capitalize()),
        hnsw_config=None if spec.hnsw is None else _shown(models.HnswConfigDiff, spec.hnsw),
        quantization_config=_quantization(spec.quantization),
        on_disk=spec.on_disk,
        memory=_member(models.Memory, spec.memory),
        datatype=_member(models.Datatype, spec.datatype),
        multivector_config=None
        if (comparator := _member(models.MultiVectorComparator, spec.multivector)) is None
        else models.MultiVectorConfig(comparator=comparator),
    )


def _sparse(spec: SparseVectorSpec) -> models.SparseVectorParams:
    index = _shown(models.SparseIndexParams, spec)
    given = index.model_dump(exclude_none=True)
    return models.SparseVectorParams(index=index if given else None, modifier=_member(models.Modifier, spec.modifier))


_QUANTIZATIONS: dict[type[Quantization], Callable[[Any], Any]] = {
    Scalar: lambda spec: models.ScalarQuantization(
        scalar=_shown(models.ScalarQuantizationConfig, spec, type=models.ScalarType.INT8)
    ),
    Product: lambda spec: models.ProductQuantization(product=_shown(models.ProductQuantizationConfig, spec)),
    Binary: lambda spec: models.BinaryQuantization(binary=_shown(models.BinaryQuantizationConfig, spec)),
    Turbo: lambda spec: models.TurboQuantization(turbo=_shown(models.TurboQuantQuantizationConfig, spec)),
}


def _quantization(spec: Quantization | None) -> Any:
    return None if spec is None else _QUANTIZATIONS[type(spec)](spec)


_FIELDS: dict[FieldType, type[Model]] = {
    FieldType.KEYWORD: models.KeywordIndexParams,
    FieldType.INTEGER: models.IntegerIndexParams,
    FieldType.FLOAT: models.FloatIndexParams,
    FieldType.GEO: models.GeoIndexParams,
    FieldType.TEXT: models.TextIndexParams,
    FieldType.BOOL: models.BoolIndexParams,
    FieldType.DATETIME: models.DatetimeIndexParams,
    FieldType.UUID: models.UuidIndexParams,
}


def _field_info(info: FieldIndexInfo) -> models.PayloadIndexInfo:
    index = info.index
    return models.PayloadIndexInfo(
        data_type=models.PayloadSchemaType(index.type.value),
        params=None if index.bare else _field_params(index),
        points=info.points,
    )


def _field_params(index: FieldIndex) -> Any:
    if index.type is not FieldType.TEXT:
        return _shown(_FIELDS[index.type], index, type=index.type.value)
    return _shown(
        models.TextIndexParams,
        index,
        type=index.type.value,
        stopwords=_stopwords(index.stopwords),
        stemmer=_stemmer(index.stemmer),
        scoring=None if index.scoring is None else bool(index.scoring),
    )


def _stopwords(spec: Stopwords | None) -> Any:
    if spec is None:
        return None
    if len(spec.languages) == 1 and not spec.custom:
        return models.Language(spec.languages[0])
    return models.StopwordsSet(
        languages=[models.Language(language) for language in spec.languages] or None, custom=list(spec.custom) or None
    )


def _stemmer(name: str | None) -> Any:
    if name is None:
        return None
    if name == "none":
        return models.DisabledStemmerParams(type=models.NoStemmer.NONE)
    return models.SnowballParams(type=models.Snowball.SNOWBALL, language=models.SnowballLanguage(name))


def collections_response(names: list[str]) -> models.CollectionsResponse:
    """Return the names of collections."""
    return models.CollectionsResponse(collections=[models.CollectionDescription(name=name) for name in names])


def aliases_response(aliases: Mapping[str, str]) -> models.CollectionsAliasesResponse:
    """Return aliases with the collections behind them."""
    return models.CollectionsAliasesResponse(
        aliases=[
            models.AliasDescription(alias_name=alias, collection_name=collection)
            for alias, collection in sorted(aliases.items())
        ]
    )
