"""Arguments of wrong types, and numbers that JSON does not have, are errors of the API and change nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

NAN = math.nan
QUERY = [1.0, 2.0]
PARAMS = models.VectorParams(size=2, distance=models.Distance.DOT)
SOURCE = {"query": QUERY}


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as made:
        made.create_collection("c", PARAMS, metadata={"a": 1})
        made.upsert("c", [models.PointStruct(id=i, vector=[i, 1.0], payload={"n": i}) for i in range(3)])
        yield made


NUMBERS: dict[str, Callable[[QdrantClient, Any], Any]] = {
    "score_threshold": lambda c, x: c.query_points("c", QUERY, score_threshold=x),
    "prefetched score_threshold": lambda c, x: c.query_points(
        "c",
        QUERY,
        prefetch=models.Prefetch.model_construct(
            **SOURCE,
            score_threshold=x,
            **dict.fromkeys(("prefetch", "using", "filter", "params", "limit", "lookup_from")),
        ),
    ),
    "weights": lambda c, x: c.query_points("c", {"rrf": {"weights": [x]}}, prefetch=SOURCE),
    "diversity": lambda c, x: c.query_points("c", {"nearest": QUERY, "mmr": {"diversity": x}}),
    "feedback": lambda c, x: c.query_points("c", feedback(score=x)),
    "a": lambda c, x: c.query_points("c", feedback(a=x)),
    "c": lambda c, x: c.query_points("c", feedback(c=x)),
    "range": lambda c, x: c.count("c", {"must": [{"key": "n", "range": {"gt": x}}]}),
    "radius": lambda c, x: c.count(
        "c", {"must": [{"key": "n", "geo_radius": {"center": {"lat": 1, "lon": 1}, "radius": x}}]}
    ),
    "start_from": lambda c, x: c.scroll(
        "c", order_by=models.OrderBy.model_construct(key="n", direction=None, start_from=x)
    ),
    "timeout": lambda c, x: c.count("c", timeout=x),
    "metadata": lambda c, x: c.create_collection("new", PARAMS, metadata={"a": [x]}),
    "changed metadata": lambda c, x: c.update_collection("c", metadata={"b": x}),
}


def feedback(score: Any = 0.5, a: Any = 1, c: Any = 1) -> dict[str, Any]:
    return {
        "relevance_feedback": {
            "target": QUERY,
            "feedback": [{"example": 1, "score": score}],
            "strategy": {"naive": {"a": a, "b": 1, "c": c}},
        }
    }


LISTS: dict[str, Callable[[QdrantClient, Any], Any]] = {
    "ids": lambda c, x: c.retrieve("c", x),
    "update_operations": lambda c, x: c.batch_update_points("c", x),
    "requests": lambda c, x: c.query_batch_points("c", x),
    "legacy requests": lambda c, x: c.search_batch("c", x),
    "aliases": lambda c, x: c.update_collection_aliases(x),
    "keys": lambda c, x: c.delete_payload("c", x, [1]),
    "vectors": lambda c, x: c.delete_vectors("c", x, [1]),
    "positive": lambda c, x: c.query_points(
        "c",
        models.RecommendQuery.model_construct(
            recommend=models.RecommendInput.model_construct(positive=x or 5, negative=None, strategy=None)
        ),
    ),
}

STRINGS: dict[str, Callable[[QdrantClient, Any], Any]] = {
    "collection_name": lambda c, x: c.count(x),
    "using": lambda c, x: c.query_points("c", QUERY, using=x),
    "using of a matrix": lambda c, x: c.search_matrix_pairs("c", using=x),
    "facet": lambda c, x: c.facet("c", x),
    "group_by": lambda c, x: c.query_points_groups("c", x, QUERY),
    "key": lambda c, x: c.set_payload("c", {"a": 1}, [1], key=x),
    "field_name": lambda c, x: c.create_payload_index("c", x, "keyword"),
    "dropped field_name": lambda c, x: c.delete_payload_index("c", x),
    "with_payload": lambda c, x: c.query_points("c", QUERY, with_payload=[x]),
    "with_vectors": lambda c, x: c.query_points("c", QUERY, with_vectors=[x]),
}


WRONG: dict[str, Callable[[QdrantClient], Any]] = {
    "shard_number": lambda c: c.create_collection("new", PARAMS, shard_number="x"),  # type: ignore[arg-type]
    "no shards": lambda c: c.create_collection("new", PARAMS, shard_number=0),
    "replication_factor": lambda c: c.create_collection("new", PARAMS, replication_factor=-1),
    "sharding_method": lambda c: c.create_collection("new", PARAMS, sharding_method="x"),  # type: ignore[arg-type]
    "on_disk_payload": lambda c: c.create_collection("new", PARAMS, on_disk_payload="x"),  # type: ignore[arg-type]
    "names of vectors": lambda c: c.create_collection("new", {5: PARAMS}),  # type: ignore[dict-item]
    "vector_name": lambda c: c.delete_vector_name("c", 5),  # type: ignore[arg-type]
    "ids": lambda c: c.upload_collection("c", [QUERY], ids=5),  # type: ignore[arg-type, list-item]
    "payload": lambda c: c.upload_collection("c", [QUERY], payload=5),  # type: ignore[arg-type, list-item]
    "model": lambda c: c.get_embedding_size(5),  # type: ignore[arg-type]
    "location": lambda c: c.recover_snapshot("c", None),  # type: ignore[arg-type]
    "with_": lambda c: c.get_optimizations("c", with_=5),  # type: ignore[arg-type]
    "collection_names": lambda c: c.migrate(QdrantClient(":memory:"), [5]),  # type: ignore[list-item]
}


def refused(client: QdrantClient, ask: Callable[[QdrantClient, Any], Any], value: Any) -> None:
    before = client.scroll("c", with_vectors=True), client.get_collection("c"), client.get_collections()
    with pytest.raises(UnexpectedResponse) as caught:
        ask(client, value)
    assert caught.value.status_code in (400, 404, 422)
    assert (client.scroll("c", with_vectors=True), client.get_collection("c"), client.get_collections()) == before


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [NAN, object()], ids=["nan", "object"])
def test_no_number_is_refused(client: QdrantClient, name: str, value: Any) -> None:
    refused(client, NUMBERS[name], value)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", [5, object(), "1", {}], ids=["int", "object", "str", "dict"])
def test_no_list_is_refused(client: QdrantClient, name: str, value: Any) -> None:
    refused(client, LISTS[name], value)


@pytest.mark.parametrize("name", STRINGS)
@pytest.mark.parametrize("value", [5, [], {}, b"x"], ids=["int", "list", "dict", "bytes"])
def test_no_string_is_refused(client: QdrantClient, name: str, value: Any) -> None:
    refused(client, STRINGS[name], value)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused(client: QdrantClient, name: str) -> None:
    refused(client, lambda c, _: WRONG[name](c), None)


@pytest.mark.parametrize("name", [5, [], {}, None])
def test_no_collection_has_a_name_that_is_no_string(client: QdrantClient, name: Any) -> None:
    assert not client.collection_exists(name)
    assert not client.delete_collection(name)


def test_infinite_bounds_leave_nothing_out(client: QdrantClient) -> None:
    everything = {"must": [{"key": "n", "range": {"gte": -math.inf, "lt": math.inf}}]}
    assert client.count("c", everything).count == 3
    assert len(client.query_points("c", QUERY, score_threshold=-math.inf).points) == 3
    assert client.query_points("c", QUERY, score_threshold=np.float32(3)).points[0].id == 2
    assert client.count("c", {"must": [{"key": "n", "range": {"gte": np.int64(1)}}]}, timeout=0.5).count == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [(NAN,), [{"a": (1.0, -math.inf)}], {"a": ((NAN,),)}])
def test_no_number_hides_in_a_tuple(client: QdrantClient, given: Any) -> None:
    refused(client, lambda c, x: c.set_payload("c", {"a": x}, [1]), given)
    refused(client, lambda c, x: c.upsert("c", [models.PointStruct(id=1, vector=QUERY, payload={"a": x})]), given)


def test_nesting_of_tuples_has_an_end(client: QdrantClient) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = (deep,)
    refused(client, lambda c, x: c.set_payload("c", {"a": x}, [1]), deep)


def test_tuples_are_arrays(client: QdrantClient) -> None:
    client.create_payload_index("c", "indexed", "keyword")
    given = {"indexed": ("x", "y"), "plain": ("x", "y"), "inner": [{"a": ({"b": 1},)}]}
    client.upsert("c", [models.PointStruct(id=1, vector=QUERY, payload=given)])
    client.set_payload("c", given, [2])
    for key in ("indexed", "plain"):
        condition = models.FieldCondition(key=key, match=models.MatchValue(value="y"))
        assert client.count("c", models.Filter(must=[condition])).count == 2
        assert {hit.value: hit.count for hit in client.facet("c", key).hits} == {"x": 2, "y": 2}
    assert given["inner"] == [{"a": ({"b": 1},)}]


def test_metadata_is_kept_as_json(tmp_path: Path) -> None:
    given: Any = {1: np.float32(0.5), "many": {7}}
    with QdrantClient(path=tmp_path) as client:
        client.create_collection("c", PARAMS, metadata=given)
        client.update_collection("c", metadata={"1": (2,)})
        assert client.get_collection("c").config.metadata == {"1": [2], "many": [7]}
    with QdrantClient(path=tmp_path) as client:
        assert client.get_collection("c").config.metadata == {"1": [2], "many": [7]}


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.query_batch_points("c", [None]),
        lambda c: c.query_points("c", QUERY, prefetch=[None]),
        lambda c: c.create_collection("new", {"a": None}),
        lambda c: c.create_collection("new", PARAMS, {"a": None}),
        lambda c: c.update_collection("c", vectors_config={"": None}),
    ],
)
def test_nothing_is_no_item(client: QdrantClient, ask: Callable[[QdrantClient], Any]) -> None:
    refused(client, lambda c, _: ask(c), None)


MANY = 30_000


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.count("c", {"must": [0] * MANY}),
        lambda c: c.count("c", {"must": [{"key": "n", "match": {"value": 1}}] * 1000 + [{"x": 1}] * MANY}),
        lambda c: c.count("c", {"must": [{f"x{i}": 1 for i in range(MANY)}]}),
        lambda c: c.query_points("c", {"formula": {"sum": [{"x": 1}] * MANY}}, prefetch=SOURCE),
        lambda c: c.upsert("c", [{"id": 1, "vector": {f"x{i}": "x" for i in range(MANY)}}]),
    ],
)
def test_much_that_is_wrong_is_soon_found_out(client: QdrantClient, ask: Callable[[QdrantClient], Any]) -> None:
    """To say of every item what every kind of it lacks would take a minute here, and hours for a whole body."""
    began = time.monotonic()
    refused(client, lambda c, _: ask(c), None)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 2**200])
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_settings_with_too_many_digits_leave_nothing(tmp_path: Path, number: int, where: str) -> None:
    kept = ":memory:" if where == "memory" else str(tmp_path)
    with QdrantClient(kept) if where == "memory" else QdrantClient(path=kept) as client:
        client.create_collection("c", PARAMS, metadata={"a": 1})
        files = sorted(tmp_path.rglob("*"))
        for ask in (
            lambda c, x: c.create_collection("new", PARAMS, optimizers_config={"max_segment_size": x}),
            lambda c, x: c.update_collection("c", optimizers_config={"max_segment_size": x}),
            lambda c, x: c.create_payload_index("c", "n", {"type": "text", "max_token_len": x}),
        ):
            refused(client, ask, number)
        assert sorted(tmp_path.rglob("*")) == files
