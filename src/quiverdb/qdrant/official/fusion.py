"""Fusion of lists of hits, outside of a database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quiverdb.engine.score.fusion import reciprocal_rank
from quiverdb.qdrant import models
from quiverdb.qdrant.errors import api_errors

__all__ = ["distribution_based_score_fusion", "reciprocal_rank_fusion"]

_Hits = Sequence[models.ScoredPoint]


def reciprocal_rank_fusion(
    responses: Sequence[_Hits],
    limit: int = 10,
    ranking_constant_k: int | None = None,
    weights: Sequence[float] | None = None,
) -> list[models.ScoredPoint]:
    """Return the best hits by the sum of ``1 / ((position + 1) / weight + k - 1)``; of equal ones the first seen.

    >>> hits = [models.ScoredPoint(id=i, version=0, score=1.0) for i in (7, 8)]
    >>> [hit.id for hit in reciprocal_rank_fusion([hits, hits[1:]])]
    [8, 7]
    """
    points, numbered = _numbered(responses)
    with api_errors:
        found, scores = reciprocal_rank(numbered, ranking_constant_k, weights)
    best = np.lexsort((found, -scores))[:limit]
    return [points[found[place]].model_copy(update={"score": float(scores[place])}) for place in best]


def distribution_based_score_fusion(responses: Sequence[_Hits], limit: int) -> list[models.ScoredPoint]:
    """Return the best hits by the sum of scores that were mapped to 0 to 1, from mean - 3 to mean + 3 deviations.

    >>> hits = [models.ScoredPoint(id=i, version=0, score=float(i)) for i in (3, 2, 1)]
    >>> [round(hit.score, 2) for hit in distribution_based_score_fusion([hits], 2)]
    [0.67, 0.5]
    """
    points, numbered = _numbered(responses)
    sums = np.zeros(len(points), np.float64)
    for places, response in zip(numbered, responses, strict=True):
        np.add.at(sums, places, _normalized(np.array([hit.score for hit in response], np.float64)))
    best = np.argsort(-sums, kind="stable")[:limit]
    return [points[place].model_copy(update={"score": float(sums[place])}) for place in best]


def _numbered(responses: Sequence[_Hits]) -> tuple[list[models.ScoredPoint], list[NDArray[np.int64]]]:
    """Return the distinct points in the order they are met, and each response as places among them."""
    points: dict[models.ExtendedPointId, models.ScoredPoint] = {}
    for response in responses:
        for hit in response:
            points.setdefault(hit.id, hit)
    places = {id: place for place, id in enumerate(points)}
    return list(points.values()), [np.array([places[hit.id] for hit in part], np.int64) for part in responses]


def _normalized(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
    if deviation == 0.0:
        return np.full(len(scores), 0.5)
    low = float(scores.mean()) - 3 * deviation
    return (scores - low) / (6 * deviation)
