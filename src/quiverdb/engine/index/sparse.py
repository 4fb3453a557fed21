"""An inverted index over one named sparse vector, with exact scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.score.distance import Offsets, top
from quiverdb.model.collection import SparseVectorSpec
from quiverdb.model.point import FloatArray, SparseVector

__all__ = ["SparseIndex"]


class SparseIndex:
    """Map every index of the sparse vectors to the offsets that have it, and their values.

    Offsets of points that are gone stay; searches leave them out through ``allowed``.

    >>> index = SparseIndex(0, SparseVectorSpec())
    >>> index.insert(0, [SparseVector(np.array([3], "u4"), np.array([2.0], "f4")), None])
    >>> index.search(SparseVector(np.array([3], "u4"), np.array([0.5], "f4")), BitMap([0, 1]), 10, 2)
    (array([0]), array([1.], dtype=float32))
    """

    def __init__(self, slot: int, spec: SparseVectorSpec) -> None:
        self.slot = slot
        self.spec = spec
        self.built = True
        """Whether the rows that were there when the index was opened are in it."""
        self._postings: dict[int, _Posting] = {}

    def insert(self, first: int, vectors: Sequence[SparseVector | None]) -> None:
        """Add the vectors at consecutive offsets from ``first`` on."""
        if not self.built:
            return
        for offset, vector in enumerate(vectors, first):
            if vector is not None:
                self.add(offset, vector)

    def add(self, offset: int, vector: SparseVector) -> None:
        """Add the vector at one offset, which is larger than all before."""
        for index, value in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
            posting = self._postings.get(index)
            if posting is None:
                posting = self._postings[index] = _Posting()
            posting.append(offset, value)

    def search(self, query: SparseVector, allowed: BitMap, count: int, k: int) -> tuple[Offsets, FloatArray]:
        """Return the best ``k`` of the allowed offsets below ``count`` that share an index with the query."""
        admitted = np.zeros(count, bool)
        admitted[np.frombuffer(allowed.to_array(), np.uint32)] = True
        total = int(admitted.sum())
        scores = np.zeros(count, np.float32)
        touched = np.zeros(count, bool)
        for index, weight in zip(query.indices.tolist(), query.values.tolist(), strict=True):
            posting = self._postings.get(index)
            if posting is None:
                continue
            offsets, values = posting.below(count)
            if self.spec.modifier == "idf":
                weight *= _idf(total, int(admitted[offsets].sum()))
            scores[offsets] += np.float32(weight) * values
            touched[offsets] = True
        found = np.flatnonzero(touched & admitted)
        best = found[top(scores[found], k)]
        return best.astype(np.int64), scores[best]


class _Posting:
    """Hold the offsets that have an index, ascending, and their values.

    What was filled in never changes, and growing leaves the old arrays to whoever reads them, so that searches
    need no lock.
    """

    __slots__ = ("_filled", "_offsets", "_values")

    def __init__(self) -> None:
        self._filled = 0
        self._offsets: npt.NDArray[np.uint32] = np.empty(2, np.uint32)
        self._values: FloatArray = np.empty(2, np.float32)

    def append(self, offset: int, value: float) -> None:
        filled = self._filled
        if filled == len(self._offsets):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._offsets = np.concatenate([self._offsets, np.empty_like(self._offsets)])
        self._offsets[filled] = offset
        self._values[filled] = value
        self._filled = filled + 1

    def below(self, count: int) -> tuple[npt.NDArray[np.uint32], FloatArray]:
        """Return the entries of the offsets below ``count``."""
        filled = self._filled
        offsets, values = self._offsets, self._values
        known = int(np.searchsorted(offsets[:filled], count))
        return offsets[:known], values[:known]


def _idf(total: int, having: int) -> float:
    """Weigh a term by how few of the points have it, as Qdrant's ``idf`` modifier does."""
    return math.log((total - having + 0.5) / (having + 0.5) + 1.0)
