"""Vectors: from lists, arrays and objects to float32 arrays, one by one and as the column of a batch.

Lists go through ``struct``, which is twice as quick as numpy at reading Python floats; it also finds lists that
hold other things than numbers, or too few or many of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from reprlib import repr as short
from typing import Any

import numpy as np

from quiverdb.errors import InvalidInputError
from quiverdb.model.point import DenseColumn, FloatArray, SparseVector, VectorColumn, VectorValue
from quiverdb.packing import packed
from quiverdb.qdrant.request.inference import KINDS, NotEmbeddedError
from quiverdb.qdrant.request.parse import parse

__all__ = ["array_column", "column", "vector"]

_ndarray = np.ndarray
_float32 = np.dtype(np.float32)


@lru_cache(maxsize=64)
def _packer(size: int) -> Callable[..., bytes]:
    return struct.Struct(f"{size}f").pack


def vector(value: Any) -> VectorValue:
    """Return a dense, sparse or multivector as the model has it."""
    kind = type(value)
    if kind is list:
        try:
            return np.frombuffer(_packer(len(value))(*value), _float32)
        except struct.error:
            return _from_rows(value)
    if kind is _ndarray:
        return _from_array(value)
    return _from_object(value)


def _from_array(value: np.ndarray[Any, Any]) -> FloatArray:
    if value.dtype.kind not in "fiu":
        raise InvalidInputError(f"vectors must be numbers, got an array of {value.dtype}", field="vector")
    if value.ndim not in (1, 2):
        raise InvalidInputError(f"a vector has one or two dimensions, got {value.ndim}", field="vector")
    return value.astype(_float32, copy=False)


def _from_rows(value: Sequence[Any]) -> FloatArray:
    """Read a list of rows, or say why it is none."""
    rows = list(value)
    for row in rows:
        if not isinstance(row, list | tuple) and not hasattr(row, "__array__"):
            raise InvalidInputError(f"a vector is a list of numbers, found {short(row)} in it", field="vector")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise InvalidInputError(f"the rows of a multivector differ in length: {sorted(lengths)}", field="vector")
    try:
        array = np.array(rows)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"not a multivector: {error}", field="vector") from error
    return _from_array(array)


def _from_object(value: Any) -> VectorValue:
    name = type(value).__name__
    if name == "SparseVector":
        return _sparse(value.indices, value.values)
    if name in KINDS:
        raise NotEmbeddedError(value)
    if isinstance(value, tuple):
        return vector(list(value))
    if hasattr(value, "__array__"):
        return _from_array(np.asarray(value))
    if isinstance(value, Mapping):
        return vector(parse("Vector", dict(value)))
    raise InvalidInputError(f"expected a vector, got {name}", field="vector")


def _sparse(indices: Any, values: Any) -> SparseVector:
    """Check a sparse vector and put its indices into order."""
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
            positions, weights = np.asarray(indices), np.asarray(values, dtype=_float32)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"not a sparse vector: {error}", field="vector") from error
    if positions.shape != weights.shape or positions.ndim != 1:
        raise InvalidInputError(
            f"a sparse vector needs as many values as indices, got {positions.size} and {weights.size}", field="vector"
        )
    if not positions.size:
        return SparseVector(positions.astype(np.uint32), weights)
    if positions.dtype.kind not in "iu" or positions.min() < 0 or positions.max() >= 1 << 32:
        raise InvalidInputError("sparse indices must be integers from 0 to 2^32-1", field="vector")
    positions = positions.astype(np.uint32)
    if not (positions[1:] > positions[:-1]).all():
        order = np.argsort(positions, kind="stable")
        positions, weights = positions[order], weights[order]
        if (positions[1:] == positions[:-1]).any():
            raise InvalidInputError("sparse indices must be unique", field="vector")
    return SparseVector(positions, weights)


def column(values: Sequence[Any], positions: Sequence[int], count: int) -> VectorColumn:
    """Return the column of a batch of ``count`` points in which ``values`` stand at ``positions``."""
    rows = _dense_rows(values)
    if rows is not None:
        return DenseColumn(rows, None if len(values) == count else np.array(positions, np.int64))
    result: list[VectorValue | None] = [None] * count
    for position, value in zip(positions, values, strict=True):
        result[position] = vector(value)
    return result


def array_column(values: np.ndarray[Any, Any]) -> VectorColumn:
    """Return the column of a batch whose vectors stand in one array: dense as rows, multivectors as blocks of rows."""
    if values.dtype.kind not in "fiu":
        raise InvalidInputError(f"vectors must be numbers, got an array of {values.dtype}", field="vectors")
    if values.ndim == 2:
        return DenseColumn(values)
    if values.ndim == 3:
        return list(values.astype(_float32, copy=False))
    raise InvalidInputError(f"an array of vectors has two or three dimensions, got {values.ndim}", field="vectors")


def _dense_rows(values: Sequence[Any]) -> FloatArray | None:
    """Return dense vectors as rows, or ``None`` if there are others among them."""
    kinds = set(map(type, values))
    if kinds <= {list, tuple}:
        return None if _nested(values[0]) else _packed(values, len(values[0]))
    if kinds == {_ndarray} and all(value.ndim == 1 and value.dtype.kind in "fiu" for value in values):
        _require_length(values, len(values[0]))
        return np.concatenate(values, dtype=_float32, casting="unsafe").reshape(len(values), -1)
    if any(kind.__name__ in KINDS or kind.__name__ == "SparseVector" for kind in kinds):
        return None
    rows = [vector(value) for value in values]
    if any(isinstance(row, SparseVector) or row.ndim != 1 for row in rows):
        return None
    return _dense_rows(rows)


def _nested(value: Sequence[Any]) -> bool:
    """Tell whether a vector is a list of rows."""
    return bool(value) and isinstance(value[0], list | tuple | _ndarray)


def _packed(values: Sequence[Sequence[float]], size: int) -> FloatArray | None:
    try:
        return packed(values, size)
    except struct.error:
        if any(map(_nested, values)):
            return None
        _require_length(values, size)
        items = (item for value in values for item in value)
        found = next((item for item in items if not isinstance(item, int | float | np.number)), None)
        raise InvalidInputError(f"a vector is a list of numbers, found {short(found)} in it", field="vector") from None


def _require_length(values: Sequence[Sequence[float]], size: int) -> None:
    for value in values:
        if len(value) != size:
            raise InvalidInputError(f"Vector dimension error: expected dim: {size}, got {len(value)}", field="vector")
