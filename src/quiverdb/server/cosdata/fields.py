"""The fields of requests: which ones an operation cannot do without, and what each holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["REQUIRED", "Schema", "schema_of"]

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "create_session": ("username", "password"),
    "create_collection": ("name", "dense_vector", "sparse_vector", "tf_idf_options", "config"),
    "create_dense_index": ("name", "distance_metric_type", "quantization", "index"),
    "create_sparse_index": ("name", "quantization", "sample_threshold"),
    "create_tf_idf_index": ("name", "sample_threshold", "k1", "b"),
    "upsert_in_transaction": ("vectors",),
    "stream_upsert": ("vectors",),
    "commit_together": ("transactions",),
    "find_vectors": ("document_id",),
    "set_current_version": ("version",),
    "search_dense": ("query_vector",),
    "batch_search_dense": ("queries",),
    "search_sparse": ("query_terms",),
    "batch_search_sparse": ("query_terms_list",),
    "search_text": ("query",),
    "batch_search_text": ("queries",),
    "batch_search_hybrid": ("queries",),
})  # fmt: skip
"""What each operation cannot do without, as at Cosdata's own server."""

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_FLAG: Schema = {"type": "boolean"}
_ID: Schema = {"type": ["string", "integer"]}
_NUMBERS: Schema = {"type": "array", "items": _NUMBER}
_OBJECT: Schema = {"type": "object"}


def _objects(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _object(required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(required)}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_PREDICATE = _object(
    ("field_name", "field_value", "operator"),
    field_name=_TEXT,
    field_value={"type": ["string", "integer"]},
    operator={"enum": ["Equal", "NotEqual"]},
)
_FILTER: Schema = {
    "oneOf": [
        _object(("Is",), Is=_PREDICATE),
        _object(("And",), And=_objects(_PREDICATE)),
        _object(("Or",), Or=_objects(_PREDICATE)),
    ]
}
_TERMS: Schema = {
    "anyOf": [
        _objects({"type": "array", "prefixItems": [_COUNT, _NUMBER], "minItems": 2, "maxItems": 2}),
        _objects(_object(("index", "value"), index=_COUNT, value=_NUMBER)),
        {"type": "object", "additionalProperties": _NUMBER},
    ]
}
_VERSION: Schema = {"type": ["string", "integer"]}
_VECTOR: Schema = {
    **_object(
        ("id",),
        id=_ID,
        document_id=_or_null(_TEXT),
        dense_values=_or_null(_NUMBERS),
        values=_or_null(_NUMBERS),
        metadata=_or_null({"type": "object", "additionalProperties": {"type": ["string", "integer"]}}),
        sparse_indices=_or_null(_objects(_COUNT)),
        sparse_values=_or_null(_NUMBERS),
        text=_or_null(_TEXT),
    ),
    "additionalProperties": False,
}
_QUANTIZATION = _object(("type",), type={"enum": ["auto", "scalar"]}, properties=_OBJECT)
_HYBRID = _object(query_vector=_NUMBERS, query_terms=_TERMS, query_text=_TEXT)
_SCHEMA = _object(("fields",), fields=_objects(_OBJECT), supported_conditions=_objects(_OBJECT))

_SHARED: Mapping[str, Schema] = MappingProxyType({
    "username": _TEXT,
    "password": _TEXT,
    "name": _TEXT,
    "description": _or_null(_TEXT),
    "dense_vector": _object(("enabled", "dimension"), enabled=_FLAG, dimension=_COUNT),
    "sparse_vector": _object(("enabled",), enabled=_FLAG),
    "tf_idf_options": _object(("enabled",), enabled=_FLAG),
    "config": _object(max_vectors=_or_null(_COUNT), replication_factor=_or_null(_COUNT)),
    "metadata_schema": _or_null(_SCHEMA),
    "store_raw_text": _FLAG,
    "distance_metric_type": {"enum": ["cosine", "euclidean", "hamming", "dot_product"]},
    "quantization": _QUANTIZATION,
    "index": _object(("type",), type={"const": "hnsw"}, properties=_OBJECT),
    "sample_threshold": _COUNT,
    "k1": _NUMBER,
    "b": _NUMBER,
    "vectors": _objects(_VECTOR),
    "vector": _VECTOR,
    "transactions": _objects(_object(("collection", "transaction_id"), collection=_TEXT, transaction_id=_TEXT)),
    "version": _VERSION,
    "query_vector": _NUMBERS,
    "query_terms": _TERMS,
    "query_terms_list": _objects(_TERMS),
    "query_text": _TEXT,
    "query": _TEXT,
    "filter": _or_null(_FILTER),
    "top_k": _or_null(_COUNT),
    "return_raw_text": _FLAG,
    "early_terminate_threshold": _or_null(_NUMBER),
    "sparse_early_terminate_threshold": _or_null(_NUMBER),
    "fusion_constant_k": _or_null(_NUMBER),
})  # fmt: skip

_OWN: Mapping[str, Mapping[str, Schema]] = MappingProxyType({
    "create_sparse_index": {"quantization": {"enum": [16, 32, 64, 128, 256]}},
    "batch_search_dense": {"queries": _objects(_object(("vector",), vector=_NUMBERS, filter=_or_null(_FILTER)))},
    "batch_search_text": {"queries": _objects(_TEXT)},
    "batch_search_hybrid": {"queries": _objects(_HYBRID)},
})  # fmt: skip
"""Fields that hold something else in some operations."""


def schema_of(operation: str, field: str) -> Schema:
    """Return what a field of an operation holds, as JSON Schema.

    >>> schema_of("search_text", "query")
    {'type': 'string'}
    """
    return _OWN.get(operation, {}).get(field) or _SHARED[field]
