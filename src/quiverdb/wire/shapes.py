"""Which gRPC messages look other than their JSON in the REST API, and how.

A message that is not in ``SHAPES`` looks like its JSON: an object with fields of the same names. ``convert`` reads the
tables, in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = ["ENUMS", "NAMES", "REPLIES", "SHAPES", "Case", "Either", "Fields", "Kind", "Only", "Shape"]

Kind: TypeAlias = Literal[
    "bool", "int", "float", "str", "time", "numbers", "texts", "rows", "objects", "empty", "object"
]
"""What a plain value is: a scalar, a moment, a list by its first item, or something with fields."""

_NONE: Mapping[str, Any] = MappingProxyType({})


class Only(msgspec.Struct, frozen=True):
    """Say that JSON has the value of one field in place of the message."""

    field: str
    inside: Shape | None = None
    """How the field looks, if other than elsewhere."""


class Case(msgspec.Struct, frozen=True):
    """Say what an alternative of a union looks like. The first case of a field is how the field is written as JSON."""

    field: str
    kinds: tuple[Kind, ...] = ()
    """Values of these kinds; with ``keys``, what the value below a key must be."""
    keys: tuple[str, ...] = ()
    """An object that has one of these fields."""
    inner: bool = False
    """The message stands below the key, rather than for the whole object."""
    type: str | None = None
    """An object whose field ``type`` says this."""
    word: str | None = None
    """This string, for a message without fields."""
    beside: Mapping[str, str] = _NONE
    """Fields of the message that repeat fields of the object."""


class Either(msgspec.Struct, frozen=True):
    """Say by which looks the alternatives of a union are told apart, the first that fits wins."""

    cases: tuple[Case, ...]


class Fields(msgspec.Struct, frozen=True):
    """Say how the fields of a message differ from those of its JSON."""

    names: Mapping[str, str] = _NONE
    """What fields are called in JSON."""
    spared: tuple[str, ...] = ()
    """Lists and maps that JSON leaves out when they are empty."""
    spread: Mapping[str, tuple[str, ...]] = _NONE
    """Fields that JSON has no object for: what the object would hold stands beside the other fields."""
    unions: Mapping[str, Either] = _NONE
    """Fields of JSON that stand for one of several fields of the message."""
    inside: Mapping[str, Shape] = _NONE
    """Messages that look other in this place than elsewhere."""
    also: Mapping[str, str] = _NONE
    """Other names of fields of JSON that are understood."""
    old: tuple[str, ...] = ()
    """Fields that are read but not written."""
    ignored: tuple[str, ...] = ()
    """What JSON may have and messages have no field for."""
    unread: tuple[str, ...] = ()
    """Fields that are written but not read."""
    view: Literal["named_vector", "examples"] | None = None
    """How ``custom`` joins some fields of the message for JSON."""
    short: str | None = None
    """The field that a value stands for that is no object."""
    shortened: bool = False
    """Whether JSON has the short form where it says as much."""
    under: str | None = None
    """The key of JSON that all fields stand below."""
    type: str | None = None
    """What the field ``type`` of JSON says, for which messages have no field."""
    switch: bool = False
    """Whether ``true`` stands for the message with nothing set, and ``false`` for none."""


Shape: TypeAlias = Only | Either | Fields | str
"""How a message looks; a string names a converter in ``convert`` that is written by hand."""


def _bare(field: str, *kinds: Kind) -> Case:
    return Case(field, kinds)


def _whole(field: str, *keys: str, kinds: tuple[Kind, ...] = ()) -> Case:
    return Case(field, kinds, keys)


def _under(field: str, key: str | None = None, *kinds: Kind) -> Case:
    return Case(field, kinds, (key or field,), inner=True)


def _rest(field: str) -> Case:
    """Any object that no other case wants."""
    return Case(field, ("object",))


def _wholes(*fields: str) -> tuple[Case, ...]:
    return tuple(_whole(field, field) for field in fields)


def _unders(*fields: str) -> tuple[Case, ...]:
    return tuple(_under(field) for field in fields)


def _batch(field: str, shape: Fields) -> Fields:
    """Return the shape of several requests; what they have in common stands beside them."""
    common = ("collection_name", "read_consistency", "timeout")
    return Fields(names={field: "searches"}, inside={field: msgspec.structs.replace(shape, unread=common)})


NAMES: Mapping[str, str] = MappingProxyType({
    "read_consistency": "consistency",
    "shard_key_selector": "shard_key",
    "with_vectors": "with_vector",
})  # fmt: skip
"""What fields of any message are called in JSON, unless its shape says otherwise."""

_VECTOR = {"vectors": "vector"}
_SEARCH = Fields(spared=("prefetch",))
_OLD_SEARCH = Fields(view="named_vector")
_OLD_RECOMMEND = Fields(view="examples")
_OLD_DISCOVER = Fields(spared=("context",))
_STORED = Fields(names=_VECTOR, spared=("payload",))
_CHOICE = ("points", "filter")
_CHANGE = Fields(spread={"points_selector": _CHOICE})
_CHOSEN = Fields(spread={"points": _CHOICE})
_TO_STORE = Fields(also={"batch": "points"})
_VECTORS_OF_CHOSEN = Fields(names=_VECTOR, spread={"points_selector": _CHOICE})
_CONFIG = {"vectors_config": "vectors", "sparse_vectors_config": "sparse_vectors"}
_DENSE: tuple[Kind, ...] = ("numbers", "empty")

_SPARSE = _whole("sparse", "indices")
_INFERENCE = (_whole("document", "text"), _whole("image", "image"), _whole("object", "object"))
_VECTOR_CASES = (_bare("dense", *_DENSE), _bare("multi_dense", "rows"), _SPARSE)
_QUANTIZATION = (*_unders("scalar", "product", "binary"), _under("turboquant", "turbo"))
_INDEXES = ("keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid")
_NUMBER_OF_THREADS = Either((_bare("value", "int"),))
_THREADS = Fields(
    names={"deprecated_max_optimization_threads": "max_optimization_threads"},
    old=("deprecated_max_optimization_threads",),
)

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        # values
        "Value": "value",
        "Struct": "struct",
        "ListValue": "values",
        "google.protobuf.Timestamp": "timestamp",
        "GroupId": "group_id",
        "PointId": Either((_bare("num", "int"), _bare("uuid", "str"))),
        "ShardKey": Either((_bare("number", "int"), _bare("keyword", "str"))),
        "ShardKeySelector": "shard_keys",
        "OrderValue": Either((_bare("int", "int"), _bare("float", "float"))),
        "FacetValue": Either(
            (_bare("string_value", "str"), _bare("integer_value", "int"), _bare("bool_value", "bool"))
        ),
        "ReadConsistency": Either((_bare("factor", "int"), _bare("type", "str"))),
        "WriteOrdering": Only("type"),
        # vectors
        "DenseVector": "dense",
        "MultiDenseVector": "multi_dense",
        "SparseIndices": Only("data"),
        "Vector": Either((*_VECTOR_CASES, *_INFERENCE)),
        "VectorOutput": Either(_VECTOR_CASES),
        "NamedVectors": Only("vectors"),
        "NamedVectorsOutput": Only("vectors"),
        "Vectors": Either(
            (_bare("vector", *_DENSE, "rows"), _whole("vector", "model", kinds=("str",)), _rest("vectors"))
        ),
        "VectorsOutput": Either((_bare("vector", *_DENSE, "rows"), _rest("vectors"))),
        "VectorInput": Either((_bare("id", "int", "str"), *_VECTOR_CASES, *_INFERENCE)),
        "Document": Fields(spared=("options",)),
        "Image": Fields(spared=("options",)),
        "InferenceObject": Fields(spared=("options",)),
        # points
        "PointStruct": Fields(names=_VECTOR),
        "PointVectors": Fields(names=_VECTOR),
        "ScoredPoint": _STORED,
        "BatchResult": Fields(names={"result": "points"}),
        "RetrievedPoint": Fields(names=_VECTOR),
        "UpsertPoints": _TO_STORE,
        "DeletePoints": _CHOSEN,
        "ClearPayloadPoints": _CHOSEN,
        "SetPayloadPoints": _CHANGE,
        "DeletePayloadPoints": _CHANGE,
        "DeletePointVectors": _VECTORS_OF_CHOSEN,
        "PointsIdsList": Only("ids"),
        "PointsSelector": Either(
            (*_unders("points", "filter"), _bare("points", "numbers", "texts", "empty"), _rest("filter"))
        ),
        "PointsUpdateOperation": Either(
            (
                *_unders("upsert", "set_payload", "overwrite_payload", "delete_payload", "clear_payload"),
                *_unders("update_vectors", "delete_vectors"),
                _under("delete_points", "delete"),
                _under("delete_deprecated", "delete"),
                _under("clear_payload_deprecated", "clear_payload"),
            )
        ),
        "PointsUpdateOperation.PointStructList": _TO_STORE,
        "PointsUpdateOperation.SetPayload": _CHANGE,
        "PointsUpdateOperation.OverwritePayload": _CHANGE,
        "PointsUpdateOperation.DeletePayload": _CHANGE,
        "PointsUpdateOperation.ClearPayload": _CHOSEN,
        "PointsUpdateOperation.DeletePoints": _CHOSEN,
        "PointsUpdateOperation.DeleteVectors": _VECTORS_OF_CHOSEN,
        "VectorsSelector": Only("names"),
        "PayloadIncludeSelector": Only("fields"),
        "PayloadExcludeSelector": Only("fields"),
        "WithPayloadSelector": Either(
            (_bare("enable", "bool"), _bare("include", "texts", "empty"), *_unders("include", "exclude"))
        ),
        "WithVectorsSelector": Either((_bare("enable", "bool"), _bare("include", "texts", "empty"))),
        "WithLookup": Fields(names={"with_vectors": "with_vectors"}, short="collection"),
        "LookupLocation": Fields(names={"collection_name": "collection", "vector_name": "vector"}),
        # filters
        "Filter": Fields(spared=("should", "must", "must_not")),
        "Condition": Either(
            (
                _whole("field", "key"),
                *_wholes("is_empty", "is_null", "has_id", "has_vector", "nested", "slice"),
                _rest("filter"),
            )
        ),
        "IsEmptyCondition": Fields(under="is_empty"),
        "IsNullCondition": Fields(under="is_null"),
        "NestedCondition": Fields(under="nested"),
        "SliceCondition": Fields(under="slice"),
        "FieldCondition": Fields(
            unions={
                "range": Either(
                    (_whole("datetime_range", "lt", "gt", "gte", "lte", kinds=("str", "time")), _rest("range"))
                )
            }
        ),
        "Match": Either(
            (
                _under("keyword", "value", "str"),
                _under("integer", "value", "int"),
                _under("boolean", "value", "bool"),
                *_unders("text", "text_any", "phrase", "prefix", "substring"),
                _under("keywords", "any", "texts", "empty"),
                _under("integers", "any", "numbers"),
                _under("except_keywords", "except", "texts", "empty"),
                _under("except_integers", "except", "numbers"),
            )
        ),
        "RepeatedStrings": Only("strings"),
        "RepeatedIntegers": Only("integers"),
        "GeoPolygon": Fields(spared=("interiors",)),
        # queries
        "QueryPoints": _SEARCH,
        "QueryPointGroups": _SEARCH,
        "QueryBatchPoints": _batch("query_points", _SEARCH),
        "PrefetchQuery": Fields(spared=("prefetch",)),
        "Query": Either(
            (
                _whole("nearest_with_mmr", "mmr"),
                _under("nearest"),
                _whole("nearest", "model", "indices"),
                *_unders("recommend", "discover", "context", "order_by", "fusion", "sample", "rrf"),
                _under("relevance_feedback"),
                *_wholes("formula", "text"),
                _bare("nearest", "int", "str", "numbers", "empty", "rows"),
            )
        ),
        "RecommendInput": Fields(spared=("positive", "negative")),
        "ContextInput": Only("pairs"),
        "Rrf": Fields(spared=("weights",)),
        "OrderBy": Fields(short="key"),
        "StartFrom": Either(
            (_bare("integer", "int"), _bare("float", "float"), _bare("timestamp", "time", "str"), _bare("datetime"))
        ),
        "TextQuery": Fields(unions={"scoring": Either((_under("bm25"),))}, short="query", shortened=True, under="text"),
        "FeedbackStrategy": Either((_under("naive"),)),
        "Formula": Fields(names={"expression": "formula"}, spared=("defaults",)),
        "Expression": Either(
            (
                _bare("constant", "int", "float"),
                _bare("variable", "str"),
                *_wholes("mult", "sum", "max", "min", "div", "pow", "geo_distance"),
                *_unders("datetime", "datetime_key", "neg", "abs", "sqrt", "exp", "log10", "ln", "acosh"),
                *_unders("exp_decay", "gauss_decay", "lin_decay"),
                _rest("condition"),
            )
        ),
        "DivExpression": Fields(under="div"),
        "PowExpression": Fields(under="pow"),
        "GeoDistance": Fields(under="geo_distance"),
        "IdfParams": "idf",
        # requests of former years
        "SearchPoints": _OLD_SEARCH,
        "SearchPointGroups": _OLD_SEARCH,
        "SearchBatchPoints": _batch("search_points", _OLD_SEARCH),
        "RecommendPoints": _OLD_RECOMMEND,
        "RecommendPointGroups": _OLD_RECOMMEND,
        "RecommendBatchPoints": _batch("recommend_points", _OLD_RECOMMEND),
        "DiscoverPoints": _OLD_DISCOVER,
        "DiscoverBatchPoints": _batch("discover_points", _OLD_DISCOVER),
        "TargetVector": Only("single"),
        "VectorExample": Either((_bare("id", "int", "str"), _bare("vector", "numbers", "empty", "rows", "object"))),
        # collections
        "VectorsConfig": Either((_whole("params", "size", kinds=("int",)), _rest("params_map"))),
        "VectorParamsMap": Only("map"),
        "VectorsConfigDiff": "vectors_diff",
        "VectorParamsDiffMap": Only("map"),
        "SparseVectorConfig": Only("map"),
        "QuantizationConfig": Either(_QUANTIZATION),
        "QuantizationConfigDiff": Either((*_QUANTIZATION, Case("disabled", word="Disabled"))),
        "BinaryQuantizationQueryEncoding": Either((_bare("setting", "str"),)),
        "MaxOptimizationThreads": Either((_bare("value", "int"), _bare("setting", "str"))),
        "OptimizersConfigDiff": _THREADS,
        "StrictModeMultivectorConfig": Only("multivector_config"),
        "StrictModeSparseConfig": Only("sparse_config"),
        "CreateCollection": Fields(names=_CONFIG, spared=("metadata",)),
        "UpdateCollection": Fields(names=_CONFIG, spared=("metadata",)),
        "CollectionParams": Fields(names=_CONFIG),
        "CollectionConfig": Fields(
            spared=("metadata",),
            inside={
                "optimizer_config": Fields(
                    names=_THREADS.names,
                    old=_THREADS.old,
                    inside={"max_optimization_threads": _NUMBER_OF_THREADS},
                )
            },
        ),
        "CollectionInfo": Fields(spared=("warnings",)),
        "OptimizerStatus": "optimizer_status",
        "AliasOperations": Either(_unders("create_alias", "rename_alias", "delete_alias")),
        "SnapshotDescription": Fields(inside={"creation_time": "local_time"}),
        "CreateVectorNameRequest": Fields(names={"dense_config": "dense", "sparse_config": "sparse"}),
        # payload indexes
        **{f"{name.title()}IndexParams": Fields(type=name) for name in _INDEXES},
        "PayloadIndexParams": Either(tuple(Case(f"{name}_index_params", type=name) for name in _INDEXES)),
        "CreateFieldIndexCollection": Fields(
            unions={
                "field_schema": Either(
                    (_bare("field_type", "str"), Case("field_index_params", ("object",), beside={"field_type": "type"}))
                )
            }
        ),
        "KeywordPrefixParams": Fields(switch=True),
        "TextScoringParams": Fields(switch=True),
        "StopwordsSet": Fields(spared=("languages", "custom"), short="languages", shortened=True),
        "SnowballParams": Fields(type="snowball"),
        "DisabledStemmer": Fields(type="none"),
        "StemmingAlgorithm": Either((Case("snowball", type="snowball"), Case("disabled", type="none"))),
        # shards
        "CreateShardKey": Fields(spared=("placement",)),
        "CreateShardKeyRequest": Fields(
            spread={"request": ("shard_key", "shards_number", "replication_factor", "placement", "initial_state")}
        ),
        "DeleteShardKeyRequest": Fields(spread={"request": ("shard_key",)}),
        "ShardTransferInfo": Fields(ignored=("method", "comment")),
        "UpdateCollectionClusterSetupRequest": Fields(
            names={"create_shard_key": "create_sharding_key", "delete_shard_key": "drop_sharding_key"}
        ),
    }
)
"""How messages look that do not look like their JSON, by their names."""

_ASIDE = ("time", "usage")
_WHOLE = Fields(unread=_ASIDE)
_POINTS = Fields(names={"result": "points"}, unread=_ASIDE)
_LISTS_OF_POINTS = Only("result", Only("result"))

REPLIES: Mapping[str, Shape] = MappingProxyType(
    {
        "QueryResponse": _POINTS,
        "ScrollResponse": _POINTS,
        "FacetResponse": _WHOLE,
        "SearchBatchResponse": _LISTS_OF_POINTS,
        "RecommendBatchResponse": _LISTS_OF_POINTS,
        "DiscoverBatchResponse": _LISTS_OF_POINTS,
        "ListCollectionsResponse": _WHOLE,
        "ListAliasesResponse": _WHOLE,
        "ListShardKeysResponse": _WHOLE,
        "CollectionClusterInfoResponse": Fields(unread=_ASIDE),
        "CreateSnapshotResponse": Only("snapshot_description"),
        "ListSnapshotsResponse": Only("snapshot_descriptions"),
        "DeleteSnapshotResponse": "done",
        "HealthCheckReply": _WHOLE,
    }
)
"""How replies look as results; those that are not here have the result in their field of this name."""

_REPLICA_STATES = (
    "Active", "Dead", "Partial", "Initializing", "Listener", "PartialSnapshot", "Recovery", "Resharding",
    "ReshardingScaleDown", "ActiveRead", "ManualRecovery",
)  # fmt: skip

ENUMS: Mapping[str, Mapping[str, str | None]] = MappingProxyType(
    {
        "BinaryQuantizationQueryEncoding.Setting": {"Scalar4Bits": "scalar4bits", "Scalar8Bits": "scalar8bits"},
        "CollectionStatus": {"UnknownCollectionStatus": None},
        "Datatype": {"Default": None},
        "Distance": {"UnknownDistance": None, **{name: name for name in ("Cosine", "Euclid", "Dot", "Manhattan")}},
        "Memory": {"MemoryUnknown": None},
        "PayloadSchemaType": {"UnknownType": None},
        "QuantizationType": {"UnknownQuantization": None},
        "ReplicaState": {name: name for name in _REPLICA_STATES},
        "TokenizerType": {"Unknown": None},
        "UpdateStatus": {"UnknownUpdateStatus": None},
    }
)
"""How members of enums are spelled in JSON: ``MaxSim`` as ``max_sim``, except for these; ``None`` is not spelled."""
