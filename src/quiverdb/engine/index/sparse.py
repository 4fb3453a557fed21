"""An inverted index over one named sparse vector, with exact scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Offsets, from_offsets, members
from quiverdb.engine.index.pruning import Places, best, ranked, sums
from quiverdb.engine.index.runs import Run, with_run
from quiverdb.engine.score.distance import Offsets as Found
from quiverdb.engine.view import Domain
from quiverdb.model.collection import Datatype, SparseVectorSpec
from quiverdb.model.point import FloatArray, SparseVector

__all__ = ["SparseIndex", "inverse_frequency"]

_FULL_SCAN = 5000
"""Qdrant's ``full_scan_threshold``: below it, it compares with each of the points that a filter lets through."""
_WORTH = 16
"""How many entries of a posting are scanned while one is looked up."""


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
        self._contents = _Contents((), BitMap(), 0)
        self._counted: _Counted | None = None

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
        if self.spec.datatype is Datatype.FLOAT16:
            values = values.astype(np.float16).astype(np.float32)
        runs, filled, _ = self._contents
        runs = with_run(runs, Run(indices, np.repeat(offsets, sizes), values))
        self._contents = _Contents(
            runs, filled | from_offsets(offsets[sizes > 0], int(offsets[-1]) + 1), int(offsets[-1]) + 1
        )

    def weighted(self, query: SparseVector, population: Domain, *, corpus: bool = False) -> SparseVector:
        """Return a query whose weights are multiplied by the inverse frequencies of its terms in ``population``.

        A ``corpus`` that a query names counts points with empty vectors too, as Qdrant's does.
        """
        contents, counted = self._count(population)
        terms = query.indices.tolist()
        missing = [term for term in terms if term not in counted.having]
        if missing:
            having = contents.frequencies(missing, None if counted.whole else population)
            counted.having.update(zip(missing, having, strict=True))
        total = population.size if corpus else contents.filled.intersection_cardinality(population.offsets)
        weights = inverse_frequency(total, np.array([counted.having[term] for term in terms], np.float64))
        return SparseVector(query.indices, (query.values * weights).astype(np.float32))

    def search(self, query: SparseVector, allowed: Domain, everything: Domain, k: int) -> tuple[Found, FloatArray]:
        """Return the best ``k`` of the allowed offsets that share an index with the query, and their scores.

        ``everything`` is what a search without a filter allows. As in Qdrant, a score of 0 counts as sharing no
        index, unless a filter lets through so few points that each one is compared.
        """
        contents, counted = self._count(everything)
        size = contents.size
        few = _FULL_SCAN if self.spec.full_scan_threshold is None else self.spec.full_scan_threshold
        zeros = allowed.size < min(few, everything.size)
        groups = contents.postings(query)
        entries = sum(len(posting.offsets) for group in groups for posting in group)
        if allowed.size * _WORTH < entries:
            offsets = members(allowed.offsets)
            scores, having = sums(groups, offsets)
            offsets, scores = ranked(offsets[having], scores[having], k, zeros=zeros)
        else:
            admitted = None if counted.whole and allowed.size == everything.size else allowed.mask(size)
            offsets, scores = best(groups, admitted, size, k, zeros=zeros)
        return offsets.astype(np.int64), scores

    def similarities(self, query: SparseVector, offsets: Found) -> FloatArray:
        """Return the score of each of the points; 0 for those that share no index with the query."""
        wanted = offsets.astype(np.uint32)
        order = np.argsort(wanted, kind="stable")
        scores = np.empty(len(wanted), np.float32)
        scores[order] = sums(self._contents.postings(query), wanted[order])[0]
        return scores

    def _count(self, population: Domain) -> tuple[_Contents, _Counted]:
        """Return the contents and what is known of a population, which is likely to be the one asked about last."""
        contents, counted = self._contents, self._counted
        if counted is None or counted.population is not population or counted.contents is not contents:
            whole = contents.filled.issubset(population.offsets)
            counted = self._counted = _Counted(population, contents, whole, {})
        return contents, counted


class _Contents(NamedTuple):
    runs: tuple[Run, ...]
    filled: BitMap
    """Offsets whose vectors are not empty."""
    size: int
    """The offsets lie below it."""

    def postings(self, query: SparseVector) -> list[list[_Weighted]]:
        """Return the postings of the query's terms in each run."""
        weights = query.values.tolist()
        return [
            [
                _Weighted(run, place, weight)
                for place, weight in zip(run.find(query.indices), weights, strict=True)
                if place >= 0
            ]
            for run in self.runs
        ]

    def frequencies(self, terms: list[int], population: Domain | None) -> list[int]:
        """Count the points that have each of the terms, in a population or altogether."""
        found = [0] * len(terms)
        marks = None if population is None else population.mask(self.size)
        for run in self.runs:
            for number, place in enumerate(run.find(np.array(terms, np.uint32))):
                if place >= 0:
                    offsets = run.offsets[run.part(place)]
                    found[number] += len(offsets) if marks is None else int(np.count_nonzero(marks[offsets]))
        return found


class _Counted(NamedTuple):
    population: Domain
    contents: _Contents
    whole: bool
    """Whether no point outside the population has a vector."""
    having: dict[int, int]
    """How many points of the population have a term, as far as it was asked."""


class _Weighted:
    """A posting whose values count with the weight that the query gives the term."""

    __slots__ = ("_values", "_weight", "lower", "offsets", "upper")

    def __init__(self, run: Run, place: int, weight: float) -> None:
        part = run.part(place)
        self.offsets = run.offsets[part]
        self._values = run.values[part]
        self._weight = np.float32(weight)
        extremes = weight * float(run.lowest[place]), weight * float(run.highest[place])
        self.upper = max(0.0, *extremes)
        self.lower = min(0.0, *extremes)

    def contributions(self, places: Places) -> FloatArray:
        return self._values[places] * self._weight


def inverse_frequency(total: int, having: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weigh terms by how few of the points have them, as Qdrant's ``idf`` modifier and its BM25 do."""
    return np.log((total - having + 0.5) / (having + 0.5) + 1.0)
