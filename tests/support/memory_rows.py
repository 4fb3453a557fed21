"""Rows in plain Python, as payload indexes and filters see them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from pyroaring import BitMap

from quiverdb.model.point import Payload, PointId

__all__ = ["MemoryRows", "SimplePoint"]


class SimplePoint(msgspec.Struct):
    """A point as the evaluator sees it."""

    id: PointId
    payload: dict[str, Any]
    vectors: frozenset[str] = frozenset()


class MemoryRows:
    """Hold points in a list; fills the ``Rows`` protocol."""

    def __init__(self) -> None:
        self.points: list[SimplePoint] = []
        self.live = BitMap()
        self.by_id: dict[PointId, int] = {}

    @property
    def count(self) -> int:
        return len(self.points)

    def insert(self, ids: Sequence[PointId], payloads: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> int:
        """Add points at the end, replacing those with the same ids, and return the first new offset."""
        first = self.count
        live = self.live.copy()
        for id, payload in zip(ids, payloads, strict=True):
            if (old := self.by_id.get(id)) is not None:
                live.discard(old)
            self.by_id[id] = self.count
            live.add(self.count)
            vectors = frozenset(names) if self.count % 2 else frozenset(names[:1])
            self.points.append(SimplePoint(id, dict(payload), vectors))
        self.live = live
        return first

    def delete(self, offset: int) -> None:
        self.live = self.live - BitMap((offset,))
        if self.by_id.get(self.points[offset].id) == offset:
            del self.by_id[self.points[offset].id]

    def id(self, offset: int) -> PointId:
        return self.points[offset].id

    def offset(self, id: PointId) -> int | None:
        found = self.by_id.get(id)
        return found if found is not None and found in self.live else None

    def payload(self, offset: int) -> Payload:
        return copy.deepcopy(self.points[offset].payload)

    def payloads(self, offsets: Iterable[int]) -> Iterator[Payload]:
        return (self.payload(offset) for offset in offsets)

    def with_vector(self, name: str) -> BitMap:
        return BitMap(offset for offset in self.live if name in self.points[offset].vectors)
