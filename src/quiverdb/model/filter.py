"""Filters: a tree of conditions over payload, ids and vectors.

A ``Filter`` holds when all of ``must``, none of ``must_not``, at least one of ``should`` (if there are any)
and at least ``min_should.min_count`` of ``min_should.conditions`` hold::

    Condition
    ├── Filter            and / or / not / at least n
    ├── on a payload key
    │   ├── MatchValue  MatchAny  MatchExcept       exact values
    │   ├── MatchText  MatchPrefix  MatchSubstring  strings
    │   ├── Range  DatetimeRange                    order
    │   ├── GeoBox  GeoRadius  GeoPolygon           places
    │   ├── ValuesCount  IsEmpty  IsNull            shape
    │   └── Nested                                  one array element satisfies a whole filter
    └── on the point: HasId  HasVector  Slice

``key`` is a payload path: ``a.b``, ``a[0].b``, ``a[].b``, ``"quoted.key".b``. A condition on a key holds when
any value at the path satisfies it; a final array is checked element by element, one level deep.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from quiverdb.model.point import PointId

__all__ = [
    "Condition",
    "DatetimeRange",
    "Filter",
    "GeoBox",
    "GeoPoint",
    "GeoPolygon",
    "GeoRadius",
    "HasId",
    "HasVector",
    "IsEmpty",
    "IsNull",
    "KeyCondition",
    "MatchAny",
    "MatchExcept",
    "MatchPrefix",
    "MatchSubstring",
    "MatchText",
    "MatchValue",
    "MinShould",
    "Nested",
    "Range",
    "Slice",
    "ValuesCount",
]


class _Node(msgspec.Struct, frozen=True, tag=True):
    """Base of all conditions; tagged, so that equal encodings mean equal filters."""


class MatchValue(_Node, frozen=True):
    """Hold when a value equals ``value`` in type and value: ``True``, ``1``, ``1.0`` and ``"1"`` all differ."""

    key: str
    value: str | int | bool


class MatchAny(_Node, frozen=True):
    """Hold when a value is one of ``values``, which are all strings or all integers."""

    key: str
    values: tuple[str, ...] | tuple[int, ...]


class MatchExcept(_Node, frozen=True):
    """Hold when there is a value that is neither null nor one of ``values``."""

    key: str
    values: tuple[str, ...] | tuple[int, ...]


class MatchText(_Node, frozen=True):
    """Hold when a string contains all words of ``text``, any of them, or all of them in sequence."""

    key: str
    text: str
    mode: Literal["all", "any", "phrase"] = "all"


class MatchPrefix(_Node, frozen=True):
    """Hold when a string starts with ``prefix``; case matters."""

    key: str
    prefix: str


class MatchSubstring(_Node, frozen=True):
    """Hold when a string contains ``text``; case matters."""

    key: str
    text: str


class Range(_Node, frozen=True):
    """Hold when a number (never a bool) lies within the bounds that are given."""

    key: str
    lt: float | None = None
    lte: float | None = None
    gt: float | None = None
    gte: float | None = None


class DatetimeRange(_Node, frozen=True):
    """Hold when a date string lies within the bounds: microseconds since 1970-01-01 UTC."""

    key: str
    lt: int | None = None
    lte: int | None = None
    gt: int | None = None
    gte: int | None = None


class GeoPoint(msgspec.Struct, frozen=True):
    """Name a place by longitude and latitude in degrees."""

    lon: float
    lat: float


class GeoBox(_Node, frozen=True):
    """Hold when a place lies strictly inside a box; a box with left > right crosses the antimeridian."""

    key: str
    top_left: GeoPoint
    bottom_right: GeoPoint


class GeoRadius(_Node, frozen=True):
    """Hold when a place is nearer to ``center`` than ``radius`` metres (haversine)."""

    key: str
    center: GeoPoint
    radius: float


class GeoPolygon(_Node, frozen=True):
    """Hold when a place lies inside the closed ring ``exterior`` and outside every ring of ``interiors``."""

    key: str
    exterior: tuple[GeoPoint, ...]
    interiors: tuple[tuple[GeoPoint, ...], ...] = ()


class ValuesCount(_Node, frozen=True):
    """Hold when the number of values lies within the bounds: null 0, an array its length, any other value 1."""

    key: str
    lt: int | None = None
    lte: int | None = None
    gt: int | None = None
    gte: int | None = None


class IsEmpty(_Node, frozen=True):
    """Hold when the key is missing, null or ``[]``."""

    key: str


class IsNull(_Node, frozen=True):
    """Hold when a value is null; a missing key is not."""

    key: str


class HasId(_Node, frozen=True):
    """Hold for the points with these ids. Never holds inside ``Nested``."""

    ids: tuple[PointId, ...]


class HasVector(_Node, frozen=True):
    """Hold for the points that have the named vector. Never holds inside ``Nested``."""

    name: str


class Slice(_Node, frozen=True):
    """Hold for the points whose id hashes to ``index`` modulo ``total``."""

    total: int
    index: int


class Nested(_Node, frozen=True):
    """Hold when one object of the array at ``key`` satisfies the whole ``filter``."""

    key: str
    filter: Filter


class MinShould(msgspec.Struct, frozen=True):
    """Ask for at least ``min_count`` of ``conditions``."""

    conditions: tuple[Condition, ...]
    min_count: int


class Filter(_Node, frozen=True):
    """Combine conditions.

    >>> Filter(must=(MatchValue("lang", "en"), Range("year", gte=2020.0))).must_not
    ()
    """

    must: tuple[Condition, ...] = ()
    should: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()
    min_should: MinShould | None = None


KeyCondition: TypeAlias = (
    MatchValue
    | MatchAny
    | MatchExcept
    | MatchText
    | MatchPrefix
    | MatchSubstring
    | Range
    | DatetimeRange
    | GeoBox
    | GeoRadius
    | GeoPolygon
    | ValuesCount
    | IsEmpty
    | IsNull
)
Condition: TypeAlias = KeyCondition | Nested | HasId | HasVector | Slice | Filter
