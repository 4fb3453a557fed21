"""Operations on indexes. An index is there once the settings of its collection name it.

A dense index has vectors of its own, made from the raw ones when it is created; until then nobody asks for them, and
what a crash leaves of them is dropped when an index is created again. Sparse vectors are compared as they are stored.
Texts have an index of their tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from reprlib import repr as short
from typing import Any

import msgspec

from quiverdb import derived
from quiverdb.cosdata.errors import ConflictError, NotFoundError, ValidationError
from quiverdb.cosdata.operations import Arguments
from quiverdb.cosdata.service.changes import compared
from quiverdb.cosdata.service.commits import changing, rows_at_once
from quiverdb.cosdata.service.context import Context
from quiverdb.cosdata.service.failures import required
from quiverdb.cosdata.service.layout import (
    DENSE,
    MARK,
    PAST,
    PAST_DENSE,
    PAST_TOKENS,
    RAW,
    TOKENS,
    DenseIndex,
    Settings,
    SparseIndex,
    TextIndex,
)
from quiverdb.cosdata.service.revisions import walk
from quiverdb.cosdata.service.state import State
from quiverdb.cosdata.service.values import finite, plain
from quiverdb.database import Database
from quiverdb.model.collection import (
    Binary,
    CollectionPatch,
    Datatype,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    Quantization,
    Scalar,
    Turbo,
    VectorSpec,
)
from quiverdb.model.filter import Filter, HasVector
from quiverdb.model.point import PointId
from quiverdb.model.query import Select
from quiverdb.model.write import CreateFieldIndex, DeleteFieldIndex

__all__ = ["INDEXES"]

_METRICS = {
    "cosine": (Distance.COSINE, "Cosine"),
    "euclidean": (Distance.EUCLID, "Euclidean"),
    "hamming": (Distance.DOT, "Hamming"),
    "dot_product": (Distance.DOT, "DotProduct"),
}
"""How vectors are compared, and what the list of indexes calls it."""
_CODES: Mapping[str, tuple[Quantization | None, Datatype | None]] = {
    "binary": (Binary(), None),
    "quaternay": (Binary(encoding="two_bits"), None),
    "quaternary": (Binary(encoding="two_bits"), None),
    "octal": (Turbo(bits="bits4"), None),
    "u8": (Scalar(), None),
    "f16": (None, Datatype.FLOAT16),
    "f32": (None, None),
}
"""By the data type of a scalar quantization."""
_MOST = (1 << 32) - 1
_GRAPH = {
    "num_layers": _MOST,
    "max_cache_size": _MOST,
    "ef_construction": 1_000_000,
    "ef_search": _MOST,
    "neighbors_count": 10_000,
    "level_0_neighbors_count": 20_000,
}
"""The numbers that describe a graph, and how large they may be."""
_LEAST_CONSTRUCTION = 4
"""No graph is built with less."""
_MOST_K1 = 1e6
_BUCKETS = (16, 32, 64, 128, 256)
_WORDS = FieldIndex(FieldType.TEXT, tokenizer="whitespace", lowercase=False)
_TEXT_FIELDS = {
    TOKENS: msgspec.structs.replace(_WORDS, scoring=True),
    PAST_TOKENS: _WORDS,
    "length": FieldIndex(FieldType.INTEGER),
    f"{PAST}.length": FieldIndex(FieldType.INTEGER),
}
"""What texts are found by, and what their statistics are counted from."""
_KINDS = {"dense": "dense", "sparse": "sparse", "tf_idf": "text"}
"""The setting that holds each type of index."""


def _create_dense(context: Context, state: State, arguments: Arguments) -> dict[str, str]:
    index = _dense_index(arguments)
    with changing(context, [state]) as [state]:
        _require_none(state, "dense")
        if not state.settings.dense_enabled:
            raise ValidationError(f"'{state.name}' has no dense vectors: create it with dense_vector enabled")
        _build(context, state, index)
        _publish(context.database, state, dense=index)
    return {"message": "Dense index created successfully"}


def _create_sparse(context: Context, state: State, arguments: Arguments) -> dict[str, str]:
    buckets = _integer(arguments, "quantization", SparseIndex().quantization)
    if buckets not in _BUCKETS:
        raise ValidationError(f"`quantization` is one of {_BUCKETS}, got {buckets}")
    index = SparseIndex(buckets, _integer(arguments, "sample_threshold", SparseIndex().sample_threshold))
    with changing(context, [state]) as [state]:
        _require_none(state, "sparse")
        _publish(context.database, state, sparse=index)
    return {"message": "Sparse index created successfully"}


def _create_text(context: Context, state: State, arguments: Arguments) -> dict[str, str]:
    index = TextIndex(
        _integer(arguments, "sample_threshold", TextIndex().sample_threshold),
        _number(arguments, "k1", TextIndex().k1, _MOST_K1),
        _number(arguments, "b", TextIndex().b, 1.0),
    )
    with changing(context, [state]) as [state]:
        _require_none(state, "tf_idf")
        for key, field in _TEXT_FIELDS.items():
            context.database.write(state.name, [CreateFieldIndex(key, field)])
        _publish(context.database, state, text=index)
    return {"message": "TF-IDF index created successfully"}


def _delete(context: Context, state: State, arguments: Arguments) -> None:
    kind = required(arguments, "index_type")
    if kind not in tuple(_KINDS):
        raise NotFoundError(f"Index type {short(kind)} not found: there are {', '.join(_KINDS)}")
    with changing(context, [state]) as [state]:
        if getattr(state.settings, _KINDS[kind]) is None:
            raise NotFoundError(f"Index of type '{kind}' not found for collection '{state.name}'")
        _publish(context.database, state, **{_KINDS[kind]: None})
        if kind == "dense":
            _drop(context.database, state.name)
        elif kind == "tf_idf":
            for key in _TEXT_FIELDS:
                context.database.write(state.name, [DeleteFieldIndex(key)])


def _require_none(state: State, kind: str) -> None:
    if getattr(state.settings, _KINDS[kind]) is not None:
        raise ConflictError(f"Index of type '{kind}' already exists for this collection. Delete it first.")


def _publish(database: Database, state: State, **changes: Any) -> None:
    """Replace settings of a collection."""
    settings: Settings = msgspec.structs.replace(state.settings, **changes)
    database.update_collection(state.name, CollectionPatch(metadata={MARK: msgspec.to_builtins(settings)}))


# The vectors of a dense index


def _build(context: Context, state: State, index: DenseIndex) -> None:
    """Make the vectors of a dense index from the raw ones; if that fails there are none."""
    database = context.database
    _drop(database, state.name)
    try:
        derived.create(database, state.name, (DENSE, PAST_DENSE), _spec(state.settings.dimension, index))
        _fill(context, state, index)
    except BaseException:
        _drop(database, state.name)
        raise


def _fill(context: Context, state: State, index: DenseIndex) -> None:
    """Make the vectors of an index for the points there are; they are listed first, since writing reorders them."""
    having = Filter(must=(HasVector(RAW),))
    pages = walk(context.database, state.name, having, payload=Select(include=("died",)))
    ids: dict[str, list[PointId]] = {DENSE: [], PAST_DENSE: []}
    for record in (record for page in pages for record in page):
        ids[PAST_DENSE if record.payload else DENSE].append(record.id)
    most, made = rows_at_once(context, state), partial(compared, index)
    for name, listed in ids.items():
        derived.fill(context.database, state.name, listed, RAW, name, at_once=most, made=made)


def _drop(database: Database, name: str) -> None:
    derived.drop(database, name, (DENSE, PAST_DENSE))


def _spec(dimension: int, index: DenseIndex) -> VectorSpec:
    properties = index.quantization.get("properties") or {}
    codes, datatype = _CODES[properties.get("data_type", "f32")]
    links = max(index.neighbors_count, math.ceil(index.level_0_neighbors_count / 2))
    graph = HnswSpec(m=links, ef_construct=max(index.ef_construction, _LEAST_CONSTRUCTION))
    return VectorSpec(dimension, _METRICS[index.metric][0], datatype, hnsw=graph, quantization=codes)


# What requests ask for


def _dense_index(arguments: Arguments) -> DenseIndex:
    metric = arguments.get("distance_metric_type") or DenseIndex().metric
    if metric not in tuple(_METRICS):
        raise ValidationError(f"`distance_metric_type` is one of {', '.join(_METRICS)}, got {short(metric)}")
    given = arguments.get("index") or {"type": "hnsw"}
    if not isinstance(given, Mapping) or str(given.get("type")).lower() != "hnsw":
        raise ValidationError(f'`index` is {{"type": "hnsw", "properties": {{...}}}}, got {short(given)}')
    properties = given.get("properties") or {}
    if not isinstance(properties, Mapping):
        raise ValidationError(f"`properties` of an index is an object, got {short(properties)}")
    default = DenseIndex(metric)
    graph = {name: _integer(properties, name, getattr(default, name), most) for name, most in _GRAPH.items()}
    return msgspec.structs.replace(default, quantization=_quantization(arguments.get("quantization")), **graph)


def _quantization(given: Any) -> Mapping[str, Any]:
    """Return how vectors are coded, as it was given; raises ``ValidationError`` for what is unknown."""
    if given is None:
        return DenseIndex().quantization
    properties = given.get("properties") or {} if isinstance(given, Mapping) else None
    if isinstance(properties, Mapping) and isinstance(given, Mapping):
        if given.get("type") == "auto":
            _integer(properties, "sample_threshold", 100)
            return plain({"type": "auto", "properties": dict(properties)}, "quantization")
        if given.get("type") == "scalar" and properties.get("data_type") in tuple(_CODES):
            _check_range(properties.get("range"))
            return plain({"type": "scalar", "properties": dict(properties)}, "quantization")
    types = ", ".join(_CODES)
    raise ValidationError(
        f'`quantization` is {{"type": "auto"}} or {{"type": "scalar", "properties": {{"data_type", "range"}}}} with a'
        f" data type of {types}; got {short(given)}"
    )


def _check_range(given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping) or any(finite(given.get(end)) is None for end in ("min", "max")):
        raise ValidationError(f'`range` is {{"min": number, "max": number}}, got {short(given)}')


def _integer(given: Mapping[str, Any], name: str, default: int, most: int = _MOST) -> int:
    value = default if given.get(name) is None else given[name]
    if type(value) is not int or not 0 <= value <= most:
        raise ValidationError(f"`{name}` is an integer from 0 to {most}, got {short(value)}")
    return value


def _number(given: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = finite(default if given.get(name) is None else given[name])
    if value is None or not 0 <= value <= most:
        raise ValidationError(f"`{name}` is a number from 0 to {most:g}, got {short(given[name])}")
    return value


# What there is


def _list(_: Context, state: State, __: Arguments) -> dict[str, Any]:
    found: list[tuple[Callable[[Any], dict[str, Any]], Any]] = [
        (_shown_dense, state.settings.dense),
        (_shown_sparse, state.settings.sparse),
        (_shown_text, state.settings.text),
    ]
    indexes = [{**show(index), "name": state.name} for show, index in found if index is not None]
    return {"collection_name": state.name, "indexes": indexes}


def _shown_dense(index: DenseIndex) -> dict[str, Any]:
    return {
        "type": "dense",
        "algorithm": "HNSW",
        "distance_metric": _METRICS[index.metric][1],
        "quantization": index.quantization,
        "params": {name: getattr(index, name) for name in _GRAPH},
    }


def _shown_sparse(index: SparseIndex) -> dict[str, Any]:
    return {
        "type": "sparse",
        "algorithm": "InvertedIndex",
        "quantization": index.quantization,
        "quantization_bits": index.quantization.bit_length() - 1,
        "sample_threshold": index.sample_threshold,
        "values_upper_bound": 1.0,
    }


def _shown_text(index: TextIndex) -> dict[str, Any]:
    return {
        "type": "tf_idf",
        "algorithm": "BM25",
        "sample_threshold": index.sample_threshold,
        "k1": index.k1,
        "b": index.b,
    }


INDEXES = {
    "create_dense_index": _create_dense,
    "create_sparse_index": _create_sparse,
    "create_tf_idf_index": _create_text,
    "list_indexes": _list,
    "delete_index": _delete,
}
