"""What the server answers: results as documented, refusals with their sentences, and nothing half done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from cosdata_calls import client
from serving import served

from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Cosdata, Service, Settings

C = "/vectordb/collections/c"
SCHEMA = {
    "fields": [{"name": "color", "values": ["red", "blue"]}, {"name": "size", "values": [1, 2]}],
    "supported_conditions": [{"op": "and", "field_names": ["color", "size"]}],
}
CREATION: dict[str, Any] = {
    "name": "c",
    "description": "words",
    "dense_vector": {"enabled": True, "dimension": 3},
    "sparse_vector": {"enabled": True},
    "tf_idf_options": {"enabled": True},
    "config": {"max_vectors": None, "replication_factor": None},
    "metadata_schema": SCHEMA,
    "store_raw_text": True,
}
DENSE = {
    "name": "d",
    "distance_metric_type": "cosine",
    "quantization": {"type": "auto", "properties": {"sample_threshold": 100}},
    "index": {"type": "hnsw", "properties": {"ef_search": 64}},
}
SPARSE = {"name": "s", "quantization": 64, "sample_threshold": 1000}
TEXT = {"name": "t", "sample_threshold": 1000, "k1": 1.2, "b": 0.75}
VECTORS: list[dict[str, Any]] = [
    {"id": "a", "document_id": "one", "dense_values": [1, 0, 0], "metadata": {"color": "red", "size": 1},
     "sparse_indices": [1, 5], "sparse_values": [0.5, 0.25], "text": "red fox"},
    {"id": "b", "dense_values": [0.6, 0.8, 0], "metadata": {"color": "blue", "size": 1}, "text": "a blue fox jumps"},
    {"id": "c", "values": [0, 0, 1], "metadata": {"color": "red", "size": 2}},
    {"id": 7, "sparse_indices": [1], "sparse_values": [1]},
]  # fmt: skip


def equal(column: str, value: str | int, operator: str = "Equal") -> dict[str, Any]:
    return {"field_name": column, "field_value": value, "operator": operator}


@pytest.fixture(autouse=True)
def filled(http: httpx.Client) -> None:
    for one in http.get("/vectordb/collections").json()["collections"]:
        http.delete(f"/vectordb/collections/{quote(one['name'], safe='')}").raise_for_status()
    http.post("/vectordb/collections", json=CREATION).raise_for_status()
    for kind, body in {"dense": DENSE, "sparse": SPARSE, "tf-idf": TEXT}.items():
        http.post(f"{C}/indexes/{kind}", json=body).raise_for_status()
    http.post(f"{C}/streaming/upsert", json={"vectors": VECTORS}).raise_for_status()


def state(http: httpx.Client) -> str:
    """Everything that the collection holds."""
    parts = [http.get(f"{C}{path}").json() for path in ("", "/indexes", "/versions", "/indexing_status")]
    parts += [http.get(f"{C}/vectors/{vector['id']}").text for vector in VECTORS]
    return json.dumps(parts, sort_keys=True)


def opened(http: httpx.Client) -> str:
    answer = http.post(f"{C}/transactions")
    assert answer.status_code == 200
    return f"{C}/transactions/{answer.json()['transaction_id']}"


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["results"]]


# --- what is right


def test_collections_are_described(http: httpx.Client) -> None:
    described = {
        **{name: CREATION[name] for name in CREATION if name != "name"},
        "name": "c", "vectors_count": 4, "dimension": 3,
    }  # fmt: skip
    assert http.get(C).json() == http.post(f"{C}/load").json() == described
    left_out = ("config", "metadata_schema", "store_raw_text")
    listed = {name: value for name, value in described.items() if name not in left_out}
    assert http.get("/vectordb/collections").json() == {"collections": [listed]}
    made = http.post("/vectordb/collections", json={**CREATION, "name": "other", "description": None})
    assert (made.status_code, made.json()) == (201, {"id": "other", "name": "other", "description": None})
    assert http.get("/vectordb/collections/loaded").json() == ["c", "other"]
    assert http.post(f"{C}/unload").json() == "Collection 'c' successfully unloaded"
    assert http.get("/vectordb/collections/loaded").json() == ["other"]
    gone = http.delete("/vectordb/collections/other")
    assert (gone.status_code, gone.content) == (204, b"")


def test_indexes_are_described(http: httpx.Client) -> None:
    answer = http.get(f"{C}/indexes").json()
    assert answer["collection_name"] == "c"
    dense, sparse, text = answer["indexes"]
    assert (dense["type"], dense["algorithm"], dense["distance_metric"]) == ("dense", "HNSW", "Cosine")
    assert dense["params"]["ef_search"] == 64
    assert (sparse["type"], sparse["algorithm"], sparse["quantization_bits"]) == ("sparse", "InvertedIndex", 6)
    assert (text["type"], text["algorithm"], text["k1"], text["b"]) == ("tf_idf", "BM25", 1.2, 0.75)
    for kind, path, body in (("dense", "dense", DENSE), ("sparse", "sparse", SPARSE), ("tf_idf", "tf-idf", TEXT)):
        assert http.delete(f"{C}/indexes/{kind}").status_code == 204
        made = http.post(f"{C}/indexes/{path}", json=body)
        assert made.status_code == 201
        assert made.json()["message"].endswith("index created successfully")


def test_vectors_are_read(http: httpx.Client) -> None:
    whole = {name: VECTORS[0][name] for name in VECTORS[0]}
    assert http.get(f"{C}/vectors/a").json() == whole
    nothing = dict.fromkeys(("document_id", "dense_values", "metadata", "text"))
    assert http.get(f"{C}/vectors/7").json() == {"id": "7", "sparse_indices": [1], "sparse_values": [1.0], **nothing}
    assert http.get(f"{C}/vectors", params={"document_id": "one"}).json() == [whole]
    assert http.get(f"{C}/vectors", params={"document_id": "two"}).json() == []
    assert http.head(f"{C}/vectors/a").status_code == 200
    assert http.head(f"{C}/vectors/x").status_code == 404
    near = http.get(f"{C}/vectors/a/neighbors").json()
    assert [one["id"] for one in near] == ["b", "c"]
    assert [one["score"] for one in near] == pytest.approx([0.6, 0.0], abs=1e-6)


def test_every_search_finds(http: httpx.Client) -> None:
    def search(kind: str, **body: Any) -> httpx.Response:
        return http.post(f"{C}/search/{kind}", json=body)

    answer = search("dense", query_vector=[1, 0, 0], top_k=2, return_raw_text=True).json()
    assert list(answer) == ["results"]
    [first, second] = answer["results"]
    assert first == {"id": "a", "document_id": "one", "score": pytest.approx(1), "text": "red fox"}
    assert second == {"id": "b", "document_id": None, "score": pytest.approx(0.6), "text": "a blue fox jumps"}
    assert search("dense", query_vector=[1, 0, 0]).json()["results"][0]["text"] is None
    assert ids(search("sparse", query_terms=[[1, 1.0]])) == ["7", "a"]
    assert ids(search("sparse", query_terms=[{"index": 5, "value": 2}])) == ["a"]
    assert ids(search("tf-idf", query="Foxes")) == ["a", "b"]
    assert ids(search("hybrid", query_vector=[0, 0, 1], query_text="fox", top_k=3)) == ["a", "b", "c"]
    assert ids(search("hybrid", query_vector=[0, 0, 1], query_terms=[[1, 1]], top_k=1)) == ["a"]
    assert ids(search("hybrid", query_terms=[[5, 1]], query_text="jump", fusion_constant_k=1)) == ["a", "b"]
    for kind, body, expected in (
        ("batch-dense", {"queries": [{"vector": [1, 0, 0]}, {"vector": [0, 0, 1]}]}, [["a"], ["c"]]),
        ("batch-sparse", {"query_terms_list": [[[1, 1]], [[5, 1]]]}, [["7"], ["a"]]),
        ("batch-tf-idf", {"queries": ["red", "jump"]}, [["a"], ["b"]]),
        ("batch-text", {"query_texts": ["red", "jump"]}, [["a"], ["b"]]),
        ("batch-hybrid", {"queries": [{"query_text": "red", "query_terms": [[5, 1]]}]}, [["a"]]),
    ):
        batch = search(kind, top_k=1, **body)
        assert batch.status_code == 200, batch.text
        found = [[hit["id"] for hit in one["results"]] for one in batch.json()["responses"]]
        assert found == expected, kind


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"Is": equal("color", "red")}, ["a", "c"]),
        ({"Is": equal("color", "red", "NotEqual")}, ["b"]),
        ({"And": [equal("color", "red"), equal("size", 1)]}, ["a"]),
        ({"Or": [equal("color", "blue"), equal("size", 2)]}, ["b", "c"]),
        (None, ["a", "b", "c"]),
    ],
)
def test_searches_are_filtered(http: httpx.Client, filter: Any, expected: list[str]) -> None:
    body = {"query_vector": [1, 0.1, 0], "filter": filter}
    assert sorted(ids(http.post(f"{C}/search/dense", json=body))) == expected
    batch = http.post(f"{C}/search/batch-dense", json={"queries": [{"vector": [1, 0.1, 0], "filter": filter}]})
    assert sorted(hit["id"] for hit in batch.json()["responses"][0]["results"]) == expected


def test_versions_are_named_read_and_made_current(http: httpx.Client) -> None:
    one = http.post(f"{C}/versions", json={"description": "before"})
    assert one.status_code == 201
    version = one.json()
    assert (version["description"], version["vector_count"], version["hash"]) == (
        "before",
        4,
        version["version_number"],
    )
    number = version["version_number"]
    http.post(f"{C}/streaming/upsert", json={"vectors": [{"id": "a", "dense_values": [0, 1, 0]}]})
    http.delete(f"{C}/streaming/vectors/b").raise_for_status()
    listed = http.get(f"{C}/versions").json()
    assert [each["version_number"] for each in listed["versions"]] == [number, listed["current_version"]]
    assert listed["current_version"] == listed["current_hash"] == http.get(f"{C}/versions/current").json()["hash"]
    assert http.get(f"{C}/versions/{number}").json() == version
    assert http.get(f"{C}/vectors/a", params={"version": number}).json()["dense_values"] == [1, 0, 0]
    assert ids(http.post(f"{C}/search/dense", json={"query_vector": [1, 0, 0], "version": number, "top_k": 2})) == [
        "a", "b"
    ]  # fmt: skip
    back = http.put(f"{C}/versions/current", json={"version": str(number)})
    assert (back.status_code, back.json()) == (200, version)
    assert http.get(f"{C}/vectors/a").json()["dense_values"] == [1, 0, 0]
    assert http.head(f"{C}/vectors/b").status_code == 200
    assert http.delete(f"{C}/versions/{number}").status_code == 204
    gone = http.get(f"{C}/versions/{number}")
    assert gone.status_code == 404
    assert gone.text.startswith("Version Not Found!")


def test_a_transaction_over_several_collections(http: httpx.Client) -> None:
    http.post("/vectordb/collections", json={**CREATION, "name": "other"}).raise_for_status()
    named = []
    for name in ("c", "other"):
        path = f"/vectordb/collections/{name}/transactions"
        id = http.post(path).json()["transaction_id"]
        http.post(f"{path}/{id}/upsert", json={"vectors": [{"id": "new"}]}).raise_for_status()
        named.append({"collection": name, "transaction_id": id})
    wrong = [named[0], {"collection": "other", "transaction_id": "0x00000000"}]
    assert http.post("/vectordb/transactions/commit", json={"transactions": wrong}).status_code == 400
    assert http.head(f"{C}/vectors/new").status_code == 404
    done = http.post("/vectordb/transactions/commit", json={"transactions": named})
    assert (done.status_code, done.content) == (204, b"")
    assert [http.head(f"/vectordb/collections/{name}/vectors/new").status_code for name in ("c", "other")] == [200] * 2


# --- what is wrong


REFUSALS: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/vectordb/collections", CREATION, 409, "Collection with name 'c' already exists"),
    ("POST", "/vectordb/collections", {**CREATION, "name": ""}, 400, "name"),
    ("POST", "/vectordb/collections", {**CREATION, "name": 1}, 400, "name"),
    ("POST", "/vectordb/collections", {**CREATION, "dense_vector": {"enabled": True}}, 400, "field `dimension`"),
    ("POST", "/vectordb/collections", {**CREATION, "metadata_schema": {"fields": 1}}, 400, "Invalid metadata schema"),
    ("POST", f"{C}/indexes/dense", DENSE, 409,
     "Index of type 'dense' already exists for this collection. Delete it first."),
    ("POST", f"{C}/indexes/dense", {**DENSE, "distance_metric_type": "far"}, 400, "distance_metric_type"),
    ("POST", f"{C}/indexes/dense", {**DENSE, "distance_metric_type": {"x": 1}}, 400, "distance_metric_type"),
    ("POST", f"{C}/indexes/dense", {**DENSE, "quantization": {"type": "scalar", "properties": {"data_type": []}}}, 400,
     "data type"),
    ("GET", f"{C}/versions/{'9' * 5000}", None, 404, "Version Not Found!"),
    ("POST", f"{C}/indexes/sparse", SPARSE, 409, "Index of type 'sparse' already exists"),
    ("POST", f"{C}/indexes/tf-idf", TEXT, 409, "already exists"),
    ("DELETE", f"{C}/indexes/tf-idf", None, 404, "tf_idf"),
    ("DELETE", f"{C}/indexes/flat", None, 404, "flat"),
    ("POST", f"{C}/transactions/0x00000001/upsert", {"vectors": []}, 400, "Transaction Not Found!"),
    ("POST", f"{C}/transactions/0x00000001/vectors", {"id": "x"}, 400, "Transaction Not Found!"),
    ("DELETE", f"{C}/transactions/0x00000001/vectors/a", None, 400, "Transaction Not Found!"),
    ("POST", f"{C}/transactions/0x00000001/commit", None, 400, "Transaction Not Found!"),
    ("POST", f"{C}/transactions/0x00000001/abort", None, 400, "Transaction Not Found!"),
    ("GET", f"{C}/transactions/0x00000001/status", None, 400, "Transaction Not Found!"),
    ("GET", f"{C}/transactions/1/status", None, 404, "Path deserialize error"),
    ("GET", f"{C}/vectors/none", None, 400, "Vector Not Found!"),
    ("GET", f"{C}/vectors/none/neighbors", None, 400, "Vector Not Found!"),
    ("GET", f"{C}/versions/99", None, 404, "Version Not Found!"),
    ("GET", f"{C}/versions/latest", None, 404, "Version Not Found!"),
    ("DELETE", f"{C}/versions/99", None, 404, "Version Not Found!"),
    ("PUT", f"{C}/versions/current", {"version": 99}, 404, "Version Not Found!"),
    ("PUT", f"{C}/versions/current", {"version": None}, 400, "version"),
    ("POST", f"{C}/versions", {"description": 1}, 400, "description"),
    ("POST", f"{C}/search/dense", {"query_vector": [1]}, 400, "Expected dimension of dense vector to be 3, found 1"),
    ("POST", f"{C}/search/dense", {"query_vector": ["1", 0, 0]}, 400, "numbers"),
    ("POST", f"{C}/search/dense", {"query_vector": [1, 0, 0], "top_k": -1}, 400, "top_k"),
    ("POST", f"{C}/search/dense", {"query_vector": [1, 0, 0], "version": 99}, 404, "Version Not Found!"),
    ("POST", f"{C}/search/dense", {"query_vector": [1, 0, 0], "filter": {"Is": equal("color", "green")}}, 400, "green"),
    ("POST", f"{C}/search/dense", {"query_vector": [1, 0, 0], "filter": {"Is": equal("x", 1)}}, 400, "x"),
    ("POST", f"{C}/search/dense", {"query_vector": [1, 0, 0], "filter": {"Not": []}}, 400, "filter"),
    ("POST", f"{C}/search/batch-dense", {"queries": [{"vector": [1, 0, 0]}, {}]}, 400, "vector"),
    ("POST", f"{C}/search/sparse", {"query_terms": [[1]]}, 400, ""),
    ("POST", f"{C}/search/sparse", {"query_terms": [[-1, 1.0]]}, 400, ""),
    ("POST", f"{C}/search/tf-idf", {"query": 5}, 400, "query"),
    ("POST", f"{C}/search/batch-tf-idf", {"queries": "fox"}, 400, "queries"),
    ("POST", f"{C}/search/hybrid", {"query_vector": [1, 0, 0]}, 400, "did not match any variant"),
    ("POST", f"{C}/search/hybrid", {"dense_query": {}, "sparse_query": {}}, 400, "did not match any variant"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "told"), REFUSALS)
def test_refusals_are_as_documented_and_change_nothing(
    http: httpx.Client, method: str, path: str, body: Any, status: int, told: str
) -> None:
    before = state(http)
    answer = http.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    if "/search" in path or "/indexes" in path:
        error = answer.json()
        assert error["code"] == status
        assert told in error["message"]
    else:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert told in answer.text
    assert state(http) == before


@pytest.mark.parametrize(
    ("vector", "told"),
    [
        ({"id": "x", "unknown": 1}, "unknown field `unknown`, expected one of "),
        ({"dense_values": [1, 0, 0]}, "id"),
        ({"id": None}, "id"),
        ({"id": 1.5}, "id"),
        ({"id": True}, "id"),
        ({"id": ""}, "id"),
        ({"id": "x", "dense_values": [1, 0]}, "Expected dimension of dense vector to be 3, found 2"),
        ({"id": "x", "dense_values": [1, 0, "0"]}, "numbers"),
        ({"id": "x", "dense_values": [1, 0, 1e300]}, "32 bits"),
        ({"id": "x", "dense_values": [1, 0, 0], "values": [1, 0, 0]}, "values"),
        ({"id": "x", "sparse_indices": [1, 2], "sparse_values": [1]}, "differ in length"),
        ({"id": "x", "sparse_indices": [1, 1], "sparse_values": [1, 2]}, "twice"),
        ({"id": "x", "sparse_indices": [-1], "sparse_values": [1]}, "sparse"),
        ({"id": "x", "sparse_indices": [2**32], "sparse_values": [1]}, "sparse"),
        ({"id": "x", "metadata": {"color": "green"}}, "green"),
        ({"id": "x", "metadata": {"size": 1.5}}, "size"),
        ({"id": "x", "metadata": {"other": None}}, "other"),
        ({"id": "x", "metadata": []}, "metadata"),
        ({"id": "x", "text": 1}, "text"),
        ({"id": "x", "document_id": []}, "id"),
        ([], "id"),
        ("x", "id"),
    ],
)
def test_wrong_vectors_are_refused_wherever_they_come_in(http: httpx.Client, vector: Any, told: str) -> None:
    before = state(http)
    transaction = opened(http)
    good = {"id": "good", "dense_values": [1, 0, 0]}
    for path, body in (
        (f"{transaction}/upsert", {"vectors": [good, vector]}),
        (f"{C}/streaming/upsert", {"vectors": [good, vector]}),
        (f"{transaction}/vectors", vector),
    ):
        answer = http.post(path, json=body)
        assert answer.status_code == 400, path
        assert told in answer.text or not isinstance(vector, dict)
    http.post(f"{transaction}/commit").raise_for_status()
    assert http.head(f"{C}/vectors/good").status_code == 404
    assert state(http) == before


@pytest.mark.parametrize("name", ["none", "a%2Fb", "%20", "..%2f..%2fetc", "__cosdata_journal"])
def test_an_unknown_collection_is_told_as_documented(http: httpx.Client, name: str) -> None:
    other = f"/vectordb/collections/{name}"
    shown = httpx.URL(f"http://x/{name}").path[1:]
    cache = f"Cache error: Collection '{shown}' not found Not Found!"
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/versions", None),
        ("POST", "/load", None),
    ):
        answer = http.request(method, other + path, json=body)
        assert answer.status_code == 400
        assert answer.text.startswith("Collection Not Found!")
    for path, body in (
        ("/transactions", None), ("/transactions/0x00000001/upsert", {"vectors": []}),
        ("/transactions/0x00000001/commit", None), ("/streaming/upsert", {"vectors": []}),
    ):  # fmt: skip
        answer = http.post(other + path, json=body)
        assert answer.status_code == 400
        assert answer.text.startswith("Failed to ")
        assert answer.text.endswith(cache)
    for path, body in (("/search/dense", {"query_vector": [1, 0, 0]}), ("/indexes/dense", DENSE)):
        answer = http.post(other + path, json=body)
        assert answer.status_code == 404
        message = f"Collection '{shown}' not found"
        assert answer.json() == {"error": "Not Found", "code": 404, "message": message}


def test_collections_of_qdrant_are_none_of_cosdata(http: httpx.Client) -> None:
    http.put("/collections/theirs", json={"vectors": {"size": 2, "distance": "Dot"}}).raise_for_status()
    assert [one["name"] for one in http.get("/vectordb/collections").json()["collections"]] == ["c"]
    for method in ("GET", "DELETE"):
        answer = http.request(method, "/vectordb/collections/theirs")
        assert answer.status_code == 400
        assert answer.text.startswith("Collection Not Found!")
    assert http.post("/vectordb/collections", json={**CREATION, "name": "theirs"}).status_code == 409
    http.delete("/collections/theirs").raise_for_status()


# --- transactions


def test_an_unknown_id_leaves_the_open_transaction_alone(http: httpx.Client) -> None:
    transaction = opened(http)
    http.post(f"{transaction}/upsert", json={"vectors": [{"id": "new"}]}).raise_for_status()
    for end in ("commit", "abort"):
        for id in ("0x00000000", "0xFFFFFFFF"):
            answer = http.post(f"{C}/transactions/{id}/{end}")
            assert (answer.status_code, answer.text[:22]) == (400, "Transaction Not Found!")
        assert http.post(f"{C}/transactions/guess/{end}").status_code == 404
    assert http.post(f"{C}/transactions").status_code == 409
    assert http.post(f"{transaction}/commit").status_code == 204
    assert http.head(f"{C}/vectors/new").status_code == 200


def test_a_transaction_of_another_collection_is_unknown(http: httpx.Client) -> None:
    http.post("/vectordb/collections", json={**CREATION, "name": "other"}).raise_for_status()
    transaction = opened(http)
    elsewhere = transaction.replace("/collections/c/", "/collections/other/")
    for path in ("commit", "abort"):
        assert http.post(f"{elsewhere}/{path}").status_code == 400
    assert http.post(f"{transaction}/abort").status_code == 204


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_transaction_that_ended_is_told_of(http: httpx.Client, end: str) -> None:
    transaction = opened(http)
    http.post(f"{transaction}/{end}").raise_for_status()
    for path, body in (
        ("commit", None),
        ("abort", None),
        ("upsert", {"vectors": [{"id": "x"}]}),
        ("vectors", {"id": "x"}),
    ):
        answer = http.post(f"{transaction}/{path}", json=body)
        assert answer.status_code == 400
        assert answer.text.startswith("Transaction Not Found!")
        assert {"commit": "committed", "abort": "aborted"}[end] in answer.text
    assert http.get(f"{transaction}/status").json()["status"] == ("complete" if end == "commit" else "not_started")


def test_eight_threads_upload_to_one_transaction(http: httpx.Client, server: Server) -> None:
    """As the official clients do, each request on a connection of its own."""
    transaction = opened(http)
    headers = dict(http.headers)
    gone: list[int] = []

    def upload(part: int) -> None:
        vectors = [{"id": f"{part}-{number}", "dense_values": [part, number, 1]} for number in range(200)]
        answer = httpx.post(f"{server.url}{transaction}/upsert", json={"vectors": vectors}, headers=headers, timeout=30)
        gone.append(answer.status_code)

    def look(stop: threading.Event) -> None:
        while not stop.wait(0.01):
            assert http.get(C).json()["vectors_count"] in (4, 4 + 24 * 200)

    stop = threading.Event()
    with ThreadPoolExecutor(9) as threads:
        looking = threads.submit(look, stop)
        list(threads.map(upload, range(24)))
        assert http.post(f"{transaction}/commit").status_code == 204
        stop.set()
        looking.result()
    assert gone == [200] * 24
    assert http.get(C).json()["vectors_count"] == 4 + 24 * 200
    assert http.get(f"{C}/vectors/23-199").json()["dense_values"] == [23, 199, 1]


def test_eight_megabytes_of_vectors_are_taken(http: httpx.Client) -> None:
    values = np.random.default_rng(1).random((400, 3)).round(3).tolist()
    padding = "x" * ((8 * 1024 * 1024 - 200_000) // 400)
    vectors = [{"id": f"big{n}", "dense_values": row, "text": padding} for n, row in enumerate(values)]
    body = json.dumps({"vectors": vectors}).encode()
    assert 8_000_000 < len(body) <= 8 * 1024 * 1024
    kind = {"content-type": "application/json"}
    assert http.post(f"{C}/streaming/upsert", content=body, headers=kind).status_code == 200
    assert http.get(f"{C}/vectors/big399").json()["text"] == padding
    before = state(http)
    larger = body + b" " * (8 * 1024 * 1024 + 1 - len(body))
    assert http.post(f"{C}/streaming/upsert", content=larger, headers=kind).status_code == 413
    assert state(http) == before


@pytest.mark.parametrize("id", ["a/b", "a?b=c", "a#b", "ü ñ 😀", "100%", "a b", "%2F", "\\", "x" * 1000, "-1", "\n"])
def test_ids_have_any_letters(http: httpx.Client, id: str) -> None:
    path = f"{C}/vectors/{quote(id, safe='')}"
    vector = {"id": id, "document_id": id, "dense_values": [0, 0.6, 0.8]}
    http.post(f"{C}/streaming/upsert", json={"vectors": [vector]}).raise_for_status()
    assert http.get(path).json()["id"] == id
    assert http.head(path).status_code == 200
    assert http.get(f"{path}/neighbors").status_code == 200
    assert [one["id"] for one in http.get(f"{C}/vectors", params={"document_id": id}).json()] == [id]
    assert ids(http.post(f"{C}/search/dense", json={"query_vector": [0, 0.6, 0.8], "top_k": 1})) == [id]
    transaction = opened(http)
    assert http.delete(f"{transaction}/vectors/{quote(id, safe='')}").status_code == 204
    http.post(f"{transaction}/commit").raise_for_status()
    assert http.head(path).status_code == 404
    http.post(f"{C}/streaming/upsert", json={"vectors": [vector]}).raise_for_status()
    assert http.delete(f"{C}/streaming/vectors/{quote(id, safe='')}").status_code == 204
    assert http.head(path).status_code == 404


@pytest.fixture
def impatient() -> Iterator[httpx.Client]:
    settings = Settings(service=Service(http_port=0, grpc_port=None), cosdata=Cosdata(transaction_timeout_secs=1))
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database, settings) as server,
        client(server.url) as logged_in,
    ):
        logged_in.post("/vectordb/collections", json=CREATION).raise_for_status()
        yield logged_in


def test_a_transaction_that_is_left_alone_ends(impatient: httpx.Client) -> None:
    transaction = opened(impatient)
    impatient.post(f"{transaction}/upsert", json={"vectors": [{"id": "new"}]}).raise_for_status()
    for _ in range(100):
        if impatient.post(f"{C}/transactions").status_code == 200:
            break
        threading.Event().wait(0.1)
    else:
        pytest.fail("it never ends")
    answer = impatient.post(f"{transaction}/commit")
    assert answer.status_code == 400
    assert "timed out" in answer.text
    assert impatient.head(f"{C}/vectors/new").status_code == 404


def test_a_server_that_starts_again_has_all_that_was_committed_and_no_open_transaction(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(tmp_path, data=data) as server, client(server.url) as http:
        http.post("/vectordb/collections", json=CREATION).raise_for_status()
        http.post(f"{C}/streaming/upsert", json={"vectors": VECTORS}).raise_for_status()
        version = http.post(f"{C}/versions", json={"description": "kept"}).json()
        transaction = opened(http)
        http.post(f"{transaction}/upsert", json={"vectors": [{"id": "new"}]}).raise_for_status()
        server.process.kill()
        server.process.wait()
    with served(tmp_path, data=data) as server:
        assert httpx.get(f"{server.url}{C}", headers=http.headers).status_code == 401  # as are logins
        with client(server.url) as http:
            assert http.get(C).json()["vectors_count"] == 4
            assert http.get(f"{C}/versions/{version['hash']}").json() == version
            for end in ("commit", "abort"):
                assert http.post(f"{transaction}/{end}").status_code == 400
            assert http.head(f"{C}/vectors/new").status_code == 404
            opened(http)


def test_a_gateway_speaks_for_a_qdrant_server(tmp_path: Path) -> None:
    (tmp_path / "gateway").mkdir()
    with (
        served(tmp_path) as behind,
        served(tmp_path / "gateway", "--backend", behind.url) as gateway,
        client(gateway.url) as http,
    ):
        http.post("/vectordb/collections", json=CREATION).raise_for_status()
        http.post(f"{C}/indexes/dense", json=DENSE).raise_for_status()
        transaction = opened(http)
        http.post(f"{transaction}/upsert", json={"vectors": VECTORS}).raise_for_status()
        http.post(f"{transaction}/commit").raise_for_status()
        assert ids(http.post(f"{C}/search/dense", json={"query_vector": [1, 0, 0], "top_k": 2})) == ["a", "b"]
        assert behind.stop() == 0
        answer = http.post(f"{C}/search/dense", json={"query_vector": [1, 0, 0]})
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"] == "Service Unavailable"
