"""Aggregates are those of an obvious evaluator."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from viking_place import FLAT, NAME, Place

FIELDS = (
    {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
    {"FieldName": "city", "FieldType": "string"},
    {"FieldName": "year", "FieldType": "int64"},
    {"FieldName": "open", "FieldType": "bool"},
    {"FieldName": "price", "FieldType": "float32"},
    {"FieldName": "tags", "FieldType": "list<string>"},
    {"FieldName": "hidden", "FieldType": "int64"},
    {"FieldName": "vector", "FieldType": "vector", "Dim": 4},
)
INDEXED = [field["FieldName"] for field in FIELDS if field["FieldName"] not in ("hidden", "vector")]
BOUNDS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
MEASURES = {"count": len, "sum": sum, "min": min, "max": max, "avg": lambda numbers: sum(numbers) / len(numbers)}
FILTER = {"op": "range", "field": "year", "gte": 0}
ROWS = [
    {
        "id": key,
        "city": ("bath", "york", "ely", "true")[key % 4],
        "year": key % 5 - 2,
        "open": key % 3 == 0,
        "price": key / 4,
        "vector": [key, 1, 2, 3],
    }
    for key in range(1, 31)
]


@pytest.fixture(scope="module")
def place() -> Place:
    made = Place()
    made.create(*FIELDS, index=None)
    made.control("create_index", IndexName="main", VectorIndex=FLAT, ScalarIndex=INDEXED)
    made.ask("upsert", data=ROWS)
    return made


def expected(
    op: str, field: str | None, value: str, cond: Mapping[str, float], rows: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups["__TOTAL__" if field is None else row[field]].append(row[value])
    if field is None and op == "count":
        groups["__TOTAL__"]
    found = {
        str(group).lower() if isinstance(group, bool) else str(group): MEASURES[op](n) for group, n in groups.items()
    }
    return {group: n for group, n in found.items() if all(BOUNDS[key](n, bound) for key, bound in cond.items())}


conds = st.dictionaries(st.sampled_from(sorted(BOUNDS)), st.integers(-5, 12) | st.floats(-5, 12), max_size=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    op=st.sampled_from(sorted(MEASURES)),
    field=st.sampled_from([None, "city", "year", "open"]),
    value=st.sampled_from(["price", "year"]),
    cond=conds,
    order=st.sampled_from([None, "asc", "desc"]),
    filtered=st.booleans(),
    name=st.sampled_from(["field", "group_by"]),
)
def test_aggregates_are_those_of_an_obvious_evaluator(
    place: Place,
    op: str,
    field: str | None,
    value: str,
    cond: dict[str, float],
    order: str | None,
    filtered: bool,
    name: str,
) -> None:
    asked: dict[str, Any] = {"op": op, "filter": FILTER if filtered else None}
    if field is not None:
        asked |= {name: field, "cond": cond, "order": order}
    if op != "count":
        asked["calc_value_on"] = value
    answer = place.ask_index("aggregate", **asked)
    rows = [row for row in ROWS if not filtered or row["year"] >= 0]
    wanted = expected(op, field, value, cond if field else {}, rows)
    assert answer["agg"] == pytest.approx(wanted)
    assert (answer["op"], answer["field"]) == (op, field or "__NONE__")
    values = list(answer["agg"].values())
    if field and order:
        assert values == sorted(values, reverse=order == "desc")
    elif field and op == "count":
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("weights", [None, [1, 0.5, -2, 1, 3]])
def test_vectors_are_added_by_their_weights(place: Place, weights: list[float] | None) -> None:
    ids = [1, "2", 99, 30, 1]
    answer = place.ask_index("aggregate", op="vector_weighted_sum", ids=ids, weights=weights)
    found = answer["vector_weighted_sum"]
    shares = weights or [1.0] * 5
    wanted = sum(share * np.array([int(key), 1, 2, 3]) for key, share in zip(ids, shares, strict=True) if key != 99)
    assert found["vector"] == pytest.approx(list(wanted))
    assert found["found_ids"] == [1, 2, 30]
    assert found["found_count"] == 3
    assert found["weight_sum"] == pytest.approx(sum(shares) - shares[2])
    filtered = place.ask_index("aggregate", op="vector_weighted_sum", ids=[1, 2, 3], filter=FILTER)
    assert filtered["vector_weighted_sum"]["found_ids"] == [2, 3]


def test_nothing_is_counted_and_measured_as_nothing(place: Place) -> None:
    nobody = {"op": "range", "field": "year", "gt": 100}
    assert place.ask_index("aggregate", op="count", filter=nobody)["agg"] == {"__TOTAL__": 0}
    assert place.ask_index("aggregate", op="count", field="city", filter=nobody)["agg"] == {}
    assert place.ask_index("aggregate", op="max", calc_value_on="price", filter=nobody)["agg"] == {}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("MissingParameter", {"op": None}),
        ("MissingParameter", {"op": "sum"}),
        ("MissingParameter", {"op": "vector_weighted_sum"}),
        *[
            ("InvalidParameter", wrong)
            for wrong in (
                {"op": "median"},
                {"op": 5},
                {"field": "none"},
                {"field": "hidden"},
                {"field": "price"},
                {"field": "tags"},
                {"field": "vector"},
                {"field": ["city"]},
                {"field": "city", "group_by": "year"},
                {"cond": {"gt": 1}},
                {"order": "asc"},
                {"field": "city", "cond": {"gt": "1"}},
                {"field": "city", "cond": {"eq": 1}},
                {"field": "city", "cond": {"gt": float("nan")}},
                {"field": "city", "cond": [1]},
                {"field": "city", "order": "up"},
                {"calc_value_on": "price"},
                {"ids": [1]},
                {"op": "sum", "calc_value_on": "city"},
                {"op": "sum", "calc_value_on": "hidden"},
                {"op": "sum", "calc_value_on": "price", "weights": [1]},
                {"op": "vector_weighted_sum", "ids": []},
                {"op": "vector_weighted_sum", "ids": list(range(1, 102))},
                {"op": "vector_weighted_sum", "ids": [1], "weights": [1, 2]},
                {"op": "vector_weighted_sum", "ids": [1], "weights": ["1"]},
                {"op": "vector_weighted_sum", "ids": [1], "weights": [float("inf")]},
                {"op": "vector_weighted_sum", "ids": [1], "field": "city"},
                {"filter": {"op": "range", "field": "hidden", "gt": 1}},
                {"filter": {"op": "nearly"}},
                {"limit": 5},
            )
        ],
    ],
    ids=str,
)
def test_what_aggregates_must_not_say(place: Place, code: str, wrong: dict[str, Any]) -> None:
    place.refused(code, "aggregate", {"collection_name": NAME, "index_name": "main", "op": "count", **wrong})
