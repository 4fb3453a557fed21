"""Filters of VikingDB against their meaning, written out plainly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.engine.filter.evaluate import matches
from quiverdb.model.filter import Filter
from quiverdb.model.result import Record
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.filters import compile_filter
from quiverdb.vikingdb.service.layout import GEO, TIME, Field, Index, Schema, point_id
from quiverdb.vikingdb.service.units import moment, place

TYPES = {
    "key": "int64",
    "name": "string",
    "number": "int64",
    "price": "float32",
    "flag": "bool",
    "tags": "list<string>",
    "codes": "list<int64>",
    "day": "date_time",
    "spot": "geo_point",
    "body": "text",
    "vec": "vector",
}
SCHEMA = Schema(
    project_name="default",
    collection_name="things",
    resource_id="r",
    fields=tuple(Field(field_name=n, field_type=t, is_primary_key=n == "key") for n, t in TYPES.items()),
)
INDEX = Index(index_name="all")
EARTH = 6_371_008.8


class Point:
    """A row as it lies in the database."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.id = point_id(row["key"])
        self.vectors: frozenset[str] = frozenset()
        self.payload = {**row, "_pk": row["key"], TIME: {}, GEO: {}}
        if "day" in row:
            self.payload[TIME]["day"] = moment(row["day"])
        if "spot" in row:
            where = place(row["spot"])
            assert where is not None
            self.payload[GEO]["spot"] = {"lon": where.lon, "lat": where.lat}


def compiled(given: Any, rows: Iterable[dict[str, Any]] = (), index: Index = INDEX) -> Filter | None:
    points = [Point(row) for row in rows]

    def read(filter: Filter | None, keys: tuple[str, ...]) -> Iterable[Record]:
        for point in points:
            if filter is None or matches(filter, point):
                yield Record(point.id, 0, {key: point.payload[key] for key in keys if key in point.payload})

    return compile_filter(SCHEMA, index, given, read)


def means(node: dict[str, Any], row: dict[str, Any]) -> bool:
    """What the documentation says a filter means, for one row."""
    op, field = node["op"], node.get("field")
    if op == "and":
        return all(means(inner, row) for inner in node["conds"])
    if op == "or":
        return any(means(inner, row) for inner in node["conds"])
    if isinstance(field, list):
        if any(name not in row for name in field):
            return False
        away = [row[name] - middle for name, middle in zip(field, node["center"], strict=True)]
        return away[0] ** 2 + away[1] ** 2 <= node["radius"] ** 2
    value = row.get(field)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if op == "must":
        return any(found in node["conds"] for found in values)
    if op == "must_not":
        return not any(found in node["conds"] for found in values)
    if op in ("range", "time_range"):
        return value is not None and inside(node, value)
    if op == "range_out":
        low = max((node[key] for key in ("gt", "gte") if key in node), default=None)
        high = min((node[key] for key in ("lt", "lte") if key in node), default=None)
        if low is not None and high is not None and low > high:
            return value is not None and any(inside({key: node[key]}, value) for key in BOUNDS if key in node)
        return value is None or not inside(node, value)
    if op in ("geo_range", "georange"):
        number, unit = re.fullmatch(r"([0-9.]+)(k?m)", node["radius"]).groups()  # type: ignore[union-attr]
        return value is not None and metres(value, node["center"]) < float(number) * {"m": 1, "km": 1000}[unit]
    if op == "prefix":
        return any(found.startswith(node["prefix"]) for found in values)
    if op == "contains":
        return any(node["substring"] in found for found in values)
    return any(re.search(node["pattern"], found) for found in values)


BOUNDS = ("gt", "gte", "lt", "lte")


def inside(node: dict[str, Any], value: Any) -> bool:
    def plain(given: Any) -> float:
        return datetime.fromisoformat(given).timestamp() if isinstance(given, str) else given

    found = plain(value)
    return (
        ("gt" not in node or found > plain(node["gt"]))
        and ("gte" not in node or found >= plain(node["gte"]))
        and ("lt" not in node or found < plain(node["lt"]))
        and ("lte" not in node or found <= plain(node["lte"]))
    )


def metres(one: str, other: str) -> float:
    """The distance on the sphere by the chord through it: another way than the engine's."""
    points = []
    for text in (one, other):
        lon, lat = (math.radians(float(part)) for part in text.split(","))
        points.append((math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)))
    return 2 * EARTH * math.asin(min(1.0, math.dist(*points) / 2))


words = st.sampled_from(["a", "ab", "abc", "b", "B", "", "東京"])
integers = st.integers(-3, 3)
prices = st.sampled_from([-1.5, 0.0, 0.25, 2.5, 100.0])
days = st.sampled_from(
    [
        "2025-08-12T00:00Z",
        "2025-08-12T08:00:00+08:00",
        "2025-08-12T00:00:00.001Z",
        "2025-08-11T23:59:59.999Z",
        "1970-01-01T00:00:00Z",
        "2999-12-31T23:59:59.999Z",
        "2025-08-12T00:00:00-11:30",
    ]
)
spots = st.sampled_from(
    ["116.412138,39.914912", "116.5,39.9", "-179.9,10", "179.9,10", "0,0", "0.0001,-0.0001", "12,89"]
)
rows = st.lists(
    st.fixed_dictionaries(
        {"key": st.integers(1, 6)},
        optional={
            "name": words,
            "number": integers,
            "price": prices,
            "flag": st.booleans(),
            "tags": st.lists(words, max_size=3),
            "codes": st.lists(integers, max_size=3),
            "day": days,
            "spot": spots,
        },
    ),
    max_size=6,
)
VALUES = {"name": words, "number": integers, "flag": st.booleans(), "tags": words, "codes": integers}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(["must", "must_not", "range", "range_out", "time_range", "geo", "circle", "text"]))
    match op:
        case "must" | "must_not":
            field = draw(st.sampled_from([*VALUES, "key"]))
            values = VALUES.get(field, st.integers(1, 6))
            return {"op": op, "field": field, "conds": draw(st.lists(values, min_size=1, max_size=3))}
        case "range" | "range_out":
            field, values = draw(st.sampled_from([("number", integers), ("price", prices), ("key", st.integers(1, 6))]))
            return {"op": op, "field": field, **draw(bounds(values))}
        case "time_range":
            return {"op": op, "field": "day", **draw(bounds(days))}
        case "geo":
            radius = draw(st.sampled_from(["1m", "20m", "7.9km", "8000m", "50km", "20000km", "30000km", "0m"]))
            op = draw(st.sampled_from(["geo_range", "georange"]))
            return {"op": op, "field": "spot", "center": draw(spots), "radius": radius}
        case "circle":
            center = [draw(integers), draw(prices)]
            return {"op": "range", "field": ["number", "price"], "center": center, "radius": draw(st.floats(0, 4))}
        case _:
            field = draw(st.sampled_from(["name", "tags"]))
            op, key, values = draw(
                st.sampled_from(
                    [
                        ("prefix", "prefix", ["a", "ab", "東"]),
                        ("contains", "substring", ["b", "bc", "京"]),
                        ("regex", "pattern", ["^a?b$", "b|東", "[A-Z]", "^$", "a{2,}"]),
                    ]
                )
            )
            return {"op": op, "field": field, key: draw(st.sampled_from(values))}


@st.composite
def bounds(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    return {key: draw(values) for key in draw(st.sets(st.sampled_from(BOUNDS), min_size=1))}


filters = st.recursive(
    leaves(),
    lambda inner: st.builds(
        lambda op, conds: {"op": op, "conds": conds},
        st.sampled_from(["and", "or"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(filters, rows)
def test_a_filter_holds_as_documented(node: dict[str, Any], found: list[dict[str, Any]]) -> None:
    found = list({row["key"]: row for row in found}.values())
    filter = compiled(node, found)
    assert filter is not None
    assert [matches(filter, Point(row)) for row in found] == [means(node, row) for row in found]


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_filter_and_an_empty_one_are_the_same(nothing: Any) -> None:
    assert compiled(nothing) is None


def test_range_out_has_two_readings() -> None:
    rows = [{"key": price, "price": float(price)} for price in (50, 100, 300, 500, 600)]
    between = compiled({"op": "range_out", "field": "price", "gt": 100, "lt": 500})
    beyond = compiled({"op": "range_out", "field": "price", "gt": 500, "lt": 100})
    assert between is not None
    assert beyond is not None
    assert [row["key"] for row in rows if matches(between, Point(row))] == [50, 100, 500, 600]
    assert [row["key"] for row in rows if matches(beyond, Point(row))] == [50, 600]


def test_a_range_tells_the_two_sides_of_a_circle_apart() -> None:
    rows = [{"key": 1, "number": 3, "price": 4.0}, {"key": 2, "number": 3, "price": 4.001}]
    filter = compiled({"op": "range", "field": ["number", "price"], "center": [0, 0], "radius": 5}, rows)
    assert filter is not None
    assert [matches(filter, Point(row)) for row in rows] == [True, False]


DEEP: dict[str, Any] = {"op": "must", "field": "number", "conds": [1]}
for _ in range(100):
    DEEP = {"op": "and", "conds": [DEEP]}

WRONG: list[tuple[Any, str]] = [
    ([], "filter must be an object"),
    ("number > 3", "filter must be an object"),
    ({"field": "number", "conds": [1]}, "filter.op is missing"),
    ({"op": "georadius", "field": "spot"}, "filter.op must be one of"),
    ({"op": 3}, "filter.op must be one of"),
    ({"op": ["and"]}, "filter.op must be one of"),
    ({"op": "and"}, "filter.conds is missing"),
    ({"op": "and", "conds": []}, "filter.conds needs at least 1 element"),
    ({"op": "or", "conds": {}}, "filter.conds must be a list"),
    ({"op": "or", "conds": [3]}, r"filter.conds\[0\] must be an object"),
    ({"op": "and", "conds": [DEEP["conds"][0]], "field": "number"}, "filter has no key 'field'"),
    ({"op": "and", "conds": [{"op": "must", "field": "name", "conds": [1]}]}, r"\[0\].conds\[0\] must be a string"),
    (DEEP, "nested more than"),
    ({"op": "must", "conds": [1]}, "filter.field is missing"),
    ({"op": "must", "field": "", "conds": [1]}, "filter.field must not be empty"),
    ({"op": "must", "field": 7, "conds": [1]}, "filter.field must be a string"),
    ({"op": "must", "field": "colour", "conds": [1]}, "no field 'colour'"),
    ({"op": "must", "field": "price", "conds": [1.0]}, "type float32"),
    ({"op": "must", "field": "day", "conds": ["2025-08-12T00:00:00Z"]}, "type date_time"),
    ({"op": "must", "field": "body", "conds": ["a"]}, "type text"),
    ({"op": "must", "field": "vec", "conds": ["a"]}, "type vector"),
    ({"op": "must", "field": "number"}, "filter.conds is missing"),
    ({"op": "must", "field": "number", "conds": []}, "at least 1 element"),
    ({"op": "must", "field": "number", "conds": 1}, "filter.conds must be a list"),
    ({"op": "must", "field": "number", "conds": ["1"]}, r"filter.conds\[0\] must be an integer"),
    ({"op": "must", "field": "number", "conds": [1, True]}, r"filter.conds\[1\] must be an integer"),
    ({"op": "must", "field": "number", "conds": [1.5]}, "must be an integer"),
    ({"op": "must", "field": "number", "conds": [2**63]}, "must lie between"),
    ({"op": "must", "field": "number", "conds": [None]}, "is missing"),
    ({"op": "must", "field": "flag", "conds": [1]}, "must be true or false"),
    ({"op": "must", "field": "tags", "conds": [["a"]]}, "must be a string"),
    ({"op": "must", "field": "codes", "conds": ["a"]}, "must be an integer"),
    ({"op": "must", "field": "number", "cond": [1]}, "no key 'cond'"),
    ({"op": "range", "field": "number"}, "at least one of gt, gte, lt, lte"),
    ({"op": "range", "field": "number", "gt": "1"}, "filter.gt must be a number"),
    ({"op": "range", "field": "number", "gt": True}, "filter.gt must be a number"),
    ({"op": "range", "field": "price", "lt": math.nan}, "filter.lt must not be NaN"),
    ({"op": "range", "field": "price", "lt": 10**400}, "too large"),
    ({"op": "range", "field": "name", "gt": 1}, "type string"),
    ({"op": "range", "field": "day", "gt": "2025-08-12T00:00:00Z"}, "use the op time_range"),
    ({"op": "range", "field": "number", "above": 1}, "no key 'above'"),
    ({"op": "range", "field": "number", "center": [1, 2], "radius": 3}, "go with two fields"),
    ({"op": "range", "field": ["number"], "center": [1, 2], "radius": 3}, "at least 2 elements"),
    ({"op": "range", "field": ["number", "name"], "center": [1, 2], "radius": 3}, "type string"),
    ({"op": "range", "field": ["number", "price"], "center": [1], "radius": 3}, "at least 2 elements"),
    ({"op": "range", "field": ["number", "price"], "center": [1, "2"], "radius": 3}, r"center\[1\] must be a number"),
    ({"op": "range", "field": ["number", "price"], "center": [1, 2]}, "filter.radius is missing"),
    ({"op": "range", "field": ["number", "price"], "center": [1, 2], "radius": -1}, "must lie between"),
    ({"op": "range", "field": ["number", "price"], "center": [1, 2], "radius": 1, "gt": 1}, "no key 'gt'"),
    ({"op": "range_out", "field": "number"}, "at least one of"),
    ({"op": "time_range", "field": "number", "gt": "2025-08-12T00:00:00Z"}, "type int64"),
    ({"op": "time_range", "field": "day", "gt": "2025-08-12"}, "must be a date like"),
    ({"op": "time_range", "field": "day", "gt": "2025-08-12T00:00:00"}, "must be a date like"),
    ({"op": "time_range", "field": "day", "gt": "2025-02-30T00:00:00Z"}, "must be a date like"),
    ({"op": "time_range", "field": "day", "gt": "1969-12-31T23:59:59Z"}, "must be a date like"),
    ({"op": "time_range", "field": "day", "lt": 1754956800}, "must be a date like"),
    ({"op": "time_range", "field": "day"}, "at least one of"),
    ({"op": "geo_range", "field": "name", "center": "1,2", "radius": "1m"}, "type string"),
    ({"op": "geo_range", "field": "spot", "radius": "1m"}, "filter.center is missing"),
    ({"op": "geo_range", "field": "spot", "center": "1,2"}, "filter.radius is missing"),
    ({"op": "geo_range", "field": "spot", "center": "180,2", "radius": "1m"}, "must be a place"),
    ({"op": "geo_range", "field": "spot", "center": "1,90", "radius": "1m"}, "must be a place"),
    ({"op": "geo_range", "field": "spot", "center": [1, 2], "radius": "1m"}, "must be a place"),
    ({"op": "geo_range", "field": "spot", "center": "1,2", "radius": 10}, "must be a length"),
    ({"op": "geo_range", "field": "spot", "center": "1,2", "radius": "-1m"}, "must be a length"),
    ({"op": "geo_range", "field": "spot", "center": "1,2", "radius": "1mile"}, "must be a length"),
    ({"op": "prefix", "field": "name"}, "filter.prefix is missing"),
    ({"op": "prefix", "field": "name", "prefix": ""}, "must not be empty"),
    ({"op": "contains", "field": "name", "pattern": "a"}, "no key 'pattern'"),
    ({"op": "contains", "field": "number", "substring": "a"}, "type int64"),
    ({"op": "regex", "field": "name", "pattern": "("}, "no regular expression"),
    ({"op": "regex", "field": "name", "pattern": r"(a)\1"}, "not supported"),
    ({"op": "regex", "field": "name", "pattern": "a" * 1025}, "at most 1024"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "message"), WRONG)
def test_a_malformed_filter_is_refused_and_told_why(node: Any, message: str) -> None:
    with pytest.raises(VikingException, match=message) as raised:
        compiled(node)
    assert raised.value.code in ("InvalidParameter", "MissingParameter")
    assert raised.value.status_code == 400


@pytest.mark.parametrize(
    ("scalars", "allowed"), [(None, True), (("number", "price"), True), (("name",), False), ((), False)]
)
def test_a_field_must_be_in_the_scalar_index(scalars: tuple[str, ...] | None, allowed: bool) -> None:
    index = Index(index_name="some", scalar_index=scalars)
    for node in (
        {"op": "must", "field": "number", "conds": [1]},
        {"op": "range", "field": "number", "gt": 1},
        {"op": "or", "conds": [{"op": "range", "field": ["number", "price"], "center": [1, 2], "radius": 3}]},
    ):
        if allowed:
            assert compiled(node, (), index) is not None
        else:
            with pytest.raises(VikingException, match="not in the ScalarIndex") as raised:
                compiled(node, (), index)
            assert raised.value.code == "InvalidParameter"
