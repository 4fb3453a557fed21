"""Scores by examples, from similarities to each of them."""

from __future__ import annotations

import numpy as np

from quiverdb.model.point import FloatArray

__all__ = ["best_score", "sum_scores"]


def best_score(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Score points by the nearest positive and the nearest negative example; shapes (examples, points).

    Where a positive example is nearer the score is ``s(p)``, else ``-s(n)``, with ``s(x) = (x / (1 + |x|) + 1) / 2``
    as in Qdrant.

    >>> best_score(np.array([[1.0, 0.0]], "f4"), np.array([[0.0, 3.0]], "f4"))
    array([ 0.75 , -0.875], dtype=float32)
    """
    nearest_good = positive.max(axis=0, initial=-np.inf)
    nearest_bad = negative.max(axis=0, initial=-np.inf)
    return np.where(nearest_good > nearest_bad, _squashed(nearest_good), -_squashed(nearest_bad))


def sum_scores(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Score points by all similarities, those to negative examples subtracted."""
    return np.asarray(positive.sum(axis=0) - negative.sum(axis=0), np.float32)


def _squashed(similarity: FloatArray) -> FloatArray:
    finite = np.where(np.isfinite(similarity), similarity, np.float32(0))
    return np.asarray((finite / (1 + np.abs(finite)) + 1) / 2, np.float32)
