"""Searches by vectors, ids, scalars and chance find what the formulas say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from viking_world import (
    COUNT,
    DIM,
    FIELDS,
    METRICS,
    FullText,
    VectorIndex,
    World,
    assert_found,
    best,
    dense_scores,
    fresh,
    schema_of,
    sparse_scores,
    vectors,
)

from quiverdb.database import Database
from quiverdb.vikingdb.exceptions import VikingException

PLAIN = [name for name in FIELDS if name not in ("sv", "vec")]


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_the_metric(world: World, metric: str) -> None:
    query = vectors(1, 99)[0]
    result = world.ask("search_by_vector", metric, dense_vector=query.tolist(), limit=20)
    assert_found(result, best(dense_scores(metric, world, query), 20))
    assert all(item["ann_score"] == item["score"] for item in result["data"])


@pytest.mark.parametrize(
    ("index", "metric", "tolerance"),
    [("flat", "ip", 1e-5), ("int8", "cosine", 1e-5), ("fix16", "l2", 1e-2), ("pq", "ip", 1e-5)],
)
def test_quantized_indexes_score_within_their_precision(
    world: World, index: str, metric: str, tolerance: float
) -> None:
    query = vectors(1, 98)[0]
    result = world.ask("search_by_vector", index, dense_vector=query, limit=10)
    exact = dense_scores(metric, world, query)
    assert len(result["data"]) == 10
    for item in result["data"]:
        assert item["score"] == pytest.approx(exact[item["id"]], rel=tolerance, abs=tolerance)
    assert len({item["id"] for item in result["data"]} & {key for key, _ in best(exact, 10)}) >= 9


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.83, 1.0])
@pytest.mark.parametrize("metric", METRICS)
def test_hybrid_scores_are_weighted_sums(world: World, metric: str, weight: float) -> None:
    query, tokens = vectors(1, 97)[0], {"red": 1.5, "lake": -0.5, "unheard": 3.0}
    result = world.ask(
        "search_by_vector",
        metric,
        dense_vector=query,
        sparse_vector=tokens,
        advance={"dense_weight": weight},
        limit=15,
        offset=3,
    )
    dense, sparse = dense_scores(metric, world, query), sparse_scores(world, tokens)
    assert_found(result, best({key: weight * dense[key] + (1 - weight) * sparse[key] for key in dense}, 18)[3:])


def test_dense_and_sparse_have_equal_weights_unless_it_is_said(world: World) -> None:
    query, tokens = vectors(1, 96)[0], {"red": 1.0, "wine": 2.0}
    result = world.ask("search_by_vector", "ip", dense_vector=query, sparse_vector=tokens)
    dense, sparse = dense_scores("ip", world, query), sparse_scores(world, tokens)
    assert_found(result, best({key: (dense[key] + sparse[key]) / 2 for key in dense}, 10))


def test_the_best_by_sum_need_not_be_among_the_best_by_either(database: Database) -> None:
    """Half of the rows are near, the other half have the token; what has a little of both is far down both lists."""
    fields = {"id": "int64", "sv": "sparse_vector", "vec": DIM}
    schema = schema_of(fresh("halves"), fields, {"main": VectorIndex(index_type="hnsw_hybrid", quant="float")})
    world = World(database, schema)
    near = [{"id": i, "sv": {"b": 1.0}, "vec": [1.0 + i / 1e4] + [0.0] * 7} for i in range(1, 301)]
    having = [{"id": i, "sv": {"a": 1.0 + i / 1e4}, "vec": [0.0] * 8} for i in range(301, 601)]
    both = [{"id": 1000, "sv": {"a": 0.9}, "vec": [0.9] + [0.0] * 7}]
    for rows in (near, having, both):
        world.add(rows)
    query = [1.0] + [0.0] * 7
    result = world.ask("search_by_vector", dense_vector=query, sparse_vector={"a": 1.0}, limit=1)
    assert_found(result, [(1000, 0.9)])


def test_sparse_vectors_alone_score_by_their_inner_product(world: World) -> None:
    tokens = {"red": 1.0, "glass": 0.25}
    result = world.ask("search_by_vector", "cosine", sparse_vector=tokens, limit=12)
    assert_found(result, best(sparse_scores(world, tokens), 12))


def test_a_row_without_sparse_vector_scores_by_its_dense_one(database: Database) -> None:
    fields = {"id": "int64", "sv": "sparse_vector", "vec": DIM}
    schema = schema_of(fresh("few"), fields, {"main": VectorIndex(index_type="hnsw_hybrid", quant="float")})
    world = World(database, schema)
    world.add([{"id": 1, "sv": {"a": 2.0}, "vec": [1.0] * DIM}, {"id": 2, "sv": {}, "vec": [2.0] * DIM}])
    result = world.ask("search_by_vector", dense_vector=[1.0] * DIM, sparse_vector={"a": 1.0}, limit=2)
    assert_found(result, [(2, 8.0), (1, 5.0)])


def test_filters_pages_and_what_is_counted(world: World) -> None:
    query = vectors(1, 95)[0]
    conds = [{"op": "range", "field": "number", "gte": 5}, {"op": "must", "field": "name", "conds": ["n1", "n2"]}]
    filter = {"op": "and", "conds": conds}
    scores = {
        key: score
        for key, score in dense_scores("ip", world, query).items()
        if world.rows[key]["number"] >= 5 and world.rows[key]["name"] in ("n1", "n2")
    }
    result = world.ask("search_by_vector", "ip", dense_vector=query, filter=filter, limit=7, offset=4)
    assert_found(result, best(scores, 11)[4:])
    assert result["filter_matched_count"] == len(scores)
    assert "filter_matched_count" not in world.ask("search_by_vector", "ip", dense_vector=query, filter={})
    past = world.ask("search_by_vector", "ip", dense_vector=query, filter=filter, offset=1000)
    assert (past["data"], past["total_return_count"], past["filter_matched_count"]) == ([], 0, len(scores))


FILTERS: list[tuple[dict[str, Any], Any]] = [
    (
        {"op": "time_range", "field": "day", "gte": "2025-01-10T01:00:00+01:00", "lt": "2025-01-12T00:00Z"},
        lambda row: row["day"][:10] in ("2025-01-10", "2025-01-11"),
    ),
    (
        {"op": "range", "field": ["number", "price"], "center": [5, 10], "radius": 5.5},
        lambda row: (row["number"] - 5) ** 2 + (row["price"] - 10) ** 2 <= 5.5**2,
    ),
    ({"op": "regex", "field": "name", "pattern": "[135]$"}, lambda row: row["name"] in ("n1", "n3", "n5")),
    ({"op": "regex", "field": "name", "pattern": "n.+|9"}, lambda row: True),
    ({"op": "prefix", "field": "name", "prefix": "n3"}, lambda row: row["name"] == "n3"),
    ({"op": "contains", "field": "name", "substring": "4"}, lambda row: row["name"] == "n4"),
    ({"op": "must_not", "field": "id", "conds": list(range(1, 280))}, lambda row: row["id"] >= 280),
    ({"op": "must", "field": "flag", "conds": [True]}, lambda row: row["flag"]),
    ({"op": "range_out", "field": "price", "gte": 1, "lte": 70}, lambda row: not 1 <= row["price"] <= 70),
    ({"op": "range_out", "field": "price", "gte": 70, "lte": 1}, lambda row: row["price"] <= 1 or row["price"] >= 70),
    ({"op": "geo_range", "field": "spot", "center": "0,0", "radius": "12.5km"}, lambda row: row["id"] <= 2),
]


@pytest.mark.parametrize(("filter", "holds"), FILTERS)
def test_filters_of_every_kind_reach_the_database(world: World, filter: dict[str, Any], holds: Any) -> None:
    expected = {key for key, row in world.rows.items() if holds(row)}
    assert expected
    result = world.ask("search_by_random", "ip", filter=filter, limit=COUNT)
    assert {item["id"] for item in result["data"]} == expected
    assert result["filter_matched_count"] == len(expected)


def test_a_regular_expression_that_no_row_matches_finds_nothing(world: World) -> None:
    result = world.ask("search_by_random", filter={"op": "regex", "field": "name", "pattern": "^x"})
    assert (result["data"], result["filter_matched_count"]) == ([], 0)


def test_output_fields(world: World) -> None:
    query = vectors(1, 94)[0].tolist()

    def fields(**payload: Any) -> tuple[Any, dict[str, Any]]:
        item = world.ask("search_by_vector", "ip", dense_vector=query, limit=1, **payload)["data"][0]
        return world.rows[item["id"]], item["fields"]

    row, found = fields()
    assert found == {name: row[name] for name in PLAIN}
    assert fields(output_fields=None)[1] == found
    assert fields(output_fields=[])[1] == {}
    assert fields(output_fields=["price", "name", "price"])[1] == {"price": row["price"], "name": row["name"]}
    named = fields(output_fields=["vec", "sv", "id"])[1]
    assert named.keys() == {"vec", "sv", "id"}
    assert named["sv"] == row["sv"]
    assert np.array_equal(np.array(named["vec"], np.float32), np.array(row["vec"], np.float32))
    assert fields(output_fields=["price", "colour"], ignore_unknown_fields=True)[1] == {"price": row["price"]}
    with pytest.raises(VikingException, match="no field 'colour'") as raised:
        fields(output_fields=["price", "colour"])
    assert raised.value.code == "InvalidParameter"


def test_keys_that_are_allowed_or_ruled_out(world: World) -> None:
    query = vectors(1, 93)[0]
    scores = dense_scores("ip", world, query)

    def found(**advance: Any) -> list[int]:
        result = world.ask("search_by_vector", "ip", dense_vector=query, limit=COUNT, advance=advance)
        return [item["id"] for item in result["data"]]

    assert found(ids_in=[5, "7", 9, 10_000]) == [key for key, _ in best({k: scores[k] for k in (5, 7, 9)}, 3)]
    assert found(ids_in=[]) == []
    assert set(found(ids_not_in=list(range(1, 291)))) == set(range(291, 301))
    assert set(found(ids_in=[1, 2, 3], ids_not_in=[2])) == {1, 3}
    assert len(found(ids_not_in=[])) == COUNT


def test_keys_that_are_strings_or_negative(database: Database) -> None:
    for kind, keys in (("string", ["1", "ä b", "x" * 256]), ("int64", [-(2**63), -1, 2**63 - 1])):
        schema = schema_of(fresh("keyed"), {"id": kind, "vec": DIM}, {"main": VectorIndex(quant="float")})
        world = World(database, schema)
        world.add([{"id": key, "vec": [float(i)] * DIM} for i, key in enumerate(keys)])
        result = world.ask("search_by_vector", dense_vector=[1.0] * DIM, advance={"ids_in": keys[:2]})
        assert [item["id"] for item in result["data"]] == [keys[1], keys[0]]
        assert [item["id"] for item in world.ask("search_by_id", id=keys[1])["data"]] == [keys[2], keys[1], keys[0]]
        filter = {"op": "must_not", "field": "id", "conds": keys[:1]}
        assert world.ask("search_by_random", filter=filter)["filter_matched_count"] == 2


@pytest.mark.parametrize("metric", METRICS)
def test_search_by_id_uses_the_vectors_of_the_row_and_finds_it_too(world: World, metric: str) -> None:
    mine = world.rows[42]
    result = world.ask("search_by_id", metric, id="42", advance={"dense_weight": 0.6})
    dense = dense_scores(metric, world, np.array(mine["vec"], np.float32))
    sparse = sparse_scores(world, mine["sv"])
    assert_found(result, best({key: 0.6 * dense[key] + 0.4 * sparse[key] for key in dense}, 10))
    flat = world.ask("search_by_id", "flat", id=42, limit=3)
    assert_found(flat, best(dense_scores("ip", world, np.array(mine["vec"], np.float32)), 3))


def test_search_by_id_of_normalised_vectors_gives_the_row_itself_one(world: World) -> None:
    first = world.ask("search_by_id", "int8", id=7, limit=1)["data"][0]
    assert (first["id"], first["score"]) == (7, pytest.approx(1.0, abs=1e-6))


@pytest.mark.parametrize("order", ["desc", "asc", None])
def test_search_by_scalar_orders_by_the_value(world: World, order: str | None) -> None:
    more = {} if order is None else {"order": order}
    result = world.ask("search_by_scalar", "ip", field="price", limit=5, offset=2, **more)
    ranked = sorted(world.rows.values(), key=lambda row: row["price"], reverse=order != "asc")[2:7]
    assert [item["id"] for item in result["data"]] == [row["id"] for row in ranked]
    assert [item["score"] for item in result["data"]] == [row["price"] for row in ranked]
    assert "ann_score" not in result["data"][0]


def test_search_by_scalar_of_whole_numbers(world: World) -> None:
    result = world.ask("search_by_scalar", "some", field="number", output_fields=[], limit=31)
    expected = sorted(world.rows.values(), key=lambda row: (-row["number"], row["id"]))[:31]
    assert [(item["id"], item["score"]) for item in result["data"]] == [(row["id"], row["number"]) for row in expected]
    assert all(item["fields"] == {} for item in result["data"])


def test_search_by_random_takes_samples(world: World) -> None:
    samples = [tuple(item["id"] for item in world.ask("search_by_random", limit=10)["data"]) for _ in range(5)]
    assert all(len(set(sample)) == 10 for sample in samples)
    assert len(set(samples)) > 1
    first = world.ask("search_by_random", limit=1)["data"][0]
    assert (first["score"], first["ann_score"]) == (0.0, 0.0)
    assert len(world.ask("search_by_random", limit=1000)["data"]) == COUNT


def test_ties_are_broken_by_id(database: Database) -> None:
    schema = schema_of(fresh("equal"), {"id": "int64", "vec": DIM}, {"main": VectorIndex(quant="float")})
    world = World(database, schema)
    world.add([{"id": key, "vec": [1.0] * DIM} for key in (9, 3, 7, 1, 5)])
    result = world.ask("search_by_vector", dense_vector=[1.0] * DIM)
    assert [item["id"] for item in result["data"]] == [1, 3, 5, 7, 9]


def test_rows_that_have_expired_are_gone(database: Database) -> None:
    schema = schema_of(
        fresh("fading"),
        {"id": "int64", "number": "int64", "body": "text", "sv": "sparse_vector", "vec": DIM},
        {"main": VectorIndex(index_type="hnsw_hybrid", quant="float")},
        full_text=(FullText(field="body"),),
    )
    world = World(database, schema)
    rows = [
        {"id": key, "number": key, "body": "red", "sv": {"a": 1.0}, "vec": [float(key)] * DIM} for key in range(1, 7)
    ]
    world.add(rows[:3], ttl=10)
    world.add(rows[3:])
    searches: dict[str, dict[str, Any]] = {
        "search_by_vector": {"dense_vector": [1.0] * DIM},
        "search_by_id": {"id": 4},
        "search_by_scalar": {"field": "number"},
        "search_by_random": {},
        "search_by_keywords": {"keywords": ["red"]},
    }

    def found() -> list[set[int]]:
        return [{item["id"] for item in world.ask(name, **more)["data"]} for name, more in searches.items()]

    assert found() == [{1, 2, 3, 4, 5, 6}] * 5
    world.now += 10
    assert found() == [{4, 5, 6}] * 5
    hybrid = world.ask("search_by_vector", dense_vector=[1.0] * DIM, sparse_vector={"a": 1.0})
    assert {item["id"] for item in hybrid["data"]} == {4, 5, 6}
    with pytest.raises(VikingException, match="no row"):
        world.ask("search_by_id", id=1)
    counted = world.ask("search_by_random", filter={"op": "range", "field": "number", "gt": 0})
    assert counted["filter_matched_count"] == 3
    ranked = world.ask("sort", ids=[1, 4], query_vector=[1.0] * DIM)
    assert ranked == {"sort": [{"id": 4, "score": 4.0 * DIM}], "ids_not_exist": [1]}


def test_sort_scores_the_rows_that_are_named(world: World) -> None:
    query = vectors(1, 92)[0]
    result = world.ask("sort", "l2", ids=[3, "8", 5, 9999, 3], query_vector=query.tolist())
    expected = best({key: dense_scores("l2", world, query)[key] for key in (3, 8, 5)}, 3)
    assert [item["id"] for item in result["sort"]] == [key for key, _ in expected]
    assert [item["score"] for item in result["sort"]] == pytest.approx([score for _, score in expected], rel=1e-5)
    assert result["ids_not_exist"] == [9999]


def test_flags_tell_more(world: World) -> None:
    plain = world.ask("search_by_random", limit=1)
    assert plain.keys() == {"data", "total_return_count"}
    more = world.ask("search_by_random", limit=1, return_schema=True, return_detail_info=True, return_download_url=True)
    assert more["schema"] == {name: kind if isinstance(kind, str) else "vector" for name, kind in FIELDS.items()}
    assert isinstance(more["recall_time_cost_ms"], int)
