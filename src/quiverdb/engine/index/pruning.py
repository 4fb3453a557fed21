"""The best sums over postings, without looking at most of them.

A point's score is the sum of what the terms of a query contribute. Rare terms are added up first. Once the best
points so far cannot be beaten by what is left for a point that has none of the terms seen, the remaining, longer
postings are only searched for the points still in the running (the idea of MaxScore: Turtle and Flood, 1995).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from quiverdb.engine.index.bitmaps import Mask, Offsets
from quiverdb.model.point import FloatArray

__all__ = ["Places", "Posting", "best", "ranked", "sums"]

Places = slice | npt.NDArray[np.intp]

_SLACK = 1e-5
"""How much float32 sums may differ, relatively, by the order of adding."""
_NONE = np.empty(0, np.uint32), np.empty(0, np.float32)
_scratch = threading.local()


class Posting(Protocol):
    """The points that have one term of a query, and what it contributes to their scores."""

    offsets: Offsets
    """Ascending."""
    upper: float
    """The most that the term contributes, not below 0."""
    lower: float
    """The least that the term contributes, not above 0."""

    def contributions(self, places: Places) -> FloatArray:
        """Return what the term contributes to the points at ``offsets[places]``."""


def best(
    groups: Iterable[Sequence[Posting]], admitted: Mask | None, size: int, k: int, *, zeros: bool
) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` points with the largest sums, and the sums; equal ones by offset.

    Every group has points of its own, with offsets below ``size``. ``admitted`` marks the points that may be
    returned; without ``zeros`` those with a sum of 0 may not.
    """
    found = _NONE
    for group in groups if k else ():
        floor = float(found[1][-1]) if len(found[1]) == k else -np.inf
        more = _Search(sorted(group, key=lambda posting: len(posting.offsets)), k, floor, zeros=zeros)
        offsets, scores = more.run(admitted, size)
        found = ranked(np.concatenate([found[0], offsets]), np.concatenate([found[1], scores]), k, zeros=zeros)
    return found


def ranked(offsets: Offsets, scores: FloatArray, k: int, *, zeros: bool) -> tuple[Offsets, FloatArray]:
    """Return the ``k`` points with the largest scores, equal ones by offset; those with 0 only with ``zeros``."""
    if not zeros:
        keep = np.flatnonzero(scores)
        offsets, scores = offsets[keep], scores[keep]
    if 2 * k < len(scores):
        bar = np.partition(scores, len(scores) - k)[len(scores) - k] if k > 0 else np.inf
        keep = np.flatnonzero(scores >= bar)
        offsets, scores = offsets[keep], scores[keep]
    order = np.lexsort((offsets, -scores))[:k]
    return offsets[order], scores[order]


def sums(groups: Iterable[Sequence[Posting]], offsets: Offsets) -> tuple[FloatArray, Mask]:
    """Return the sum for each of the ascending ``offsets``, and which of them have a term at all."""
    scores, having = np.zeros(len(offsets), np.float32), np.zeros(len(offsets), bool)
    for group in groups:
        for posting in group:
            places, hits = _common(posting.offsets, offsets)
            scores[hits] += posting.contributions(places)
            having[hits] = True
    return scores, having


class _Search:
    """Find the candidates of one group. ``floor`` is what a score must reach to be of interest."""

    def __init__(self, postings: list[Posting], k: int, floor: float, *, zeros: bool) -> None:
        self._postings = postings
        self._k = k
        self._floor = floor
        self._zeros = zeros
        # What the postings from each one on contribute at most and at least.
        self._uppers = _from_each(posting.upper for posting in postings)
        self._lowers = _from_each(posting.lower for posting in postings)

    def run(self, admitted: Mask | None, size: int) -> tuple[Offsets, FloatArray]:
        """Return points with their sums, among them the best ``k``."""
        offsets, scores, done = self._collect(admitted, size)
        for rank in range(done, len(self._postings)):
            posting = self._postings[rank]
            places, hits = _common(posting.offsets, offsets)
            scores[hits] += posting.contributions(places)
            self._raise(scores, rank + 1)
            offsets, scores = self._in_the_running(offsets, scores, rank + 1)
        return offsets, scores

    def _collect(self, admitted: Mask | None, size: int) -> tuple[Offsets, FloatArray, int]:
        """Add up postings until no other points can come in; return points, sums and how many postings it took."""
        partial = _zeros(size)
        touched: list[Offsets] = []
        done = 0
        try:
            for posting in self._postings:
                if self._uppers[done] < self._bar:
                    break
                done += 1
                offsets = posting.offsets
                places: Places = slice(None)
                if admitted is not None:
                    places = np.flatnonzero(admitted[offsets])
                    offsets = offsets[places]
                scores = partial[offsets]
                scores += posting.contributions(places)
                touched.append(offsets)
                partial[offsets] = scores
                self._raise(scores, done)
            if not touched:
                return *_NONE, done
            offsets = np.concatenate(touched) if len(touched) > 1 else touched[0]
            scores = partial[offsets]
        finally:
            for part in touched:
                partial[part] = 0
        offsets, scores = self._in_the_running(offsets, scores, done)
        if len(touched) > 1:
            offsets, first = np.unique(offsets, return_index=True)
            scores = scores[first]
        return offsets, scores, done

    @property
    def _bar(self) -> float:
        return self._floor - _SLACK * abs(self._floor) if self._floor > -np.inf else self._floor

    def _raise(self, scores: FloatArray, done: int) -> None:
        """Raise the floor to what the best ``k`` of distinct points have for sure."""
        sure = self._lowers[done]
        hopeful = scores[scores > self._floor - sure]
        if len(hopeful) < self._k:
            return
        floor = float(np.partition(hopeful, len(hopeful) - self._k)[len(hopeful) - self._k]) + sure
        if floor > 0 or self._zeros:  # else points with 0 may be among them
            self._floor = max(self._floor, floor)

    def _in_the_running(self, offsets: Offsets, scores: FloatArray, done: int) -> tuple[Offsets, FloatArray]:
        keep = np.flatnonzero(scores >= self._bar - self._uppers[done])
        return offsets[keep], scores[keep]


def _from_each(bounds: Iterable[float]) -> list[float]:
    return list(accumulate(reversed(list(bounds)), initial=0.0))[::-1]


def _common(one: Offsets, other: Offsets) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the places of the common members of two ascending arrays in each of them."""
    if len(one) < len(other):
        return _common(other, one)[::-1]
    if not len(other):
        nowhere = np.empty(0, np.intp)
        return nowhere, nowhere
    places = np.searchsorted(one, other)
    places[places == len(one)] = 0
    hits = np.flatnonzero(one[places] == other)
    return places[hits], hits


def _zeros(size: int) -> npt.NDArray[Any]:
    """Return at least so many zeros; this thread's own, to be left as they were."""
    found: FloatArray | None = getattr(_scratch, "zeros", None)
    if found is None or len(found) < size:
        found = _scratch.zeros = np.zeros(size + size // 4, np.float32)
    return found
