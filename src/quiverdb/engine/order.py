"""Points in order: by id for scrolling, and by payload values."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.score.distance import Offsets
from quiverdb.engine.view import View, to_array
from quiverdb.model.point import PointId
from quiverdb.model.query import OrderBy

__all__ = ["IdOrder", "in_value_order"]

_FEW = 4096


class IdOrder:
    """Keep the ids of a segment sorted: integers by value, then UUIDs.

    Ids are added as views bring them; the sorting then costs little more than going through the list.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._uuids: list[str] = []
        self._known = 0

    def page(self, view: View, allowed: BitMap, start: PointId | None, k: int) -> Offsets:
        """Return the offsets of the first ``k`` allowed points with an id of at least ``start``."""
        if len(allowed) <= _FEW or len(allowed) < view.count // 64:
            return _page_of_few(view, allowed, start, k)
        self._extend(view)
        found: list[int] = []
        for ids in self._from(start):
            for id in ids:
                offset = view.by_id.get(id)
                if offset is not None and offset in allowed:
                    found.append(offset)
                    if len(found) == k:
                        return np.array(found, np.int64)
        return np.array(found, np.int64)

    def _from(self, start: PointId | None) -> tuple[list[PointId], list[PointId]]:
        numbers: list[PointId] = list(self._numbers)
        uuids: list[PointId] = list(self._uuids)
        if isinstance(start, int):
            return numbers[bisect_left(self._numbers, start) :], uuids
        if isinstance(start, str):
            return [], uuids[bisect_left(self._uuids, start) :]
        return numbers, uuids

    def _extend(self, view: View) -> None:
        new = view.ids[self._known : view.count]
        if new:
            self._numbers.extend(id for id in new if isinstance(id, int))
            self._uuids.extend(id for id in new if isinstance(id, str))
            self._numbers.sort()
            self._uuids.sort()
            self._numbers = list(dict.fromkeys(self._numbers))
            self._uuids = list(dict.fromkeys(self._uuids))
            self._known = view.count


def sort_key(id: PointId) -> tuple[bool, PointId]:
    """Sort integers before UUIDs."""
    return isinstance(id, str), id


def _page_of_few(view: View, allowed: BitMap, start: PointId | None, k: int) -> Offsets:
    ids = view.ids
    chosen = sorted((sort_key(ids[offset]), offset) for offset in allowed)
    first = 0 if start is None else bisect_left(chosen, (sort_key(start), -1))
    return np.array([offset for _, offset in chosen[first : first + k]], np.int64)


def in_value_order(
    view: View,
    values: npt.NDArray[np.float64],
    offsets: npt.NDArray[np.uint32],
    allowed: BitMap,
    order: OrderBy,
    k: int | None,
) -> tuple[Offsets, list[int | float]]:
    """Return the first ``k`` of the allowed points by value, equal values by id.

    ``values`` are ascending and ``offsets`` belong to them; a point with several values is there several times.
    """
    admitted = np.zeros(view.count, bool)
    admitted[to_array(allowed)] = True
    keep = admitted[offsets]
    values, chosen = values[keep], offsets[keep].astype(np.int64)
    descending = order.direction == "desc"
    if order.start_from is not None:
        side = np.searchsorted(values, order.start_from, "right" if descending else "left")
        values, chosen = (values[:side], chosen[:side]) if descending else (values[side:], chosen[side:])
    if descending:
        values, chosen = values[::-1], chosen[::-1]
    if k is not None and 0 < k < len(values):
        last = values[k - 1]
        end = int(np.searchsorted(-values if descending else values, -last if descending else last, "right"))
        values, chosen = values[:end], chosen[:end]
    ranked = sorted(
        zip(values.tolist(), chosen.tolist(), strict=True),
        key=lambda pair: (-pair[0] if descending else pair[0], *sort_key(view.ids[pair[1]])),
    )[:k]
    return np.array([offset for _, offset in ranked], np.int64), [value for value, _ in ranked]
