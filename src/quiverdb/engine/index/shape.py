"""Index of the shape of values: which points have none, which have nulls, how many values there are."""

from __future__ import annotations

from typing import Any

import msgspec
from pyroaring import BitMap

from quiverdb.engine.filter.values import within
from quiverdb.engine.index.bitmaps import union
from quiverdb.engine.index.found import Found
from quiverdb.engine.index.postings import Postings, PostingsState
from quiverdb.model.filter import IsEmpty, IsNull, KeyCondition, ValuesCount

__all__ = ["ShapeIndex"]


class _State(msgspec.Struct, array_like=True):
    empty: bytes
    nulls: bytes
    counts: PostingsState[int]
    having: bytes


class ShapeIndex:
    """Hold the offsets of empty and of null values, and offsets by the number of values."""

    def __init__(self) -> None:
        self._empty = BitMap()
        self._nulls = BitMap()
        self._counts: Postings[int] = Postings()
        self.having = BitMap()

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        full = False
        for value in values:
            if value is None:
                self._nulls.add(offset)
                self._counts.add(0, offset)
            elif type(value) is list:
                self._counts.add(len(value), offset)
                full = full or bool(value)
                if None in value:
                    self._nulls.add(offset)
            else:
                self._counts.add(1, offset)
                full = True
        if not values:
            self._counts.add(0, offset)
        (self.having if full else self._empty).add(offset)

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        for value in values or [None]:
            self._counts.discard(0 if value is None else len(value) if type(value) is list else 1, offset)
        self._nulls.discard(offset)
        self._empty.discard(offset)
        self.having.discard(offset)

    def find(self, condition: KeyCondition) -> Found:
        """Answer whether values are empty, null, or so many."""
        match condition:
            case IsEmpty():
                return Found(self._empty)
            case IsNull():
                return Found(self._nulls)
            case ValuesCount():
                return Found(self._counts.any(count for count in self._counts if within(count, condition)))
            case _:
                return Found(BitMap(), union((self._empty, self.having)))

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        state = _State(self._empty.serialize(), self._nulls.serialize(), self._counts.dump(), self.having.serialize())
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_State)
        self._empty, self._nulls = BitMap.deserialize(state.empty), BitMap.deserialize(state.nulls)
        self._counts = Postings.load(state.counts)
        self.having = BitMap.deserialize(state.having)
