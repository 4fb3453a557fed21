"""Random payloads and filters of the neutral model, made to meet each other: few keys, few values of every type."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from quiverdb.model.collection import FieldIndex, FieldType
from quiverdb.model.filter import (
    Condition,
    DatetimeRange,
    Filter,
    GeoBox,
    GeoPoint,
    GeoPolygon,
    GeoRadius,
    HasId,
    HasVector,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchSubstring,
    MatchText,
    MatchValue,
    MinShould,
    Nested,
    Range,
    Slice,
    ValuesCount,
)

__all__ = [
    "IDS",
    "RELAXED",
    "UUIDS",
    "conditions",
    "field_indexes",
    "filters",
    "json_values",
    "key_conditions",
    "paths",
    "payloads",
]

RELAXED = settings(
    database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""Other work on the machine must not make a test fail."""

UUIDS = ("550e8400-e29b-41d4-a716-446655440000", "67e55044-10b1-426f-9247-bb680e5fe0c8")
IDS: tuple[int | str, ...] = (*range(12), 2**63, 2**64 - 1, *UUIDS)
KEYS = ("a", "b", "c")
PATHS = (
    "a",
    "a",
    "a",
    "b",
    "b",
    "c",
    "a.a",
    "a.b",
    "a[]",
    "a[0]",
    "a[].a",
    "a[].b",
    "b[].a",
    "a[][]",
    "a.a[].b",
    "zz",
    '"a b"',
)
WORDS = ("red", "Red fox", "the red-fox jumps", "fox red fox", "über Straße", "")
DATES = ("2020-01-01", "2020-01-01T00:00:00.5Z", "2020-06-15 12:30")
STRINGS = (*WORDS, *DATES, UUIDS[0], UUIDS[0].upper())
INTEGERS = (0, 1, 1, 2, 2, 3, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1)
SMALL = (0, 1, 2, 2, -1)
FLOATS = (-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 2.5, 1e18, 9007199254740993.0)
MOMENTS = (1577836800000000, 1577836800500000, 1592224200000000, 0)
DEGREES = (0.0, 0.5, 1.0, 1.0, 2.0, 90.0, -1.0, -90.0, 179.5, 180.0, -180.0)
LATITUDES = tuple(degree for degree in DEGREES if abs(degree) <= 90)
NAMES = ("", "image", "unknown")

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(INTEGERS),
    st.sampled_from(FLOATS),
    st.sampled_from(STRINGS),
    st.sampled_from(STRINGS),
    st.builds(lambda lon, lat: {"lon": lon, "lat": lat}, st.sampled_from(DEGREES), st.sampled_from(LATITUDES)),
)


def json_values(depth: int = 3) -> st.SearchStrategy[Any]:
    """Return values of every type, nested a little."""
    if depth == 0:
        return _SCALARS
    inner = json_values(depth - 1)
    return st.one_of(
        _SCALARS,
        _SCALARS,
        st.lists(_SCALARS, min_size=1, max_size=4),
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=2),
        st.lists(st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=2), min_size=1, max_size=3),
    )


def payloads() -> st.SearchStrategy[dict[str, Any]]:
    """Return payloads over few keys."""
    value = json_values()
    often = st.fixed_dictionaries({"a": value, "b": value}, optional={"c": value, "a b": value})
    return st.one_of(often, often, often, st.dictionaries(st.sampled_from(KEYS), value, max_size=2))


def paths() -> st.SearchStrategy[str]:
    """Return paths into such payloads."""
    return st.sampled_from(PATHS)


def _bounds(values: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.one_of(st.none(), st.none(), values) for name in ("lt", "lte", "gt", "gte")}


def _places() -> st.SearchStrategy[GeoPoint]:
    return st.builds(GeoPoint, st.sampled_from(DEGREES), st.sampled_from(LATITUDES))


def _rings() -> st.SearchStrategy[tuple[GeoPoint, ...]]:
    return st.lists(_places(), min_size=3, max_size=5).map(lambda ring: (*ring, ring[0]))


def key_conditions(keys: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Condition]:
    """Return conditions on a payload key, of every kind."""
    key = keys or paths()
    strings, integers = st.sampled_from(STRINGS), st.sampled_from((*SMALL, 2**53 + 1, -(2**63)))
    lists = st.one_of(
        st.lists(strings, max_size=4).map(tuple),
        st.lists(integers, max_size=3).map(tuple),
    )
    value = st.one_of(strings, strings, integers, st.booleans())
    texts = st.sampled_from(("red", "fox", "fox red", "red fox", "the jumps fox", "RED", "über", "straße", "", "re"))
    numbers = st.sampled_from((*FLOATS, 3.0, float(2**53), float(2**63)))
    return st.one_of(
        st.builds(MatchValue, key, value),
        st.builds(MatchAny, key, lists),
        st.builds(MatchExcept, key, lists),
        st.builds(MatchText, key, texts, st.sampled_from(("all", "any", "phrase"))),
        st.builds(MatchPrefix, key, st.sampled_from(("", "r", "the", "2020", "Ü"))),
        st.builds(MatchSubstring, key, st.sampled_from(("", "ed", "fox", "-", "ß"))),
        st.builds(Range, key, **_bounds(numbers)),
        st.builds(DatetimeRange, key, **_bounds(st.sampled_from(MOMENTS))),
        st.builds(GeoBox, key, _places(), _places()),
        st.builds(GeoRadius, key, _places(), st.sampled_from((0.0, 1.0, 1.2e5, 2e6, 3e7))),
        st.builds(GeoPolygon, key, _rings(), st.lists(_rings(), max_size=1).map(tuple)),
        st.builds(ValuesCount, key, **_bounds(st.integers(0, 3))),
        st.builds(IsEmpty, key),
        st.builds(IsNull, key),
    )


def _point_conditions(*, slices: bool) -> st.SearchStrategy[Condition]:
    kinds: list[st.SearchStrategy[Condition]] = [
        st.builds(HasId, st.lists(st.sampled_from(IDS), max_size=4).map(tuple)),
        st.builds(HasVector, st.sampled_from(NAMES)),
    ]
    if slices:
        total = st.integers(1, 4)
        kinds.append(total.flatmap(lambda n: st.builds(Slice, st.just(n), st.integers(0, n - 1))))
    return st.one_of(kinds)


def conditions(depth: int = 2, *, slices: bool = True) -> st.SearchStrategy[Condition]:
    """Return conditions of every kind; ``slices`` includes those by the hash of the id."""
    leaves = st.one_of(key_conditions(), key_conditions(), key_conditions(), _point_conditions(slices=slices))
    if depth == 0:
        return leaves
    inner = filters(depth - 1, slices=slices)
    nested = st.builds(Nested, st.sampled_from(("a", "b", "a[]", "a.a", "a[].b", "a[][]")), inner)
    return st.one_of(leaves, leaves, leaves, nested, inner)


def filters(depth: int = 2, *, slices: bool = True) -> st.SearchStrategy[Filter]:
    """Return filters with clauses of every kind."""
    condition = conditions(depth, slices=slices)
    one, some = st.tuples(condition), st.lists(condition, min_size=1, max_size=3).map(tuple)
    least = st.builds(MinShould, some, st.integers(1, 3))
    # Most filters have one clause: several together rarely let a point through.
    return st.one_of(
        st.builds(Filter, must=one),
        st.builds(Filter, must=some),
        st.builds(Filter, should=some),
        st.builds(Filter, must_not=one),
        st.builds(Filter, min_should=least),
        st.builds(Filter, must=one, should=some, must_not=one),
        st.builds(Filter, should=some, must_not=some, min_should=least),
        st.just(Filter()),
    )


def field_indexes() -> st.SearchStrategy[dict[str, FieldIndex]]:
    """Return declared indexes by key."""
    index = st.one_of(
        st.sampled_from([FieldIndex(kind) for kind in FieldType]),
        st.builds(
            FieldIndex,
            st.just(FieldType.TEXT),
            tokenizer=st.sampled_from(("word", "whitespace", "prefix", "multilingual")),
            lowercase=st.booleans(),
            phrase_matching=st.booleans(),
        ),
        st.just(FieldIndex(FieldType.KEYWORD, prefix=True)),
    )
    return st.dictionaries(paths(), index, max_size=4)
