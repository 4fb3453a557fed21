"""Fusion of lists of hits, outside of a database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.score.fusion import normalized_scores, reciprocal_rank
from quiverdb.model.point import FloatArray
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
        return _best(points, *reciprocal_rank(numbered, ranking_constant_k, weights), limit)


def distribution_based_score_fusion(responses: Sequence[_Hits], limit: int) -> list[models.ScoredPoint]:
    """Return the best hits by the sum of scores that were mapped to 0 to 1, from mean - 3 to mean + 3 deviations.

    >>> hits = [models.ScoredPoint(id=i, version=0, score=float(i)) for i in (3, 2, 1)]
    >>> [round(hit.score, 2) for hit in distribution_based_score_fusion([hits], 2)]
    [0.67, 0.5]
    """
    points, numbered = _numbered(responses)
    scores = [np.array([hit.score for hit in response], np.float32) for response in responses]
    return _best(points, *normalized_scores(numbered, scores), limit)


def _numbered(responses: Sequence[_Hits]) -> tuple[list[models.ScoredPoint], list[Offsets]]:
    """Return the distinct points in the order they are met, and each response as places among them."""
    points: dict[models.ExtendedPointId, models.ScoredPoint] = {}
    for response in responses:
        for hit in response:
            points.setdefault(hit.id, hit)
    places = {id: place for place, id in enumerate(points)}
    return list(points.values()), [np.array([places[hit.id] for hit in part], np.int64) for part in responses]


def _best(
    points: Sequence[models.ScoredPoint], found: Offsets, scores: FloatArray, limit: int
) -> list[models.ScoredPoint]:
    best = np.lexsort((found, -scores))[:limit]
    return [points[found[place]].model_copy(update={"score": float(scores[place])}) for place in best]
