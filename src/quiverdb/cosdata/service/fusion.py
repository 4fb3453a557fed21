"""Fusion of rankings by reciprocal rank."""

from __future__ import annotations

from collections.abc import Sequence

from quiverdb.cosdata.service.rankings import Result

__all__ = ["fused"]


def fused(rankings: Sequence[Sequence[Result]], constant: float, top_k: int) -> list[Result]:
    """Join rankings: a result scores the sum of ``1 / (rank + constant)`` over them, ranks beginning with 0.

    Equal scores are put in order by id.

    >>> one, other = {"id": "a", "score": 0.9}, {"id": "b", "score": 0.8}
    >>> fused([[one, other], [other]], 1.0, 10)
    [{'id': 'b', 'score': 1.5}, {'id': 'a', 'score': 1.0}]
    """
    scores: dict[str, float] = {}
    found: dict[str, Result] = {}
    for ranking in rankings:
        for rank, result in enumerate(ranking):
            id = result["id"]
            scores[id] = scores.get(id, 0.0) + 1 / (rank + constant)
            found.setdefault(id, result)
    best = sorted(scores, key=lambda id: (-scores[id], id))[:top_k]
    return [{**found[id], "score": scores[id]} for id in best]
