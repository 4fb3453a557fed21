"""Conversions between models and gRPC messages, by the names that the official package gives them.

All of them come down to ``quiverdb.wire.convert``; what a conversion takes and returns is in its name, or in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message
from pydantic import TypeAdapter

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import models
from quiverdb.wire.codecs import spellings
from quiverdb.wire.convert import to_message, to_plain
from quiverdb.wire.messages import descriptor, enum, message
from quiverdb.wire.values import members

__all__ = [
    "GrpcToRest",
    "RestToGrpc",
    "grpc_field_type_to_payload_schema",
    "grpc_payload_schema_to_field_type",
    "grpc_to_payload",
    "json_to_value",
    "payload_to_grpc",
    "value_to_json",
]


def json_to_value(payload: Any) -> Message:
    """Return any JSON value as a message; raises ``InvalidInputError``, a ``ValueError``, for what is none.

    >>> value_to_json(json_to_value({"a": [1, 2.0, None]}))
    {'a': [1, 2.0, None]}
    """
    return to_message("Value", payload)


def value_to_json(value: Message) -> Any:
    """Return the JSON value that a message holds."""
    return to_plain(value)


def payload_to_grpc(payload: Mapping[str, Any]) -> dict[str, Message]:
    """Return an object as what messages take for a payload."""
    return {key: json_to_value(value) for key, value in payload.items()}


def grpc_to_payload(grpc_: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that a message has as its payload."""
    return {key: to_plain(grpc_[key]) for key in grpc_}


def grpc_payload_schema_to_field_type(model: int) -> int:
    """Return the field type for a type of payload index; both are numbers of enums."""
    return int(enum("FieldType").Value(f"FieldType{enum('PayloadSchemaType').Name(model)}"))


def grpc_field_type_to_payload_schema(model: int) -> int:
    """Return the type of payload index for a field type; both are numbers of enums."""
    return int(enum("PayloadSchemaType").Value(enum("FieldType").Name(model).removeprefix("FieldType")))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _known(find: Callable[[str], Any], name: str) -> bool:
    try:
        find(name)
    except InvalidInputError:
        return False
    return True


@cache
def _numbers(kind: str) -> Mapping[Any, int]:
    table = spellings(enum(kind).DESCRIPTOR)
    return {spelling: number for number, spelling in table.items() if spelling is not None}


def _number(kind: str, model: Any) -> int:
    """Return the number of an enum's member."""
    try:
        return _numbers(kind)[getattr(model, "value", model)]
    except KeyError:
        raise InvalidInputError(f"{kind} has no member {model!r}") from None


def _model(kind: Any, plain: Any) -> Any:
    """Return plain data as a model, and as it is for what is none."""
    return _adapter(kind).validate_python(plain) if isinstance(kind, str) else plain


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(models, kind))


def _enum_model(kind: str, number: int) -> Any:
    spelling = spellings(enum(kind).DESCRIPTOR).get(number)
    if spelling is None:
        raise InvalidInputError(f"the API has no word for the member {number} of {kind}")
    return _model(kind, spelling)


# --- models to messages

_MESSAGES: Mapping[str, str] = MappingProxyType({
    "binary_quantization_config": "BinaryQuantization",
    "collection_cluster_info": "CollectionClusterInfoResponse",
    "datetime": "google.protobuf.Timestamp",
    "extended_point_id": "PointId",
    "facet_value_hit": "FacetHit",
    "formula_query": "Formula",
    "hnsw_config": "HnswConfigDiff",
    "multivector_comparator": "MultiVectorComparator",
    "multivector_config": "MultiVectorConfig",
    "naive_feedback_strategy_params": "NaiveFeedbackStrategy",
    "optimizers_config": "OptimizersConfigDiff",
    "order_by_interface": "OrderBy",
    "payload_index_info": "PayloadSchemaInfo",
    "payload_schema_params": "PayloadIndexParams",
    "payload_selector": "WithPayloadSelector",
    "product_quantization_config": "ProductQuantization",
    "query_interface": "Query",
    "record": "RetrievedPoint",
    "scalar_quantization_config": "ScalarQuantization",
    "sparse_index_params": "SparseIndexConfig",
    "sparse_vector_to_vector": "Vector",
    "sparse_vector_to_vector_output": "VectorOutput",
    "stemmer": "StemmingAlgorithm",
    "stopwords": "StopwordsSet",
    "strict_mode_config_output": "StrictModeConfig",
    "strict_mode_multivector_config_output": "StrictModeMultivectorConfig",
    "strict_mode_multivector_output": "StrictModeMultivector",
    "strict_mode_sparse_config_output": "StrictModeSparseConfig",
    "strict_mode_sparse_output": "StrictModeSparse",
    "turbo_quantization_config": "TurboQuantization",
    "update_operation": "PointsUpdateOperation",
    "update_stats": "UpdateStatus",
    "vector_struct": "Vectors",
    "vector_struct_output": "VectorsOutput",
    "wal_config": "WalConfigDiff",
    "with_payload_interface": "WithPayloadSelector",
    "with_vectors": "WithVectorsSelector",
})  # fmt: skip
"""What conversions return that are not called like it."""


def _named_request(kind: str) -> Callable[[Any, str], Message]:
    return lambda model, collection_name: to_message(kind, {**members(model), "collection_name": collection_name})


def _vectors_of_batch(model: Any, num_records: int) -> list[Message]:
    points = {"ids": list(range(num_records)), "vectors": model}
    return [point.vectors for point in to_message("UpsertPoints", {"points": points}).points]  # type: ignore[attr-defined]


def _cluster_operation(model: Any) -> Any:
    request = to_message("UpdateCollectionClusterSetupRequest", model)
    return getattr(request, request.WhichOneof("operation"))


def _points(model: Any) -> list[Message]:
    return list(to_message("PointsUpdateOperation.PointStructList", model).points)  # type: ignore[attr-defined]


def _scoring(model: Any) -> Message | None:
    return None if model is False else to_message("TextScoringParams", model)


_TO_MESSAGES: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "batch_vector_struct": _vectors_of_batch,
    "cluster_operations": _cluster_operation,
    "payload": payload_to_grpc,
    "payload_schema": lambda model: {key: to_message("PayloadSchemaInfo", item) for key, item in model.items()},
    "point_insert_operation": _points,
    "query_points": _named_request("QueryPoints"),
    "query_request": _named_request("QueryPoints"),
    "text_scoring_interface": _scoring,
    "update_collection": _named_request("UpdateCollection"),
})  # fmt: skip
"""Conversions that take or return more than one thing."""


@cache
def _to_message(name: str) -> Callable[..., Any] | None:
    if name in _TO_MESSAGES:
        return _TO_MESSAGES[name]
    kind = _MESSAGES.get(name, _camel(name))
    if _known(descriptor, kind):
        return partial(to_message, kind)
    return partial(_number, kind) if _known(enum, kind) else None


# --- messages to models

_MODELS: Mapping[str, str | None] = MappingProxyType({
    "context_input_pair": "ContextPair",
    "create_shard_key": "CreateShardingKey",
    "delete_shard_key": "DropShardingKey",
    "dense_vector": None,
    "disabled_stemmer": "DisabledStemmerParams",
    "feedback_strategy": "NaiveFeedbackStrategy",
    "health_check_reply": "VersionInfo",
    "multi_dense_vector": None,
    "multivector_comparator": "MultiVectorComparator",
    "multivector_config": "MultiVectorConfig",
    "named_vectors": None,
    "named_vectors_output": None,
    "optimizer_config": "OptimizersConfig",
    "optimizer_status": "OptimizersStatus",
    "payload_schema_info": "PayloadIndexInfo",
    "point_id": None,
    "points_update_operation": "UpdateOperation",
    "prefetch_query": "Prefetch",
    "query_points": "QueryRequest",
    "retrieved_point": "Record",
    "search_matrix_offsets": "SearchMatrixOffsetsResponse",
    "search_matrix_pairs": "SearchMatrixPairsResponse",
    "snowball_parameters": "SnowballParams",
    "sparse_index_config": "SparseIndexParams",
    "sparse_vector_config": "SparseVectorsConfig",
    "stemmer": "StemmingAlgorithm",
    "stopwords": "StopwordsInterface",
    "turbo_quantization_config": "TurboQuantQuantizationConfig",
    "vector": "Vector",
    "vector_output": "VectorOutput",
    "vectors": "VectorStruct",
    "vectors_output": "VectorStructOutput",
    "vectors_selector": None,
    "with_payload_selector": "WithPayloadInterface",
    "with_vectors_selector": None,
})  # fmt: skip
"""The models that conversions return that are not called like it; ``None`` for plain data."""

_CLUSTER_OPERATIONS: Mapping[str, str] = MappingProxyType({
    "AbortShardTransfer": "abort_transfer",
    "CreateShardKey": "create_sharding_key",
    "DeleteShardKey": "drop_sharding_key",
    "MoveShard": "move_shard",
    "Replica": "drop_replica",
    "ReplicatePoints": "replicate_points",
    "ReplicateShard": "replicate_shard",
    "RestartTransfer": "restart_transfer",
})  # fmt: skip


def _cluster_model(model: Message) -> Any:
    return _model("ClusterOperations", {_CLUSTER_OPERATIONS[model.DESCRIPTOR.name]: to_plain(model)})


def _selector(model: Message, shard_key_selector: Message | None = None) -> Any:
    plain = to_plain(model)
    if shard_key_selector is not None:
        plain["shard_key"] = to_plain(shard_key_selector)
    return _model("PointsSelector", plain)


def _moment(model: Any) -> datetime:
    moment: datetime = model.ToDatetime(tzinfo=UTC)
    return moment


def _without_request(kind: str, model: Message) -> Any:
    """Return a request as what stands in its body over REST."""
    plain = to_plain(model)
    known = getattr(models, kind).model_fields
    return _model(kind, {name: value for name, value in plain.items() if name in known})


_TO_MODELS: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "cluster_operations": _cluster_model,
    "collection_cluster_info": partial(_without_request, "CollectionClusterInfo"),
    "payload": grpc_to_payload,
    "payload_schema": lambda model: {key: _model("PayloadIndexInfo", to_plain(model[key])) for key in model},
    "payload_schema_params": lambda model: _model("PayloadSchemaParams", to_plain(model)),
    "points_selector": _selector,
    "query_points": partial(_without_request, "QueryRequest"),
    "timestamp": _moment,
    "update_collection": partial(_without_request, "UpdateCollection"),
})  # fmt: skip
"""Conversions that do more than to convert."""


@cache
def _to_model(name: str) -> Callable[..., Any] | None:
    if name in _TO_MODELS:
        return _TO_MODELS[name]
    kind = _MODELS.get(name, _camel(name))
    if kind is not None and not hasattr(models, kind):
        return None
    if kind is not None and _known(enum, kind) and not _known(message, kind):
        return partial(_enum_model, kind)
    return lambda model: _model(kind, to_plain(model))


class _ByName(type):
    """Find conversions by their names."""

    _find: Callable[[str], Callable[..., Any] | None]

    def __getattr__(cls, name: str) -> Callable[..., Any]:
        found = cls._find(name.removeprefix("convert_")) if name.startswith("convert_") else None
        if found is None:
            raise AttributeError(f"{cls.__name__} has no conversion {name!r}")
        return found


class RestToGrpc(metaclass=_ByName):
    """Convert models to messages: ``convert_filter`` takes a filter and returns the message of it.

    >>> RestToGrpc.convert_filter(models.Filter(must=[models.HasIdCondition(has_id=[7])])).must[0].has_id.has_id[0].num
    7
    """

    _find = staticmethod(_to_message)


class GrpcToRest(metaclass=_ByName):
    """Convert messages to models: ``convert_filter`` takes the message of a filter and returns the filter.

    >>> GrpcToRest.convert_update_status(2)
    <UpdateStatus.COMPLETED: 'completed'>
    """

    _find = staticmethod(_to_model)
