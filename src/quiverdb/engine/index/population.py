"""The points over which frequencies are counted, and searches over postings among some of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Offsets, members
from quiverdb.engine.index.pruning import Posting, Weighted, best, ranked, sums
from quiverdb.engine.view import Domain
from quiverdb.model.point import FloatArray

__all__ = ["KNOWN", "Population", "inverse_frequency"]

KNOWN = 1 << 14
"""So many terms are remembered."""
_WORTH = 16
"""How many entries of a posting are scanned while one is looked up."""


class Population:
    """Count the points of a domain that have a term, and search among them.

    ``filled`` are the offsets, below ``size``, that have terms at all.

    >>> posting = Posting(np.array([0, 2], "u4"), np.ones(2, "f4"))
    >>> population = Population(Domain(BitMap([0, 1])), BitMap([0, 1, 2]), 3)
    >>> population.having(posting), population.search([(posting, 2.0)], population.domain, 10, zeros=False)
    (1, (array([0], dtype=uint32), array([2.], dtype=float32)))
    """

    def __init__(self, domain: Domain, filled: BitMap, size: int) -> None:
        self.domain = domain
        self._size = size
        self.filled = filled.intersection_cardinality(domain.offsets)
        """How many of the points have terms."""
        self._marks = None if self.filled == len(filled) else domain.mask(size)
        """The points; None when no others have terms."""
        self._having: dict[Posting, int] = {}

    def having(self, posting: Posting) -> int:
        """Return how many of the points are in the posting."""
        if self._marks is None:
            return posting.size
        found = self._having.get(posting)
        if found is None:
            if len(self._having) >= KNOWN:
                self._having.clear()
            found = int(np.count_nonzero(self._marks[posting.offsets]))
            self._having[posting] = found
        return found

    def search(self, terms: Sequence[Weighted], allowed: Domain, k: int, *, zeros: bool) -> tuple[Offsets, FloatArray]:
        """Return the best ``k`` of the points that are allowed and have a term: see ``best``."""
        if allowed.size * _WORTH < sum(posting.size for posting, _ in terms):
            offsets = members(allowed.offsets)
            scores, having = sums(terms, offsets)
            return ranked(offsets[having], scores[having], k, zeros=zeros)
        whole = self._marks is None and allowed.size == self.domain.size
        return best(terms, k, admitted=None if whole else allowed.mask(self._size), zeros=zeros)


def inverse_frequency(total: int, having: int) -> float:
    """Weigh a term by how few of the points have it, as Qdrant's ``idf`` modifier and its BM25 do."""
    return math.log((total - having + 0.5) / (having + 0.5) + 1.0)
