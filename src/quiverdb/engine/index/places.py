"""Index of places: sorted by latitude, so that an area concerns one stretch of them."""

from __future__ import annotations

from typing import Any

import msgspec
from pyroaring import BitMap

from quiverdb.engine.filter.geometry import contains, contains_all, latitudes
from quiverdb.engine.filter.values import place
from quiverdb.engine.index.bitmaps import Mask
from quiverdb.engine.index.columns import ColumnState, SortedColumn, Values
from quiverdb.engine.index.found import Found
from quiverdb.model.filter import GeoBox, GeoPolygon, GeoRadius, KeyCondition

__all__ = ["PlaceIndex"]

_POLE, _DATE_LINE = 90.0, 180.0


class _State(msgspec.Struct, array_like=True):
    column: ColumnState
    strange: dict[int, list[tuple[float, float]]]
    having: bytes


class PlaceIndex:
    """Hold places as latitude and longitude. Those off the map are looked at one by one."""

    def __init__(self) -> None:
        self._column = SortedColumn("d", companions=True)
        self._strange: dict[int, list[tuple[float, float]]] = {}
        self.having = BitMap()

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        strange = []
        for element in elements:
            if (found := place(element)) is None:
                continue
            self.having.add(offset)
            lon, lat = found
            if abs(lat) > _POLE or abs(lon) > _DATE_LINE:
                strange.append(found)
            else:
                self._column.add(lat, offset, lon)
        if strange:
            self._strange[offset] = strange

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        if offset in self.having:
            self._column.remove(offset)
            self._strange.pop(offset, None)
            self.having.discard(offset)

    def find(self, condition: KeyCondition) -> Found:
        """Answer whether a place lies in an area."""
        if not isinstance(condition, (GeoBox, GeoRadius, GeoPolygon)):
            return Found(BitMap(), self.having)
        area = condition

        def inside(lat: Values, lon: Values) -> Mask:
            return contains_all(area, lon, lat)

        found = self._column.between(*latitudes(area), test=inside)
        for offset, places in self._strange.items():
            if any(contains(area, lon, lat) for lon, lat in places):
                found.add(offset)
        return Found(found)

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        return msgspec.msgpack.encode(_State(self._column.dump(), self._strange, self.having.serialize()))

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_State)
        self._column.load(state.column)
        self._strange = state.strange
        self.having = BitMap.deserialize(state.having)
