"""An inverted index over one named sparse vector, with exact scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Offsets, from_offsets
from quiverdb.engine.index.population import KNOWN, Population, inverse_frequency
from quiverdb.engine.index.pruning import Posting, Weighted, sums
from quiverdb.engine.index.runs import Run, posting_of, with_run
from quiverdb.engine.score.distance import Offsets as Found
from quiverdb.engine.view import Domain
from quiverdb.model.collection import SparseVectorSpec
from quiverdb.model.point import FloatArray, SparseVector

__all__ = ["SparseIndex"]

_FULL_SCAN = 5000
"""Qdrant's ``full_scan_threshold``: below it, it compares with each of the points that a filter lets through."""


class SparseIndex:
    """Map every index of the sparse vectors to the offsets that have it, and their values.

    Offsets of points that are gone stay; searches leave them out. Searches take no lock: what was inserted never
    changes.

    >>> index = SparseIndex(0, SparseVectorSpec())
    >>> index.insert(0, [SparseVector(np.array([3], "u4"), np.array([2.0], "f4")), None])
    >>> everything = Domain(BitMap([0]))
    >>> index.search(SparseVector(np.array([3], "u4"), np.array([0.5], "f4")), everything, everything, 10)
    (array([0]), array([1.], dtype=float32))
    """

    def __init__(self, slot: int, spec: SparseVectorSpec) -> None:
        self.slot = slot
        self.spec = spec
        self.built = True
        """Whether the rows that were there when the index was opened are in it."""
        self._contents = _Contents((), BitMap(), 0, {})
        self._counted: tuple[_Contents, Population] | None = None

    def insert(self, first: int, vectors: Sequence[SparseVector | None]) -> None:
        """Add the vectors at consecutive offsets from ``first`` on."""
        held = [(offset, vector) for offset, vector in enumerate(vectors, first) if vector is not None]
        if self.built and held:
            self.extend(
                np.array([offset for offset, _ in held], np.uint32),
                np.array([len(vector.indices) for _, vector in held]),
                np.concatenate([vector.indices for _, vector in held]),
                np.concatenate([vector.values for _, vector in held]),
            )

    def extend(
        self, offsets: Offsets, sizes: npt.NDArray[np.int64], indices: npt.NDArray[np.uint32], values: FloatArray
    ) -> None:
        """Add vectors of these sizes, one after the other, at ascending offsets larger than all before."""
        if not len(indices):
            return
        runs, filled, _, _ = self._contents
        runs = with_run(runs, Run(indices, np.repeat(offsets, sizes), values))
        size = int(offsets[-1]) + 1
        self._contents = _Contents(runs, filled | from_offsets(offsets[sizes > 0], size), size, {})

    def weighted(self, query: SparseVector, population: Domain, *, corpus: bool = False) -> SparseVector:
        """Return a query whose weights are multiplied by the inverse frequencies of its terms in ``population``.

        A ``corpus`` that a query names counts points with empty vectors too, as Qdrant's does.
        """
        contents, counted = self._count(population)
        total = population.size if corpus else counted.filled
        weights = [
            weight * inverse_frequency(total, counted.having(contents.posting(term)))
            for term, weight in zip(query.indices.tolist(), query.values.tolist(), strict=True)
        ]
        return SparseVector(query.indices, np.array(weights, np.float32))

    def search(self, query: SparseVector, allowed: Domain, everything: Domain, k: int) -> tuple[Found, FloatArray]:
        """Return the best ``k`` of the allowed offsets that share an index with the query, and their scores.

        ``everything`` is what a search without a filter allows. As in Qdrant, a score of 0 counts as sharing no
        index, unless a filter lets through so few points that each one is compared.
        """
        contents, population = self._count(everything)
        few = _FULL_SCAN if self.spec.full_scan_threshold is None else self.spec.full_scan_threshold
        zeros = allowed.size < min(few, everything.size)
        offsets, scores = population.search(contents.weighted(query), allowed, k, zeros=zeros)
        return offsets.astype(np.int64), scores

    def similarities(self, query: SparseVector, offsets: Found) -> FloatArray:
        """Return the score of each of the points; 0 for those that share no index with the query."""
        wanted = offsets.astype(np.uint32)
        order = np.argsort(wanted, kind="stable")
        scores = np.empty(len(wanted), np.float32)
        scores[order] = sums(self._contents.weighted(query), wanted[order])[0]
        return scores

    def _count(self, domain: Domain) -> tuple[_Contents, Population]:
        """Return the contents and what is known of a population, which is likely to be the one asked about last."""
        contents, counted = self._contents, self._counted
        if counted is None or counted[0] is not contents or counted[1].domain is not domain:
            counted = self._counted = contents, Population(domain, contents.filled, contents.size)
        return counted


class _Contents(NamedTuple):
    runs: tuple[Run, ...]
    filled: BitMap
    """Offsets whose vectors are not empty."""
    size: int
    """The offsets lie below it."""
    known: dict[int, Posting]
    """The postings that were asked for."""

    def posting(self, term: int) -> Posting:
        """Return the points that have a term."""
        found = self.known.get(term)
        if found is None:
            if len(self.known) >= KNOWN:
                self.known.clear()
            found = self.known[term] = posting_of(self.runs, term)
        return found

    def weighted(self, query: SparseVector) -> list[Weighted]:
        """Return the postings of the query's terms with their weights."""
        terms = zip(map(self.posting, query.indices.tolist()), query.values.tolist(), strict=True)
        return [(posting, weight) for posting, weight in terms if posting.size]
