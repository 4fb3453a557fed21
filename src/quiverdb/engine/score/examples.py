"""Scores by examples: from the similarities of points to each of several examples to one score per point.

Every function takes the similarities in the shape (examples, points), in float32, and returns the scores in the
shape (points,), larger is better. The formulas are Qdrant's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.model.point import FloatArray

__all__ = ["best_score", "context", "discover", "feedback_weights", "weighted"]

_MARGIN = np.finfo(np.float32).eps
"""By how much the positive example of a context pair must be nearer."""


def best_score(found: FloatArray, positives: int) -> FloatArray:
    """Score by the nearest of the first ``positives`` examples and the nearest of the others, which are negative.

    Where a positive example is nearer the score is ``s(p)``, else ``-s(n)``, with ``s(x) = (x / (1 + |x|) + 1) / 2``.

    >>> best_score(np.array([[1.0, 0.0], [0.0, 3.0]], "f4"), 1)
    array([ 0.75 , -0.875], dtype=float32)
    """
    good = found[:positives].max(axis=0, initial=-np.inf)
    bad = found[positives:].max(axis=0, initial=-np.inf)
    nearer = good > bad
    return np.where(nearer, 1, -1).astype(np.float32) * _scaled_sigmoid(np.where(nearer, good, bad))


def discover(found: FloatArray) -> FloatArray:
    """Score by the number of pairs that hold less those that do not, then by the target.

    The first example is the target; positive and negative ones of the pairs follow in turns.

    >>> discover(np.array([[1.0], [0.5], [0.2]], "f4"))
    array([1.75], dtype=float32)
    """
    good, bad = found[1::2], found[2::2]
    rank = (good > bad).sum(axis=0) - (good < bad).sum(axis=0)
    return np.asarray(rank.astype(np.float32) + _scaled_sigmoid(found[0]), np.float32)


def context(found: FloatArray) -> FloatArray:
    """Score by how far points are on the wrong side of the pairs, whose examples come in turns; 0 is best.

    >>> context(np.array([[0.5, 0.0], [0.2, 1.0]], "f4")).round(3)
    array([ 0. , -0.5], dtype=float32)
    """
    loss = np.minimum(found[0::2] - found[1::2] - _MARGIN, np.float32(0))
    return np.asarray(_sigmoid(loss).sum(axis=0), np.float32)


def weighted(found: FloatArray, weights: FloatArray) -> FloatArray:
    """Score by the sum of the similarities, each with the weight of its example.

    >>> weighted(np.array([[1.0], [0.25]], "f4"), np.array([1, -1], "f4"))
    array([0.75], dtype=float32)
    """
    return np.asarray(weights @ found, np.float32)


def feedback_weights(scores: Sequence[float], a: float, b: float, c: float) -> FloatArray:
    """Return the weight of the target, ``a``, and of each example that was judged with one of the ``scores``.

    Every two examples that were judged differently add ``d ** b * c`` times the difference of their similarities to
    the score of a point, where ``d`` is the difference of their judgements.

    >>> feedback_weights([0.75, 0.25], 1.0, 2.0, 4.0)
    array([ 1.,  1., -1.], dtype=float32)
    """
    judged = np.asarray(scores, np.float32).astype(np.float64)
    difference = judged[:, None] - judged[None, :]
    confident = difference > 0
    pair = np.where(confident, np.where(confident, difference, 1.0) ** b * c, 0.0)
    return np.concatenate([[a], pair.sum(axis=1) - pair.sum(axis=0)]).astype(np.float32)


def _sigmoid(similarity: FloatArray) -> FloatArray:
    return np.asarray(similarity / (1 + np.abs(similarity)), np.float32)


def _scaled_sigmoid(similarity: FloatArray) -> FloatArray:
    return np.asarray((_sigmoid(similarity) + 1) / 2, np.float32)
