"""Indexes of numbers and dates: sorted columns that answer ranges and put points in order."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.dates import parse_datetime
from quiverdb.engine.filter.values import exact, number
from quiverdb.engine.index.bitmaps import Offsets
from quiverdb.engine.index.columns import ColumnState, SortedColumn
from quiverdb.engine.index.found import Found
from quiverdb.model.filter import DatetimeRange, KeyCondition, Range

__all__ = ["DateIndex", "NumberIndex", "in_order"]

Ordered = tuple[npt.NDArray[Any], Offsets]

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_EXACT = 2**53
"""Up to here, float64 tells all integers apart."""


class _NumberState(msgspec.Struct, array_like=True):
    whole: ColumnState
    broken: ColumnState
    having: bytes


class NumberIndex:
    """Hold the numbers of a key: signed 64-bit integers exactly, all others as float64."""

    def __init__(self) -> None:
        self._whole = SortedColumn("q")
        self._broken = SortedColumn("d")
        self.having = BitMap()

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        found = [element for element in elements if type(element) is int or type(element) is float]
        for element in found if len(found) < 2 else {(type(element), element) for element in found}:
            value = element[1] if isinstance(element, tuple) else element
            if type(value) is int and exact(value) is not None:
                self._whole.add(value, offset)
            elif (broken := number(value)) is not None:
                self._broken.add(broken, offset)
            else:
                continue
            self.having.add(offset)

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        if offset in self.having:
            self._whole.remove(offset)
            self._broken.remove(offset)
            self.having.discard(offset)

    def find(self, condition: KeyCondition) -> Found:
        """Answer a range."""
        if not isinstance(condition, Range):
            return Found(BitMap(), self.having)
        bounds = (condition.lt, condition.lte, condition.gt, condition.gte)
        if any(bound is not None and math.isnan(bound) for bound in bounds):
            return Found(BitMap())
        if not len(self._broken):
            return Found(self._whole_between(condition, self.having))
        low, above = _tighter(condition.gte, condition.gt, -math.inf, 1)
        high, below = _tighter(condition.lte, condition.lt, math.inf, -1)
        if not len(self._whole):
            return Found(self._broken.between(low, high, above=above, below=below, having=self.having))
        return Found(self._whole_between(condition) | self._broken.between(low, high, above=above, below=below))

    def _whole_between(self, condition: Range, having: BitMap | None = None) -> BitMap:
        low, high = _whole_bounds(condition)
        return self._whole.between(low, high, having=having) if low <= high else BitMap()

    def ascending(self, *, only_whole: bool = False, only_broken: bool = False) -> list[Ordered]:
        """Return sorted columns, as they are or all turned into integers or floats."""
        whole, broken = self._whole.ascending(), self._broken.ascending()
        if only_whole:
            keep = (np.floor(broken[0]) == broken[0]) & (np.abs(broken[0]) < _LARGEST)
            broken = broken[0][keep].astype(np.int64), broken[1][keep]
        if only_broken:
            whole = whole[0].astype(np.float64), whole[1]
        return [whole, broken]

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        return msgspec.msgpack.encode(_NumberState(self._whole.dump(), self._broken.dump(), self.having.serialize()))

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_NumberState)
        self._whole.load(state.whole)
        self._broken.load(state.broken)
        self.having = BitMap.deserialize(state.having)


class _DateState(msgspec.Struct, array_like=True):
    column: ColumnState
    having: bytes


class DateIndex:
    """Hold the strings of a key that are dates, as microseconds."""

    def __init__(self) -> None:
        self._column = SortedColumn("q")
        self.having = BitMap()

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        found = {parse_datetime(element) for element in elements if type(element) is str}
        for moment in found:
            if moment is not None:
                self._column.add(moment, offset)
                self.having.add(offset)

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        if offset in self.having:
            self._column.remove(offset)
            self.having.discard(offset)

    def find(self, condition: KeyCondition) -> Found:
        """Answer a range of dates."""
        if not isinstance(condition, DatetimeRange):
            return Found(BitMap(), self.having)
        low = max(
            _SMALLEST if condition.gte is None else condition.gte,
            _SMALLEST if condition.gt is None else condition.gt + 1,
        )
        high = min(
            _LARGEST if condition.lte is None else condition.lte,
            _LARGEST if condition.lt is None else condition.lt - 1,
        )
        if low > high or low > _LARGEST or high < _SMALLEST:
            return Found(BitMap())
        return Found(self._column.between(max(low, _SMALLEST), min(high, _LARGEST), having=self.having))

    def ascending(self) -> Ordered:
        """Return the microseconds in ascending order, and their offsets."""
        return self._column.ascending()

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        return msgspec.msgpack.encode(_DateState(self._column.dump(), self.having.serialize()))

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_DateState)
        self._column.load(state.column)
        self.having = BitMap.deserialize(state.having)


def in_order(columns: list[Ordered]) -> Ordered:
    """Join sorted columns into one: int64 or float64 if all are, Python numbers if they are mixed.

    Equal values of one point count once; equal values of different points are in the order of their offsets.
    """
    columns = [column for column in columns if len(column[0])]
    if not columns:
        return np.empty(0, np.float64), np.empty(0, np.uint32)
    if len(columns) == 1:
        return columns[0]
    parts = [values for values, _ in columns]
    offsets = np.concatenate([found for _, found in columns])
    mixed = len({part.dtype for part in parts}) > 1
    if not mixed:
        values = np.concatenate(parts)
        order = np.lexsort((offsets, values))
    else:
        values = np.concatenate([part.astype(object) for part in parts])
        if any(part.dtype == np.int64 and (part[0] < -_EXACT or part[-1] > _EXACT) for part in parts):
            order = np.array(sorted(range(len(values)), key=lambda i: (values[i], offsets[i])), np.intp)
        else:
            order = np.lexsort((offsets, values.astype(np.float64)))
    values, offsets = values[order], offsets[order]
    keep = np.ones(len(values), bool)
    keep[1:] = (values[1:] != values[:-1]) | (offsets[1:] != offsets[:-1])
    return values[keep], offsets[keep]


def _tighter(inclusive: float | None, exclusive: float | None, default: float, direction: int) -> tuple[float, bool]:
    """Join two bounds of one side into one, and tell whether it excludes its end."""
    if exclusive is None:
        return (default if inclusive is None else float(inclusive)), False
    if inclusive is not None and (inclusive - exclusive) * direction > 0:
        return float(inclusive), False
    return float(exclusive), True


def _whole_bounds(condition: Range) -> tuple[int, int]:
    """Return the first and last 64-bit integer that, as float64, satisfies a range."""
    low, high = _SMALLEST, _LARGEST
    if condition.gte is not None:
        low = max(low, _first(condition.gte))
    if condition.gt is not None:
        low = max(low, _first(math.nextafter(condition.gt, math.inf)))
    if condition.lt is not None:
        high = min(high, _first(condition.lt) - 1)
    if condition.lte is not None:
        high = min(high, _first(math.nextafter(condition.lte, math.inf)) - 1)
    return low, high


def _first(bound: float) -> int:
    """Return the smallest 64-bit integer that, as float64, is at least ``bound``; one more than all if none is."""
    if bound > 2.0**63:
        return _LARGEST + 1
    if bound <= _SMALLEST:
        return _SMALLEST
    first = math.ceil(bound)
    if abs(first) >= _EXACT:
        while float(first - 1) >= bound:
            first -= 1
    return first
