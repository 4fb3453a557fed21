"""Filters of the dialect become filters of the model, whatever they are written in."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from qdrant_client import models as official

from quiverdb.errors import InvalidInputError
from quiverdb.model.filter import (
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
from quiverdb.qdrant import models
from quiverdb.qdrant.request.filters import condition, filter_of, micros

SQUARE = [{"lon": 0, "lat": 0}, {"lon": 0, "lat": 1}, {"lon": 1, "lat": 1}, {"lon": 0, "lat": 0}]
RING = (GeoPoint(0, 0), GeoPoint(0, 1), GeoPoint(1, 1), GeoPoint(0, 0))
NEW_YEAR = 1_704_067_200_000_000

CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "value": ({"key": "a", "match": {"value": "x"}}, MatchValue("a", "x")),
    "value of bool": ({"key": "a", "match": {"value": True}}, MatchValue("a", True)),
    "text": ({"key": "a", "match": {"text": "x y"}}, MatchText("a", "x y", "all")),
    "text_any": ({"key": "a", "match": {"text_any": "x y"}}, MatchText("a", "x y", "any")),
    "phrase": ({"key": "a", "match": {"phrase": "x y"}}, MatchText("a", "x y", "phrase")),
    "prefix": ({"key": "a", "match": {"prefix": "x"}}, MatchPrefix("a", "x")),
    "substring": ({"key": "a", "match": {"substring": "x"}}, MatchSubstring("a", "x")),
    "any": ({"key": "a", "match": {"any": [1, 2]}}, MatchAny("a", (1, 2))),
    "any of none": ({"key": "a", "match": {"any": []}}, MatchAny("a", ())),
    "except": ({"key": "a", "match": {"except": ["x"]}}, MatchExcept("a", ("x",))),
    "range": ({"key": "a", "range": {"gte": 1, "lt": 5}}, Range("a", lt=5, gte=1)),
    "dates": (
        {"key": "a", "range": {"gte": "2024-01-01T00:00:00Z", "lt": "2024-01-01T01:00:00+01:00"}},
        DatetimeRange("a", gte=NEW_YEAR, lt=NEW_YEAR),
    ),
    "box": (
        {"key": "a", "geo_bounding_box": {"top_left": {"lon": 1, "lat": 2}, "bottom_right": {"lon": 3, "lat": 1}}},
        GeoBox("a", GeoPoint(1, 2), GeoPoint(3, 1)),
    ),
    "circle": (
        {"key": "a", "geo_radius": {"center": {"lon": 1, "lat": 2}, "radius": 10}},
        GeoRadius("a", GeoPoint(1, 2), 10),
    ),
    "polygon": (
        {"key": "a", "geo_polygon": {"exterior": {"points": SQUARE}, "interiors": [{"points": SQUARE}]}},
        GeoPolygon("a", RING, (RING,)),
    ),
    "values_count": ({"key": "a", "values_count": {"gt": 1, "lte": 3}}, ValuesCount("a", gt=1, lte=3)),
    "is_empty": ({"is_empty": {"key": "a"}}, IsEmpty("a")),
    "is_null": ({"is_null": {"key": "a"}}, IsNull("a")),
    "empty field": ({"key": "a", "is_empty": True}, IsEmpty("a")),
    "full field": ({"key": "a", "is_empty": False}, Filter(must_not=(IsEmpty("a"),))),
    "null field": ({"key": "a", "is_null": True}, IsNull("a")),
    "field not null": ({"key": "a", "is_null": False}, Filter(must_not=(IsNull("a"),))),
    "several tests": (
        {"key": "a", "match": {"value": 1}, "range": {"lt": 0}},
        Filter(should=(MatchValue("a", 1), Range("a", lt=0))),
    ),
    "count before others": ({"key": "a", "match": {"value": 1}, "values_count": {"lt": 2}}, ValuesCount("a", lt=2)),
    "empty before null": ({"key": "a", "is_null": True, "is_empty": True}, IsEmpty("a")),
    "has_id": (
        {"has_id": [1, "123e4567e89b12d3a456426614174000"]},
        HasId((1, "123e4567-e89b-12d3-a456-426614174000")),
    ),
    "has_vector": ({"has_vector": ""}, HasVector("")),
    "slice": ({"slice": {"total": 3, "index": 2}}, Slice(3, 2)),
    "nested": (
        {"nested": {"key": "a", "filter": {"must": [{"key": "b", "match": {"value": 1}}]}}},
        Nested("a", Filter(must=(MatchValue("b", 1),))),
    ),
    "filter": (
        {
            "must": {"key": "a", "match": {"value": 1}},
            "should": [{"has_id": [1]}, {"has_id": [2]}],
            "must_not": [],
            "min_should": {"conditions": [{"is_null": {"key": "c"}}], "min_count": 1},
        },
        Filter(
            must=(MatchValue("a", 1),),
            should=(HasId((1,)), HasId((2,))),
            min_should=MinShould((IsNull("c"),), 1),
        ),
    ),
}


def as_object(source: ModuleType, written: dict[str, Any]) -> Any:
    return source.Filter(must=[written]).must[0]


@pytest.mark.parametrize("written", ["dict", "ours", "official"])
@pytest.mark.parametrize("case", CASES)
def test_condition(case: str, written: str) -> None:
    given, expected = CASES[case]
    sources = {"ours": models, "official": official}
    value = as_object(sources[written], given) if written in sources else given
    assert condition(value) == expected
    whole = {"must": [given]} if written == "dict" else sources[written].Filter(must=[value])
    assert filter_of(whole) == Filter(must=(expected,))


def test_no_filter_is_none() -> None:
    assert filter_of(None) is None


def test_classes_derived_from_ours_are_known() -> None:
    class Mine(models.FieldCondition):
        pass

    assert condition(Mine(key="a", match=models.MatchValue(value=1))) == MatchValue("a", 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (datetime(2024, 1, 1), NEW_YEAR),
        (datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), NEW_YEAR),
        (datetime(2024, 1, 1, microsecond=1), NEW_YEAR + 1),
        (date(2024, 1, 1), NEW_YEAR),
        ("2024-01-01", NEW_YEAR),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), -1),
    ],
)
def test_micros(given: Any, expected: int) -> None:
    assert micros(given) == expected


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (5, "int"),
        ("a = 1", "str"),
        (models.FieldCondition(key="a", match=models.MatchValue(value=1)), "write Filter"),
        ({"musst": []}, "musst"),
        ({"must": [{"key": "a"}]}, "'a' tests nothing"),
        ({"must": [{"key": "a", "match": {"value": 1.5}}]}, "value"),
        ({"must": [{"key": "a", "match": {}}]}, "match"),
        ({"must": [{"has_id": [-1]}]}, "-1"),
        ({"must": [{"has_id": ["x"]}]}, "'x'"),
        ({"must": [{"slice": {"total": 0, "index": 0}}]}, "total"),
        ({"must": [{"slice": {"total": 2, "index": 2}}]}, "slice index"),
        ({"min_should": {"conditions": [], "min_count": 0}}, "min_count"),
        ({"must": [{"key": "a", "geo_radius": {"center": {"lon": 181, "lat": 0}, "radius": 1}}]}, "longitude"),
        ({"must": [{"key": "a", "geo_polygon": {"exterior": {"points": SQUARE[:3]}}}]}, "ring"),
        ({"must": [{"key": "a", "geo_polygon": {"exterior": {"points": SQUARE[:3] + SQUARE[1:2]}}}]}, "ring"),
        (models.Filter.model_construct(must=["a"], should=None, must_not=None, min_should=None), "expected one of"),
        (UUID(int=1), "UUID"),
    ],
)
def test_wrong_filters_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        filter_of(given)


def test_an_empty_should_inside_nested_lets_nothing_through() -> None:
    part = models.Nested(key="a", filter=models.Filter(should=[]))
    found = filter_of(models.Filter(must=[models.NestedCondition(nested=part)], should=[]))
    assert found == Filter(must=(Nested("a", Filter(must=(Filter(),), min_should=MinShould((), 1))),))
