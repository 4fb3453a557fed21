"""What each method asks for: a row per call, and every operation of the API in some row."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cosdata_recorder import COLLECTION as KNOWN
from cosdata_recorder import RESULTS, VERSION, Recorder, recorded

from quiverdb.cosdata import Client, Collection, Index, ValidationError, Version
from quiverdb.cosdata.errors import NotFoundError
from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.errors import UnsupportedError

COLLECTION = {"collection": "docs"}
AUTO = {"type": "auto", "properties": {"sample_threshold": 100}}
SEED_HNSW = {
    "num_layers": 10,
    "max_cache_size": 1000,
    "ef_construction": 128,
    "ef_search": 64,
    "neighbors_count": 32,
    "level_0_neighbors_count": 64,
}
SDK_HNSW = {**SEED_HNSW, "num_layers": 7, "ef_construction": 512, "ef_search": 256}
FILTER = {"Is": {"field_name": "n", "field_value": 1, "operator": "Equal"}}
SHOWN = {"top_k": 10, "return_raw_text": False}
NEW = {
    "name": "docs",
    "description": None,
    "dense_vector": {"enabled": True, "dimension": 1024},
    "sparse_vector": {"enabled": False},
    "tf_idf_options": {"enabled": False},
    "config": {"max_vectors": None, "replication_factor": None},
    "store_raw_text": False,
}


def dense_index(properties: dict[str, int], **other: Any) -> dict[str, Any]:
    index = {"type": "hnsw", "properties": properties}
    known = {"name": "docs_index", "distance_metric_type": "cosine", "quantization": AUTO, "index": index}
    return {**COLLECTION, **known, **other}


def collection(client: Client) -> Collection:
    return Collection(client, "docs")


def index(client: Client, kind: str = "dense") -> Index:
    return Index(collection(client), "mine", kind)


Call = Callable[[Client], Any]

ROWS: list[tuple[Call, str, dict[str, Any]]] = [
    # collections
    (lambda c: c.collections.create("docs"), "create_collection", NEW),
    (lambda c: c.create_collection(name="docs"), "create_collection", NEW),
    (
        lambda c: c.create_collection("docs", 3, "x", {"enabled": False}, {"enabled": True}, {"enabled": True}),
        "create_collection",
        {
            **NEW,
            "description": "x",
            "dense_vector": {"enabled": False, "dimension": 3},
            "sparse_vector": {"enabled": True},
            "tf_idf_options": {"enabled": True},
        },
    ),
    (
        lambda c: c.collections.create(
            name="docs",
            dense_vector={"dimension": 5},
            config={"max_vectors": 9},
            store_raw_text=True,
            metadata_schema={"fields": []},
        ),
        "create_collection",
        {
            **NEW,
            "dense_vector": {"enabled": True, "dimension": 5},
            "config": {"max_vectors": 9, "replication_factor": None},
            "store_raw_text": True,
            "metadata_schema": {"fields": []},
        },
    ),
    (lambda c: c.collections.get("docs"), "get_collection", COLLECTION),
    (lambda c: c.collections.get(collection_name="docs"), "get_collection", COLLECTION),
    (lambda c: c.collections.get(name="docs"), "get_collection", COLLECTION),
    (lambda c: c.get_collection(name="docs"), "get_collection", COLLECTION),
    (lambda c: collection(c).get_info(), "get_collection", COLLECTION),
    (lambda c: c.collections.list(), "list_collections", {}),
    (lambda c: c.collections(), "list_collections", {}),
    (lambda c: c.list_collections(), "list_collections", {}),
    (lambda c: c.collections.delete("docs"), "delete_collection", COLLECTION),
    (lambda c: c.collections.delete(name="docs"), "delete_collection", COLLECTION),
    (lambda c: collection(c).delete(), "delete_collection", COLLECTION),
    (lambda c: c.collections.load("docs"), "load_collection", COLLECTION),
    (lambda c: collection(c).load(), "load_collection", COLLECTION),
    (lambda c: c.collections.unload("docs"), "unload_collection", COLLECTION),
    (lambda c: collection(c).unload(), "unload_collection", COLLECTION),
    (lambda c: c.collections.loaded(), "loaded_collections", {}),
    (lambda c: Collection.loaded(c), "loaded_collections", {}),
    (lambda c: collection(c).indexing_status(), "indexing_status", COLLECTION),
    # indexes
    (lambda c: c.indexes.create("docs"), "create_dense_index", dense_index(SEED_HNSW)),
    (
        lambda c: c.indexes.create(collection_name="docs", distance_metric="hamming", ef_search=5, name="x"),
        "create_dense_index",
        dense_index({**SEED_HNSW, "ef_search": 5}, distance_metric_type="hamming", name="x"),
    ),
    (
        lambda c: c.indexes.create("docs", quantization={"type": "scalar", "properties": {"data_type": "u8"}}),
        "create_dense_index",
        dense_index(SEED_HNSW, quantization={"type": "scalar", "properties": {"data_type": "u8"}}),
    ),
    (lambda c: collection(c).create_index(), "create_dense_index", dense_index(SDK_HNSW)),
    (
        lambda c: c.indexes.create_dense("docs", "mine", "euclidean", "auto", 50),
        "create_dense_index",
        dense_index(
            SDK_HNSW,
            name="mine",
            distance_metric_type="euclidean",
            quantization={"type": "auto", "properties": {"sample_threshold": 50}},
        ),
    ),
    (
        lambda c: c.indexes.create_sparse("docs", "words"),
        "create_sparse_index",
        {**COLLECTION, "name": "words", "quantization": 64, "sample_threshold": 1000},
    ),
    (
        lambda c: collection(c).create_sparse_index(name="words", quantization=16, sample_threshold=9),
        "create_sparse_index",
        {**COLLECTION, "name": "words", "quantization": 16, "sample_threshold": 9},
    ),
    (
        lambda c: c.indexes.create_tf_idf("docs", "texts"),
        "create_tf_idf_index",
        {**COLLECTION, "name": "texts", "sample_threshold": 1000, "k1": 1.2, "b": 0.75},
    ),
    (
        lambda c: collection(c).create_tf_idf_index("texts", 9, k1=1.5, b=0.5),
        "create_tf_idf_index",
        {**COLLECTION, "name": "texts", "sample_threshold": 9, "k1": 1.5, "b": 0.5},
    ),
    (lambda c: c.indexes.get("docs"), "list_indexes", COLLECTION),
    (lambda c: collection(c).get_index("docs_index"), "list_indexes", COLLECTION),
    (lambda c: c.indexes.delete("docs"), "delete_index", {**COLLECTION, "index_type": "dense"}),
    (lambda c: c.indexes.delete("docs", "sparse"), "delete_index", {**COLLECTION, "index_type": "sparse"}),
    (lambda c: index(c, "tf_idf").delete(), "delete_index", {**COLLECTION, "index_type": "tf_idf"}),
    (lambda c: index(c).query([1.0]), "search_dense", {**COLLECTION, **SHOWN, "query_vector": [1.0], "top_k": 5}),
    (
        lambda c: index(c, "sparse").query([[1, 0.5]], nn_count=2),
        "search_sparse",
        {**COLLECTION, **SHOWN, "query_terms": [[1, 0.5]], "top_k": 2},
    ),
    (
        lambda c: index(c, "tf_idf").query("words", return_raw_text=True),
        "search_text",
        {**COLLECTION, "query": "words", "top_k": 5, "return_raw_text": True},
    ),
    (lambda c: index(c).fetch_vector(7), "get_vector", {**COLLECTION, "id": "7"}),
    # vectors
    (lambda c: c.vectors.fetch(collection_name="docs", vector_id="1"), "get_vector", {**COLLECTION, "id": "1"}),
    (lambda c: c.vectors.fetch("docs", 1), "get_vector", {**COLLECTION, "id": "1"}),
    (lambda c: c.vectors.get("docs", np.int64(1)), "get_vector", {**COLLECTION, "id": "1"}),
    (lambda c: collection(c).vectors.get("a", version=3), "get_vector", {**COLLECTION, "id": "a", "version": 3}),
    (
        lambda c: collection(c).vectors.get_by_document_id("d", version=Version.of(VERSION)),
        "find_vectors",
        {**COLLECTION, "document_id": "d", "version": 4},
    ),
    (lambda c: c.vectors.exists("docs", 1), "vector_exists", {**COLLECTION, "id": "1"}),
    (lambda c: c.vectors.delete("docs", 1), "stream_delete", {**COLLECTION, "id": "1"}),
    (lambda c: collection(c).stream_delete("a/b"), "stream_delete", {**COLLECTION, "id": "a/b"}),
    (lambda c: collection(c).neighbors(1), "vector_neighbors", {**COLLECTION, "id": "1"}),
    (lambda c: collection(c).stream_upsert({"id": "a"}), "stream_upsert", {**COLLECTION, "vectors": [{"id": "a"}]}),
    (lambda c: collection(c).stream_upsert([{"id": 1}]), "stream_upsert", {**COLLECTION, "vectors": [{"id": 1}]}),
    # versions
    (lambda c: c.versions.create("docs"), "create_version", {**COLLECTION, "description": None}),
    (
        lambda c: c.versions.create(collection_name="docs", description="x"),
        "create_version",
        {**COLLECTION, "description": "x"},
    ),
    (lambda c: c.versions.get(collection_name="docs", version_id="1"), "get_version", {**COLLECTION, "version": "1"}),
    (lambda c: c.versions.get("docs", version_hash=2), "get_version", {**COLLECTION, "version": "2"}),
    (lambda c: collection(c).versions.get(version_number=2), "get_version", {**COLLECTION, "version": "2"}),
    (lambda c: c.versions.list("docs"), "list_versions", COLLECTION),
    (lambda c: collection(c).versions.list(), "list_versions", COLLECTION),
    (lambda c: collection(c).versions.get_history(), "list_versions", COLLECTION),
    (lambda c: c.versions.get_current("docs"), "current_version", COLLECTION),
    (lambda c: c.versions.set_current("docs", 4), "set_current_version", {**COLLECTION, "version": 4}),
    (lambda c: collection(c).set_version("4"), "set_current_version", {**COLLECTION, "version": "4"}),
    (
        lambda c: collection(c).set_version(collection(c).versions.get_current()),
        "set_current_version",
        {**COLLECTION, "version": 4},
    ),
    (lambda c: c.versions.delete("docs", "4"), "delete_version", {**COLLECTION, "version": "4"}),
    (lambda c: collection(c).versions.delete(VERSION), "delete_version", {**COLLECTION, "version": "4"}),
    # searches
    (
        lambda c: c.search.query(collection_name="docs", vector=[1.0], nn_count=3),
        "search_dense",
        {**COLLECTION, **SHOWN, "query_vector": [1.0], "top_k": 3},
    ),
    (
        lambda c: c.search.query("docs", [1.0], filter=FILTER, version=2, return_raw_text=True),
        "search_dense",
        {
            **COLLECTION,
            "query_vector": [1.0],
            "top_k": 5,
            "return_raw_text": True,
            "filter": FILTER,
            "version": 2,
        },
    ),
    (
        lambda c: c.search.query_sparse("docs", {"5": 0.3}, nn_count=2),
        "search_sparse",
        {**COLLECTION, **SHOWN, "query_terms": [[5, 0.3]], "top_k": 2, "early_terminate_threshold": 0.0},
    ),
    (
        lambda c: c.search.dense("docs", query_vector=[1.0]),
        "search_dense",
        {**COLLECTION, **SHOWN, "query_vector": [1.0]},
    ),
    (
        lambda c: collection(c).search.dense([1.0], 4, True, filter=FILTER),
        "search_dense",
        {**COLLECTION, "query_vector": [1.0], "top_k": 4, "return_raw_text": True, "filter": FILTER},
    ),
    (
        lambda c: collection(c).search.batch_dense([{"vector": [1.0], "filter": FILTER}, [2.0]], top_k=3),
        "batch_search_dense",
        {**COLLECTION, **SHOWN, "queries": [{"vector": [1.0], "filter": FILTER}, {"vector": [2.0]}], "top_k": 3},
    ),
    (
        lambda c: collection(c).search.sparse([[1, 0.5]], 10, 0.25),
        "search_sparse",
        {**COLLECTION, **SHOWN, "query_terms": [[1, 0.5]], "early_terminate_threshold": 0.25},
    ),
    (
        lambda c: collection(c).search.batch_sparse([[{"index": 1, "value": 0.5}], {2: 0.25}]),
        "batch_search_sparse",
        {
            **COLLECTION,
            **SHOWN,
            "query_terms_list": [[{"index": 1, "value": 0.5}], [[2, 0.25]]],
            "early_terminate_threshold": 0.0,
        },
    ),
    (
        lambda c: collection(c).search.text("fox", return_raw_text=True, version="3"),
        "search_text",
        {**COLLECTION, "query": "fox", "top_k": 10, "return_raw_text": True, "version": "3"},
    ),
    (
        lambda c: collection(c).search.batch_text(["fox"]),
        "batch_search_text",
        {**COLLECTION, **SHOWN, "queries": ["fox"]},
    ),
    (
        lambda c: collection(c).search.batch_tf_idf_search(queries=["fox"], top_k=3),
        "batch_search_text",
        {**COLLECTION, **SHOWN, "queries": ["fox"], "top_k": 3},
    ),
    (
        lambda c: c.search.hybrid("docs", [1.0], query_text="fox", fusion_constant_k=5),
        "search_hybrid",
        {**COLLECTION, **SHOWN, "query_vector": [1.0], "query_text": "fox", "fusion_constant_k": 5},
    ),
    (
        lambda c: collection(c).search.hybrid_search({"query_vector": [1.0], "query_terms": {"5": 0.5}, "top_k": 3}),
        "search_hybrid",
        {**COLLECTION, "query_vector": [1.0], "query_terms": [[5, 0.5]], "top_k": 3},
    ),
    (
        lambda c: collection(c).search.batch_hybrid([{"query_vector": [1.0], "query_text": "fox"}]),
        "batch_search_hybrid",
        {
            **COLLECTION,
            **SHOWN,
            "queries": [{"query_vector": [1.0], "query_text": "fox"}],
            "fusion_constant_k": 60.0,
        },
    ),
]

IN_TRANSACTIONS = {
    "create_transaction",
    "upsert_in_transaction",
    "add_to_transaction",
    "delete_in_transaction",
    "commit",
    "commit_together",
    "abort",
    "transaction_status",
}
"""Operations that ``test_transactions`` is about."""


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_call_asks_for_its_operation(number: int) -> None:
    call, operation, arguments = ROWS[number]
    recorder = Recorder()
    with recorded(recorder) as client:
        call(client)
    assert recorder.calls[-1] == (operation, arguments)
    row = OPERATIONS[operation]
    path = {part.split("}")[0] for part in row.path.split("{")[1:]}
    assert set(arguments) <= {*path, *row.query, *row.body}


def test_every_operation_has_a_row() -> None:
    assert {operation for _, operation, _ in ROWS} == OPERATIONS.keys() - IN_TRANSACTIONS - {"create_session"}


def test_numbers_go_over_as_they_are() -> None:
    recorder = Recorder()
    vector, matrix = np.ones(2, np.float32), np.ones((2, 2))
    with recorded(recorder) as client:
        collection(client).search.dense(vector)
        collection(client).search.batch_dense(matrix)
    assert recorder.calls[0][1]["query_vector"] is vector
    assert [query["vector"].base is matrix for query in recorder.calls[1][1]["queries"]] == [True, True]


# --- what comes back


def test_answers_of_searches_are_passed_on() -> None:
    with recorded(Recorder()) as client:
        assert client.search.dense("docs", [1.0]) is RESULTS
        assert collection(client).search.batch_text(["fox"]) == {"responses": [RESULTS]}


def test_a_created_collection_knows_what_it_was_created_with() -> None:
    with recorded(Recorder()) as client:
        made = client.create_collection("docs", dimension=2, description="x")
    assert (made.name, made.dimension, made["description"], made.vectors_count) == ("docs", 2, "x", 0)


def test_collections_of_servers_that_tell_only_names_are_asked_for() -> None:
    names = {"collections": [{"name": "docs", "description": None}, {"name": "gone", "description": None}]}
    missing = NotFoundError("Collection Not Found!", status=400)
    found = {"docs": {**KNOWN, "dimension": 2}, "gone": missing}
    recorder = Recorder(list_collections=names, get_collection=lambda arguments: found[arguments["collection"]])
    with recorded(recorder) as client:
        assert [(one.name, one["dimension"]) for one in client.collections.list()] == [("docs", 2)]
        assert client.list_collections() == names["collections"]


def test_information_is_asked_for_each_time() -> None:
    recorder = Recorder()
    with recorded(recorder) as client:
        docs = client.get_collection("docs")
        recorder.answers["get_collection"] = {**recorder.answers["get_collection"], "vectors_count": 8}
        assert docs.vectors_count == 7
        assert docs.get_info()["vectors_count"] == docs["vectors_count"] == 8


@pytest.mark.parametrize(
    ("entries", "name", "expected"),
    [
        ([("dense", "docs")], "docs_index", "dense"),
        ([("dense", "docs"), ("sparse", "docs")], "sparse_index", "sparse"),
        ([("dense", "docs"), ("sparse", "docs")], "dense", "dense"),
        ([("dense", "mine"), ("sparse", "other")], "other", "sparse"),
        ([("dense", "sparse_index"), ("sparse", "other")], "sparse_index", "dense"),
        ([("dense", "docs"), ("sparse", "docs")], "words", None),
        ([("dense", "mine")], "other", None),
        ([], "docs_index", None),
    ],
)
def test_indexes_are_found_by_name(entries: list[tuple[str, str]], name: str, expected: str | None) -> None:
    there = [{"type": kind, "name": called} for kind, called in entries]
    recorder = Recorder(list_indexes={"collection_name": "docs", "indexes": there})
    with recorded(recorder) as client:
        if expected is None:
            with pytest.raises(NotFoundError, match=name):
                collection(client).get_index(name)
            return
        found = collection(client).get_index(name)
        assert (found.name, found.index_type) == (name, expected)
        found.delete()
    assert recorder.calls[-1] == ("delete_index", {**COLLECTION, "index_type": expected})


def test_an_index_is_deleted_only_if_it_is_clear_which() -> None:
    there = [{"type": "dense", "name": "docs"}, {"type": "sparse", "name": "docs"}]
    recorder = Recorder(list_indexes={"collection_name": "docs", "indexes": there})
    with recorded(recorder) as client:
        with pytest.raises(ValidationError, match="dense, sparse"):
            client.indexes.delete("docs")
        recorder.answers["list_indexes"] = {"collection_name": "docs", "indexes": []}
        with pytest.raises(NotFoundError, match="index_type"):
            client.indexes.delete("docs")
    assert "delete_index" not in recorder.operations


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.vectors.get("docs", 1.5),
        lambda c: c.vectors.get("docs", True),
        lambda c: c.vectors.get("docs", None),
        lambda c: c.versions.get("docs", 1.5),
        lambda c: c.versions.get("docs", {"id": "1"}),
        lambda c: c.search.dense("docs", [1.0], version=True),
        lambda c: c.search.batch_dense("docs", [{"query_vector": [1.0]}]),
        lambda c: c.search.query_sparse("docs", {"five": 0.3}),
        lambda c: c.search.hybrid_search("docs", {"dense_query": [1.0], "sparse_query": []}),
        lambda c: collection(c).stream_upsert("text"),
        lambda c: collection(c).stream_upsert(["text"]),
        lambda c: collection(c).stream_upsert(None),
        lambda c: collection(c).stream_upsert(5),
        lambda c: c.transactions.create().upsert("docs", 5),
        lambda c: c.search.query_sparse("docs", {3.7: 0.3}),
        lambda c: c.search.query_sparse("docs", {True: 0.3}),
        lambda c: c.search.query_sparse("docs", 5),
        lambda c: c.search.sparse("docs", None),
        lambda c: c.search.sparse("docs", "terms"),
        lambda c: c.search.batch_sparse("docs", None),
        lambda c: c.search.batch_sparse("docs", [5]),
        lambda c: c.search.batch_sparse("docs", {5: 0.3}),
        lambda c: c.search.batch_dense("docs", 5),
        lambda c: c.search.batch_dense("docs", {"vector": [1.0]}),
        lambda c: c.search.batch_text("docs", "text"),
        lambda c: c.search.batch_text("docs", None),
        lambda c: c.search.hybrid_search("docs", None),
        lambda c: c.search.hybrid_search("docs", ["query_text"]),
        lambda c: c.search.batch_hybrid("docs", 5),
        lambda c: c.search.batch_hybrid("docs", [5]),
        lambda c: c.collections.create("docs", dense_vector="yes"),
        lambda c: c.collections.create("docs", sparse_vector=[("enabled", True)]),
        lambda c: c.collections.create("docs", tf_idf_options=True),
        lambda c: c.collections.create("docs", config=5),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_asked(call: Call) -> None:
    recorder = Recorder()
    with recorded(recorder) as client, pytest.raises(ValidationError):
        call(client)
    assert recorder.calls == []


def test_methods_of_a_collection_look_like_those_of_the_module() -> None:
    from quiverdb.cosdata._search import Search, SearchModule

    ours = [name for name in vars(SearchModule) if not name.startswith("_")]
    assert ours == [name for name in vars(Search) if not name.startswith("_")]
    for name in ours:
        of_module = inspect.signature(getattr(SearchModule, name)).parameters
        of_collection = inspect.signature(getattr(Search, name)).parameters
        assert [*of_collection.values()] == [of_module[name] for name in of_module if name != "collection_name"]
        assert getattr(Search, name).__doc__ == getattr(SearchModule, name).__doc__


def test_sessions() -> None:
    with recorded(Recorder()) as client:
        assert (client.auth.username, client.auth.password) == ("admin", "admin")
        assert (client.auth.token, client.auth.login()) == ("a token", "another token")
        assert client._get_headers() == {"Content-type": "application/json", "Authorization": "Bearer a token"}


def test_an_embedded_database_has_no_sessions() -> None:
    with Client(":memory:", "me", "secret") as client:
        assert (client.auth.username, client.auth.token) == ("me", None)
        assert client._get_headers() == {"Content-type": "application/json"}
        with pytest.raises(UnsupportedError, match="no users"):
            client.auth.login()
