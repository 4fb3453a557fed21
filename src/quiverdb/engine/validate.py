"""Checks of what comes in, made before anything is written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.distance import UNIT_TOLERANCE, prepare, prepare_query
from quiverdb.engine.score.forms import Stored
from quiverdb.engine.storage.rows import Schema
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import CollectionSpec, Datatype, Distance, HnswSpec, Quantization, Scalar, VectorSpec
from quiverdb.model.point import DenseColumn, FloatArray, Payload, Points, SparseVector, VectorValue

__all__ = [
    "BACKEND",
    "MAX_SLOTS",
    "VectorSource",
    "check_ids",
    "check_name",
    "check_names",
    "check_settings",
    "check_spec",
    "check_vector_name",
    "check_vector_spec",
    "encode_payload",
    "normal_metadata",
    "normal_payload",
    "query_rows",
    "query_vector",
    "sources",
    "sparse_vector",
    "unknown_vector",
]

VectorSource: TypeAlias = tuple[Stored, int] | Stored | SparseVector
"""A dense vector as stored rows and a number among them, a multivector as stored rows, or a sparse vector."""

BACKEND = "the embedded engine"
MAX_NAME = 255
MAX_VECTOR_NAME_BYTES = 200
MAX_SIZE = 65536
MAX_NUMBERS = 1 << 20
"""A multivector has fewer numbers than this, as in Qdrant."""
MAX_SLOTS = 62
MAX_DEPTH = 128
_LIMITS_FROM_ONE = (
    "max_query_limit", "max_timeout", "read_rate_limit", "write_rate_limit", "max_points_count",
    "max_collection_vector_size_bytes", "max_collection_payload_size_bytes",
)  # fmt: skip
_LIMITS_FROM_ZERO = (
    "search_max_hnsw_ef", "search_max_oversampling", "upsert_max_batchsize", "search_max_batchsize",
    "filter_max_conditions", "condition_max_size", "max_payload_index_count",
)  # fmt: skip

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAN_OR_INFINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]|\xca[\x7f\xff][\x80-\xff]")
_encode = msgspec.msgpack.Encoder().encode
_NESTING = frozenset((dict, list, tuple))


def check_name(name: str, kind: str) -> None:
    """Reject a name that is empty, too long, or would not do as a file name."""
    if not isinstance(name, str) or not name:
        raise InvalidInputError(f"{kind} name must be a non-empty string", field=kind)
    if len(name) > MAX_NAME:
        raise InvalidInputError(f"{kind} name has {len(name)} characters; at most {MAX_NAME} are allowed", field=kind)
    if found := _FORBIDDEN.search(name):
        raise InvalidInputError(f"{kind} name {name!r} contains {found.group()!r}, which is not allowed", field=kind)
    if name in (".", ".."):
        raise InvalidInputError(f"{kind} name {name!r} is not allowed", field=kind)


def check_spec(spec: CollectionSpec) -> None:
    """Reject a collection that the engine cannot hold."""
    if both := spec.vectors.keys() & spec.sparse_vectors.keys():
        raise InvalidInputError(f"vector {min(both)!r} is declared both dense and sparse", field="vectors")
    if len(spec.vectors) + len(spec.sparse_vectors) > MAX_SLOTS:
        raise InvalidInputError(f"a collection holds at most {MAX_SLOTS} named vectors", field="vectors")
    check_settings(spec)
    for name, vector in spec.vectors.items():
        check_vector_spec(name, vector)
    for name in spec.sparse_vectors:
        check_vector_name(name)


def check_settings(spec: CollectionSpec) -> None:
    """Reject graph, code and optimizer settings and limits that are out of range."""
    _check_index(spec.hnsw, spec.quantization)
    for vector in spec.vectors.values():
        _check_index(vector.hnsw, vector.quantization)
    _check_range("deleted_threshold", spec.optimizers.deleted_threshold, 0, 1)
    for name in ("vacuum_min_vector_number", "indexing_threshold", "default_segment_number", "flush_interval_sec"):
        _check_range(name, getattr(spec.optimizers, name), 0, math.inf)
    if spec.strict_mode is not None:
        for name in _LIMITS_FROM_ONE:
            _check_range(name, getattr(spec.strict_mode, name), 1, math.inf)
        for name in _LIMITS_FROM_ZERO:
            _check_range(name, getattr(spec.strict_mode, name), 0, math.inf)
        _check_range("max_resident_memory_percent", spec.strict_mode.max_resident_memory_percent, 1, 100)


def _check_index(hnsw: HnswSpec | None, quantization: Quantization | None) -> None:
    if hnsw is not None:
        _check_range("m", hnsw.m, 0, 10_000)
        _check_range("ef_construct", hnsw.ef_construct, 4, 1_000_000)
        _check_range("max_indexing_threads", hnsw.max_indexing_threads, 0, 10_000)
    if isinstance(quantization, Scalar):
        _check_range("quantile", quantization.quantile, 0.5, 1)


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidInputError(f"{name} must be between {low} and {high}, got {value}", field=name, fault="range")


def check_vector_spec(name: str, spec: VectorSpec) -> None:
    """Reject a dense vector that the engine cannot hold."""
    check_vector_name(name)
    if not 1 <= spec.size <= MAX_SIZE:
        message = f"vector size must be between 1 and {MAX_SIZE}, got {spec.size}"
        raise InvalidInputError(message, field="size", fault="range")
    _check_index(spec.hnsw, spec.quantization)


def check_vector_name(name: str) -> None:
    """Reject a vector name that is too long or would not do as a file name."""
    if not isinstance(name, str):
        raise InvalidInputError(f"the name of a vector must be a string, got {name!r}", field="vectors")
    if name and (found := _FORBIDDEN.search(name)):
        raise InvalidInputError(
            f"vector name {name!r} contains {found.group()!r}, which is not allowed", field="vectors"
        )
    if len(name.encode()) > MAX_VECTOR_NAME_BYTES:
        raise InvalidInputError(f"vector name is longer than {MAX_VECTOR_NAME_BYTES} bytes", field="vectors")


def check_names(schema: Schema, names: Iterable[str]) -> None:
    """Reject vector names that the collection does not have."""
    for name in names:
        if name not in schema.slots:
            raise unknown_vector(schema, name)


def unknown_vector(schema: Schema, name: str) -> InvalidInputError:
    """Return the error for a vector name that the collection does not have."""
    known = ", ".join(repr(known) for known in schema.slots) or "no vectors"
    return InvalidInputError(f"Not existing vector name error: {name} (the collection has {known})", field="vector")


def check_ids(ids: Iterable[Any]) -> None:
    """Reject what is neither an unsigned 64-bit integer nor a canonical UUID string."""
    for id in ids:
        if type(id) is int:
            if 0 <= id < 1 << 64:
                continue
        elif type(id) is str and _UUID.fullmatch(id):
            continue
        raise InvalidInputError(
            f"{id!r} is not a valid point id: use an integer from 0 to 2^64-1 or a UUID string", field="id"
        )


def sources(schema: Schema, points: Points) -> dict[str, list[VectorSource | None]]:
    """Check a batch and bring its vectors into stored form: per vector name one source, or None, per point."""
    check_ids(points.ids)
    count = len(points.ids)
    if points.payloads is not None and len(points.payloads) != count:
        raise InvalidInputError(f"got {len(points.payloads)} payloads for {count} points", field="payloads")
    check_names(schema, points.vectors)
    found: dict[str, list[VectorSource | None]] = {}
    for name, column in points.vectors.items():
        spec = schema.spec.vectors.get(name)
        if spec is None:
            found[name] = _sparse_sources(name, column, count)
        elif spec.multivector is not None:
            found[name] = _multi_sources(name, spec, column, count)
        else:
            found[name] = _dense_sources(name, spec, column, count)
    return found


def _dense_sources(name: str, spec: VectorSpec, column: Any, count: int) -> list[VectorSource | None]:
    if not isinstance(column, DenseColumn):
        given = next((value for value in column if value is not None), None)
        kind = "multivectors" if isinstance(given, np.ndarray) else "nothing" if given is None else "sparse ones"
        raise InvalidInputError(f"vector {name!r} takes dense vectors, got {kind}", field="vector")
    stored = _stored(name, spec, column.rows)
    return [None if position is None else (stored, position) for position in _positions(column, len(stored), count)]


def _positions(column: DenseColumn, given: int, count: int) -> list[int | None]:
    """Return for every point the number of its row."""
    if column.positions is None:
        if given != count:
            raise InvalidInputError(f"got {given} vectors for {count} points", field="vector")
        return list(range(count))
    result: list[int | None] = [None] * count
    for row, position in enumerate(column.positions.tolist()):
        result[position] = row
    return result


def _stored(name: str, spec: VectorSpec, given: npt.NDArray[Any]) -> Stored:
    """Check vectors, shape (n, size), and bring them into stored form."""
    rows = np.asarray(given)
    if rows.ndim != 2 or rows.shape[1] != spec.size:
        got = rows.shape[-1] if rows.ndim else 0
        raise InvalidInputError(f"Vector dimension error: expected dim: {spec.size}, got {got}", field="vector")
    if rows.dtype.kind not in "fiu":
        raise InvalidInputError(f"vectors must be numbers, got an array of {rows.dtype}", field="vector")
    if not np.isfinite(rows).all():
        raise InvalidInputError("vectors must not contain NaN or infinite numbers", field="vector")
    with np.errstate(over="ignore"):
        stored = prepare(spec, rows)
    if spec.datatype is Datatype.FLOAT16 and not np.isfinite(stored).all():
        raise InvalidInputError(f"vector {name!r} has numbers beyond the range of float16", field="vector")
    return stored


def _multi_sources(name: str, spec: VectorSpec, column: Any, count: int) -> list[VectorSource | None]:
    """Check multivectors; a dense vector is one of a single row."""
    if isinstance(column, DenseColumn):
        stored = _stored(name, spec, column.rows)
        found = _positions(column, len(stored), count)
        return [None if row is None else stored[row : row + 1] for row in found]
    if len(column) != count:
        raise InvalidInputError(f"got {len(column)} vectors for {count} points", field="vector")
    given = [None if value is None else _inner_rows(name, spec, value) for value in column]
    present = [rows for rows in given if rows is not None]
    if not present:
        return [None] * count
    stored = _stored(name, spec, np.concatenate(present))
    ends = iter(np.cumsum([len(rows) for rows in present]).tolist())
    return [None if rows is None else stored[(end := next(ends)) - len(rows) : end] for rows in given]


def _inner_rows(name: str, spec: VectorSpec, value: VectorValue) -> npt.NDArray[Any]:
    """Return the rows of a multivector, shape (n, size)."""
    if isinstance(value, SparseVector):
        raise InvalidInputError(f"vector {name!r} takes multivectors, got a sparse vector", field="vector")
    rows = np.atleast_2d(np.asarray(value))
    if rows.ndim != 2 or rows.shape[1] != spec.size:
        raise InvalidInputError(
            f"Vector dimension error: expected dim: {spec.size}, got {rows.shape[-1]}", field="vector"
        )
    if not len(rows):
        raise InvalidInputError(f"multivector {name!r} must not be empty", field="vector")
    if rows.size >= MAX_NUMBERS:
        raise InvalidInputError(
            f"multivector {name!r} has {rows.size} numbers; fewer than {MAX_NUMBERS} are allowed", field="vector"
        )
    return rows


def _sparse_sources(name: str, column: Any, count: int) -> list[VectorSource | None]:
    if isinstance(column, DenseColumn):
        raise InvalidInputError(f"vector {name!r} takes sparse vectors, got dense ones", field="vector")
    if len(column) != count:
        raise InvalidInputError(f"got {len(column)} vectors for {count} points", field="vector")
    return [None if value is None else sparse_vector(value) for value in column]


def sparse_vector(value: VectorValue) -> SparseVector:
    """Check a sparse vector and sort it by index."""
    if not isinstance(value, SparseVector):
        raise InvalidInputError("expected a sparse vector, got a dense one", field="vector")
    indices, values = np.asarray(value.indices), np.asarray(value.values, np.float32)
    if indices.shape != values.shape or indices.ndim != 1:
        raise InvalidInputError("a sparse vector needs as many values as indices", field="vector")
    if not np.isfinite(values).all():
        raise InvalidInputError("vectors must not contain NaN or infinite numbers", field="vector")
    if indices.dtype != np.uint32:
        if indices.size and (indices.min() < 0 or int(indices.max()) >= 1 << 32):
            raise InvalidInputError("sparse indices must lie between 0 and 2^32-1", field="vector")
        indices = indices.astype(np.uint32)
    if not (indices[1:] > indices[:-1]).all():
        order = np.argsort(indices, kind="stable")
        indices, values = indices[order], values[order]
        if (indices[1:] == indices[:-1]).any():
            raise InvalidInputError("sparse indices must be unique", field="vector")
    return SparseVector(indices, values)


def query_vector(name: str, spec: VectorSpec, value: VectorValue) -> FloatArray:
    """Check a dense query vector and bring it into stored form, as float32."""
    if isinstance(value, SparseVector):
        raise InvalidInputError(f"vector {name!r} is dense; a sparse query does not fit", field="query")
    query = np.asarray(value)
    if query.ndim == 2:
        raise InvalidInputError(f"vector {name!r} is dense; a multivector does not fit", field="query")
    if query.ndim != 1 or query.dtype.kind not in "fiu":
        raise InvalidInputError("a query vector must be a flat list of numbers", field="query")
    if len(query) != spec.size:
        raise InvalidInputError(f"Vector dimension error: expected dim: {spec.size}, got {len(query)}", field="query")
    query = np.ascontiguousarray(query, np.float32)
    square = float(np.dot(query, query))
    if not math.isfinite(square) and not np.isfinite(query).all():
        raise InvalidInputError("a query vector must not contain NaN or infinite numbers", field="query")
    if spec.datatype in (None, Datatype.FLOAT32) and (spec.distance is not Distance.COSINE or _is_unit(square)):
        return query
    return np.asarray(prepare_query(spec, query[None])[0])


def query_rows(name: str, spec: VectorSpec, value: VectorValue) -> FloatArray:
    """Check a multivector to search with, or a dense vector as its only row; return the rows as they are compared."""
    rows = _inner_rows(name, spec, value)
    if rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
        raise InvalidInputError("a query vector must not contain NaN or infinite numbers", field="query")
    return prepare_query(spec, np.ascontiguousarray(rows, np.float32))


def _is_unit(square: float) -> bool:
    return abs(square - 1.0) <= UNIT_TOLERANCE


def normal_payload(payload: Mapping[str, Any], what: str = "payload") -> Payload:
    """Return a payload, or what is like one, as plain JSON values, sharing nothing with the caller's object."""
    try:
        plain = msgspec.to_builtins(payload, str_keys=True, enc_hook=_plain)
        if isinstance(plain, dict):
            _list_tuples(plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{what} is not JSON: {error}", field=what) from error
    if not isinstance(plain, dict):
        raise InvalidInputError(f"{what} must be an object, got {type(payload).__name__}", field=what)
    return plain


def _list_tuples(value: dict[str, Any] | list[Any]) -> None:
    """Put lists in place of all tuples inside a value."""
    if _NESTING.isdisjoint(map(type, value.values() if isinstance(value, dict) else value)):
        return
    places: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for place, item in places:
        kind = type(item)
        if kind is tuple:
            value[place] = item = list(item)
        if kind in _NESTING:
            _list_tuples(item)


def encode_payload(payload: Payload, what: str = "payload") -> bytes:
    """Encode a payload for storage; ``b""`` when it is empty."""
    if not payload:
        return b""
    if _deeper(payload, MAX_DEPTH):
        raise InvalidInputError(f"{what} is nested more than {MAX_DEPTH} levels deep", field=what)
    try:
        data = _encode(payload)
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{what} cannot be stored: {error}", field=what) from error
    if _NAN_OR_INFINITE.search(data) and not _finite(payload):
        raise InvalidInputError(f"{what} numbers must be finite: JSON has no NaN or infinity", field=what)
    return data


def normal_metadata(metadata: Mapping[str, Any] | None) -> Payload | None:
    """Return the metadata of a collection as plain JSON values that can be stored."""
    if metadata is None:
        return None
    plain = normal_payload(metadata, "metadata")
    encode_payload(plain, "metadata")
    return plain


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether objects and arrays go deeper than so many levels."""
    if isinstance(value, dict):
        return levels == 0 or any(_deeper(item, levels - 1) for item in value.values() if isinstance(item, dict | list))
    return levels == 0 or any(_deeper(item, levels - 1) for item in value if isinstance(item, dict | list))


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return bool(np.isfinite(value))
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else True


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")
