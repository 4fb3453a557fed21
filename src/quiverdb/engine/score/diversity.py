"""Maximal marginal relevance: points that are near the query and far from each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quiverdb.engine.score.distance import Offsets
from quiverdb.model.point import FloatArray

__all__ = ["diversify"]


def diversify(relevance: FloatArray, likeness: Callable[[int], FloatArray], weight: float, k: int) -> Offsets:
    """Choose up to ``k`` positions, each the best of ``weight * relevance - (1 - weight) * likeness``.

    ``likeness(position)`` returns how similar each candidate is to that one; the nearest chosen candidate counts.
    Among equals the last one wins, and the last candidate takes the place of the one chosen, as in Qdrant.

    >>> alike = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]], "f4")
    >>> diversify(np.array([0.9, 0.8, 0.5], "f4"), lambda position: alike[position], 0.5, 2)
    array([0, 2])
    """
    pending = np.arange(len(relevance))
    nearest = np.full(len(relevance), -np.inf, np.float32)
    towards, away = np.float32(weight), np.float32(1) - np.float32(weight)
    chosen: list[int] = []
    merit = relevance
    while len(chosen) < k and len(pending):
        place = len(pending) - 1 - int(np.argmax(merit[pending][::-1]))
        choice = int(pending[place])
        pending[place] = pending[-1]
        pending = pending[:-1]
        chosen.append(choice)
        nearest = np.maximum(nearest, likeness(choice))
        merit = towards * relevance - away * nearest
    return np.array(chosen, np.int64)
