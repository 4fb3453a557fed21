"""Fusion of rankings into one. Both methods return offsets and scores, best first, equal scores by offset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.engine.score.distance import Offsets, top
from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray

__all__ = ["normalized_scores", "reciprocal_rank"]

_DEFAULT_K = 2
_SPREAD = 3.0
"""Scores so many standard deviations below and above the mean become 0 and 1."""


def reciprocal_rank(
    rankings: Sequence[Offsets], k: int | None = None, weights: Sequence[float] | None = None
) -> tuple[Offsets, FloatArray]:
    """Sum ``1 / ((position + 1) / weight + k - 1)`` over the places where the rankings hold an offset.

    The formula and the default ``k`` of 2 are Qdrant's; a weight of zero or less makes a ranking count nothing.

    >>> reciprocal_rank([np.array([7, 8]), np.array([8])])
    (array([8, 7]), array([0.8333334, 0.5      ], dtype=float32))
    """
    if weights is not None and len(weights) != len(rankings):
        raise InvalidInputError(f"got {len(weights)} weights for {len(rankings)} prefetches", field="weights")
    constant = np.float32(_DEFAULT_K if k is None else k)
    parts: list[FloatArray] = []
    for number, ranking in enumerate(rankings):
        weight = np.float32(1 if weights is None else weights[number])
        places = np.arange(1, len(ranking) + 1, dtype=np.float32)
        parts.append(np.float32(1) / (places / weight + constant - 1) if weight > 0 else np.zeros_like(places))
    return _summed(rankings, parts)


def normalized_scores(rankings: Sequence[Offsets], scores: Sequence[FloatArray]) -> tuple[Offsets, FloatArray]:
    """Sum the scores of an offset, those of each ranking brought to 0 … 1 first.

    As in Qdrant, three standard deviations (of a sample) below the mean become 0, as many above it 1, and equal
    scores 0.5 each.

    >>> offsets, scores = normalized_scores([np.array([7, 8])], [np.array([3.0, 1.0], "f4")])
    >>> offsets, scores.round(3)
    (array([7, 8]), array([0.618, 0.382], dtype=float32))
    """
    return _summed(rankings, [_normalized(part) for part in scores])


def _normalized(scores: FloatArray) -> FloatArray:
    if len(scores) < 2:
        return np.full(len(scores), 0.5, np.float32)
    mean, deviation = scores.mean(dtype=np.float64), scores.std(dtype=np.float64, ddof=1)
    low, high = np.float32(mean - _SPREAD * deviation), np.float32(mean + _SPREAD * deviation)
    if low == high:
        return np.full(len(scores), 0.5, np.float32)
    return np.asarray((scores - low) / (high - low), np.float32)


def _summed(rankings: Sequence[Offsets], parts: Sequence[FloatArray]) -> tuple[Offsets, FloatArray]:
    if not rankings:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    joined, positions = np.unique(np.concatenate(rankings), return_inverse=True)
    scores = np.zeros(len(joined), np.float32)
    np.add.at(scores, positions, np.concatenate(parts))
    order = top(scores, len(scores))
    return joined[order].astype(np.int64), scores[order]
