"""Candidates: rows that a search found, on their way through post-processing to the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from quiverdb.model.point import PointId, VectorValue

__all__ = ["Candidate", "best_first"]


class Candidate(msgspec.Struct):
    """Hold a row and its scores; ``ann_score`` is what the search itself gave it, where that says something."""

    id: PointId
    score: float
    payload: Mapping[str, Any]
    vectors: Mapping[str, VectorValue] | None = None
    ann_score: float | None = None
    origin_score: float | None = None
    addition_score: float | None = None


def best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by score, those of equal scores by id."""
    return sorted(candidates, key=_order)


def _order(candidate: Candidate) -> tuple[float, bool, PointId]:
    return -candidate.score, isinstance(candidate.id, str), candidate.id
