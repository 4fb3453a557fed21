"""Index of exact values: strings, integers and bools; answers matches, prefixes, substrings and facets."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from pyroaring import BitMap

from quiverdb.engine.filter.values import Exact, is_uuid, normalizer
from quiverdb.engine.index.bitmaps import from_mask, from_offsets, members, union
from quiverdb.engine.index.found import Found
from quiverdb.engine.index.postings import Postings, PostingsState
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import KeyCondition, MatchAny, MatchExcept, MatchPrefix, MatchSubstring, MatchValue

__all__ = ["ExactIndex"]

_TYPES: dict[FieldType, type] = {
    FieldType.KEYWORD: str,
    FieldType.UUID: str,
    FieldType.INTEGER: int,
    FieldType.BOOL: bool,
}
_MANY = 0xFFFF


class _State(msgspec.Struct, array_like=True):
    strings: PostingsState[str]
    integers: PostingsState[int]
    booleans: PostingsState[bool]
    several: bytes
    distinct: bytes
    having: bytes


class ExactIndex:
    """Map typed values to offsets. Values follow the spelling that a declared index gives them."""

    def __init__(self, index: FieldIndex | None) -> None:
        self._key = normalizer(index)
        self._type = _TYPES.get(index.type) if index is not None else None
        self._uuids = index is not None and index.type is FieldType.UUID
        self.strings: Postings[str] = Postings()
        self.integers: Postings[int] = Postings()
        self.booleans: Postings[bool] = Postings()
        self._several = BitMap()
        """Offsets with more than one distinct value."""
        self._distinct = array("H")
        """By offset, the number of distinct values."""
        self._sorted: list[str] | None = None
        self._fresh: list[str] = []
        self.having = BitMap()

    def __len__(self) -> int:
        return len(self.strings) + len(self.integers) + len(self.booleans)

    def add(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take in the values of a point."""
        seen = self._keys(elements)
        if offset >= len(self._distinct):
            self._distinct.frombytes(bytes(2 * (max(offset + 1, len(self._distinct) * 9 // 8) - len(self._distinct))))
        self._distinct[offset] = min(len(seen), _MANY)
        if len(seen) > 1:
            self._several.add(offset)
        for kind, key in seen:
            if kind is str:
                if self._sorted is not None and key not in self.strings:
                    self._fresh.append(key)
                self.strings.add(key, offset)
            elif kind is int:
                self.integers.add(key, offset)
            elif kind is bool:
                self.booleans.add(key, offset)
            if kind is not None and self._belongs(kind, key):
                self.having.add(offset)

    def remove(self, offset: int, values: list[Any], elements: list[Any]) -> None:  # noqa: ARG002
        """Take out the values of a point."""
        for kind, key in self._keys(elements):
            if kind is str:
                self.strings.discard(key, offset)
            elif kind is int:
                self.integers.discard(key, offset)
            elif kind is bool:
                self.booleans.discard(key, offset)
        self._several.discard(offset)
        self.having.discard(offset)
        if offset < len(self._distinct):
            self._distinct[offset] = 0

    def _keys(self, elements: list[Any]) -> set[tuple[type | None, Any]]:
        """Return the distinct values with their types; those without a key, which equal nothing, are one."""
        key_of = self._key
        seen: set[tuple[type | None, Any]] = set()
        for element in elements:
            if element is not None:
                key = key_of(element)
                seen.add((None if key is None else type(key), key))
        return seen

    def _belongs(self, kind: type | None, key: Exact) -> bool:
        return self._type is None or (kind is self._type and (not self._uuids or is_uuid(key)))

    def find(self, condition: KeyCondition) -> Found:
        """Answer a match, a prefix or a substring."""
        match condition:
            case MatchValue(_, value):
                return Found(self._of(value))
            case MatchAny(_, listed):
                return Found(self._any(listed))
            case MatchExcept(_, listed):
                return Found(self._except(listed))
            case MatchPrefix(_, prefix) if not self._uuids:
                return Found(self.strings.any(self._starting_with(prefix)))
            case MatchSubstring(_, text) if not self._uuids:
                return Found(self.strings.any(key for key in self.strings if text in key))
            case _:  # the spelling that was stored is lost
                return Found(BitMap(), self.strings.any(self.strings))

    def _of(self, value: Exact) -> BitMap:
        key = self._key(value)
        if isinstance(key, str):
            return self.strings.get(key)
        if isinstance(key, bool):
            return self.booleans.get(key)
        return BitMap() if key is None else self.integers.get(key)

    def _any(self, listed: Iterable[Exact]) -> BitMap:
        keys = [self._key(value) for value in listed]
        return union(
            (
                self.strings.any(key for key in keys if type(key) is str),
                self.integers.any(key for key in keys if type(key) is int),
                self.booleans.any(key for key in keys if type(key) is bool),
            )
        )

    def _except(self, listed: Iterable[Exact]) -> BitMap:
        """Return the offsets with a value that is not listed.

        A point with one value has such a value if it is in no listed posting, a point with several if it is in
        fewer listed postings than it has values.
        """
        distinct = np.frombuffer(self._distinct, np.uint16)
        unique = {(type(key), key) for value in listed if (key := self._key(value)) is not None}
        postings = [self._of(key) for _, key in unique]
        result = from_mask(distinct > 0) - union(postings)
        several = union(postings) & self._several
        if several:
            hits = np.zeros(len(distinct), np.uint32)
            for posting in postings:
                hits[members(posting & several)] += 1
            offsets = members(several)
            result |= from_offsets(offsets[hits[offsets] < distinct[offsets]], len(distinct))
        return result

    def _starting_with(self, prefix: str) -> Iterator[str]:
        if self._sorted is None or self._fresh:
            # Sorting what is sorted but for its end costs little. Keys that are gone do no harm.
            self._sorted = sorted(chain(self.strings if self._sorted is None else self._sorted, self._fresh))
            self._fresh = []
        keys = self._sorted
        start = bisect_left(keys, prefix)
        end = bisect_right(keys, prefix, lo=start, key=lambda key: key[: len(prefix)])
        return iter(keys[start:end])

    def facet(self, selection: BitMap) -> list[tuple[Exact, int]]:
        """Count the offsets in ``selection`` by value."""
        counts: list[tuple[Exact, int]] = []
        for kind, postings in ((str, self.strings), (int, self.integers), (bool, self.booleans)):
            if self._type is None or kind is self._type:
                counts.extend(postings.counts(selection))
        return [pair for pair in counts if is_uuid(pair[0])] if self._uuids else counts

    def facet_keys(self, elements: list[Any]) -> set[Exact]:
        """Return what one point counts for in a facet."""
        return {key for kind, key in self._keys(elements) if kind is not None and self._belongs(kind, key)}

    def dump(self) -> bytes:
        """Return what ``load`` takes."""
        state = _State(
            self.strings.dump(),
            self.integers.dump(),
            self.booleans.dump(),
            self._several.serialize(),
            self._distinct.tobytes(),
            self.having.serialize(),
        )
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Take over what was dumped."""
        state = msgspec.msgpack.decode(data, type=_State)
        self.strings = Postings.load(state.strings)
        self.integers = Postings.load(state.integers)
        self.booleans = Postings.load(state.booleans)
        self._several = BitMap.deserialize(state.several)
        self._distinct = array("H", state.distinct)
        self.having = BitMap.deserialize(state.having)
