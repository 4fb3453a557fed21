"""What the control plane is told and tells: bodies in CamelCase become schemas and indexes, and those are described.

Every function that reads raises ``MissingParameter`` or ``InvalidParameter`` and names the part that is wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from quiverdb.vikingdb.service.encoding import default_of
from quiverdb.vikingdb.service.layout import (
    DEFAULT_PROJECT,
    Field,
    FieldType,
    FullText,
    Index,
    Schema,
    VectorIndex,
    Vectorizer,
)
from quiverdb.vikingdb.service.reading import check_keys, integer, invalid, listing, mapping, missing, text
from quiverdb.vikingdb.service.rows import dense_size, field_of_type
from quiverdb.vikingdb.service.tokens import tokenizer_of
from quiverdb.vikingdb.service.values import read_value
from quiverdb.vikingdb.service.vectorize import dim_of, sparse

__all__ = [
    "SCALARS",
    "describe_index",
    "describe_schema",
    "project_of",
    "read_changes",
    "read_index",
    "read_new_fields",
    "read_scalar_index",
    "read_schema",
    "status_of_index",
]

SCALARS: frozenset[FieldType] = frozenset(
    {"int64", "float32", "string", "bool", "list<string>", "list<int64>", "date_time", "geo_point"}
)
"""The types of fields that an index may filter by."""

MOST_FIELDS = 200
MOST_FULL_TEXT = 2
MOST_EDGES = 10_000
DIMS = range(4, 4097, 4)
TENSOR_ROWS, TENSOR_SIZES = range(2, 65), range(4, 2049)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KEYS = ("int64", "string")
_ONCE: tuple[FieldType, ...] = ("vector", "sparse_vector", "tensor")
_SCHEMA_KEYS = {"ProjectName", "CollectionName", "Description", "Fields", "Vectorize", "FullText"}
_FIELD_KEYS = {"FieldName", "FieldType", "Dim", "NDim", "Shape", "IsPrimaryKey", "DefaultValue"}
_MEDIA: tuple[tuple[str, FieldType], ...] = (("text_field", "text"), ("image_field", "image"), ("video_field", "video"))
_T = TypeVar("_T", bound=msgspec.Struct)


def check_name(value: Any, name: str) -> str:
    """Return the name of a collection, an index or a field.

    >>> check_name("title_2", "FieldName")
    'title_2'
    """
    if value is None or value == "":
        raise missing(name)
    found = text(value, name)
    if not _NAME.fullmatch(found):
        raise invalid(f"{name} must begin with a letter and have up to 128 letters, digits and underscores")
    return found


def project_of(body: Mapping[str, Any]) -> str:
    """Return the project that a body names."""
    found = text(body.get("ProjectName") or DEFAULT_PROJECT, "ProjectName")
    if not _PROJECT.fullmatch(found):
        raise invalid("ProjectName must have up to 64 letters, digits, hyphens and underscores")
    return found


def read_schema(body: Mapping[str, Any], *, resource_id: str, now: float) -> Schema:
    """Return the schema of a collection that is to be created."""
    check_keys(body, _SCHEMA_KEYS, "the request")
    fields = _fields(body.get("Fields"))
    vectorize = mapping(_or(body.get("Vectorize"), {}), "Vectorize")
    check_keys(vectorize, {"Dense", "Sparse", "Tensor"}, "Vectorize")
    if vectorize.get("Tensor") is not None:
        raise invalid(
            "Vectorize.Tensor: no model that makes tensors is at hand; declare a field of type tensor instead"
        )
    dense = _dense(vectorize.get("Dense"), fields)
    return Schema(
        project_name=project_of(body),
        collection_name=check_name(body.get("CollectionName"), "CollectionName"),
        resource_id=resource_id,
        fields=fields,
        dense=dense,
        sparse=_sparse(vectorize.get("Sparse"), fields, dense),
        full_text=_full_text(body.get("FullText"), fields),
        description=_description(body),
        created_at=now,
        updated_at=now,
    )


def read_index(body: Mapping[str, Any], schema: Schema, *, now: float) -> Index:
    """Return an index that is to be created."""
    keys = {"IndexName", "Description", "VectorIndex", "ScalarIndex", "CpuQuota", "ShardPolicy", "ShardCount"}
    check_keys(body, keys | {"ProjectName", "CollectionName", "ResourceId"}, "the request")
    given = body.get("VectorIndex")
    if given is None and dense_size(schema) is not None:
        raise missing("VectorIndex")
    vector_index = _struct(VectorIndex, _or(given, {}), "VectorIndex")
    hybrid = vector_index.index_type == "hnsw_hybrid"
    if hybrid and schema.sparse is None and field_of_type(schema, "sparse_vector") is None:
        raise invalid("VectorIndex.IndexType hnsw_hybrid takes a collection with sparse vectors")
    _check_numbers(vector_index)
    quotas = {name: _quota(body, name) for name in ("CpuQuota", "ShardCount")}
    return Index(
        index_name=check_name(body.get("IndexName"), "IndexName"),
        vector_index=vector_index,
        scalar_index=read_scalar_index(body.get("ScalarIndex"), schema),
        description=_description(body),
        cpu_quota=quotas["CpuQuota"],
        shard_policy=_policy(body.get("ShardPolicy")),
        shard_count=quotas["ShardCount"],
        created_at=now,
        updated_at=now,
    )


def read_new_fields(given: Any, schema: Schema) -> tuple[Field, ...]:
    """Return the fields that an update adds; those that are there may be listed as they are."""
    if given is None:
        return ()
    known = {field.field_name: field for field in schema.fields}
    new = []
    for at, body in enumerate(listing(given, "Fields")):
        field = _field(body, f"Fields[{at}]")
        if field.field_name not in known:
            if field.field_type not in SCALARS or field.is_primary_key:
                raise invalid(f"Fields[{at}]: only scalar fields can be added, and no primary key")
            new.append(field)
        elif field != known[field.field_name]:
            raise invalid(f"Fields[{at}]: {field.field_name!r} is there, and fields cannot be changed")
    _check_together((*schema.fields, *new))
    return tuple(new)


def read_changes(body: Mapping[str, Any], schema: Schema | None = None) -> dict[str, Any]:
    """Return what an update changes of a collection, or of an index of the collection with this schema."""
    found: dict[str, Any] = {"description": _description(body)}
    if schema is not None:
        found |= {
            "scalar_index": read_scalar_index(body.get("ScalarIndex"), schema),
            "cpu_quota": _quota(body, "CpuQuota"),
            "shard_policy": _policy(body.get("ShardPolicy")),
            "shard_count": _quota(body, "ShardCount"),
        }
    return {name: value for name, value in found.items() if value is not None}


def read_scalar_index(given: Any, schema: Schema) -> tuple[str, ...] | None:
    """Return the fields that an index filters by: None, all of them."""
    if given is None:
        return None
    kinds = {field.field_name: field.field_type for field in schema.fields}
    names = [text(name, f"ScalarIndex[{at}]") for at, name in enumerate(listing(given, "ScalarIndex"))]
    for name in names:
        if name not in kinds:
            raise invalid(f"ScalarIndex: the collection has no field {name!r}")
        if kinds[name] not in SCALARS:
            raise invalid(f"ScalarIndex: {name!r} is a field of type {kinds[name]}, which cannot be filtered by")
    return tuple(dict.fromkeys(names))


def describe_schema(schema: Schema, rows: int) -> dict[str, Any]:
    """Return what is told of a collection with so many rows."""
    vectorize = {"Dense": schema.dense, "Sparse": schema.sparse, "Tensor": schema.tensor}
    return {
        "ProjectName": schema.project_name,
        "CollectionName": schema.collection_name,
        "ResourceId": schema.resource_id,
        "Description": schema.description or "",
        "Fields": [_told(field) for field in schema.fields],
        "Vectorize": {name: msgspec.to_builtins(part) for name, part in vectorize.items() if part is not None},
        "FullText": [{"Field": full.field, "Analyzer": dict(full.analyzer)} for full in schema.full_text],
        "CollectionStats": {"DataCount": rows},
        "IndexNames": list(schema.indexes),
        "IndexCount": len(schema.indexes),
        "CreateTime": _time(schema.created_at),
        "UpdateTime": _time(schema.updated_at),
    }


def status_of_index(index: Index) -> str:
    """Return the word for whether an index can be searched."""
    return "READY" if index.enabled else "DISABLED"


def describe_index(schema: Schema, index: Index) -> dict[str, Any]:
    """Return what is told of an index."""
    filtered = [field for field in schema.fields if field.field_type in SCALARS]
    if index.scalar_index is not None:
        filtered = [field for field in filtered if field.field_name in index.scalar_index]
    described: dict[str, Any] = {
        "ProjectName": schema.project_name,
        "CollectionName": schema.collection_name,
        "ResourceId": schema.resource_id,
        "IndexName": index.index_name,
        "Description": index.description or "",
        "ScalarIndex": [_told(field, "FieldName", "FieldType", "DefaultValue") for field in filtered],
        "Status": status_of_index(index),
        "CreateTime": _time(index.created_at),
        "UpdateTime": _time(index.updated_at),
    }
    if dense_size(schema) is not None:
        described["VectorIndex"] = _all_of(index.vector_index)
    given = {"CpuQuota": index.cpu_quota, "ShardPolicy": index.shard_policy, "ShardCount": index.shard_count}
    return described | {name: value for name, value in given.items() if value is not None}


def _fields(given: Any) -> tuple[Field, ...]:
    fields = tuple(_field(body, f"Fields[{at}]") for at, body in enumerate(listing(given, "Fields", least=1)))
    _check_together(fields)
    return fields


def _check_together(fields: Sequence[Field]) -> None:
    if len(fields) > MOST_FIELDS:
        raise invalid(f"a collection has at most {MOST_FIELDS} fields, got {len(fields)}")
    for name, count in Counter(field.field_name for field in fields).items():
        if count > 1:
            raise invalid(f"Fields: {name!r} is there more than once")
    if sum(field.is_primary_key for field in fields) > 1:
        raise invalid("Fields: a collection has at most one primary key")
    kinds = Counter(field.field_type for field in fields)
    for kind in _ONCE:
        if kinds[kind] > 1:
            raise invalid(f"Fields: a collection has at most one field of type {kind}")


def _field(given: Any, where: str) -> Field:
    body = {name: value for name, value in mapping(given, where).items() if value is not None}
    check_keys(body, _FIELD_KEYS, where)
    check_name(body.get("FieldName"), f"{where}.FieldName")
    default, dims = body.pop("DefaultValue", None), body.pop("NDim", 2)
    if not body.get("Dim"):  # some clients write 0 where there is none
        body.pop("Dim", None)
    field = _struct(Field, body, where)
    kind = field.field_type
    if field.is_primary_key and kind not in _KEYS:
        raise invalid(f"{where}: a primary key is an int64 or a string, not a {kind}")
    if kind == "vector" and field.dim is None:
        raise missing(f"{where}.Dim")
    if field.dim is not None and (kind != "vector" or field.dim not in DIMS):
        raise invalid(f"{where}.Dim: a vector has a multiple of 4 from 4 to 4096 components, other fields have none")
    if kind == "tensor":
        _check_shape(field, dims, where)
    elif field.shape is not None:
        raise invalid(f"{where}.Shape: only a tensor has one")
    if default is None:
        return field
    if kind not in SCALARS or field.is_primary_key:
        raise invalid(f"{where}.DefaultValue: only scalar fields have one, and no primary key")
    return msgspec.structs.replace(field, default_value=read_value(field, default, f"{where}.DefaultValue"))


def _check_shape(field: Field, dims: Any, where: str) -> None:
    shape = field.shape
    if dims != 2 or shape is None or len(shape) != 2 or shape[0] not in TENSOR_ROWS or shape[1] not in TENSOR_SIZES:
        raise invalid(f"{where}.Shape: a tensor has 2 to 64 rows of 4 to 2048 numbers, got {shape}")


def _dense(given: Any, fields: Sequence[Field]) -> Vectorizer | None:
    if given is None:
        return None
    if any(field.field_type == "vector" for field in fields):
        raise invalid("Vectorize.Dense and a field of type vector exclude each other")
    model = _vectorizer(given, fields, "Vectorize.Dense")
    if model.text_field is None:
        if model.image_field is None and model.video_field is None:
            raise missing("Vectorize.Dense.TextField")
        raise invalid("Vectorize.Dense: no model that looks at images is at hand; name a TextField")
    return msgspec.structs.replace(model, dim=dim_of(model))


def _sparse(given: Any, fields: Sequence[Field], dense: Vectorizer | None) -> Vectorizer | None:
    if given is None:
        return None
    if any(field.field_type == "sparse_vector" for field in fields):
        raise invalid("Vectorize.Sparse and a field of type sparse_vector exclude each other")
    model = _vectorizer(given, fields, "Vectorize.Sparse")
    if model.text_field is None:
        if dense is None:
            raise missing("Vectorize.Sparse.TextField")
        model = msgspec.structs.replace(model, text_field=dense.text_field)
    sparse(model, ["a"])  # a model that makes none is found out here
    return model


def _vectorizer(given: Any, fields: Sequence[Field], where: str) -> Vectorizer:
    model = _struct(Vectorizer, {name: value for name, value in mapping(given, where).items() if value != ""}, where)
    if not model.model_name:
        raise missing(f"{where}.ModelName")
    kinds = {field.field_name: field.field_type for field in fields}
    for attribute, kind in _MEDIA:
        name = getattr(model, attribute)
        if name is not None and kinds.get(name) != kind:
            raise invalid(f"{where}: {name!r} is not a field of type {kind}")
    return model


def _full_text(given: Any, fields: Sequence[Field]) -> tuple[FullText, ...]:
    texts = {field.field_name for field in fields if field.field_type == "text"}
    found: list[FullText] = []
    for at, body in enumerate(listing(_or(given, ()), "FullText", most=MOST_FULL_TEXT)):
        full = _struct(FullText, body, f"FullText[{at}]")
        if full.field not in texts or any(other.field == full.field for other in found):
            raise invalid(f"FullText[{at}]: {full.field!r} is not a field of type text of its own")
        check_keys(full.analyzer, {"Tokenizer"}, f"FullText[{at}].Analyzer")
        tokenizer_of(full)
        found.append(full)
    return tuple(found)


def _struct(kind: type[_T], given: Any, where: str) -> _T:
    """Return a part of a schema; unknown keys are typing errors more often than not."""
    body = {name: value for name, value in mapping(given, where).items() if value is not None}
    check_keys(body, {field.encode_name for field in msgspec.structs.fields(kind)}, where)
    for field in msgspec.structs.fields(kind):
        if field.required and field.encode_name not in body:
            raise missing(f"{where}.{field.encode_name}")
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise invalid(f"{where}: {error}") from None


def _told(field: Field, *names: str) -> dict[str, Any]:
    """Return what is told of a field: all of it, or what has these names."""
    default = None if field.is_primary_key else default_of(field)
    found = _all_of(msgspec.structs.replace(field, default_value=default))
    return {name: value for name, value in found.items() if not names or name in names}


def _all_of(part: msgspec.Struct) -> dict[str, Any]:
    """Return a part with its defaults, which its encoding leaves out."""
    values = {field.encode_name: getattr(part, field.name) for field in msgspec.structs.fields(part)}
    return {name: value for name, value in values.items() if value is not None}


def _description(body: Mapping[str, Any]) -> str | None:
    given = body.get("Description")
    return None if given is None else text(given, "Description", empty=True)


def _check_numbers(settings: VectorIndex) -> None:
    for name, value in _all_of(settings).items():
        if isinstance(value, int | float) and not 0 < value <= MOST_EDGES:
            raise invalid(f"VectorIndex.{name} must be more than 0 and at most {MOST_EDGES}, got {value}")


def _quota(body: Mapping[str, Any], name: str) -> int | None:
    given = body.get(name)
    return None if given is None else integer(given, name, 1)


def _policy(given: Any) -> str | None:
    if given not in (None, "auto", "custom"):
        raise invalid(f"ShardPolicy must be auto or custom, got {given!r}")
    return None if given is None else str(given)


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
