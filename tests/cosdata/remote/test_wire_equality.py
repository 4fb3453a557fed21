"""What travels is what the official client sends, for every call that both have."""

from __future__ import annotations

import json
from typing import Any

import cosdata_wheels
import numpy as np
import pytest
from cosdata_stub import PASSWORD, Asked, read, serving, told

from quiverdb.cosdata.remote import HttpBackend

VECTOR = {
    "id": "a",
    "document_id": "doc",
    "dense_values": [0.5, -1.0, 0.1],
    "metadata": {"color": "red", "year": 1999},
    "sparse_indices": [3, 17],
    "sparse_values": [0.25, 1.5],
    "text": "Ünïcode \u2603",
}
OTHER = {"id": "b", "dense_values": [1.0, 2.0, 3.0], "document_id": None, "text": None}
BOTH = {"collection": "c"}
TRANSACTION = {**BOTH, "transaction_id": "0x0000002A"}
TOP = {"top_k": 10, "return_raw_text": False}
TERMS = [[1, 0.5], [7, 2.0]]
CREATION = {
    "dense_vector": {"enabled": True, "dimension": 3},
    "sparse_vector": {"enabled": True},
    "tf_idf_options": {"enabled": True},
}
GRAPH = {
    "num_layers": 5,
    "max_cache_size": 10,
    "ef_construction": 64,
    "ef_search": 32,
    "neighbors_count": 8,
    "level_0_neighbors_count": 16,
}
HYBRID = {"query_vector": [0.5, 1.0, 0.0], "query_terms": TERMS, "top_k": 3, "fusion_constant_k": 30.0}

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "client.create_collection('c', dimension=3)",
        "create_collection",
        {"name": "c", "dense_vector": {"enabled": True, "dimension": 3}},
    ),
    (
        f"client.create_collection('c', description='d', **{CREATION})",
        "create_collection",
        {"name": "c", "description": "d", **CREATION},
    ),
    ("client.get_collection('c')", "get_collection", BOTH),
    ("client.list_collections()", "list_collections", {}),
    ("client.collections()", "list_collections", {}),
    ("c.get_info()", "get_collection", BOTH),
    ("c.delete()", "delete_collection", BOTH),
    ("c.load()", "load_collection", BOTH),
    ("c.unload()", "unload_collection", BOTH),
    ("c.indexing_status()", "indexing_status", BOTH),
    ("Collection.loaded(client)", "loaded_collections", {}),
    (
        f"c.create_index('euclidean', **{GRAPH})",
        "create_dense_index",
        {**BOTH, "distance_metric_type": "euclidean", "index": {"type": "hnsw", "properties": GRAPH}},
    ),
    ("c.create_sparse_index('s')", "create_sparse_index", {**BOTH, "name": "s"}),
    (
        "c.create_sparse_index('s', quantization=128, sample_threshold=5)",
        "create_sparse_index",
        {**BOTH, "name": "s", "quantization": 128, "sample_threshold": 5},
    ),
    ("c.create_tf_idf_index('t')", "create_tf_idf_index", {**BOTH, "name": "t"}),
    (
        "c.create_tf_idf_index('t', sample_threshold=9, k1=1.5, b=0.5)",
        "create_tf_idf_index",
        {**BOTH, "name": "t", "sample_threshold": 9, "k1": 1.5, "b": 0.5},
    ),
    ("c.get_index('i').delete()", "delete_index", {**BOTH, "index_type": "dense"}),
    ("Index(c, 'i', 'tf_idf').delete()", "delete_index", {**BOTH, "index_type": "tf_idf"}),
    ("c.create_transaction()", "create_transaction", BOTH),
    (f"txn.upsert_vector({VECTOR})", "upsert_in_transaction", {**TRANSACTION, "vectors": [VECTOR]}),
    (
        f"txn.batch_upsert_vectors({[VECTOR, OTHER]})",
        "upsert_in_transaction",
        {**TRANSACTION, "vectors": [VECTOR, OTHER]},
    ),
    ("txn.delete_vector('a')", "delete_in_transaction", {**TRANSACTION, "id": "a"}),
    ("txn.commit()", "commit", TRANSACTION),
    ("txn.abort()", "abort", TRANSACTION),
    ("txn.get_status()", "transaction_status", TRANSACTION),
    ("txn.poll_completion()", "transaction_status", TRANSACTION),
    (f"c.stream_upsert({VECTOR})", "stream_upsert", {**BOTH, "vectors": [VECTOR]}),
    (f"c.stream_upsert({[VECTOR, OTHER]})", "stream_upsert", {**BOTH, "vectors": [VECTOR, OTHER]}),
    ("c.stream_delete('a')", "stream_delete", {**BOTH, "id": "a"}),
    ("c.vectors.get('a')", "get_vector", {**BOTH, "id": "a"}),
    ("c.vectors.get('a b+50%é')", "get_vector", {**BOTH, "id": "a b+50%é"}),
    ("c.vectors.get_by_document_id('d/1 ä&b')", "find_vectors", {**BOTH, "document_id": "d/1 ä&b"}),
    ("c.vectors.exists('a')", "vector_exists", {**BOTH, "id": "a"}),
    ("c.neighbors('a')", "vector_neighbors", {**BOTH, "id": "a"}),
    ("c.versions.list()", "list_versions", BOTH),
    ("c.versions.get_current()", "current_version", BOTH),
    ("c.set_version('3')", "set_current_version", {**BOTH, "version": "3"}),
    ("c.search.dense([0.5, 1.0, 0.0])", "search_dense", {**BOTH, "query_vector": [0.5, 1.0, 0.0]}),
    (
        "c.search.dense([0.5, 1.0, 0.0], top_k=3, return_raw_text=True)",
        "search_dense",
        {**BOTH, "query_vector": [0.5, 1.0, 0.0], "top_k": 3, "return_raw_text": True},
    ),
    (
        "c.search.batch_dense([{'vector': [1.0, 2.0, 3.0]}], top_k=2)",
        "batch_search_dense",
        {**BOTH, "queries": [{"vector": [1.0, 2.0, 3.0]}], "top_k": 2},
    ),
    (f"c.search.sparse({TERMS})", "search_sparse", {**BOTH, "query_terms": TERMS, **TOP}),
    (
        f"c.search.sparse({TERMS}, 4, early_terminate_threshold=0.25)",
        "search_sparse",
        {**BOTH, "query_terms": TERMS, "top_k": 4, "early_terminate_threshold": 0.25},
    ),
    (f"c.search.batch_sparse({[TERMS]})", "batch_search_sparse", {**BOTH, "query_terms_list": [TERMS]}),
    ("c.search.text('hello')", "search_text", {**BOTH, "query": "hello"}),
    ("c.search.batch_text(['a', 'b'])", "batch_search_text", {**BOTH, "queries": ["a", "b"]}),
    ("c.search.batch_tf_idf_search(['a'], 3)", "batch_search_text", {**BOTH, "queries": ["a"], "top_k": 3}),
    (f"c.search.hybrid_search({HYBRID})", "search_hybrid", {**BOTH, **HYBRID}),
    ("c.search.hybrid_search({'query_text': 'a'})", "search_hybrid", {**BOTH, "query_text": "a"}),
]

WITHOUT_REQUEST = {"get_index", "transaction"}
"""Methods that ask nothing themselves."""

PROGRAM = """
import json, sys
from cosdata.api import Client, Collection, Index, Search, Transaction, Vectors, Versions

url, password, expressions = sys.argv[1:]
client = Client(url, password=password)
c = Collection(client, "c")
txn = c.create_transaction()
for expression in json.loads(expressions):
    eval(expression)
kinds = [Client, Collection, Index, Search, Transaction, Vectors, Versions]
print(json.dumps([name for kind in kinds for name in vars(kind) if not name.startswith("_")]))
"""

HIT = {"results": [{"id": "a", "document_id": None, "score": 0.5, "text": None}]}
VERSION = {"version_number": 3, "vector_count": 1}
COLLECTION = {"name": "c", "description": None, "dense_vector": {"enabled": True, "dimension": 3}}
ANSWERS = {
    "create_collection": told({"id": "c", "name": "c", "description": None}, 201),
    "list_collections": told({"collections": [COLLECTION]}),
    "loaded_collections": told(["c"]),
    "get_collection": told(COLLECTION),
    "delete_collection": (204, {}, b""),
    "load_collection": told(COLLECTION),
    "unload_collection": told("Collection 'c' successfully unloaded"),
    "indexing_status": told({"collection_name": "c"}),
    "create_dense_index": told({}, 201),
    "create_sparse_index": told({}, 201),
    "create_tf_idf_index": told({}, 201),
    "delete_index": (204, {}, b""),
    "create_transaction": told({"transaction_id": "0x0000002A", "created_at": "2025-01-01T00:00:00Z"}),
    "upsert_in_transaction": (200, {}, b""),
    "delete_in_transaction": (204, {}, b""),
    "commit": (204, {}, b""),
    "abort": (204, {}, b""),
    "transaction_status": told({"status": "complete", "stats": {}}),
    "stream_upsert": (200, {}, b""),
    "stream_delete": (204, {}, b""),
    "get_vector": told({"id": "a"}),
    "find_vectors": told([]),
    "vector_exists": (200, {}, b""),
    "vector_neighbors": told([]),
    "list_versions": told({"versions": [VERSION], "current_version": 3}),
    "current_version": told(VERSION),
    "set_current_version": told(VERSION),
    "search_dense": told(HIT),
    "batch_search_dense": told({"responses": [HIT]}),
    "search_sparse": told(HIT),
    "batch_search_sparse": told({"responses": [HIT]}),
    "search_text": told(HIT),
    "batch_search_text": told({"responses": [HIT]}),
    "search_hybrid": told(HIT),
}


@pytest.fixture(scope="module")
def official() -> tuple[list[Asked], list[str]]:
    """What the official client asks, call by call, and its methods."""
    with serving(ANSWERS) as stub:
        expressions = json.dumps([expression for expression, _, _ in CALLS])
        printed = cosdata_wheels.run("cosdata-sdk", "0.2.5", PROGRAM, stub.url, PASSWORD, expressions)
        session, _, *asked = map(read, stub.server.seen)
        assert session.operation == "create_session"
        return [session, *asked], json.loads(printed.splitlines()[-1])


def same_headers(ours: Asked, theirs: Asked) -> bool:
    return all(ours.headers.get(name) == theirs.headers.get(name) for name in ("authorization", "content-type"))


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[expression[:60] for expression, _, _ in CALLS])
def test_requests_are_the_official_ones(number: int, official: tuple[list[Asked], list[str]], remote_stub: Any) -> None:
    stub, backend = remote_stub
    _, operation, arguments = CALLS[number]
    stub.server.seen.clear()
    backend.call(operation, arguments)
    [ours] = stub.asked
    theirs = official[0][number + 1]
    assert (ours.operation, ours.method, ours.path, ours.query) == (
        operation,
        theirs.method,
        theirs.path,
        theirs.query,
    )
    assert ours.body == theirs.body
    assert same_headers(ours, theirs)


@pytest.fixture(scope="module")
def remote_stub() -> Any:
    with serving(ANSWERS) as stub, HttpBackend(stub.url, "admin", PASSWORD) as backend:
        backend.token()
        yield stub, backend


def test_signing_in_is_the_official_way(official: tuple[list[Asked], list[str]]) -> None:
    with serving() as stub, HttpBackend(stub.url, "admin", PASSWORD) as backend:
        backend.token()
        [ours] = map(read, stub.server.seen)
    theirs = official[0][0]
    assert (ours.method, ours.path, ours.body) == (theirs.method, theirs.path, theirs.body)
    assert same_headers(ours, theirs)


def test_every_method_of_the_official_client_is_compared(official: tuple[list[Asked], list[str]]) -> None:
    methods = set(official[1])
    compared = {name for name in methods for expression, _, _ in CALLS if f".{name}(" in expression}
    assert methods - compared == WITHOUT_REQUEST - compared


@pytest.mark.parametrize("operation", ["upsert_in_transaction", "stream_upsert"])
def test_other_ways_to_write_a_vector_travel_the_same(operation: str, remote_stub: Any) -> None:
    stub, backend = remote_stub
    vector = {
        "id": np.int64(7),
        "document_id": 8,
        "values": np.array([0.5, -1.0, 0.125], np.float32),
        "metadata": {"year": np.int32(5)},
        "sparse_indices": np.array([3, 17], np.uint32),
        "sparse_values": np.array([0.25, 1.5]),
    }
    stub.server.seen.clear()
    backend.call(operation, {**TRANSACTION, "vectors": (vector for _ in range(1))})
    [asked] = stub.asked
    assert asked.body == {
        "vectors": [
            {
                "id": "7",
                "document_id": "8",
                "dense_values": [0.5, -1.0, 0.125],
                "metadata": {"year": 5},
                "sparse_indices": [3, 17],
                "sparse_values": [0.25, 1.5],
            }
        ]
    }
    assert "values" in vector  # what was given stays as it is


@pytest.mark.parametrize(
    "terms",
    [
        [(1, 0.5), (7, 2.0)],
        [{"index": 1, "value": 0.5}, {"value": 2.0, "index": 7}],
        {1: 0.5, 7: 2.0},
        {"1": 0.5, "7": 2.0},
        np.array([[1, 0.5], [7, 2.0]]),
        {np.uint32(1): np.float32(0.5), np.uint32(7): np.float32(2.0)},
    ],
    ids=["tuples", "objects", "mapping", "texts", "array", "numpy"],
)
def test_sparse_terms_of_every_shape_travel_as_pairs(terms: Any, remote_stub: Any) -> None:
    stub, backend = remote_stub
    stub.answers["batch_search_hybrid"] = ANSWERS["batch_search_dense"]
    stub.server.seen.clear()
    backend.call("search_sparse", {**BOTH, "query_terms": terms})
    backend.call("batch_search_sparse", {**BOTH, "query_terms_list": [terms]})
    backend.call("search_hybrid", {**BOTH, "query_terms": terms, "query_text": "a"})
    backend.call("batch_search_hybrid", {**BOTH, "queries": [{"query_terms": terms}, {"query_text": "a"}]})
    single, several, hybrid, hybrids = (asked.body for asked in stub.asked)
    assert single["query_terms"] == hybrid["query_terms"] == TERMS
    assert several["query_terms_list"] == [TERMS]
    assert hybrids["queries"] == [{"query_terms": TERMS}, {"query_text": "a"}]
