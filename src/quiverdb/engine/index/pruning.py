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

_Sums: TypeAlias = npt.NDArray[np.float64]
"""Sums become float32 when they are complete, so that equal ones are so in whatever order they were added up."""
_SLACK = 1e-6
"""How much sums may change, relatively, by becoming float32."""
_LARGEST = 64
"""So many of a posting's largest values are kept at hand."""
_STEP = 2048
"""So many entries are added up before the worth of going on is judged."""


class Posting:
    """The points that have one term, ascending, and their values.

    >>> posting = Posting(np.array([3, 7], "u4"), np.array([1.0, 0.5], "f4"))
    >>> posting.size, posting.highest, posting.nth_largest(2)
    (2, 1.0, 0.5)
    """

    __slots__ = ("_largest", "highest", "lowest", "offsets", "size", "values")

    def __init__(self, offsets: Offsets, values: FloatArray) -> None:
        self.offsets = offsets
        self.values = values
        self.size = len(offsets)
        self.highest = float(values.max()) if self.size else 0.0
        self.lowest = float(values.min()) if self.size else 0.0
        self._largest: list[float] | None = None

    @classmethod
    def joined(cls, parts: Sequence[tuple[Offsets, FloatArray]]) -> Posting:
        """Return the posting that consists of parts with points of their own, ascending in each."""
        if len(parts) == 1:
            return cls(*parts[0])
        offsets = np.concatenate([offsets for offsets, _ in parts] or [np.empty(0, np.uint32)])
        values = np.concatenate([values for _, values in parts] or [np.empty(0, np.float32)])
        if (offsets[1:] < offsets[:-1]).any():
            order = np.argsort(offsets, kind="stable")
            offsets, values = offsets[order], values[order]
        return cls(offsets, values)

    def nth_largest(self, n: int) -> float:
        """Return the ``n``-th largest value; minus infinity when there are fewer, or that is not at hand."""
        if n > min(self.size, _LARGEST) or n < 1:
            return -np.inf
        if self._largest is None:
            values = self.values
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
        largest = [weight * posting.nth_largest(k) for posting, weight in terms if weight > 0]
        floor = raised(max(largest, default=-np.inf) + lowers[0])
    offsets, scores = np.empty(0, np.uint32), np.empty(0, np.float64)
    done = 0
    while done < len(terms) and uppers[done] >= floor:
        start, room = done, max(_STEP, len(offsets))
        while done < len(terms) and (done == start or (terms[done][0].size <= room and uppers[done] >= floor)):
            room -= terms[done][0].size
            done += 1
        offsets, scores = _joined(offsets, scores, terms[start:done], admitted)
        if len(scores) >= k:
            floor = raised(_nth_largest(scores, k) + lowers[done])
    for rank in range(done, len(terms)):
        keep = (scores >= floor - uppers[rank]).nonzero()[0]
        if len(keep) < len(scores):
            offsets, scores = offsets[keep], scores[keep]
        _add(offsets, scores, *terms[rank])
        if len(scores) > _STEP:
            floor = raised(_nth_largest(scores, k) + lowers[rank + 1])
    return ranked(offsets, scores.astype(np.float32), k, zeros=zeros)


def sums(terms: Sequence[Weighted], wanted: Offsets) -> tuple[FloatArray, Mask]:
    """Return the sum for each of the ascending offsets ``wanted``, and which of them have a term at all."""
    scores, having = np.zeros(len(wanted), np.float64), np.zeros(len(wanted), bool)
    for posting, weight in terms:
        places, hits = _common(posting.offsets, wanted)
        scores[hits] += _worth(posting.values[places], weight)
        having[hits] = True
    return scores.astype(np.float32), having


def ranked(offsets: Offsets, scores: FloatArray, k: int, *, zeros: bool) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` points with the largest scores, equal ones by offset; those with 0 only with ``zeros``."""
    if not zeros:
        keep = scores.nonzero()[0]
        if len(keep) < len(scores):
            offsets, scores = offsets[keep], scores[keep]
    if len(scores) > 2 * k:
        keep = (scores >= (_nth_largest(scores, k) if k > 0 else np.inf)).nonzero()[0]
        offsets, scores = offsets[keep], scores[keep]
    order = np.lexsort((offsets, -scores))[:k]
    return offsets[order], scores[order]


def _from_each(bounds: Sequence[float]) -> list[float]:
    return list(accumulate(reversed(bounds), initial=0.0))[::-1]


def _nth_largest(scores: FloatArray | _Sums, n: int) -> float:
    place = len(scores) - n
    parted = scores.copy()
    parted.partition(place)
    return float(parted[place])


def _joined(offsets: Offsets, scores: _Sums, terms: Sequence[Weighted], admitted: Mask | None) -> tuple[Offsets, _Sums]:
    """Add terms to sums, and the points that only they have."""
    several = [offsets] if len(offsets) else []
    weighted = [scores] if len(offsets) else []
    for posting, weight in terms:
        several.append(posting.offsets)
        weighted.append(_worth(posting.values, weight))
    if len(several) > 1:
        offsets, scores = np.concatenate(several), np.concatenate(weighted)
    else:
        offsets, scores = several[0], weighted[0]
    if admitted is not None:
        keep = admitted[offsets].nonzero()[0]
        offsets, scores = offsets[keep], scores[keep]
    if not len(offsets) or len(several) == 1:
        return offsets, scores
    order = offsets.argsort()
    offsets = offsets[order]
    starts = np.concatenate([_TRUE, offsets[1:] != offsets[:-1]]).nonzero()[0]
    return offsets[starts], np.add.reduceat(scores[order], starts)


_TRUE = np.ones(1, bool)


def _add(offsets: Offsets, scores: _Sums, posting: Posting, weight: float) -> None:
    """Add a term to the sums of the points that have it."""
    places = posting.offsets.searchsorted(offsets)
    here = posting.offsets.take(places, mode="clip") == offsets
    scores += _worth(posting.values.take(places, mode="clip"), weight) * here


def _worth(values: FloatArray, weight: float) -> _Sums:
    return np.multiply(values, weight, dtype=np.float64)


def _common(one: Offsets, other: Offsets) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places of the common members of two ascending arrays in each of them."""
    if len(one) < len(other):
        return _common(other, one)[::-1]
    places = one.searchsorted(other)
    hits = np.flatnonzero(one.take(places, mode="clip") == other) if len(one) else places
    return places[hits], hits
