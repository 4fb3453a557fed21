"""MaxSim: how alike two multivectors are.

For every row of the query the largest similarity to any row of the stored multivector counts, and these are summed.
The rows of all points lie one after the other; spans tell which of them belong to a point.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import faiss
import numpy as np
import numpy.typing as npt

from quiverdb.engine.score.forms import Rows
from quiverdb.model.collection import Datatype, Distance, VectorSpec
from quiverdb.model.point import FloatArray

__all__ = ["Spans", "max_similarities", "runs"]

Spans: TypeAlias = npt.NDArray[np.int64]
"""Where the rows of each point start and how many there are, shape (n, 2)."""

_BLOCK = 1 << 22
"""Numbers held at once: of stored rows, and of similarities."""


def runs(spans: Spans, limit: int) -> Iterator[tuple[slice, slice | npt.NDArray[np.int64]]]:
    """Cut spans into parts of up to ``limit`` rows, or of one span; yield each part and which rows it holds.

    >>> [(part, rows) for part, rows in runs(np.array([[0, 2], [2, 1], [9, 1]]), 3)]
    [(slice(0, 2, None), slice(0, 3, None)), (slice(2, 3, None), slice(9, 10, None))]
    """
    ends = np.cumsum(spans[:, 1])
    first, before = 0, 0
    while first < len(spans):
        last = max(first + 1, int(np.searchsorted(ends, before + limit, side="right")))
        part = spans[first:last]
        yield slice(first, last), _members(part)
        first, before = last, int(ends[last - 1])


def _members(spans: Spans) -> slice | npt.NDArray[np.int64]:
    starts, counts = spans[:, 0], spans[:, 1]
    if (starts[1:] == starts[:-1] + counts[:-1]).all():
        return slice(int(starts[0]), int(starts[-1] + counts[-1]))
    total = np.cumsum(counts)
    return np.repeat(starts - total + counts, counts) + np.arange(total[-1])


def max_similarities(spec: VectorSpec, rows: Rows, spans: Spans, query: FloatArray) -> FloatArray:
    """Return the MaxSim of every span of ``rows`` with a prepared query, shape (m, size); no span may be empty."""
    result = np.empty(len(spans), np.float32)
    for part, members in runs(spans, max(1, _BLOCK // spec.size)):
        block = rows[members].astype(np.float32, copy=False)
        counts = spans[part, 1]
        starts = np.cumsum(counts) - counts
        result[part] = 0
        step = max(1, _BLOCK // len(block))
        for start in range(0, len(query), step):
            pairs = _pairs(spec, block, query[start : start + step])
            result[part] += np.maximum.reduceat(pairs, starts, axis=0).sum(axis=1)
    return result


def _pairs(spec: VectorSpec, rows: FloatArray, queries: FloatArray) -> npt.NDArray[Any]:
    """Return the similarity of every row to every query, shape (n, m)."""
    if spec.distance is Distance.MANHATTAN:
        return np.asarray(-faiss.pairwise_distances(queries, rows, metric=faiss.METRIC_L1).T)
    if spec.distance is Distance.EUCLID:
        # In double precision, so that little is lost where two large numbers cancel.
        x, y = rows.astype(np.float64), queries.astype(np.float64)
        apart = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * (x @ y.T)
        return np.asarray(-np.maximum(apart, 0))
    products = rows @ queries.T
    if spec.distance is Distance.COSINE and spec.datatype is Datatype.UINT8:
        lengths = np.linalg.norm(rows, axis=1)[:, None] * np.linalg.norm(queries, axis=1)
        np.divide(products, lengths, out=products, where=lengths > 0)
    return np.asarray(products)
