"""Groups of hits that share a payload value."""

from __future__ import annotations

from typing import Any

import numpy as np

from quiverdb.engine.executor import Executor
from quiverdb.engine.filter.paths import elements, parse, values
from quiverdb.engine.ranking import Ranking
from quiverdb.model.query import GroupQuery
from quiverdb.model.result import Group, Hit

__all__ = ["group_hits"]

_GROWTH = 4


def group_hits(executor: Executor, query: GroupQuery) -> list[Group]:
    """Return up to ``query.query.limit`` groups, ordered by their best hit, each filled up to ``group_size``.

    The ranking is read deeper and deeper until the groups are full or all points have been seen.
    """
    inner, size = query.query, query.group_size
    wanted = inner.limit
    everything = len(executor.view.live)
    depth = min(max(1, wanted * size * 2), everything)
    while True:
        ranking = executor.rank(inner, depth)
        members = _members(executor, ranking, query.group_by, wanted, size)
        full = len(members) == wanted and all(len(places) == size for places in members.values())
        if full or len(ranking.offsets) < depth or depth >= everything:
            break
        depth = min(depth * _GROWTH, everything)
    return [Group(key, _present(executor, ranking, places, query)) for key, places in members.items()]


def _present(executor: Executor, ranking: Ranking, places: list[int], query: GroupQuery) -> list[Hit]:
    chosen = np.array(places, np.int64)
    part = Ranking(ranking.offsets[chosen], ranking.scores[chosen])
    return executor.present(part, query.query.with_payload, query.query.with_vectors)


def _members(executor: Executor, ranking: Ranking, key: str, wanted: int, size: int) -> dict[int | str, list[int]]:
    found: dict[int | str, list[int]] = {}
    path = parse(key)
    for place, payload in enumerate(executor.view.payloads(ranking.offsets.tolist())):
        for value in _keys(elements(values(payload, path))):
            if value not in found and len(found) < wanted:
                found[value] = []
            if value in found and len(found[value]) < size:
                found[value].append(place)
    return found


def _keys(found: list[Any]) -> list[int | str]:
    """Return the group keys among payload values: strings and integers; any other value leaves the point out."""
    if any(isinstance(value, bool) or not isinstance(value, int | str) for value in found):
        return []
    return list(dict.fromkeys(found))
