"""The meaning of filters, written down plainly.

Everything faster must answer the same. A declared index changes the meaning of a condition in four ways only:

- TEXT: its tokenizer applies, the strings of one point count as one text (not inside ``Nested``), and phrases
  need ``phrase_matching``;
- INTEGER: 1.0 matches 1 (not inside ``Nested``);
- UUID: spellings of one UUID match each other (not inside ``Nested``);
- any with ``nested``: ``IsEmpty`` holds when one object of that array lacks the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Protocol

import msgspec

from quiverdb.dates import parse_datetime
from quiverdb.engine.filter.geometry import contains
from quiverdb.engine.filter.paths import EACH, Path, elements, parse, values
from quiverdb.engine.filter.siphash import hash_id
from quiverdb.engine.filter.values import normalizer, number, place, same, within
from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    KeyCondition,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    Nested,
    Range,
    Slice,
    ValuesCount,
)
from quiverdb.model.point import PointId
from quiverdb.text.analyzer import Analyzer, analyzer_for

__all__ = ["Point", "contains_phrase", "empty_in_nested", "holds", "matches", "nested_key"]


class Point(Protocol):
    """What the evaluator asks of a point."""

    @property
    def id(self) -> PointId: ...

    @property
    def payload(self) -> Mapping[str, Any]: ...

    @property
    def vectors(self) -> Set[str]:
        """Names of the vectors that the point has."""


class _Subject(msgspec.Struct):
    """The point, or an object inside its payload: then without id and vectors, and ``prefix`` leads to it."""

    id: PointId | None
    payload: Mapping[str, Any]
    vectors: Set[str]
    indexes: Mapping[str, FieldIndex]
    prefix: str = ""

    def index(self, key: str) -> FieldIndex | None:
        return self.indexes.get(self.prefix + key)


def matches(filter: Filter, point: Point, indexes: Mapping[str, FieldIndex] | None = None) -> bool:
    """Tell whether a point satisfies a filter; ``indexes`` are the declared ones by key.

    >>> class Book(msgspec.Struct):
    ...     id: int
    ...     payload: dict
    ...     vectors: frozenset = frozenset()
    >>> matches(Filter(must=(Range("year", gte=2000),)), Book(1, {"year": [1999, 2001]}))
    True
    """
    return _all(filter, _Subject(point.id, point.payload, point.vectors, indexes or {}))


def holds(condition: Condition, payload: Mapping[str, Any], indexes: Mapping[str, FieldIndex]) -> bool:
    """Tell whether a payload satisfies a condition on payload keys."""
    return _holds(condition, _Subject(None, payload, frozenset(), indexes))


def _all(filter: Filter, subject: _Subject) -> bool:
    if not all(_holds(condition, subject) for condition in filter.must):
        return False
    if any(_holds(condition, subject) for condition in filter.must_not):
        return False
    if filter.should and not any(_holds(condition, subject) for condition in filter.should):
        return False
    if filter.min_should is None:
        return True
    count = sum(_holds(condition, subject) for condition in filter.min_should.conditions)
    return count >= filter.min_should.min_count


def _holds(condition: Condition, subject: _Subject) -> bool:
    match condition:
        case Filter():
            return _all(condition, subject)
        case HasId(ids):
            return subject.id in ids
        case HasVector(name):
            return name in subject.vectors
        case Slice(total, index):
            return subject.id is not None and total > 0 and hash_id(subject.id) % total == index
        case Nested(key, filter):
            return any(_all(filter, inner) for inner in _objects(key, subject))
        case _:
            return _key_holds(condition, subject)


def _objects(key: str, subject: _Subject) -> list[_Subject]:
    """Return the objects of the array at ``key``."""
    key = nested_key(key)
    found = [value for value in values(subject.payload, parse(key)) if type(value) is dict]
    return [_Subject(None, value, frozenset(), subject.indexes, f"{subject.prefix}{key}.") for value in found]


def nested_key(key: str) -> str:
    """Return the path to the elements that ``Nested`` looks at."""
    return key if parse(key)[-1] is EACH else f"{key}[]"


def _key_holds(condition: KeyCondition, subject: _Subject) -> bool:
    found = values(subject.payload, parse(condition.key))
    match condition:
        case IsEmpty(key):
            if (inner := empty_in_nested(key, subject.index(key))) is not None:
                return _holds(inner, subject)
            return all(value is None or value == [] for value in found)
        case IsNull():
            return any(value is None or (type(value) is list and None in value) for value in found)
        case ValuesCount():
            counts = [0 if value is None else len(value) if type(value) is list else 1 for value in found]
            return any(within(count, condition) for count in counts or [0])
        case MatchText(key):
            strings = [value for value in elements(found) if type(value) is str]
            return _text_holds(condition, strings, subject.index(key), one_text=not subject.prefix)
        case _:
            index = None if subject.prefix else subject.index(condition.key)
            return any(_value_holds(condition, value, index) for value in elements(found))


def empty_in_nested(key: str, index: FieldIndex | None) -> Nested | None:
    """Return what ``IsEmpty`` means under an index that was declared ``nested``."""
    if index is None or index.nested is None:
        return None
    path, outer = parse(key), parse(nested_key(index.nested))
    rest = path[len(outer) :]
    if path[: len(outer)] != outer or not rest or not isinstance(rest[0], str):
        return None
    return Nested(index.nested, Filter(must=(IsEmpty(_written(rest)),)))


def _written(path: Path) -> str:
    steps = (f'."{step}"' if isinstance(step, str) else "[]" if step is EACH else f"[{step}]" for step in path)
    return "".join(steps)[1:]


def _value_holds(condition: KeyCondition, value: Any, index: FieldIndex | None) -> bool:
    match condition:
        case MatchValue(_, wanted):
            key = normalizer(index)
            return same(key(value), key(wanted))
        case MatchAny(_, listed):
            key = normalizer(index)
            return any(same(key(value), key(wanted)) for wanted in listed)
        case MatchExcept(_, listed):
            key = normalizer(index)
            return value is not None and not any(same(key(value), key(wanted)) for wanted in listed)
        case MatchPrefix(_, prefix):
            return type(value) is str and value.startswith(prefix)
        case MatchSubstring(_, text):
            return type(value) is str and text in value
        case Range():
            found = number(value)
            return found is not None and within(found, condition)
        case DatetimeRange():
            moment = parse_datetime(value) if type(value) is str else None
            return moment is not None and within(moment, condition)
        case GeoBox() | GeoRadius() | GeoPolygon():
            where = place(value)
            return where is not None and contains(condition, *where)
        case _:
            return False


def _text_holds(condition: MatchText, strings: list[str], index: FieldIndex | None, *, one_text: bool) -> bool:
    declared = index if index is not None and index.type is FieldType.TEXT else None
    analyzer = analyzer_for(declared)
    phrase = condition.mode == "phrase"
    wanted = analyzer.sequence_tokens(condition.text) if phrase else analyzer.query_tokens(condition.text)
    if not wanted:
        return False
    if phrase:
        if declared is not None and not declared.phrase_matching:
            return False
        return any(contains_phrase(analyzer, text, wanted) for text in strings)
    tokens = [set(analyzer.document_tokens(text)) for text in strings]
    if one_text and declared is not None:
        tokens = [set().union(*tokens)]
    enough = any if condition.mode == "any" else all
    return any(enough(token in found for token in wanted) for found in tokens)


def contains_phrase(analyzer: Analyzer, text: str, wanted: list[str]) -> bool:
    """Tell whether the tokens follow each other in a text; a single one need only be there."""
    if len(wanted) == 1:
        return wanted[0] in analyzer.document_tokens(text)
    tokens = analyzer.sequence_tokens(text)
    return any(tokens[start : start + len(wanted)] == wanted for start in range(len(tokens) - len(wanted) + 1))
