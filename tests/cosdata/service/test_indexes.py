"""Indexes: what they are asked to be and say they are, and that they cover what was there before them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cosdata_world import SIZE, World, contents, creation

from quiverdb.cosdata.errors import ConflictError, NotFoundError, ServerError, ValidationError
from quiverdb.cosdata.service.layout import DENSE, PAST_DENSE, RAW
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import StorageError
from quiverdb.model.collection import Binary, Datatype, Distance, HnswSpec, Scalar, Turbo

GRAPH = {
    "num_layers": 5,
    "max_cache_size": 50,
    "ef_construction": 100,
    "ef_search": 40,
    "neighbors_count": 10,
    "level_0_neighbors_count": 31,
}
PROPERTIES = {"data_type": "u8", "range": {"min": -1.0, "max": 1.0}}


@pytest.fixture(params=["memory", "disk", "remote"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    yield made
    made.close()


def listed(world: World, **arguments: Any) -> list[dict[str, Any]]:
    answer = world.ask("list_indexes", **arguments)
    assert answer.keys() == {"collection_name", "indexes"}
    found: list[dict[str, Any]] = answer["indexes"]
    return found


def test_indexes_say_what_was_asked_for(world: World) -> None:
    assert listed(world) == []
    quantization = {"type": "scalar", "properties": PROPERTIES}
    dense = world.ask(
        "create_dense_index",
        name="ignored",
        distance_metric_type="dot_product",
        quantization=quantization,
        index={"type": "hnsw", "properties": GRAPH},
    )
    sparse = world.ask("create_sparse_index", name="ignored", quantization=128, sample_threshold=7)
    text = world.ask("create_tf_idf_index", name="ignored", sample_threshold=9, k1=1.5, b=0.5)
    assert [answer["message"] for answer in (dense, sparse, text)] == [
        "Dense index created successfully",
        "Sparse index created successfully",
        "TF-IDF index created successfully",
    ]
    expected = [
        {
            "type": "dense",
            "name": "docs",
            "algorithm": "HNSW",
            "distance_metric": "DotProduct",
            "quantization": quantization,
            "params": GRAPH,
        },
        {
            "type": "sparse",
            "name": "docs",
            "algorithm": "InvertedIndex",
            "quantization": 128,
            "quantization_bits": 7,
            "sample_threshold": 7,
            "values_upper_bound": 1.0,
        },
        {"type": "tf_idf", "name": "docs", "algorithm": "BM25", "k1": 1.5, "b": 0.5, "sample_threshold": 9},
    ]
    for _ in range(2):
        assert listed(world) == expected
        world.reopen()


def test_what_is_left_out_has_defaults(world: World) -> None:
    for kind in ("dense", "sparse", "tf_idf"):
        world.ask(f"create_{kind}_index")
    dense, sparse, text = listed(world)
    assert dense["distance_metric"] == "Cosine"
    assert dense["quantization"] == {"type": "auto", "properties": {"sample_threshold": 100}}
    assert dense["params"]["ef_construction"] == 512
    assert (sparse["quantization"], text["k1"], text["b"]) == (64, 1.2, 0.75)


@pytest.mark.parametrize(
    ("metric", "distance"),
    [
        ("cosine", Distance.COSINE),
        ("euclidean", Distance.EUCLID),
        ("dot_product", Distance.DOT),
        ("hamming", Distance.DOT),
    ],
)
def test_metrics(world: World, metric: str, distance: Distance) -> None:
    world.ask("create_dense_index", distance_metric_type=metric, index={"type": "hnsw", "properties": GRAPH})
    spec = world.database.info(world.name).spec.vectors
    for name in (DENSE, PAST_DENSE):
        assert spec[name].distance is distance
        assert spec[name].hnsw == HnswSpec(m=16, ef_construct=100), "as many links as either level may have"


@pytest.mark.parametrize(
    ("data_type", "codes", "datatype"),
    [
        ("u8", Scalar(), None),
        ("binary", Binary(), None),
        ("quaternay", Binary(encoding="two_bits"), None),
        ("quaternary", Binary(encoding="two_bits"), None),
        ("octal", Turbo(bits="bits4"), None),
        ("f16", None, Datatype.FLOAT16),
        ("f32", None, None),
    ],
)
def test_quantization(world: World, data_type: str, codes: Any, datatype: Any) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3]}])
    quantization = {"type": "scalar", "properties": {"data_type": data_type}}
    world.ask("create_dense_index", quantization=quantization)
    vector = world.database.info(world.name).spec.vectors[DENSE]
    assert (vector.quantization, vector.datatype) == (codes, datatype)
    assert listed(world)[0]["quantization"] == quantization
    world.stream([{"id": "b", "values": [3, 2, 1]}])
    found = world.ask("search_dense", query_vector=[1, 2, 3])["results"]
    assert [result["id"] for result in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("dense", {"distance_metric_type": "manhattan"}, "`distance_metric_type` is one of cosine"),
        ("dense", {"quantization": "auto"}, "`quantization` is"),
        ("dense", {"quantization": {"type": "product"}}, "`quantization` is"),
        ("dense", {"quantization": {"type": "scalar", "properties": {"data_type": "u4"}}}, "data type of binary"),
        ("dense", {"quantization": {"type": "scalar", "properties": 4}}, "`quantization` is"),
        ("dense", {"quantization": {"type": "auto", "properties": {"sample_threshold": "1"}}}, "`sample_threshold`"),
        ("dense", {"quantization": {"type": "scalar", "properties": {**PROPERTIES, "range": [0, 1]}}}, "`range` is"),
        ("dense", {"quantization": {"type": "auto", "properties": {"other": object()}}}, "`quantization` .* object"),
        (
            "dense",
            {"quantization": {"type": "scalar", "properties": {**PROPERTIES, "x": {1j}}}},
            "`quantization` .* complex",
        ),
        ("dense", {"index": {"type": "ivf"}}, "`index` is"),
        ("dense", {"index": 5}, "`index` is"),
        ("dense", {"index": {"type": "hnsw", "properties": 5}}, "`properties` of an index"),
        ("dense", {"index": {"type": "hnsw", "properties": {"ef_search": -1}}}, "`ef_search` is an integer"),
        ("dense", {"index": {"type": "hnsw", "properties": {"ef_search": 1.5}}}, "`ef_search` is an integer"),
        ("dense", {"index": {"type": "hnsw", "properties": {"ef_construction": 10**7}}}, "`ef_construction` is"),
        ("dense", {"index": {"type": "hnsw", "properties": {"neighbors_count": 10_001}}}, "`neighbors_count` is"),
        ("dense", {"index": {"type": "hnsw", "properties": {"level_0_neighbors_count": 20_001}}}, "`level_0_neigh"),
        ("sparse", {"quantization": 5}, "`quantization` is one of"),
        ("sparse", {"quantization": "64"}, "`quantization` is an integer"),
        ("sparse", {"sample_threshold": True}, "`sample_threshold` is an integer"),
        ("tf_idf", {"k1": -1}, "`k1` is a number"),
        ("tf_idf", {"k1": "1"}, "`k1` is a number"),
        ("tf_idf", {"k1": float("nan")}, "`k1` is a number"),
        ("tf_idf", {"k1": 1e300}, "`k1` is a number"),
        ("tf_idf", {"k1": 10**400}, "`k1` is a number"),
        ("tf_idf", {"b": 1.5}, "`b` is a number"),
    ],
)
def test_wrong_requests_create_nothing(world: World, kind: str, arguments: dict[str, Any], words: str) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3]}])
    before = contents(world.database)
    with pytest.raises(ValidationError, match=words) as caught:
        world.ask(f"create_{kind}_index", **arguments)
    assert caught.value.status == 400
    assert contents(world.database) == before
    world.ask(f"create_{kind}_index")


@pytest.mark.parametrize("number", [0, 1, 10_000])
def test_graphs_of_any_size(world: World, number: int) -> None:
    names = (
        "num_layers",
        "max_cache_size",
        "ef_construction",
        "ef_search",
        "neighbors_count",
        "level_0_neighbors_count",
    )
    properties = dict.fromkeys(names, number)
    world.ask("create_dense_index", index={"type": "hnsw", "properties": properties})
    world.stream([{"id": id, "values": [number, 2, 3]} for id in "ab"])
    assert len(world.ask("search_dense", query_vector=[1, 2, 3])["results"]) == 2
    assert world.ask("list_indexes")["indexes"][0]["params"] == properties


def test_one_index_of_each_type(world: World) -> None:
    for kind in ("dense", "sparse", "tf_idf"):
        world.ask(f"create_{kind}_index")
        with pytest.raises(ConflictError) as caught:
            world.ask(f"create_{kind}_index")
        expected = f"Index of type '{kind}' already exists for this collection. Delete it first."
        assert (str(caught.value), caught.value.status) == (expected, 409)


def test_deletion(world: World) -> None:
    world.stream([{"id": "a", "values": [1, 2, 3], "sparse_values": {1: 1.0}, "text": "red"}])
    asked = {
        "dense": ("search_dense", {"query_vector": [1, 2, 3]}),
        "sparse": ("search_sparse", {"query_terms": [[1, 1.0]]}),
        "tf_idf": ("search_text", {"query": "red"}),
    }
    for kind, (operation, arguments) in asked.items():
        for _ in range(2):
            with pytest.raises(NotFoundError, match=f"Index of type '{kind}' not found"):
                world.ask("delete_index", index_type=kind)
            with pytest.raises(NotFoundError, match="Required index not found"):
                world.ask(operation, **arguments)
            world.ask(f"create_{kind}_index")
            assert [result["id"] for result in world.ask(operation, **arguments)["results"]] == ["a"]
            assert world.ask("delete_index", index_type=kind) is None
    assert listed(world) == []
    assert list(world.database.info(world.name).spec.vectors) == [RAW]
    for kind in ("tf-idf", "", 5, None):
        with pytest.raises((NotFoundError, ValidationError)):
            world.ask("delete_index", index_type=kind)


@pytest.mark.parametrize("metric", ["cosine", "hamming"])
def test_an_index_covers_what_was_there_before(world: World, metric: str) -> None:
    rows = np.random.default_rng(0).normal(size=(30, SIZE)).astype(np.float32)
    world.stream([{"id": number, "values": row} if number % 5 else {"id": number} for number, row in enumerate(rows)])
    first = world.mark()
    world.stream([{"id": number, "values": -rows[number]} for number in range(1, 10)])
    before = {}
    for _ in range(2):
        world.ask("create_dense_index", distance_metric_type=metric)
        for version in ({}, {"version": first}):
            results = world.ask("search_dense", query_vector=rows[7].tolist(), top_k=50, **version)["results"]
            expected = {str(n) for n in range(30) if n % 5 or (not version and n in range(1, 10))}
            assert {result["id"] for result in results} == expected
            assert before.setdefault(str(version), results) == results
        nearest = before[str({"version": first})]
        assert "7" in {result["id"] for result in nearest if result["score"] == nearest[0]["score"]}
        world.ask("delete_index", index_type="dense")


def test_vectors_come_and_go_with_the_index_there(world: World) -> None:
    world.ask("create_dense_index")
    world.stream([{"id": "a", "values": [1, 0, 0]}, {"id": "b", "values": [0, 1, 0]}])
    world.stream([{"id": "a", "values": [0, 0, 1]}])
    world.ask("stream_delete", id="b")
    assert [hit["id"] for hit in world.ask("search_dense", query_vector=[0, 0, 1])["results"]] == ["a"]
    world.stream([{"id": "a"}])
    assert world.ask("search_dense", query_vector=[0, 0, 1])["results"] == []


def test_what_a_failed_creation_leaves_is_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure nothing is left; after a crash what is left is dropped by the next creation."""
    world.stream([{"id": number, "values": [1, 2, number]} for number in range(10)])
    before = contents(world.database)
    writes = world.database.write
    for last, dies in ((1, False), (2, False), (3, False), (1, True), (3, True)):
        left = last

        def write(*args: Any, die: bool = dies, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 or (die and left < 0):
                raise StorageError("no space", path="there")
            return writes(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(world.database, "write", write)
            with pytest.raises(ServerError):
                world.ask("create_dense_index")
        assert listed(world) == []
        if not dies:
            assert contents(world.database) == before
        world.stream([{"id": "later", "values": [1, 2, 3]}])
        world.ask("create_dense_index")
        assert len(world.ask("search_dense", query_vector=[1, 2, 3], top_k=20)["results"]) == 11
        world.ask("delete_index", index_type="dense")
        world.ask("stream_delete", id="later")
        before = contents(world.database)


def test_a_dense_index_needs_dense_vectors(world: World) -> None:
    none = {"name": "none", "dense_vector": {"enabled": False, "dimension": 3}}
    world.service.call("create_collection", none)
    with pytest.raises(ValidationError, match="no dense vectors"):
        world.ask("create_dense_index", collection="none")
    for kind in ("sparse", "tf_idf"):
        world.ask(f"create_{kind}_index", collection="none")


def test_numbers_beyond_16_bits_prevent_an_index_of_them() -> None:
    world = World("memory")
    world.stream([{"id": "a", "values": [1e6, 0, 0]}])
    before = contents(world.database)
    with pytest.raises(ValidationError, match="float16"):
        world.ask(
            "create_dense_index",
            distance_metric_type="dot_product",
            quantization={"type": "scalar", "properties": {"data_type": "f16"}},
        )
    assert contents(world.database) == before
    world.close()


def test_commits_wait_while_an_index_is_made() -> None:
    with EngineDatabase.open(":memory:"):
        world = World("memory")
        world.service.call("create_collection", creation("big", dimension=64))
        rows = np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
        world.ask("stream_upsert", collection="big", vectors=[{"id": n, "values": row} for n, row in enumerate(rows)])

        def write() -> None:
            for number in range(20):
                world.ask("stream_upsert", collection="big", vectors=[{"id": f"w{number}", "values": rows[number]}])

        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        world.ask("create_dense_index", collection="big")
        for writer in writers:
            writer.join()
        found = world.ask("search_dense", collection="big", query_vector=rows[3], top_k=4000)["results"]
        assert len(found) == 3020
        world.close()
