"""Post-processing against its definitions, written out plainly."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viking_world import COUNT, World, assert_found, best, dense_scores, vectors

from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.candidates import Candidate
from quiverdb.vikingdb.service.layout import Field, Schema
from quiverdb.vikingdb.service.post_process import post_process

NOW = 1_755_000_000.0
TYPES = {
    "id": "int64",
    "name": "string",
    "likes": "int64",
    "price": "float32",
    "flag": "bool",
    "tags": "list<string>",
    "day": "date_time",
    "spot": "geo_point",
}
SCHEMA = Schema(
    project_name="default",
    collection_name="things",
    resource_id="r",
    fields=tuple(Field(field_name=name, field_type=kind) for name, kind in TYPES.items()),
)


def processed(rows: list[dict[str, Any]], *ops: dict[str, Any]) -> list[Candidate]:
    """Let rows with the scores 10, 9, 8 … pass operators."""
    found = [Candidate(i + 1, row.pop("score", 10.0 - i), row) for i, row in enumerate(rows)]
    return post_process(SCHEMA, ops, lambda: NOW)(found)


def test_strings_are_kept_that_contain_or_match_a_pattern() -> None:
    names = ["barn", "foo", "rebar", "Bar", "a\nbar"]

    def kept(op: str, pattern: str) -> list[str]:
        found = processed([{"name": name} for name in names], {"op": op, "field": "name", "pattern": pattern})
        return [one.payload["name"] for one in found]

    assert kept("string_contain", "bar") == ["barn", "rebar", "a\nbar"]
    assert kept("string_match", "^[a-z]+$") == ["barn", "foo", "rebar"]
    assert kept("string_match", "(?i)^bar") == ["barn", "Bar"]
    assert kept("string_like", "%bar%") == ["barn", "rebar", "a\nbar"]
    assert kept("string_like", "%bar") == ["rebar", "a\nbar"]
    assert kept("string_like", "b%n") == ["barn"]
    assert kept("string_like", "b.rn") == []
    assert kept("string_like", "foo") == ["foo"]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 4))
def test_a_value_is_kept_so_many_times(values: list[str], threshold: int) -> None:
    op = {"op": "enum_freq_limiter", "field": "name", "threshold": threshold}
    found = processed([{"name": value} for value in values], op)
    assert [one.id for one in found] == [i + 1 for i, value in enumerate(values) if values[:i].count(value) < threshold]
    assert Counter(one.payload["name"] for one in found) == {
        value: min(threshold, count) for value, count in Counter(values).items()
    }


def test_operators_work_in_order() -> None:
    rows = [{"name": "a"}, {"name": "ab"}, {"name": "a"}, {"name": "b"}]
    limit = {"op": "enum_freq_limiter", "field": "name", "threshold": 1}
    contain = {"op": "string_contain", "field": "name", "pattern": "a"}
    assert [one.id for one in processed(rows, limit, contain)] == [1, 2]


def norm(options: dict[str, Any] | None, scores: list[float]) -> list[float]:
    """What the documentation says of ``normalize_for_*``."""
    options = {"enable": True} if options is None else options
    if not options.get("enable", True):
        return scores
    if options.get("func", "arctan") == "min_max":
        low, high = min(scores), max(scores)
        return [(score - low) / (high - low) if high > low else 1.0 for score in scores]
    factor, offset = options.get("arctan_factor", 1), options.get("arctan_offset", 0)
    return [(math.atan(factor * (score - offset)) / math.pi) + 0.5 for score in scores]


def decayed(item: dict[str, Any], row: dict[str, Any]) -> float:
    """What the documentation says of decay functions."""
    value = row[item["field"]]
    match TYPES[item["field"]]:
        case "date_time":
            origin = datetime.fromisoformat(item["origin"]).timestamp() if "origin" in item else NOW
            away = abs(datetime.fromisoformat(value).timestamp() - origin)
            unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        case "geo_point":
            here, there = ([math.radians(float(part)) for part in text.split(",")] for text in (item["origin"], value))
            angle = math.sin(here[1]) * math.sin(there[1])
            angle += math.cos(here[1]) * math.cos(there[1]) * math.cos(here[0] - there[0])
            away = 6_371_008.8 * math.acos(min(1.0, angle))
            unit = {"m": 1, "km": 1000}
        case _:
            away = abs(value - item.get("origin", 0))
            unit = {}

    def span(given: Any) -> float:
        if not isinstance(given, str):
            return given
        number, name = re.fullmatch(r"([0-9.]+)([a-z]+)", given).groups()  # type: ignore[union-attr]
        return float(number) * unit[name]

    scale, decay = span(item["scale"]), item.get("decay", 0.5)
    adjusted = max(0, away - span(item.get("offset", 0)))
    match item["func"]:
        case "gauss":
            sigma_square = scale**2 / (-2 * math.log(decay))
            return math.exp(-(adjusted**2) / (2 * sigma_square))
        case "exp":
            return math.exp(math.log(decay) / scale * adjusted)
        case _:
            return max(0, 1 - (1 - decay) / scale * adjusted)


def fused(op: dict[str, Any], rows: list[dict[str, Any]]) -> list[float]:
    origins = norm(op.get("normalize_for_origin_score"), [row["score"] for row in rows])
    sums = [
        sum(
            item.get("factor", 1.0) * (row[item["field"]] if "func" not in item else decayed(item, row))
            for item in op["addition_score"]
        )
        for row in rows
    ]
    additions = norm(op.get("normalize_for_addition_score"), sums)
    weight = op.get("addition_score_weight", 0.5)
    if op["fusion_by"] == "multiply":
        return [x * y for x, y in zip(origins, additions, strict=True)]
    return [(1 - weight) * x + weight * y for x, y in zip(origins, additions, strict=True)]


factors = st.floats(-100, 100).filter(lambda x: abs(x) > 1e-3)
decays = st.floats(0.01, 0.99)
funcs = st.sampled_from(["linear", "exp", "gauss"])
plain_items = st.fixed_dictionaries(
    {"base_value_from": st.just("scalar_field"), "field": st.sampled_from(["likes", "price"])},
    optional={"factor": factors},
)


def decay_items(field: Any, scales: Any, origins: Any, *, origin: bool = False) -> Any:
    needed = {"base_value_from": st.just("decay_func"), "field": st.just(field), "func": funcs, "scale": scales}
    optional = {"factor": factors, "decay": decays, "offset": scales}
    return st.fixed_dictionaries(
        needed | ({"origin": origins} if origin else {}), optional=optional | ({} if origin else {"origin": origins})
    )


days = st.sampled_from(["2025-08-12T00:00:00+08:00", "2025-08-01T12:30Z", "2025-07-01T00:00:00.500Z"])
spots = st.sampled_from(["116.41,39.91", "116.5,39.9", "-0.1,51.5"])
items = st.one_of(
    plain_items,
    decay_items("price", st.floats(0.1, 100), st.floats(-100, 100)),
    decay_items("likes", st.integers(1, 50), st.integers(-10, 100)),
    decay_items("day", st.sampled_from(["9d", "36h", "90m", "10s", "1.5d"]), days),
    decay_items("spot", st.sampled_from(["10km", "500m", "8000km"]), spots, origin=True),
)
norms = st.one_of(
    st.just({"enable": False}),
    st.just({"enable": True}),
    st.just({"enable": True, "func": "min_max"}),
    st.fixed_dictionaries(
        {"enable": st.just(True), "func": st.just("arctan")},
        optional={"arctan_factor": factors, "arctan_offset": st.floats(-10, 10)},
    ),
)
fusions = st.fixed_dictionaries(
    {
        "op": st.just("score_fusion"),
        "fusion_by": st.sampled_from(["add", "multiply"]),
        "addition_score": st.lists(items, min_size=1, max_size=3),
    },
    optional={
        "addition_score_weight": st.floats(0.01, 0.99),
        "normalize_for_origin_score": norms,
        "normalize_for_addition_score": norms,
    },
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "score": st.floats(-5, 5),
            "likes": st.integers(0, 1000),
            "price": st.floats(-50, 50),
            "day": days,
            "spot": spots,
        }
    ),
    min_size=1,
    max_size=6,
)


@given(fusions, rows)
def test_scores_are_fused_by_the_formulas(op: dict[str, Any], found: list[dict[str, Any]]) -> None:
    expected = fused(op, found)
    result = processed([dict(row) for row in found], op)
    assert {one.id: one.score for one in result} == pytest.approx(
        {i + 1: score for i, score in enumerate(expected)}, rel=1e-6, abs=1e-6
    )
    assert [one.score for one in result] == sorted((one.score for one in result), reverse=True)
    assert {one.id: one.origin_score for one in result} == {i + 1: row["score"] for i, row in enumerate(found)}


def test_the_documented_example_is_half_as_good_after_offset_and_scale() -> None:
    item = {
        "factor": 2.0, "base_value_from": "decay_func", "field": "day", "func": "gauss",
        "origin": "2025-10-01T00:00:00+08:00", "offset": "1d", "scale": "9d", "decay": 0.5,
    }  # fmt: skip
    op = {
        "op": "score_fusion", "fusion_by": "multiply", "addition_score": [item],
        "normalize_for_origin_score": {"enable": False}, "normalize_for_addition_score": {"enable": False},
    }  # fmt: skip
    days = ["2025-10-11T00:00:00+08:00", "2025-09-21T00:00:00+08:00", "2025-10-01T23:00:00+08:00"]
    found = processed([{"day": day, "score": 1.0} for day in days], op)
    assert {one.payload["day"]: one.score for one in found} == pytest.approx(
        dict(zip(days, [1.0, 1.0, 2.0], strict=True))
    )


def test_a_row_without_the_value_adds_nothing() -> None:
    item = {"base_value_from": "decay_func", "field": "price", "func": "exp", "scale": 1}
    op = {"op": "score_fusion", "fusion_by": "add", "addition_score": [item]}
    assert [one.addition_score for one in processed([{"price": 0.0}, {}], op)] == [1.0, 0.0]


FUSION: dict[str, Any] = {
    "op": "score_fusion",
    "fusion_by": "add",
    "addition_score": [{"base_value_from": "scalar_field", "field": "price"}],
}
DECAY: dict[str, Any] = {"base_value_from": "decay_func", "field": "price", "func": "exp", "scale": 1}


def fusion(**more: Any) -> dict[str, Any]:
    return FUSION | more


def decay(**more: Any) -> dict[str, Any]:
    return fusion(addition_score=[{key: value for key, value in (DECAY | more).items() if value != ""}])


WRONG: list[tuple[Any, str]] = [
    ("string_contain", "must be an object"),
    ({}, "op is missing"),
    ({"op": "sort"}, "op must be one of"),
    ({"op": "string_contain", "pattern": "a"}, "field is missing"),
    ({"op": "string_contain", "field": "name"}, "pattern is missing"),
    ({"op": "string_contain", "field": "name", "pattern": ""}, "must not be empty"),
    ({"op": "string_contain", "field": "likes", "pattern": "a"}, "type int64"),
    ({"op": "string_contain", "field": "colour", "pattern": "a"}, "no field 'colour'"),
    ({"op": "string_contain", "field": "name", "pattern": "a", "flags": 1}, "no key 'flags'"),
    ({"op": "string_match", "field": "name", "pattern": "["}, "no regular expression"),
    ({"op": "enum_freq_limiter", "field": "name"}, "threshold is missing"),
    ({"op": "enum_freq_limiter", "field": "name", "threshold": 0}, "must lie between"),
    ({"op": "enum_freq_limiter", "field": "name", "threshold": "1"}, "must be an integer"),
    ({"op": "enum_freq_limiter", "field": "price", "threshold": 1}, "type float32"),
    ({"op": "enum_freq_limiter", "field": "tags", "threshold": 1}, "type list<string>"),
    (fusion(fusion_by="max"), "fusion_by must be one of"),
    ({"op": "score_fusion", "addition_score": FUSION["addition_score"]}, "fusion_by is missing"),
    ({"op": "score_fusion", "fusion_by": "add"}, "addition_score is missing"),
    (fusion(addition_score=[]), "at least 1 element"),
    (fusion(addition_score=[3]), r"addition_score\[0\] must be an object"),
    (fusion(addition_score_weight=0), "between 0 and 1, both left out"),
    (fusion(addition_score_weight=1), "between 0 and 1, both left out"),
    (fusion(addition_score_weight=math.nan), "must not be NaN"),
    (fusion(addition_score=[{"base_value_from": "field", "field": "price"}]), "base_value_from must be one of"),
    (fusion(addition_score=[{"base_value_from": "scalar_field", "field": "day"}]), "type date_time"),
    (fusion(addition_score=[{"base_value_from": "scalar_field", "field": "price", "factor": 0}]), "must not be 0"),
    (fusion(addition_score=[{**FUSION["addition_score"][0], "factor": 1e6 + 1}]), "must lie between"),
    (fusion(addition_score=[{"base_value_from": "scalar_field", "field": "price", "scale": 1}]), "no key 'scale'"),
    (decay(field="name"), "type string"),
    (decay(func=""), "func is missing"),
    (decay(func="log"), "func must be one of"),
    (decay(scale=""), "scale is missing"),
    (decay(scale=0), "scale must be above 0"),
    (decay(scale="9d"), "scale must be a number"),
    (decay(offset=-1), "offset must not be negative"),
    (decay(decay=0), "between 0 and 1"),
    (decay(decay=1.0), "between 0 and 1"),
    (decay(field="day", scale=9), "scale must be a period"),
    (decay(field="day", scale="0d"), "scale must be above 0"),
    (decay(field="day", scale="9d", origin="now"), "origin must be a date"),
    (decay(field="spot", scale="9km"), "origin must be a place"),
    (decay(field="spot", scale="9d", origin="1,2"), "scale must be a length"),
    (fusion(normalize_for_origin_score=True), "must be an object"),
    (fusion(normalize_for_origin_score={"enable": 1}), "must be true or false"),
    (fusion(normalize_for_origin_score={"enable": True, "func": "log"}), "func must be one of"),
    (fusion(normalize_for_addition_score={"enable": True, "arctan_factor": 0}), "must not be 0"),
    (fusion(normalize_for_addition_score={"enable": True, "arctan_factor": -1e6 - 1}), "must lie between"),
    (fusion(normalize_for_addition_score={"enable": True, "arctan": 1}), "no key 'arctan'"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "message"), WRONG)
def test_a_malformed_operator_is_refused_and_told_why(op: Any, message: str) -> None:
    with pytest.raises(VikingException, match=message) as raised:
        post_process(SCHEMA, [op], lambda: NOW)
    assert raised.value.code in ("InvalidParameter", "MissingParameter")
    assert "advance.post_process_ops[0]" in raised.value.message


def test_post_processing_goes_by_what_was_recalled(world: World) -> None:
    query = vectors(1, 91)[0]
    ranked = best(dense_scores("ip", world, query), COUNT)
    ops = [
        {"op": "string_contain", "field": "name", "pattern": "3"},
        {"op": "enum_freq_limiter", "field": "number", "threshold": 1},
    ]

    def expected(recalled: int) -> list[tuple[int, float]]:
        seen: set[int] = set()
        kept = []
        for key, score in ranked[:recalled]:
            row = world.rows[key]
            if "3" in row["name"] and row["number"] not in seen:
                seen.add(row["number"])
                kept.append((key, score))
        return kept

    for more, recalled in (({}, 60), ({"post_process_input_limit": 100}, 100), ({"post_process_input_limit": 20}, 20)):
        result = world.ask(
            "search_by_vector",
            "ip",
            dense_vector=query,
            limit=20,
            output_fields=["price"],
            advance={"post_process_ops": ops, **more},
        )
        assert_found(result, expected(recalled)[:20])
        assert all(item["fields"].keys() == {"price"} for item in result["data"])


def test_pages_go_on_past_what_is_looked_at_for_the_first_one(world: World) -> None:
    advance = {"post_process_ops": [{"op": "string_contain", "field": "name", "pattern": "n"}]}
    query = vectors(1, 90)[0]
    found = [
        hit["id"]
        for offset in range(0, COUNT, 60)
        for hit in world.ask("search_by_vector", "flat", dense_vector=query, limit=60, offset=offset, advance=advance)[
            "data"
        ]
    ]
    assert found == [key for key, _ in best(dense_scores("ip", world, query), COUNT)]


def test_fused_scores_show_what_they_are_made_of(world: World) -> None:
    query = vectors(1, 90)[0]
    item = {"base_value_from": "scalar_field", "field": "price", "factor": -0.5}
    op = {"op": "score_fusion", "fusion_by": "add", "addition_score_weight": 0.25, "addition_score": [item]}
    advance = {"post_process_ops": [op], "post_process_input_limit": COUNT}
    result = world.ask("search_by_vector", "ip", dense_vector=query, limit=10, offset=2, advance=advance)
    origin = dense_scores("ip", world, query)
    scores = {
        key: 0.75 * (math.atan(origin[key]) / math.pi + 0.5) + 0.25 * (math.atan(-0.5 * row["price"]) / math.pi + 0.5)
        for key, row in world.rows.items()
    }
    assert_found(result, best(scores, 12)[2:])
    for found in result["data"]:
        assert found["origin_score"] == found["ann_score"] == pytest.approx(origin[found["id"]], rel=1e-5)
        assert found["addition_score"] == -0.5 * world.rows[found["id"]]["price"]


@pytest.mark.parametrize(
    ("operation", "payload"),
    [("search_by_random", {}), ("search_by_scalar", {"field": "price"}), ("search_by_keywords", {"query": "red"})],
)
def test_every_search_can_be_post_processed(world: World, operation: str, payload: dict[str, Any]) -> None:
    ops = [{"op": "string_match", "field": "name", "pattern": "^n2$"}, fusion()]
    advance = {"post_process_ops": ops, "post_process_input_limit": COUNT}
    result = world.ask(operation, "ip", limit=COUNT, advance=advance, **payload)
    assert result["data"]
    assert all(item["fields"]["name"] == "n2" for item in result["data"])
    assert all("origin_score" in item for item in result["data"])
