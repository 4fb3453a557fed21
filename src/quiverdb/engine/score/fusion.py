"""Fusion of rankings into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.engine.score.distance import Offsets, top
from quiverdb.errors import InvalidInputError
from quiverdb.model.point import FloatArray

__all__ = ["reciprocal_rank"]

_DEFAULT_K = 2


def reciprocal_rank(
    rankings: Sequence[Offsets], k: int | None = None, weights: Sequence[float] | None = None
) -> tuple[Offsets, FloatArray]:
    """Sum ``1 / ((position + 1) / weight + k - 1)`` over the rankings that hold an offset; best first.

    The formula and the default ``k`` of 2 are Qdrant's; a weight of zero or less leaves its ranking out.

    >>> reciprocal_rank([np.array([7, 8]), np.array([8])])
    (array([8, 7]), array([0.8333333, 0.5      ], dtype=float32))
    """
    if weights is not None and len(weights) != len(rankings):
        raise InvalidInputError(f"got {len(weights)} weights for {len(rankings)} prefetches", field="weights")
    if not rankings:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    constant = (_DEFAULT_K if k is None else k) - 1
    joined, positions = np.unique(np.concatenate(rankings), return_inverse=True)
    scores = np.zeros(len(joined), np.float64)
    start = 0
    for number, ranking in enumerate(rankings):
        weight = 1.0 if weights is None else weights[number]
        places = positions[start : start + len(ranking)]
        start += len(ranking)
        if weight > 0:
            scores[places] += 1.0 / ((np.arange(len(ranking)) + 1.0) / weight + constant)
    order = top(scores.astype(np.float32), len(scores))
    return joined[order].astype(np.int64), scores[order].astype(np.float32)
