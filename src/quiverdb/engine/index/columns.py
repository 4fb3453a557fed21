"""A sorted column: values with the offsets they belong to, for ranges and order.

New entries wait in a buffer and are sorted in when the column is next read: into a short tail first, and with it
into the long main part once it has grown to a share of that. Entries of removed offsets leave the tail at once;
in the main part they stay until the next merge, hidden by a bitmap.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.index.bitmaps import Mask, Offsets, from_offsets

__all__ = ["ColumnState", "SortedColumn", "Test"]

Values: TypeAlias = npt.NDArray[Any]
Test: TypeAlias = Callable[[Values, Values], Mask]
"""Takes values and their companions and tells which entries to keep."""

_TAIL = 1024
_SHARE = 8
_CODES: dict[str, Any] = {"d": np.float64, "q": np.int64}


class ColumnState(msgspec.Struct, array_like=True):
    """A column as it is written to disk."""

    values: bytes
    offsets: bytes
    companions: bytes


class _Run(NamedTuple):
    values: Values
    offsets: Offsets
    companions: Values

    def where(self, keep: Any) -> _Run:
        return _Run(self.values[keep], self.offsets[keep], self.companions[keep])

    def joined(self, other: _Run) -> _Run:
        """Return both as one, sorted by value, then offset."""
        if not len(self.values) or not len(other.values):
            return self if len(self.values) else other
        both = _Run(*(np.concatenate(parts) for parts in zip(self, other, strict=True)))
        ascending = self.offsets.max() < other.offsets.min()
        # A stable sort keeps the order of offsets, and is quick on what is two sorted runs.
        order = np.argsort(both.values, kind="stable") if ascending else np.lexsort((both.offsets, both.values))
        return both.where(order)


class SortedColumn:
    """Hold values of one type, ``"d"`` (float64) or ``"q"`` (int64).

    Each entry may carry a second number, its companion, for conditions on pairs.
    """

    def __init__(self, code: str, *, companions: bool = False) -> None:
        self._code = code
        self._paired = companions
        self._companion: Any = np.float64 if companions else np.int8
        self._main = self._tail = self._empty()
        self._new_values: array[Any] = array(code)
        self._new_companions: array[float] = array("d")
        self._new_offsets = array("I")
        self._hidden = BitMap()
        self._removed = BitMap()
        self.top = 0
        """One more than the largest offset."""

    def __len__(self) -> int:
        return len(self._main.values) + len(self._tail.values) + len(self._new_values)

    def add(self, value: float, offset: int, companion: float = 0.0) -> None:
        """Add an entry."""
        self._new_values.append(value)
        self._new_offsets.append(offset)
        if self._paired:
            self._new_companions.append(companion)
        if offset >= self.top:
            self.top = offset + 1

    def remove(self, offset: int) -> None:
        """Take out all entries of ``offset``."""
        if self._new_values:
            self._sort_in()
        self._removed.add(offset)

    def between(
        self,
        low: float,
        high: float,
        *,
        above: bool = False,
        below: bool = False,
        test: Test | None = None,
        having: BitMap | None = None,
    ) -> BitMap:
        """Return the offsets with a value from ``low`` to ``high``; ``above`` and ``below`` leave out the ends.

        ``having``, all offsets that have a value, lets most of a column be found by what is not in the range.
        """
        self._sort_in()
        runs = (self._main, self._tail)
        spans = [_span(run.values, low, high, above=above, below=below) for run in runs]
        if having is not None and len(self) == len(having):  # then no entry is hidden and no point has two values
            chosen = sum(end - start for start, end in spans)
            if 2 * chosen > len(self):
                ends = [
                    part for run, (a, b) in zip(runs, spans, strict=True) for part in (run.offsets[:a], run.offsets[b:])
                ]
                return having - from_offsets(np.concatenate(ends), self.top)
        found: BitMap | None = None
        for run, (start, end), hidden in zip(runs, spans, (self._hidden, None), strict=True):
            if end <= start:
                continue
            offsets = run.offsets[start:end]
            if test is not None:
                offsets = offsets[test(run.values[start:end], run.companions[start:end])]
            bitmap = from_offsets(offsets, self.top)
            if hidden:
                bitmap -= hidden
            found = bitmap if found is None else found | bitmap
        return BitMap() if found is None else found

    def ascending(self) -> tuple[Values, Offsets]:
        """Return all values in ascending order, and their offsets."""
        self._sort_in(whole=True)
        return self._main.values, self._main.offsets

    def dump(self) -> ColumnState:
        """Return what ``load`` takes."""
        self._sort_in(whole=True)
        return ColumnState(*(part.tobytes() for part in self._main))

    def load(self, state: ColumnState) -> None:
        """Take over the entries that were dumped."""
        self._main = _Run(
            np.frombuffer(state.values, _CODES[self._code]),
            np.frombuffer(state.offsets, np.uint32),
            np.frombuffer(state.companions, self._companion),
        )
        self.top = int(self._main.offsets.max()) + 1 if len(self._main.offsets) else 0

    def _empty(self) -> _Run:
        return _Run(np.empty(0, _CODES[self._code]), np.empty(0, np.uint32), np.empty(0, self._companion))

    def _sort_in(self, *, whole: bool = False) -> None:
        if not (self._new_values or self._removed or (whole and (self._hidden or len(self._tail.values)))):
            return
        if self._removed:
            self._tail = self._tail.where(~_among(self._tail.offsets, self._removed))
            self._hidden |= self._removed
            self._removed = BitMap()
        if self._new_values:
            self._tail = self._tail.joined(self._taken())
        limit = _TAIL + len(self._main.values) // _SHARE
        if whole or len(self._tail.values) > limit or len(self._hidden) > limit:
            main = self._main
            if self._hidden:
                main = main.where(~_among(main.offsets, self._hidden))
            self._main, self._tail, self._hidden = main.joined(self._tail), self._empty(), BitMap()

    def _taken(self) -> _Run:
        """Empty the buffer and return what was in it, sorted."""
        values = np.array(self._new_values, _CODES[self._code])
        offsets = np.array(self._new_offsets, np.uint32)
        companions = self._new_companions if self._paired else np.zeros(len(values))
        self._new_values, self._new_offsets, self._new_companions = array(self._code), array("I"), array("d")
        return _Run(values, offsets, np.array(companions, self._companion)).where(np.lexsort((offsets, values)))


def _span(values: Values, low: float, high: float, *, above: bool, below: bool) -> tuple[int, int]:
    start = int(values.searchsorted(low, "right" if above else "left"))
    return start, max(start, int(values.searchsorted(high, "left" if below else "right")))


def _among(offsets: Offsets, chosen: BitMap) -> Mask:
    listed = np.zeros(int(offsets.max()) + 1 if len(offsets) else 0, bool)
    listed[[offset for offset in chosen if offset < len(listed)]] = True
    return listed[offsets]
