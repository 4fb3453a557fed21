"""The choice between scanning and walking the graph, by what each would cost.

Costs are in microseconds, fitted on two-core x86 machines (``bench/README.md`` tells how to repeat the
measurement); only their ratio matters.
"""

from __future__ import annotations

import msgspec

__all__ = ["Plan", "candidates", "plan"]

DEPTH_MARGIN = 12
"""Added to the depth asked for: the codes that the graph walks are coarser than the vectors."""
SPARED = 0.3
"""The depth grows as fewer of the points that a walk meets are allowed, by so much less than in proportion."""

_SPARE = 10
"""At least so many candidates more than points wanted."""

_COMPARISONS, _COMPARISONS_PER_DEPTH = 300, 13
"""Vectors that a walk compares with the query: so many, and so many more per unit of depth."""
_COMPARISON, _COMPARISON_PER_NUMBER = 0.03, 3.3e-4
_ROW, _ROW_PER_NUMBER = 0.01, 1.8e-4


class Plan(msgspec.Struct, frozen=True):
    """Say how to search: with ``depth`` on the graph plus a scan of what it does not cover, or a scan alone."""

    depth: int | None
    candidates: int


def candidates(k: int, spread: float) -> int:
    """Return how many candidates to take from a graph: ``spread`` for each point wanted, and not too few."""
    return k + max(_SPARE, round(max(k, _SPARE) * (spread - 1)))


def plan(*, allowed: int, covered: int, tail: int, size: int, ef: int, k: int, spread: float = 1.1) -> Plan:
    """Plan a search for the best ``k`` of ``allowed`` points.

    ``covered`` is the number of offsets in the graph, ``tail`` the number of allowed points outside it, ``size``
    the number of components per vector, ``ef`` the depth asked for, ``spread`` the candidates per wanted point.
    """
    count = candidates(k, spread)
    share = (allowed - tail) / covered if covered else 0.0
    if share <= 0:
        return Plan(None, count)
    depth = int(max(ef + DEPTH_MARGIN, count) * max(1.0, 1.0 / share - SPARED))
    row = _ROW + size * _ROW_PER_NUMBER
    comparisons = _COMPARISONS + _COMPARISONS_PER_DEPTH * depth
    walk = comparisons * (_COMPARISON + size * _COMPARISON_PER_NUMBER) + tail * row
    return Plan(None if allowed * row <= walk else depth, count)
