"""Batches of queries: plain searches that differ in their vectors only share one walk of the graph, on all cores."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quiverdb.engine.executor import Executor
from quiverdb.engine.ranker import Ranker
from quiverdb.engine.ranking import Ranking
from quiverdb.model.query import Nearest, PointRef, Query
from quiverdb.model.result import Hit

__all__ = ["answer"]

_AT_ONCE = 256
"""So many vectors are searched together."""
_encode = msgspec.msgpack.Encoder().encode


def answer(executor: Executor, queries: Sequence[Query]) -> list[list[Hit]]:
    """Answer every query as if it were alone, all on one view."""
    rankings: list[Ranking | None] = [None] * len(queries)
    alike: dict[bytes, list[int]] = {}
    for number, query in enumerate(queries if len(queries) > 1 else ()):
        if (key := _key(query)) is not None:
            alike.setdefault(key, []).append(number)
    for numbers in alike.values():
        for start in range(0, len(numbers), _AT_ONCE):
            _rank(executor, queries, numbers[start : start + _AT_ONCE], rankings)
    return [executor.hits(query, ranking) for query, ranking in zip(queries, rankings, strict=True)]


def _key(query: Query) -> bytes | None:
    """Return what plain searches must have in common to be made together; None for other queries.

    It is encoded because ``True``, ``1`` and ``1.0`` are equal in Python and differ in a filter.
    """
    kind = query.kind
    if not isinstance(kind, Nearest) or isinstance(kind.vector, PointRef) or kind.mmr is not None or query.prefetch:
        return None
    try:
        return _encode((query.using, query.filter, query.params, query.limit + query.offset))
    except OverflowError:
        return None  # searched alone, where the error tells what is wrong


def _rank(executor: Executor, queries: Sequence[Query], numbers: list[int], rankings: list[Ranking | None]) -> None:
    if len(numbers) == 1:
        return
    chosen = [queries[number] for number in numbers]
    vectors = [query.kind.vector for query in chosen if isinstance(query.kind, Nearest)]
    given = [vector for vector in vectors if not isinstance(vector, PointRef)]
    first = chosen[0]
    ranker = Ranker(executor.source, executor.view, first)
    found = ranker.nearest_each(chosen, given, first.limit + first.offset)
    for number, ranking in zip(numbers, found, strict=True):
        rankings[number] = ranking
