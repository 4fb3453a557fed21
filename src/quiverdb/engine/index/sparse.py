"""An inverted index over one named sparse vector, with exact scores."""

from __future__ import annotations

import math
from array import array
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
        self._postings: dict[int, tuple[array[int], array[float]]] = {}

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
                posting = self._postings[index] = array("I"), array("f")
            posting[0].append(offset)
            posting[1].append(value)

    def search(self, query: SparseVector, allowed: BitMap, count: int, k: int) -> tuple[Offsets, FloatArray]:
        """Return the best ``k`` of the allowed offsets below ``count`` that share an index with the query."""
        admitted = np.zeros(count, bool)
        admitted[np.frombuffer(allowed.to_array(), np.uint32)] = True
        total = int(admitted.sum())
        scores = np.zeros(count, np.float32)
        touched = np.zeros(count, bool)
        for index, weight in zip(query.indices.tolist(), query.values.tolist(), strict=True):
            posting = self._posting(index, count)
            if posting is None:
                continue
            offsets, values = posting
            if self.spec.modifier == "idf":
                weight *= _idf(total, int(admitted[offsets].sum()))
            scores[offsets] += np.float32(weight) * values
            touched[offsets] = True
        found = np.flatnonzero(touched & admitted)
        best = found[top(scores[found], k)]
        return best.astype(np.int64), scores[best]

    def _posting(self, index: int, count: int) -> tuple[npt.NDArray[np.uint32], FloatArray] | None:
        posting = self._postings.get(index)
        if posting is None:
            return None
        offsets = np.frombuffer(posting[0], np.uint32)
        known = int(np.searchsorted(offsets, count))
        return offsets[:known], np.frombuffer(posting[1], np.float32)[:known]


def _idf(total: int, having: int) -> float:
    """Weigh a term by how few of the points have it, as Qdrant's ``idf`` modifier does."""
    return math.log((total - having + 0.5) / (having + 0.5) + 1.0)
