"""The vector that stands for several examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray, SparseVector, VectorValue

__all__ = ["average"]


def average(positive: Sequence[VectorValue], negative: Sequence[VectorValue]) -> VectorValue:
    """Return the mean of the positive examples, moved away from the mean of the negative ones if there are any.

    As in Qdrant that is ``p + p - n``; for sparse vectors over all indices of both. Multivectors are joined: all
    rows of the positive ones, and those of the negative ones with the sign changed.

    >>> average([np.array([1.0, 0.0], "f4"), np.array([0.0, 1.0], "f4")], [np.array([1.0, 1.0], "f4")])
    array([0., 0.], dtype=float32)
    """
    if not positive:
        raise InvalidInputError("the strategy average_vector needs a positive example with a vector", field="positive")
    kinds = {_kind(vector) for vector in (*positive, *negative)}
    if len(kinds) > 1:
        raise InvalidInputError(f"examples of different kinds have no mean: {', '.join(sorted(kinds))}", field="query")
    good = [vector for vector in positive if isinstance(vector, SparseVector)]
    if good:
        return _sparse(good, [vector for vector in negative if isinstance(vector, SparseVector)])
    return _dense(*([np.asarray(vector, np.float32) for vector in side] for side in (positive, negative)))


def _kind(vector: VectorValue) -> str:
    if isinstance(vector, SparseVector):
        return "sparse"
    return "dense" if np.ndim(vector) == 1 else "multivector"


def _dense(positive: Sequence[FloatArray], negative: Sequence[FloatArray]) -> FloatArray:
    sizes = [vector.shape[-1] for vector in (*positive, *negative)]
    if wrong := [size for size in sizes if size != sizes[0]]:
        raise InvalidInputError(f"Vector dimension error: expected dim: {sizes[0]}, got {wrong[0]}", field="query")
    if positive[0].ndim > 1:
        return np.concatenate([*positive, *(-rows for rows in negative)])
    mean = np.mean(positive, axis=0, dtype=np.float32)
    return np.asarray(mean + mean - np.mean(negative, axis=0, dtype=np.float32) if negative else mean)


def _sparse(positive: Sequence[SparseVector], negative: Sequence[SparseVector]) -> SparseVector:
    indices = np.unique(np.concatenate([vector.indices for vector in (*positive, *negative)]))
    good, bad = (_mean_over(indices, side) for side in (positive, negative))
    return SparseVector(indices, good + good - bad if negative else good)


def _mean_over(indices: FloatArray, vectors: Sequence[SparseVector]) -> FloatArray:
    total = np.zeros(len(indices), np.float32)
    for vector in vectors:
        total[np.searchsorted(indices, vector.indices)] += vector.values
    return total / np.float32(max(1, len(vectors)))
