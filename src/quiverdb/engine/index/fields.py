"""The payload indexes of a collection.

Each payload key has up to six indexes, one per kind of question: ``exact`` values, ``numbers``, ``dates``,
``shape`` (empty, null, counts), ``places`` and ``words``. An index is built from all rows when it is first asked
and kept up to date from then on; declared keys are built together. Offsets of deleted points stay, so callers
intersect what they get with the live offsets.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from quiverdb.engine.filter.paths import Path, elements, parse, values
from quiverdb.engine.filter.siphash import hash_ids
from quiverdb.engine.filter.values import Exact
from quiverdb.engine.index.bitmaps import Offsets, from_mask, members
from quiverdb.engine.index.exact import ExactIndex
from quiverdb.engine.index.found import Found, KeyIndex
from quiverdb.engine.index.places import PlaceIndex
from quiverdb.engine.index.protocol import Rows
from quiverdb.engine.index.ranges import DateIndex, NumberIndex, in_order
from quiverdb.engine.index.shape import ShapeIndex
from quiverdb.engine.index.words import WordIndex
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    DatetimeRange,
    GeoBox,
    GeoPolygon,
    GeoRadius,
    IsEmpty,
    IsNull,
    KeyCondition,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    Range,
    ValuesCount,
)
from quiverdb.model.point import Payload

__all__ = ["FieldIndexes", "Kind", "supports"]

Kind: TypeAlias = Literal["exact", "numbers", "dates", "shape", "places", "words"]

_MAGIC = b"QVFI\x01"
_FEW = 256
"""Looking at so many payloads is no slower than going through a large index."""

_NEW: dict[Kind, Callable[[FieldIndex | None], KeyIndex]] = {
    "exact": ExactIndex,
    "numbers": lambda _: NumberIndex(),
    "dates": lambda _: DateIndex(),
    "shape": lambda _: ShapeIndex(),
    "places": lambda _: PlaceIndex(),
    "words": WordIndex,
}

_KIND: dict[type, Kind] = {
    MatchValue: "exact",
    MatchAny: "exact",
    MatchExcept: "exact",
    MatchPrefix: "exact",
    MatchSubstring: "exact",
    MatchText: "words",
    Range: "numbers",
    DatetimeRange: "dates",
    GeoBox: "places",
    GeoRadius: "places",
    GeoPolygon: "places",
    ValuesCount: "shape",
    IsEmpty: "shape",
    IsNull: "shape",
}

_DECLARED: dict[FieldType, tuple[Kind, ...]] = {
    FieldType.KEYWORD: ("exact",),
    FieldType.UUID: ("exact",),
    FieldType.BOOL: ("exact",),
    FieldType.INTEGER: ("exact", "numbers"),
    FieldType.FLOAT: ("numbers",),
    FieldType.DATETIME: ("dates",),
    FieldType.GEO: ("places",),
    FieldType.TEXT: ("words",),
}
"""The first kind of each tells which points have a value for the index."""


def supports(index: FieldIndex) -> frozenset[Literal["match", "prefix", "range", "text", "phrase", "geo"]]:
    """Tell which conditions a server would answer from a declared index.

    >>> sorted(supports(FieldIndex(FieldType.INTEGER, range=False)))
    ['match']
    """
    match index.type:
        case FieldType.KEYWORD:
            return frozenset(("match", "prefix")) if index.prefix else frozenset(("match",))
        case FieldType.UUID | FieldType.BOOL:
            return frozenset(("match",))
        case FieldType.INTEGER if index.lookup is False:
            return frozenset(("range",))
        case FieldType.INTEGER if index.range is False:
            return frozenset(("match",))
        case FieldType.INTEGER:
            return frozenset(("match", "range"))
        case FieldType.FLOAT | FieldType.DATETIME:
            return frozenset(("range",))
        case FieldType.GEO:
            return frozenset(("geo",))
        case FieldType.TEXT:
            return frozenset(("text", "phrase")) if index.phrase_matching else frozenset(("text",))


class _Dump(msgspec.Struct, array_like=True):
    declared: dict[str, bytes]
    indexes: list[tuple[str, Kind, bytes]]


class FieldIndexes:
    """Answer conditions on payload keys, count values and put points in order. Not safe for threads by itself.

    ``rows`` are those of the state up to which ``insert`` and ``replace`` were called.
    """

    def __init__(self, declared: Mapping[str, FieldIndex]) -> None:
        self._declared = dict(declared)
        self._built: dict[str, dict[Kind, KeyIndex]] = {}
        self._hashes: npt.NDArray[np.uint64] = np.empty(0, np.uint64)

    @property
    def declared(self) -> Mapping[str, FieldIndex]:
        """The declared indexes by key."""
        return self._declared

    def declare(self, key: str, index: FieldIndex, rows: Rows) -> None:
        """Declare an index, or declare it anew, and build it."""
        parse(key)
        self._declared[key] = index
        self._built.pop(key, None)
        self._build([(key, kind) for kind in _DECLARED[index.type]], rows)

    def undeclare(self, key: str) -> None:
        """Take back a declaration."""
        self._declared.pop(key, None)
        self._built.pop(key, None)

    def insert(self, first: int, payloads: Sequence[Payload]) -> None:
        """Take in new points at consecutive offsets."""
        for key, kinds in self._built.items():
            _add(parse(key), list(kinds.values()), range(first, first + len(payloads)), payloads)

    def replace(self, offsets: Sequence[int], old: Sequence[Payload], new: Sequence[Payload]) -> None:
        """Follow a change of payloads in place."""
        for key, kinds in self._built.items():
            path = parse(key)
            changed = [i for i in range(len(offsets)) if not _alike(values(old[i], path), values(new[i], path))]
            for position in changed:
                found = values(old[position], path)
                for index in kinds.values():
                    index.remove(offsets[position], found, elements(found))
            chosen = [offsets[position] for position in changed]
            _add(path, list(kinds.values()), chosen, [new[position] for position in changed])

    def ready(self, condition: KeyCondition) -> bool:
        """Tell whether ``find`` can answer without building an index first."""
        return _KIND[type(condition)] in self._built.get(condition.key, ())

    def find(self, condition: KeyCondition, rows: Rows) -> Found:
        """Answer a condition for all offsets."""
        return self._index(condition.key, _KIND[type(condition)], rows).find(condition)

    def shaped(self, key: str, rows: Rows) -> BitMap:
        """Return the offsets with a value at ``key`` that is neither null nor ``[]``."""
        return self._index(key, "shape", rows).having

    def prepare(self, conditions: Iterable[KeyCondition], rows: Rows) -> None:
        """Build what ``find`` will need for these conditions, in one go through the rows."""
        self._build([(condition.key, _KIND[type(condition)]) for condition in conditions], rows)

    def in_slice(self, total: int, index: int, rows: Rows) -> BitMap:
        """Return the offsets whose id hashes to ``index`` modulo ``total``."""
        known = len(self._hashes)
        if known < rows.count:
            grown = np.zeros(rows.count, np.uint64)
            grown[:known] = self._hashes
            new = [offset for offset in range(known, rows.count) if offset in rows.live]
            grown[new] = hash_ids([rows.id(offset) for offset in new])
            self._hashes = grown
        if total <= 0 or not 0 <= index < total:
            return BitMap()
        return from_mask(self._hashes % np.uint64(total) == np.uint64(index))

    def range_values(self, key: str, rows: Rows) -> tuple[npt.NDArray[Any], Offsets]:
        """Return the values of ``key`` that can be put in order, ascending, and the offset of each.

        Values are int64 (dates: microseconds), float64, or Python numbers where both kinds occur. A declared
        index decides which they are: INTEGER whole numbers, FLOAT floats, DATETIME dates.
        """
        declared = self._declared.get(key)
        kind = None if declared is None else declared.type
        columns = []
        if kind is not FieldType.DATETIME:
            numbers = self._index(key, "numbers", rows)
            if isinstance(numbers, NumberIndex):
                whole, broken = kind is FieldType.INTEGER, kind is FieldType.FLOAT
                columns += numbers.ascending(only_whole=whole, only_broken=broken)
        if kind not in (FieldType.INTEGER, FieldType.FLOAT):
            dates = self._index(key, "dates", rows)
            if isinstance(dates, DateIndex):
                columns.append(dates.ascending())
        return in_order(columns)

    def words(self, key: str, rows: Rows) -> WordIndex:
        """Return the index of texts that is declared for ``key`` and scores; raises ``InvalidInputError`` without."""
        declared = self._declared.get(key)
        if declared is None or declared.type is not FieldType.TEXT:
            lack = "none" if declared is None else f"one of the type {declared.type.value}"
            message = f"a text query needs a text index with scoring on {key!r}, which has {lack}"
            raise InvalidInputError(message, field="using")
        if not declared.scoring:
            message = f"the text index on {key!r} does not score: declare it with scoring to query it by text"
            raise InvalidInputError(message, field="using")
        index = self._index(key, "words", rows)
        if not isinstance(index, WordIndex):
            raise TypeError("not an index of words")
        return index

    def facet(self, key: str, rows: Rows, selection: BitMap) -> list[tuple[Exact, int]]:
        """Count the points in ``selection`` by their values of ``key``, most frequent first, then by value.

        A declared KEYWORD, INTEGER, BOOL or UUID index counts values of its type only.
        """
        index = self._built.get(key, {}).get("exact")
        if len(selection) <= _FEW and (index is None or len(selection) < len(_exact(index))):
            index = index or ExactIndex(self._declared.get(key))
            path, counts = parse(key), dict[tuple[type, Exact], int]()
            for payload in rows.payloads(selection):
                for value in _exact(index).facet_keys(elements(values(payload, path))):
                    counts[type(value), value] = counts.get((type(value), value), 0) + 1
            found = [(value, count) for (_, value), count in counts.items()]
        else:
            found = _exact(self._index(key, "exact", rows)).facet(selection)
        order = {str: 0, int: 1, bool: 2}
        return sorted(found, key=lambda pair: (-pair[1], order[type(pair[0])], pair[0]))

    def points(self, key: str, rows: Rows) -> int:
        """Count the live points that have a value for the declared index on ``key``."""
        declared = self._declared.get(key)
        kind: Kind = "shape" if declared is None else _DECLARED[declared.type][0]
        return self._index(key, kind, rows).having.intersection_cardinality(rows.live)

    def dump(self) -> bytes:
        """Return the declared indexes that are built, for ``restore``."""
        indexes = [
            (key, kind, self._built[key][kind].dump())
            for key, index in self._declared.items()
            for kind in _DECLARED[index.type]
            if kind in self._built.get(key, ())
        ]
        declared = {key: msgspec.msgpack.encode(self._declared[key]) for key, _, _ in indexes}
        data = msgspec.msgpack.encode(_Dump(declared, indexes))
        return _MAGIC + zlib.crc32(data).to_bytes(4, "little") + data

    def restore(self, data: bytes) -> bool:
        """Take over what was dumped for the same rows; return whether it could be used.

        Indexes that are declared otherwise by now are left out and will be built when needed.
        """
        start = len(_MAGIC) + 4
        body = data[start:]
        if data[:start] != _MAGIC + zlib.crc32(body).to_bytes(4, "little"):
            return False
        try:
            dump = msgspec.msgpack.decode(body, type=_Dump)
            loaded = [(key, kind, self._loaded(key, kind, state)) for key, kind, state in dump.indexes]
        except (msgspec.MsgspecError, ValueError):
            return False
        for key, kind, index in loaded:
            declared = self._declared.get(key)
            if declared is not None and msgspec.msgpack.encode(declared) == dump.declared[key]:
                self._built.setdefault(key, {})[kind] = index
        return True

    def _loaded(self, key: str, kind: Kind, state: bytes) -> KeyIndex:
        index = _NEW[kind](self._declared.get(key))
        index.load(state)
        return index

    def _index(self, key: str, kind: Kind, rows: Rows) -> KeyIndex:
        found = self._built.get(key, {}).get(kind)
        if found is None:
            self._build([(key, kind)], rows)
            found = self._built[key][kind]
        return found

    def _build(self, wanted: Iterable[tuple[str, Kind]], rows: Rows) -> None:
        """Build indexes, and with them all that are declared, in one go through the rows."""
        declared = [(key, kind) for key, index in self._declared.items() for kind in _DECLARED[index.type]]
        missing = dict.fromkeys(pair for pair in wanted if pair[1] not in self._built.get(pair[0], ()))
        if not missing:
            return
        missing |= dict.fromkeys(pair for pair in declared if pair[1] not in self._built.get(pair[0], ()))
        new: dict[str, dict[Kind, KeyIndex]] = {}
        for key, kind in missing:
            new.setdefault(key, {})[kind] = _NEW[kind](self._declared.get(key))
        paths = [(parse(key), list(kinds.values())) for key, kinds in new.items()]
        live = rows.live
        for offset, payload in zip(members(live).tolist(), rows.payloads(live), strict=True):
            for path, indexes in paths:
                found = values(payload, path)
                parts = elements(found)
                for index in indexes:
                    index.add(offset, found, parts)
        for key, kinds in new.items():
            self._built.setdefault(key, {}).update(kinds)


def _add(path: Path, indexes: list[KeyIndex], offsets: Sequence[int], payloads: Sequence[Payload]) -> None:
    for offset, payload in zip(offsets, payloads, strict=True):
        found = values(payload, path)
        parts = elements(found)
        for index in indexes:
            index.add(offset, found, parts)


def _alike(old: Any, new: Any) -> bool:
    """Compare JSON values with their types, cheaply; unlike may be said of what is alike."""
    return bool(old == new) and repr(old) == repr(new)


def _exact(index: KeyIndex) -> ExactIndex:
    if not isinstance(index, ExactIndex):
        raise TypeError("not an index of exact values")
    return index
