"""Filters by metadata: what a schema is, what metadata may be, and which points a filter lets through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.service.filters import check_schema, field_indexes, filter_of, read_metadata
from quiverdb.engine.filter.evaluate import holds
from quiverdb.model.filter import Filter

SCHEMA: dict[str, Any] = {
    "fields": [
        {"name": "lang", "values": ["de", "en", "1"]},
        {"name": "the year", "values": [1, 2024, 2025]},
        {"name": "a.b[0]", "values": ["x", "y"]},
    ],
    "supported_conditions": [{"op": "and", "field_names": ["lang", "the year"]}],
}
VALUES: dict[str, list[Any]] = {field["name"]: field["values"] for field in SCHEMA["fields"]}


def p(name: Any, value: Any, operator: Any = "Equal") -> dict[str, Any]:
    return {"field_name": name, "field_value": value, "operator": operator}


def obvious(given: dict[str, Any], metadata: dict[str, Any]) -> bool:
    def one(p: dict[str, Any]) -> bool:
        equal = metadata.get(p["field_name"]) == p["field_value"]
        return equal if p["operator"] == "Equal" else not equal

    [(kind, inner)] = given.items()
    if kind == "Is":
        return one(inner)
    return all(map(one, inner)) if kind == "And" else any(map(one, inner))


predicates = st.sampled_from([(name, value) for name, values in VALUES.items() for value in values]).flatmap(
    lambda pair: st.sampled_from([p(*pair), p(*pair, "NotEqual")])
)
filters = st.one_of(
    predicates.map(lambda one: {"Is": one}),
    st.lists(predicates, min_size=1, max_size=4).map(lambda some: {"And": some}),
    st.lists(predicates, min_size=1, max_size=4).map(lambda some: {"Or": some}),
)
metadata_values = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()} | {"other": st.just(7)}
)


@given(filters, metadata_values)
def test_filters_mean_what_they_say(given: dict[str, Any], metadata: dict[str, Any]) -> None:
    read_metadata(SCHEMA, metadata)
    expected = obvious(given, metadata)
    present, past = filter_of(SCHEMA, given), filter_of(SCHEMA, given, past=True)
    assert isinstance(present, Filter)
    assert isinstance(past, Filter)
    assert holds(present, {"id": "1", "metadata": metadata}, {}) is expected
    assert holds(past, {"past": {"id": "1", "metadata": metadata}}, {}) is expected
    assert holds(present, {"id": "1", "metadata": metadata}, field_indexes(SCHEMA)) is expected


def test_no_filter() -> None:
    assert filter_of(SCHEMA, None) is None
    assert filter_of(None, None) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "it is"),
        ([], "it is"),
        ("lang", "it is"),
        ({"Is": p("lang", "de"), "And": []}, "it is"),
        ({"Not": p("lang", "de")}, "it is"),
        ({"And": []}, "at least one"),
        ({"Or": []}, "at least one"),
        ({"And": p("lang", "de")}, "at least one"),
        ({"And": "lang"}, "at least one"),
        ({"Is": [p("lang", "de")]}, "P is"),
        ({"And": [{"Is": p("lang", "de")}]}, "P is"),
        ({"Is": {"field_name": "lang", "field_value": "de"}}, "P is"),
        ({"Is": p("lang", "de") | {"boost": 1}}, "P is"),
        ({"Is": p("language", "de")}, "has no field 'language'; it has 'lang', 'the year', 'a.b[0]'"),
        ({"Is": p(3, "de")}, "has no field 3"),
        ({"Is": p(["lang"], "de")}, "has no field"),
        ({"Is": p("lang", "fr")}, "Invalid value 'fr' for field lang: it has 'de', 'en', '1'"),
        ({"Is": p("lang", 1)}, "Invalid value 1"),
        ({"Is": p("the year", True)}, "Invalid value True"),
        ({"Is": p("the year", 2024.0)}, "Invalid value"),
        ({"Is": p("lang", None)}, "Invalid value None"),
        ({"Is": p("lang", ["de"])}, "Invalid value"),
        ({"Is": p("lang", "de", "equal")}, "the operator is Equal or NotEqual"),
        ({"Is": p("lang", "de", ["Equal"])}, "the operator is Equal or NotEqual"),
    ],
)
def test_wrong_filters(given: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=r"^Invalid metadata filter: ") as caught:
        filter_of(SCHEMA, given)
    assert words in str(caught.value)
    assert caught.value.status == 400


def test_a_filter_needs_a_schema() -> None:
    with pytest.raises(ValidationError, match="no metadata_schema; create it with one"):
        filter_of(None, {"Is": p("lang", "de")})


def test_right_schemas() -> None:
    check_schema(SCHEMA)
    check_schema({"fields": []})
    check_schema({"fields": [{"name": "n", "values": list(range(2_000))}], "supported_conditions": []})


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {},
        {"fields": {}},
        {"fields": ["lang"]},
        {"fields": [{"name": "lang"}]},
        {"fields": [{"values": ["a"]}]},
        {"fields": [{"name": "", "values": ["a"]}]},
        {"fields": [{"name": 1, "values": ["a"]}]},
        {"fields": [{"name": 'quo"te', "values": ["a"]}]},
        {"fields": [{"name": "back\\slash", "values": ["a"]}]},
        {"fields": [{"name": "lang", "values": []}]},
        {"fields": [{"name": "lang", "values": "de"}]},
        {"fields": [{"name": "lang", "values": ["a", 1]}]},
        {"fields": [{"name": "lang", "values": [1, True]}]},
        {"fields": [{"name": "lang", "values": [1.5]}]},
        {"fields": [{"name": "lang", "values": [2**31]}]},
        {"fields": [{"name": "lang", "values": [None]}]},
        {"fields": [{"name": "lang", "values": ["a"]}, {"name": "lang", "values": ["b"]}]},
        SCHEMA | {"supported_conditions": None},
        SCHEMA | {"supported_conditions": ["and"]},
        SCHEMA | {"supported_conditions": [{"op": "xor", "field_names": ["lang"]}]},
        SCHEMA | {"supported_conditions": [{"op": ["and"], "field_names": ["lang"]}]},
        SCHEMA | {"supported_conditions": [{"op": "and"}]},
        SCHEMA | {"supported_conditions": [{"op": "and", "field_names": ["lang", "unknown"]}]},
    ],
)
def test_wrong_schemas(schema: Any) -> None:
    with pytest.raises(ValidationError, match=r"^Invalid metadata schema: "):
        check_schema(schema)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        ["lang"],
        {"lang": 1.5},
        {"lang": True},
        {"lang": None},
        {"lang": ["de"]},
        {"lang": {"de": 1}},
        {"n": 2**31},
        {"n": -(2**31) - 1},
        {1: "de"},
    ],
)
def test_metadata_is_flat(metadata: Any) -> None:
    for schema in (None, SCHEMA):
        with pytest.raises(ValidationError, match="metadata"):
            read_metadata(schema, metadata)


def test_metadata_has_the_values_of_its_schema() -> None:
    metadata = {"lang": "fr", "n": 2**31 - 1, "m": -(2**31)}
    read_metadata(None, metadata)
    with pytest.raises(ValidationError, match="Invalid value 'fr' for field lang: it has 'de', 'en', '1'"):
        read_metadata(SCHEMA, metadata)
    with pytest.raises(ValidationError, match="Invalid value 1 for field lang"):
        read_metadata(SCHEMA, {"lang": 1})
