"""Collections: what one is made of, what shall change about it, its payload indexes and its aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, TypeVar

import msgspec

from quiverdb.database import AliasChange
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import (
    Binary,
    CollectionPatch,
    CollectionSpec,
    Datatype,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    OptimizerSpec,
    Product,
    Quantization,
    Scalar,
    SparseVectorSpec,
    Stopwords,
    StrictMode,
    Turbo,
    VectorPatch,
    VectorSpec,
    WalSpec,
)
from quiverdb.model.write import CreateVector
from quiverdb.qdrant.request.parse import dispatch, fitted, number, parse, plain, series, shaped

__all__ = [
    "alias_changes",
    "collection_patch",
    "collection_spec",
    "create_vector",
    "field_index",
    "stemmer",
    "stopwords",
]

S = TypeVar("S", bound=msgspec.Struct)


def _copied(spec: type[S], given: Any, **changes: Any) -> S:
    """Fill a settings struct from the attributes of the same names."""
    names = spec.__struct_fields__
    return spec(**{name: plain(getattr(given, name)) for name in names if hasattr(given, name)} | changes)


def _settings(spec: type[S], model: str, value: Any) -> S | None:
    return None if value is None else _copied(spec, shaped(model, value))


def collection_spec(
    *,
    vectors: Any = None,
    sparse_vectors: Any = None,
    shard_number: int | None = None,
    sharding_method: Any = None,
    replication_factor: int | None = None,
    write_consistency_factor: int | None = None,
    on_disk_payload: bool | None = None,
    hnsw: Any = None,
    optimizers: Any = None,
    wal: Any = None,
    quantization: Any = None,
    strict_mode: Any = None,
    metadata: Mapping[str, Any] | None = None,
    payload: Any = None,
    id_tracker: Any = None,
) -> CollectionSpec:
    """Return the description of a collection to create."""
    return CollectionSpec(
        vectors=_vectors(vectors),
        sparse_vectors=_sparse_vectors(sparse_vectors),
        hnsw=_settings(HnswSpec, "HnswConfigDiff", hnsw) or HnswSpec(),
        optimizers=_settings(OptimizerSpec, "OptimizersConfigDiff", optimizers) or OptimizerSpec(),
        quantization=_quantization(quantization),
        wal=_settings(WalSpec, "WalConfigDiff", wal),
        strict_mode=_strict_mode(strict_mode),
        metadata=_metadata(metadata),
        on_disk_payload=_flag(on_disk_payload, "on_disk_payload"),
        payload_memory=_memory("PayloadStorageParams", payload),
        id_tracker_memory=_memory("IdTrackerParams", id_tracker),
        shard_number=_count(shard_number, "shard_number"),
        sharding_method=None if sharding_method is None else plain(parse("ShardingMethod", sharding_method)),
        replication_factor=_count(replication_factor, "replication_factor"),
        write_consistency_factor=_count(write_consistency_factor, "write_consistency_factor"),
    )


def collection_patch(
    *,
    vectors: Any = None,
    sparse_vectors: Any = None,
    hnsw: Any = None,
    optimizers: Any = None,
    quantization: Any = None,
    params: Any = None,
    strict_mode: Any = None,
    metadata: Mapping[str, Any] | None = None,
) -> CollectionPatch:
    """Return what shall change about a collection."""
    given = shaped("CollectionParamsDiff", params)
    changes = {} if given is None else {name: plain(getattr(given, name)) for name in _PARAMS}
    return CollectionPatch(
        vectors={} if vectors is None else {name: _vector_patch(patch) for name, patch in _items(vectors)},
        sparse_vectors=_sparse_vectors(sparse_vectors),
        hnsw=_settings(HnswSpec, "HnswConfigDiff", hnsw),
        optimizers=_settings(OptimizerSpec, "OptimizersConfigDiff", optimizers),
        quantization=_new_quantization(quantization),
        strict_mode=_strict_mode(strict_mode),
        metadata=_metadata(metadata),
        payload_memory=None if given is None else _memory("PayloadStorageParams", given.payload),
        **changes,
    )


_PARAMS = (
    "replication_factor",
    "write_consistency_factor",
    "read_fan_out_factor",
    "read_fan_out_delay_ms",
    "on_disk_payload",
)


def _items(value: Any) -> Sequence[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"expected a dict of named vectors, got {type(value).__name__}", field="vectors")
    return list(value.items())


def _vectors(value: Any) -> dict[str, VectorSpec]:
    if value is None:
        return {}
    if type(value).__name__ == "VectorParams" or (isinstance(value, Mapping) and "size" in value):
        return {"": _vector_spec(value)}
    return {name: _vector_spec(params) for name, params in _items(value)}


def _vector_spec(value: Any) -> VectorSpec:
    given = fitted("VectorParams", value)
    rows = given.multivector_config
    return VectorSpec(
        size=given.size,
        distance=Distance(plain(given.distance).lower()),
        datatype=_datatype(given.datatype),
        multivector=None if rows is None else plain(shaped("MultiVectorConfig", rows).comparator),
        hnsw=_settings(HnswSpec, "HnswConfigDiff", given.hnsw_config),
        quantization=_quantization(given.quantization_config),
        on_disk=given.on_disk,
        memory=plain(given.memory),
    )


def _vector_patch(value: Any) -> VectorPatch:
    given = fitted("VectorParamsDiff", value)
    return VectorPatch(
        hnsw=_settings(HnswSpec, "HnswConfigDiff", given.hnsw_config),
        quantization=_new_quantization(given.quantization_config),
        on_disk=given.on_disk,
        memory=plain(given.memory),
    )


def _datatype(value: Any) -> Datatype | None:
    return None if value is None else Datatype(plain(value))


def _sparse_vectors(value: Any) -> dict[str, SparseVectorSpec]:
    return {} if value is None else {name: _sparse_spec(params) for name, params in _items(value)}


def _sparse_spec(value: Any) -> SparseVectorSpec:
    given = fitted("SparseVectorParams", value)
    index = shaped("SparseIndexParams", given.index)
    if index is None:
        return SparseVectorSpec(plain(given.modifier))
    return _copied(SparseVectorSpec, index, modifier=plain(given.modifier), datatype=_datatype(index.datatype))


_QUANTIZATIONS: dict[str, Callable[[Any], Quantization]] = {
    "ScalarQuantization": lambda given: _copied(Scalar, given.scalar),
    "ProductQuantization": lambda given: _copied(Product, given.product),
    "BinaryQuantization": lambda given: _copied(Binary, given.binary),
    "TurboQuantization": lambda given: _copied(Turbo, given.turbo),
}


def _quantization(value: Any) -> Quantization | None:
    return None if value is None else dispatch(_QUANTIZATIONS, "QuantizationConfig", value)


def _new_quantization(value: Any) -> Quantization | Literal["disabled"] | None:
    if isinstance(value, str):
        parse("Disabled", plain(value))
        return "disabled"
    return _quantization(value)


def _memory(model: str, value: Any) -> Any:
    return None if value is None else plain(shaped(model, value).memory)


def _strict_mode(value: Any) -> StrictMode | None:
    if value is None:
        return None
    given = shaped("StrictModeConfig", value)
    return _copied(
        StrictMode,
        given,
        multivector_config=_plain_limits(given.multivector_config),
        sparse_config=_plain_limits(given.sparse_config),
    )


def _plain_limits(value: Any) -> dict[str, dict[str, Any]] | None:
    if value is None:
        return None
    return {
        name: dict(limits) if isinstance(limits, Mapping) else limits.model_dump() for name, limits in value.items()
    }


def _count(value: Any, name: str) -> int | None:
    return None if value is None else number(value, name, 1, 1)


def _flag(value: Any, name: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise InvalidInputError(f"{name} must be a bool, got {value!r}", field=name)


def _metadata(value: Any) -> Mapping[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInputError(f"metadata must be a dict, got {type(value).__name__}", field="metadata")
    return value


_VECTORS: dict[str, Callable[[Any], VectorSpec | SparseVectorSpec]] = {
    "DenseVectorNameConfig": lambda given: VectorSpec(
        size=given.dense.size,
        distance=Distance(plain(given.dense.distance).lower()),
        datatype=_datatype(given.dense.datatype),
        multivector=None
        if given.dense.multivector_config is None
        else plain(given.dense.multivector_config.comparator),
    ),
    "SparseVectorNameConfig": lambda given: SparseVectorSpec(
        plain(given.sparse.modifier), _datatype(given.sparse.datatype)
    ),
}


def create_vector(name: str, config: Any) -> CreateVector:
    """Return the operation that adds a named vector."""
    return CreateVector(name, dispatch(_VECTORS, "VectorNameConfig", config))


def field_index(value: Any) -> FieldIndex:
    """Return a payload index, given by the name of its type or by its options."""
    if isinstance(value, Enum | str):
        return FieldIndex(_field_type(value), bare=True)
    if isinstance(value, Mapping) and "type" in value:
        return field_index(parse(f"{_field_type(value['type']).capitalize()}IndexParams", dict(value)))
    if not type(value).__name__.endswith("IndexParams"):
        raise InvalidInputError(f"expected a type of index, got {value!r}", field="field_schema")
    return _copied(
        FieldIndex,
        value,
        type=_field_type(value.type),
        stopwords=stopwords(getattr(value, "stopwords", None)),
        stemmer=stemmer(getattr(value, "stemmer", None)),
        scoring=_scoring(getattr(value, "scoring", None)),
    )


def _field_type(value: Any) -> FieldType:
    try:
        return FieldType(plain(value))
    except ValueError:
        known = ", ".join(FieldType)
        raise InvalidInputError(f"{value!r} is no type of index: use one of {known}", field="field_schema") from None


def stopwords(value: Any) -> Stopwords | None:
    """Return words to leave out, given as a language or as a set."""
    if value is None:
        return None
    if isinstance(value, str):
        return Stopwords((plain(value),))
    given = shaped("StopwordsSet", value)
    return Stopwords(tuple(map(plain, given.languages or ())), tuple(given.custom or ()))


def stemmer(value: Any) -> str | None:
    """Return the language to stem in, or ``"none"``."""
    if value is None:
        return None
    return str(plain(value.language)) if hasattr(value, "language") else "none"


def _scoring(value: Any) -> bool | None:
    return value if value is None or isinstance(value, bool) else True


_ALIASES: dict[str, Callable[[Any], AliasChange]] = {
    "CreateAliasOperation": lambda given: AliasChange(
        given.create_alias.alias_name, given.create_alias.collection_name
    ),
    "DeleteAliasOperation": lambda given: AliasChange(given.delete_alias.alias_name),
    "RenameAliasOperation": lambda given: AliasChange(
        given.rename_alias.new_alias_name, rename=given.rename_alias.old_alias_name
    ),
}


def alias_changes(operations: Sequence[Any]) -> list[AliasChange]:
    """Return the changes of aliases, in order."""
    return [dispatch(_ALIASES, "AliasOperations", operation) for operation in series(operations, "operations")]
