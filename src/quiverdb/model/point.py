"""Points: ids, vectors and payloads, in columns.

A batch travels in columns from the dialect to the storage: ids as a list, one column per named vector,
payloads as a list. Dense vectors stay in one array, so numpy input reaches the disk without passing
through Python lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = [
    "DenseColumn",
    "FloatArray",
    "MultiVector",
    "Payload",
    "PointId",
    "Points",
    "SparseVector",
    "VectorColumn",
    "VectorColumns",
    "VectorValue",
]

PointId: TypeAlias = int | str
"""An unsigned 64-bit integer, or a UUID as its lower-case hyphenated string. Integers sort before UUIDs."""

Payload: TypeAlias = dict[str, Any]
"""A JSON object."""

FloatArray: TypeAlias = npt.NDArray[np.float32]

MultiVector: TypeAlias = FloatArray
"""Several vectors of one point as rows: shape (count, size), float32."""


class SparseVector(msgspec.Struct, frozen=True, eq=False):
    """Hold a sparse vector: strictly increasing ``indices`` (uint32) and their ``values`` (float32).

    >>> SparseVector(np.array([1, 7], "u4"), np.array([0.5, 2.0], "f4")).indices
    array([1, 7], dtype=uint32)
    """

    indices: npt.NDArray[np.uint32]
    values: FloatArray


VectorValue: TypeAlias = FloatArray | SparseVector
"""One vector: dense (1-d array), multivector (2-d array) or sparse."""


class DenseColumn(msgspec.Struct, frozen=True, eq=False):
    """Hold the dense vectors of a batch.

    ``rows`` has shape (m, size). Row ``j`` belongs to point ``positions[j]`` of the batch; without
    positions the rows belong to all points in their order.
    """

    rows: npt.NDArray[Any]
    positions: npt.NDArray[np.int64] | None = None


VectorColumn: TypeAlias = DenseColumn | Sequence[VectorValue | None]
"""Dense vectors as one array; sparse vectors and multivectors one by one, ``None`` where a point has none."""

VectorColumns: TypeAlias = Mapping[str, VectorColumn]
"""Columns by vector name. The unnamed vector has the name ``""``."""


class Points(msgspec.Struct, frozen=True, eq=False):
    """Hold a batch of points in columns.

    >>> Points(ids=[1, 2], vectors={"": DenseColumn(np.zeros((2, 4), "f4"))}, payloads=[{"a": 1}, None]).ids
    [1, 2]
    """

    ids: Sequence[PointId]
    vectors: VectorColumns
    payloads: Sequence[Mapping[str, Any] | None] | None = None
