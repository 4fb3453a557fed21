"""The best weighted sums over postings, without looking at most of them.

A point's score is the sum of what the terms of a query contribute. Rare terms are added up first. Once the best
points so far cannot be beaten by what is left for a point that has none of the terms seen, the remaining, longer
postings are only searched for the points still in the running (the idea of MaxScore: Turtle and Flood, 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quiverdb.engine.index.bitmaps import Mask, Offsets
from quiverdb.model.point import FloatArray

__all__ = ["Posting", "Weighted", "best", "ranked", "sums"]

_SLACK = 1e-5
"""How much float32 sums may differ, relatively, by the order of adding."""
_LARGEST = 64
"""So many of a posting's largest values are kept at hand."""
_STEP = 2048
"""So many entries are added up before the worth of going on is judged."""


class Posting:
    """The points that have one term, in parts with points of their own, ascending in each, and their values.

    >>> posting = Posting([np.array([3, 7], "u4"), np.array([8], "u4")], [np.ones(2, "f4"), np.zeros(1, "f4")])
    >>> posting.size, posting.highest, posting.nth_largest(3)
    (3, 1.0, 0.0)
    """

    __slots__ = ("_largest", "highest", "lowest", "offsets", "size", "values")

    def __init__(self, offsets: Sequence[Offsets], values: Sequence[FloatArray]) -> None:
        self.offsets = offsets
        self.values = values
        self.size = sum(map(len, offsets))
        self.highest = max((float(part.max()) for part in values), default=0.0)
        self.lowest = min((float(part.min()) for part in values), default=0.0)
        self._largest: list[float] | None = None

    def nth_largest(self, n: int) -> float:
        """Return the ``n``-th largest value; minus infinity when there are fewer, or that is not at hand."""
        if n > min(self.size, _LARGEST) or n < 1:
            return -np.inf
        if self._largest is None:
            values = np.concatenate(self.values)
            if len(values) > _LARGEST:
                values = np.partition(values, -_LARGEST)[-_LARGEST:]
            self._largest = np.sort(values)[::-1].tolist()
        return self._largest[n - 1]


Weighted: TypeAlias = tuple[Posting, float]
"""A posting and the weight with which a query counts its values."""


def best(
    terms: Sequence[Weighted], k: int, *, admitted: Mask | None = None, zeros: bool = False
) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` points with the largest sums, and the sums; equal ones by offset.

    ``admitted`` marks the points that may be returned; without ``zeros`` those with a sum of 0 may not.
    """
    if k < 1 or not terms:
        return np.empty(0, np.uint32), np.empty(0, np.float32)
    terms = sorted(terms, key=lambda term: term[0].size)
    bounds = [sorted((weight * posting.highest, weight * posting.lowest)) for posting, weight in terms]
    # What the terms from each one on contribute at most and at least.
    uppers = _from_each([max(0.0, upper) for _, upper in bounds])
    lowers = _from_each([min(0.0, lower) for lower, _ in bounds])
    floor = -np.inf

    def raised(sure: float) -> float:
        """Raise the floor: ``k`` points have this for sure. At 0 or below, points with 0 may be among them."""
        return max(floor, sure - _SLACK * abs(sure)) if zeros or sure > 0 else floor

    if admitted is None:
        for posting, weight in terms:
            if weight > 0:
                floor = raised(weight * posting.nth_largest(k) + lowers[0])
    offsets, scores = np.empty(0, np.uint32), np.empty(0, np.float32)
    done = 0
    while done < len(terms) and uppers[done] >= floor:
        start, added = done, 0
        while done < len(terms) and (done == start or added + terms[done][0].size <= max(_STEP, len(offsets))):
            added += terms[done][0].size
            done += 1
        offsets, scores = _joined(offsets, scores, terms[start:done], admitted)
        if len(scores) >= k:
            floor = raised(_nth_largest(scores, k) + lowers[done])
    for rank in range(done, len(terms)):
        keep = np.flatnonzero(scores >= floor - uppers[rank])
        offsets, scores = offsets[keep], scores[keep]
        _add(offsets, scores, *terms[rank])
        if len(scores) > _STEP:
            floor = raised(_nth_largest(scores, k) + lowers[rank + 1])
    return ranked(offsets, scores, k, zeros=zeros)


def sums(terms: Sequence[Weighted], wanted: Offsets) -> tuple[FloatArray, Mask]:
    """Return the sum for each of the ascending offsets ``wanted``, and which of them have a term at all."""
    scores, having = np.zeros(len(wanted), np.float32), np.zeros(len(wanted), bool)
    for posting, weight in terms:
        for offsets, values in zip(posting.offsets, posting.values, strict=True):
            places, hits = _common(offsets, wanted)
            scores[hits] += values[places] * np.float32(weight)
            having[hits] = True
    return scores, having


def ranked(offsets: Offsets, scores: FloatArray, k: int, *, zeros: bool) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` points with the largest scores, equal ones by offset; those with 0 only with ``zeros``."""
    if not zeros:
        keep = np.flatnonzero(scores)
        offsets, scores = offsets[keep], scores[keep]
    if len(scores) > 2 * k:
        keep = np.flatnonzero(scores >= (_nth_largest(scores, k) if k > 0 else np.inf))
        offsets, scores = offsets[keep], scores[keep]
    order = np.lexsort((offsets, -scores))[:k]
    return offsets[order], scores[order]


def _from_each(bounds: Sequence[float]) -> list[float]:
    return list(accumulate(reversed(bounds), initial=0.0))[::-1]


def _nth_largest(scores: FloatArray, n: int) -> float:
    return float(np.partition(scores, len(scores) - n)[len(scores) - n])


def _joined(
    offsets: Offsets, scores: FloatArray, terms: Sequence[Weighted], admitted: Mask | None
) -> tuple[Offsets, FloatArray]:
    """Add terms to sums, and the points that only they have."""
    several = [offsets] if len(offsets) else []
    weighted = [scores] if len(offsets) else []
    for posting, weight in terms:
        several += posting.offsets
        weighted += [values * np.float32(weight) for values in posting.values]
    offsets, scores = np.concatenate(several), np.concatenate(weighted)
    if admitted is not None:
        keep = np.flatnonzero(admitted[offsets])
        offsets, scores = offsets[keep], scores[keep]
    if not len(offsets) or len(several) == 1:
        return offsets, scores
    order = np.argsort(offsets)
    offsets = offsets[order]
    starts = np.flatnonzero(np.concatenate([_TRUE, offsets[1:] != offsets[:-1]]))
    return offsets[starts], np.add.reduceat(scores[order], starts)


_TRUE = np.ones(1, bool)


def _add(offsets: Offsets, scores: FloatArray, posting: Posting, weight: float) -> None:
    """Add a term to the sums of the points that have it."""
    for having, values in zip(posting.offsets, posting.values, strict=True):
        places = having.searchsorted(offsets)
        here = having.take(places, mode="clip") == offsets
        scores += values.take(places, mode="clip") * here * np.float32(weight)


def _common(one: Offsets, other: Offsets) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places of the common members of two ascending arrays in each of them."""
    if len(one) < len(other):
        return _common(other, one)[::-1]
    places = one.searchsorted(other)
    hits = np.flatnonzero(one.take(places, mode="clip") == other) if len(one) else places
    return places[hits], hits
