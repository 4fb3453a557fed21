"""Filters become bitmaps of offsets, through the payload indexes.

What an index answers exactly is combined as bitmaps, smallest first. Where it can only narrow the choice, the
evaluator looks at the payloads of the points that are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from pyroaring import BitMap

from quiverdb.engine.filter.evaluate import empty_in_nested, holds, nested_key
from quiverdb.engine.filter.values import within as within_bounds
from quiverdb.engine.index.bitmaps import members, union
from quiverdb.engine.index.fields import FieldIndexes
from quiverdb.engine.index.found import Found
from quiverdb.engine.index.protocol import Rows
from quiverdb.model.collection import FieldType
from quiverdb.model.filter import (
    Condition,
    Filter,
    HasId,
    HasVector,
    IsEmpty,
    MatchExcept,
    MinShould,
    Nested,
    Slice,
    ValuesCount,
)

__all__ = ["compile_filter"]

_NOT_ON_KEYS = (Filter, Nested, HasId, HasVector, Slice)
_COARSER = (FieldType.INTEGER, FieldType.UUID, FieldType.TEXT)
"""Declared indexes that take more for equal than a condition inside ``Nested`` does."""
_FEW = 256
"""Looking at so many payloads is quicker than building an index from all of them."""


def compile_filter(filter: Filter, rows: Rows, fields: FieldIndexes) -> BitMap:
    """Return exactly the live offsets that satisfy a filter, as a new bitmap."""
    found = _Compiler(rows, fields).filter(filter, rows.live)
    return found.copy() if found is rows.live else found


class _Compiler:
    """Narrow bitmaps down. ``within`` holds the offsets still in the running; what is returned is part of it."""

    def __init__(self, rows: Rows, fields: FieldIndexes) -> None:
        self._rows = rows
        self._fields = fields
        self._declared = fields.declared

    def filter(self, filter: Filter, within: BitMap) -> BitMap:
        found = self._all(filter.must, within)
        if filter.should and found:
            found = self._any(filter.should, found)
        if filter.min_should is not None and found:
            found = self._at_least(filter.min_should, found)
        for condition in filter.must_not:
            if not found:
                break
            found = found - self._one(condition, found)
        return found

    def _all(self, conditions: Sequence[Condition], within: BitMap) -> BitMap:
        if len(conditions) == 1:
            return self._one(conditions[0], within)
        ready: list[tuple[Found, Condition]] = []
        rest: list[Condition] = []
        for condition in conditions:
            found = self._ready(condition)
            if found is None:
                rest.append(condition)
            else:
                ready.append((found, condition))
        for bitmap in sorted((found.at_most() for found, _ in ready), key=len):
            within = within & bitmap
        for found, condition in ready:
            if found.unsure:
                within = self._checked(found, condition, within)
        # What may need an index to be built comes last, when few points may be left to look at instead.
        rest.sort(key=lambda condition: not isinstance(condition, Filter))
        return self._in_turn(rest, within)

    def _in_turn(self, conditions: Sequence[Condition], within: BitMap) -> BitMap:
        for position, condition in enumerate(conditions):
            if not within:
                break
            if len(within) > _FEW:
                self._prepare(conditions[position:])
            within = self._one(condition, within)
        return within

    def _prepare(self, conditions: Sequence[Condition]) -> None:
        """Build the indexes that several conditions lack in one go."""
        on_keys = [condition for condition in conditions if not isinstance(condition, _NOT_ON_KEYS)]
        if len(on_keys) > 1:
            self._fields.prepare(on_keys, self._rows)

    def _any(self, conditions: Sequence[Condition], within: BitMap) -> BitMap:
        return union(self._each(conditions, within))

    def _at_least(self, least: MinShould, within: BitMap) -> BitMap:
        if least.min_count <= 0:
            return within
        if least.min_count == 1:
            return self._any(least.conditions, within)
        parts = [members(bitmap) for bitmap in self._each(least.conditions, within)]
        if len(parts) < least.min_count:
            return BitMap()
        offsets, counts = np.unique(np.concatenate(parts), return_counts=True)
        return BitMap(offsets[counts >= least.min_count])

    def _each(self, conditions: Sequence[Condition], within: BitMap) -> list[BitMap]:
        if len(within) > _FEW:
            self._prepare(conditions)
        return [self._one(condition, within) for condition in conditions]

    def _one(self, condition: Condition, within: BitMap) -> BitMap:
        match condition:
            case Filter():
                return self.filter(condition, within)
            case Nested():
                return self._nested(condition, within)
            case IsEmpty(key) if (nested := empty_in_nested(key, self._declared.get(key))) is not None:
                return self._nested(nested, within)
            case HasId() | HasVector() | Slice():
                return within & self._of_points(condition)
            case _:
                found = self._ready(condition)
                if found is None:
                    if len(within) <= _FEW:
                        return self._looked_at(condition, within)
                    found = self._fields.find(condition, self._rows)
                return self._checked(found, condition, within)

    def _ready(self, condition: Condition) -> Found | None:
        """Return what can be said of all offsets without further ado."""
        match condition:
            case Filter() | Nested():
                return None
            case HasId() | HasVector() | Slice():
                return Found(self._of_points(condition))
            case IsEmpty(key) if empty_in_nested(key, self._declared.get(key)) is not None:
                return None
            case _:
                return self._fields.find(condition, self._rows) if self._fields.ready(condition) else None

    def _of_points(self, condition: HasId | HasVector | Slice) -> BitMap:
        match condition:
            case HasId(ids):
                offsets = (self._rows.offset(id) for id in ids)
                return BitMap([offset for offset in offsets if offset is not None])
            case HasVector(name):
                return self._rows.with_vector(name)
            case Slice(total, index):
                return self._fields.in_slice(total, index, self._rows)

    def _checked(self, found: Found, condition: Condition, within: BitMap) -> BitMap:
        sure: BitMap = within & found.sure
        if not found.unsure:
            return sure
        return sure | self._looked_at(condition, (within & found.unsure) - sure)

    def _looked_at(self, condition: Condition, within: BitMap) -> BitMap:
        """Let the payloads decide."""
        payloads = zip(members(within).tolist(), self._rows.payloads(within), strict=True)
        return BitMap([offset for offset, payload in payloads if holds(condition, payload, self._declared)])

    def _nested(self, condition: Nested, within: BitMap) -> BitMap:
        if len(within) > _FEW:
            key = nested_key(condition.key)
            found = self._somewhere(condition.filter, f"{key}.")
            if found is None:
                found = Found(BitMap(), self._fields.shaped(key, self._rows))
            return self._checked(found, condition, within)
        return self._looked_at(condition, within)

    def _somewhere(self, condition: Condition, prefix: str) -> Found | None:
        """Return where one of the objects at ``prefix`` satisfies a condition; ``None`` tells nothing.

        "There is an object that" goes together with "or", not with "and" and "not".
        """
        match condition:
            case Filter():
                return self._filter_somewhere(condition, prefix)
            case HasId() | HasVector() | Slice():
                return Found(BitMap())
            case Nested(key, filter):
                return self._somewhere(filter, f"{prefix}{nested_key(key)}.")
            case IsEmpty():
                return None
            case ValuesCount() if within_bounds(0, condition):  # objects without the key count 0
                return None
            case _:
                key = prefix + condition.key
                declared = self._declared.get(key)
                coarser = declared is not None and declared.type in _COARSER
                if coarser and isinstance(condition, MatchExcept):
                    return None  # what takes more values for equal finds fewer that differ
                found = self._fields.find(msgspec.structs.replace(condition, key=key), self._rows)
                return _unsure(found) if coarser else found

    def _filter_somewhere(self, filter: Filter, prefix: str) -> Found | None:
        parts = [self._somewhere(condition, prefix) for condition in filter.must]
        if filter.should:
            parts.append(self._some_somewhere(filter.should, prefix))
        least = filter.min_should
        if least is not None and least.min_count > 0:
            part = self._some_somewhere(least.conditions, prefix)
            parts.append(_unsure(part) if part is not None and least.min_count > 1 else part)
        known = [part for part in parts if part is not None]
        if not known:
            return None
        if len(parts) == 1 and not filter.must_not:
            return known[0]
        narrowest = sorted((part.at_most() for part in known), key=len)
        found = narrowest[0]
        for bitmap in narrowest[1:]:
            found = found & bitmap
        return Found(BitMap(), found)

    def _some_somewhere(self, conditions: Sequence[Condition], prefix: str) -> Found | None:
        parts = [self._somewhere(condition, prefix) for condition in conditions]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        unsure = [part.unsure for part in known if part.unsure]
        return Found(union(part.sure for part in known), union(unsure) if unsure else None)


def _unsure(found: Found) -> Found:
    return Found(BitMap(), found.at_most())
