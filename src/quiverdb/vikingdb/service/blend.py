"""Search by several measures at once: the score of a row is the weighted sum of what each of them gives it.

Every measure yields its best rows. Rows that one found and another did not are asked for by id, so every score is
complete. A row that none of them found cannot score more than the last of each list together; while that is more than
what the last wanted row has, the lists are made longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from quiverdb.database import Database
from quiverdb.model.filter import Filter, HasId
from quiverdb.model.point import PointId
from quiverdb.model.query import Query, QueryKind, SearchParams
from quiverdb.model.result import Hit

__all__ = ["Side", "blended"]

_SHORTEST, _LONGEST, _GROWTH = 64, 16_384, 4


def _as_it_is(score: float) -> float:
    return score


class Side(msgspec.Struct, frozen=True, eq=False):
    """Describe a measure: what is asked of the database, and what becomes of the scores it answers."""

    kind: QueryKind
    using: str
    weight: float = 1.0
    params: SearchParams = SearchParams()
    shown: Callable[[float], float] = _as_it_is
    partial: bool = False
    """Whether rows that it does not find score 0; otherwise it finds all rows."""

    def best(self, filter: Filter | None, limit: int) -> Query:
        """Ask for the best rows."""
        return Query(self.kind, using=self.using, filter=filter, params=self.params, limit=limit)

    def of(self, ids: Sequence[PointId]) -> Query:
        """Ask for the scores of some rows."""
        params = SearchParams(exact=True)
        return Query(
            self.kind, using=self.using, filter=Filter(must=(HasId(tuple(ids)),)), params=params, limit=len(ids)
        )


def blended(
    database: Database, name: str, sides: Sequence[Side], filter: Filter | None, count: int
) -> list[tuple[PointId, float]]:
    """Return the best ``count`` rows that a filter lets through, and their scores, best first."""
    depth = max(2 * count, _SHORTEST)
    while True:
        found = database.query(name, [side.best(filter, depth) for side in sides])
        scores = [_scores(side, hits) for side, hits in zip(sides, found, strict=True)]
        totals = _totals(database, name, sides, scores)
        ranked = sorted(totals.items(), key=_order)[:count]
        most = _most_unseen(sides, found, scores, depth)
        if depth >= _LONGEST or most == -math.inf or (len(ranked) == count and ranked[-1][1] >= most):
            return ranked
        depth = min(depth * _GROWTH, max(_LONGEST, depth))


def _scores(side: Side, hits: Sequence[Hit]) -> dict[PointId, float]:
    return {hit.id: side.weight * side.shown(hit.score) for hit in hits}


def _totals(
    database: Database, name: str, sides: Sequence[Side], scores: Sequence[dict[PointId, float]]
) -> dict[PointId, float]:
    """Return the sums, once the scores that are missing have been fetched."""
    ids = list(dict.fromkeys(id for known in scores for id in known))
    missing = [[id for id in ids if id not in known] for known in scores]
    wanted = [number for number, absent in enumerate(missing) if absent]
    asked = [sides[number].of(missing[number]) for number in wanted]
    complete = list(scores)
    for number, hits in zip(wanted, database.query(name, asked) if asked else (), strict=True):
        complete[number] = scores[number] | _scores(sides[number], hits)
    return {id: math.fsum(known.get(id, 0.0) for known in complete) for id in ids}


def _most_unseen(
    sides: Sequence[Side], found: Sequence[Sequence[Hit]], scores: Sequence[dict[PointId, float]], depth: int
) -> float:
    """Return what a row can have at most that no list has; minus infinity if there is none."""
    most = 0.0
    for side, hits, known in zip(sides, found, scores, strict=True):
        last = known[hits[-1].id] if hits and len(hits) >= depth else None
        if last is None and not side.partial:
            return -math.inf
        most += last if last is not None and not side.partial else max(0.0, last or 0.0)
    full = any(len(hits) >= depth for hits in found)
    return most if full else -math.inf


def _order(item: tuple[PointId, float]) -> tuple[float, bool, PointId]:
    id, score = item
    return -score, isinstance(id, str), id
