"""Groups of hits that share a payload value.

Points are ranked in rounds. The first rounds look for groups, leaving out those that are known; the next ones
fill the best groups, looking at their members only. Points that were seen are left out of later rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from msgspec.structs import replace
from pyroaring import BitMap

from quiverdb.engine.executor import Executor
from quiverdb.engine.filter.paths import elements, parse, values
from quiverdb.engine.ranker import merged
from quiverdb.engine.ranking import Ranking
from quiverdb.engine.vectors import vectors_named
from quiverdb.model.filter import Condition, Filter, IsEmpty, MatchAny, MatchExcept
from quiverdb.model.query import GroupQuery, Nearest, OrderBy, Query, Recommend, Sample
from quiverdb.model.result import Group

__all__ = ["group_hits"]

Key: TypeAlias = int | str

_ROUNDS = 5
"""So many rounds Qdrant spends on finding groups, and as many on filling them."""
_GROWTH = 4


def group_hits(executor: Executor, query: GroupQuery) -> list[Group]:
    """Return up to ``query.query.limit`` groups, ordered by their best hit, each filled up to ``group_size``."""
    inner = query.query
    found = _Found(executor, query)
    mmr = inner.kind.mmr if isinstance(inner.kind, Nearest) else None
    if inner.prefetch or mmr is not None:
        _as_qdrant(found)
    else:
        _from_the_top(found)
    keys = found.best()
    chosen = [found.best_of(key) for key in keys]
    ranking = found.ranking.only(np.array([place for places in chosen for place in places], np.int64))
    hits = iter(executor.present(ranking, inner.with_payload, inner.with_vectors))
    return [Group(key, [next(hits) for _ in places]) for key, places in zip(keys, chosen, strict=True)]


def _from_the_top(found: _Found) -> None:
    """Look for groups where every point is ranked by itself: those found first are the best.

    Rounds grow, so that there are few even when most points belong to no group.
    """
    depth = found.wanted * found.size * _GROWTH  # a deep look costs less than a second one
    more = found.look(None, depth)  # as a rule, few points belong to no group
    while more and len(found.places) < found.wanted:
        more = found.look(found.without(found.places), depth)
        depth *= _GROWTH
    depth = found.wanted * found.size
    while (keys := found.unfilled()) and found.look(found.members(keys), depth):
        depth *= _GROWTH


def _as_qdrant(found: _Found) -> None:
    """Look for groups where a filter changes what the prefetches, and with them the scores, are.

    Filters, limits and the number of rounds are Qdrant's.
    """
    depth = found.wanted * found.size
    for _ in range(_ROUNDS):
        if not found.unfilled() and len(found.places) >= found.wanted:
            return
        if not found.look(found.without(found.full()), depth):
            break
    for _ in range(_ROUNDS):
        keys = found.unfilled()
        if not keys or not found.look(found.members(keys), depth):
            return


class _Found:
    """The points found so far, in ``ranking``, and where in it the members of each group are, in ``places``."""

    def __init__(self, executor: Executor, query: GroupQuery) -> None:
        self.places: dict[Key, list[int]] = {}
        self.wanted = query.query.limit
        self.size = query.group_size
        self.ranking = Ranking.unscored(np.empty(0, np.int64))
        self._executor = executor
        self._key = query.group_by
        self._path = parse(query.group_by)
        self._query = query.query
        self._seen = BitMap()
        self._sign = _sign(executor, query.query)
        self._merits: list[Any] = []
        """What larger is better of, for each point found."""

    def look(self, filter: Filter | None, k: int) -> bool:
        """Rank ``k`` more of the points that pass the filter; tell whether there were any."""
        query = replace(
            self._query,
            filter=merged(self._query.filter, filter),
            prefetch=tuple(_widened(inner, self.size) for inner in self._query.prefetch),
        )
        ranking = Ranking.joined([self._executor.rank(query, k, self._seen)])
        start = len(self.ranking.offsets)
        self.ranking = Ranking.joined([self.ranking, ranking]) if start else ranking
        self._merits = _merits(self.ranking, self._sign)
        self._seen = self._seen | BitMap(ranking.offsets.tolist())
        payloads = self._executor.view.payload_list(ranking.offsets.tolist())
        for place, payload in enumerate(payloads, start):
            for key in _keys(values(payload, self._path)):
                self.places.setdefault(key, []).append(place)
        return len(ranking.offsets) > 0

    def without(self, keys: Iterable[Key]) -> Filter:
        """Return the filter for points that belong to other groups too."""
        return Filter(must=_on(MatchExcept, self._key, keys), must_not=(IsEmpty(self._key),))

    def members(self, keys: Iterable[Key]) -> Filter:
        """Return the filter for members of these groups."""
        return Filter(must=(Filter(should=_on(MatchAny, self._key, keys)),), must_not=(IsEmpty(self._key),))

    def full(self) -> list[Key]:
        """Return the groups that have enough members."""
        return [key for key, places in self.places.items() if len(places) >= self.size]

    def unfilled(self) -> list[Key]:
        """Return the best groups that have not enough members."""
        return [key for key in self.best() if len(self.places[key]) < self.size]

    def best(self) -> list[Key]:
        """Return the best groups by their best hit, earlier ones first among equals."""
        merit = self._merits
        best = {key: max([merit[place] for place in places]) for key, places in self.places.items()}
        return sorted(best, key=best.__getitem__, reverse=True)[: self.wanted]

    def best_of(self, key: Key) -> list[int]:
        """Return the best members of a group."""
        return sorted(self.places[key], key=self._merits.__getitem__, reverse=True)[: self.size]


def _sign(executor: Executor, query: Query) -> int:
    """Return what makes larger scores better when multiplied with; 0 when the order in which points come counts."""
    match query.kind:
        case Nearest() | Recommend(strategy="average_vector"):
            return -1 if vectors_named(executor.source, executor.view, query.using).smaller_is_better else 1
        case OrderBy(direction=direction):
            return -1 if direction == "asc" else 1
        case None | Sample():
            return 0
        case _:
            return 1


def _merits(ranking: Ranking, sign: int) -> list[Any]:
    """Return what larger is better of, for each point of a ranking."""
    scores: list[float] = (ranking.scores * sign).tolist()
    if ranking.order_values is None:
        return scores
    ordered = [None if value is None else value * sign for value in ranking.order_values]
    return [
        (value is not None, score if value is None else value) for value, score in zip(ordered, scores, strict=True)
    ]


def _widened(query: Query, factor: int) -> Query:
    """Multiply the limits of prefetches, so that enough points are left for the groups."""
    inner = tuple(_widened(inner, factor) for inner in query.prefetch)
    return replace(query, limit=query.limit * factor, prefetch=inner)


def _on(condition: type[MatchAny | MatchExcept], key: str, keys: Iterable[Key]) -> tuple[Condition, ...]:
    """Return a condition on integers and one on strings, as far as there are any."""
    listed = list(keys)
    numbers = tuple(item for item in listed if isinstance(item, int))
    words = tuple(item for item in listed if isinstance(item, str))
    return tuple(condition(key, part) for part in (numbers, words) if part)


def _keys(found: list[Any]) -> Iterable[Key]:
    """Return the group keys among payload values: strings and integers; any other value leaves the point out."""
    if len(found) == 1 and type(found[0]) in (str, int):
        return found
    inner = elements(found)
    if any(isinstance(value, bool) or not isinstance(value, int | str) for value in inner):
        return ()
    return dict.fromkeys(inner)
