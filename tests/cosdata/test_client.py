"""The client, method by method, wherever it works."""

from __future__ import annotations

import gc
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cosdata_places import PLACES

from quiverdb.cosdata import (
    Client,
    Collection,
    ConflictError,
    CosdataError,
    NotFoundError,
    ValidationError,
    Vector,
    Version,
    embed_texts,
)
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import ClosedError, LockedError, MissingLibraryError

TEXT = {"enabled": True}
CORNERS = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [1.0, 1.0]}
SCHEMA = {
    "fields": [{"name": "color", "values": ["red", "blue"]}, {"name": "size", "values": [1, 2]}],
    "supported_conditions": [{"op": "and", "field_names": ["color", "size"]}],
}


def is_field(name: str, value: Any, operator: str = "Equal") -> dict[str, Any]:
    return {"field_name": name, "field_value": value, "operator": operator}


@pytest.fixture(params=sorted(PLACES))
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    url = request.getfixturevalue("cosdata_url") if "server" in request.param else ""
    with PLACES[request.param](tmp_path, url) as client:
        yield client


@pytest.fixture
def corners(client: Client) -> Collection:
    collection = client.create_collection("corners", dimension=2)
    collection.create_index(distance_metric="dot_product")
    with collection.transaction() as txn:
        txn.batch_upsert_vectors([{"id": id, "dense_values": values} for id, values in CORNERS.items()])
    return collection


def ids(answer: Any) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


# --- collections


def test_collections_are_dictionaries_and_objects(client: Client) -> None:
    made = client.collections.create(name="docs", dimension=3, description="Texts")
    for found in (made, client.collections.get("docs"), client.get_collection("docs"), *client.collections()):
        assert (found["name"], found["dimension"], found["description"]) == ("docs", 3, "Texts")
        assert (found.name, found.dimension, found.description) == ("docs", 3, "Texts")
        assert found["dense_vector"] == {"enabled": True, "dimension": 3}
        assert json.loads(json.dumps(dict(found))) == dict(found)
        assert repr(found).startswith("Collection(")
        with pytest.raises(AttributeError, match="nothing"):
            _ = found.nothing
    info = made.get_info()
    assert (info["name"], info["vectors_count"], info["store_raw_text"]) == ("docs", 0, False)
    assert [item["name"] for item in client.list_collections()] == ["docs"]


def test_collections_come_and_go(client: Client) -> None:
    client.create_collection("b")
    kept = client.collections.create("a", dimension=2)
    assert sorted(found.name for found in client.collections.list()) == ["a", "b"]
    client.collections.delete("b")
    kept.delete()
    assert client.collections() == []
    with pytest.raises(NotFoundError, match="Collection Not Found!") as caught:
        client.get_collection("b")
    assert caught.value.status == 400


def test_names_are_taken_once(client: Client) -> None:
    client.create_collection("docs", dimension=2)
    with pytest.raises(ConflictError, match="already exists"):
        client.collections.create("docs", dimension=2)
    with pytest.raises(CosdataError):
        client.create_collection("", dimension=0)


def test_collections_are_loaded_and_unloaded(client: Client) -> None:
    collection = client.create_collection("docs", dimension=2)
    collection.load()
    assert client.collections.load("docs").dimension == 2
    assert "docs" in collection.loaded(client)
    assert "docs" in client.collections.unload("docs")
    collection.unload()
    assert "docs" not in client.collections.loaded()


def test_indexing_is_done_when_a_commit_returns(corners: Collection) -> None:
    status = corners.indexing_status()
    assert status["collection_name"] == "corners"
    assert status["in_progress_transactions"] == status["not_started_transactions"] == 0
    assert status["completed_transactions"] == status["total_transactions"] == 1


# --- indexes


def test_indexes_of_the_seed_and_of_the_sdk_differ_in_their_defaults(client: Client) -> None:
    for name in ("seed", "sdk"):
        client.create_collection(name, dimension=2)
    seed, sdk = client.indexes.create("seed"), client.get_collection("sdk").create_index()
    assert (
        seed["index"]["properties"] | {"num_layers": 7, "ef_construction": 512, "ef_search": 256}
        == (sdk["index"]["properties"])
    )
    assert (seed.name, seed.index_type, seed["distance_metric_type"]) == ("seed_index", "dense", "cosine")
    (there,) = client.indexes.get("seed")["indexes"]
    assert (there["type"], there["params"]["ef_search"], there["params"]["num_layers"]) == ("dense", 64, 10)


def test_there_is_one_index_of_each_type(client: Client) -> None:
    client.create_collection("all", 2, sparse_vector={"enabled": True}, tf_idf_options=TEXT)
    collection = client.get_collection("all")
    made = [
        collection.create_index(),
        collection.create_sparse_index("my_sparse_index"),
        collection.create_tf_idf_index("my_tf_idf_index"),
    ]
    assert [entry["type"] for entry in client.indexes.get("all")["indexes"]] == ["dense", "sparse", "tf_idf"]
    with pytest.raises(ConflictError, match="Delete it first"):
        client.indexes.create_dense("all", "again")
    for index in made:
        found = collection.get_index(index.name)
        assert (found.name, found.index_type) == (index.name, index.index_type)
        found.delete()
        with pytest.raises(NotFoundError):
            index.delete()
    with pytest.raises(NotFoundError):
        collection.get_index("all_index")


def test_an_index_covers_what_is_there_already(client: Client) -> None:
    collection = client.create_collection("docs", dimension=2)
    collection.stream_upsert([{"id": id, "values": values} for id, values in CORNERS.items()])
    with pytest.raises(NotFoundError, match="Required index not found") as caught:
        collection.search.dense([1.0, 0.0])
    assert caught.value.status == 400
    index = collection.create_index(distance_metric="euclidean")
    assert ids(index.query([0.9, 0.0], nn_count=1)) == ["a"]
    assert index.fetch_vector("b").dense_values == [0.0, 1.0]
    client.indexes.delete("docs")
    with pytest.raises(NotFoundError, match="Required index not found"):
        collection.search.dense([1.0, 0.0])


# --- transactions


def test_a_commit_is_seen_at_once_and_an_abort_never(corners: Collection) -> None:
    txn = corners.create_transaction()
    assert txn.get_status()["status"] == "not_started"
    txn.upsert_vector({"id": "d", "dense_values": [5.0, 5.0]})
    txn.delete_vector("a")
    assert not corners.vectors.exists("d")
    assert ids(corners.search.dense([1.0, 1.0], top_k=1)) == ["c"]
    with pytest.raises(ConflictError, match="on-going"):
        corners.create_transaction()
    txn.commit()
    assert txn.poll_completion(max_attempts=1) == ("complete", True)
    assert ids(corners.search.dense([1.0, 1.0])) == ["d", "c", "b"]
    with pytest.raises(ZeroDivisionError), corners.transaction() as txn:
        _ = txn.upsert({"id": "e", "dense_values": [5.0, 5.0]}), 1 // 0
    assert not corners.vectors.exists("e")
    assert corners.get_info()["vectors_count"] == 3


def test_vectors_are_replaced(corners: Collection) -> None:
    with corners.transaction() as txn:
        txn.upsert([{"id": "a", "dense_values": [7.0, 7.0], "metadata": {"n": 1}}])
    assert corners.vectors.get("a").dense_values == [7.0, 7.0]
    assert ids(corners.search.dense([1.0, 1.0])) == ["a", "c", "b"]


def test_new_vectors_only(corners: Collection) -> None:
    with corners.transaction() as txn:
        txn.create_vector({"id": "d", "dense_values": [1.0, 2.0]})
        with pytest.raises(ConflictError, match="already exists: a"):
            txn.create_vector({"id": "a", "dense_values": [7.0, 7.0]})
    assert corners.vectors.get("a").dense_values == [1.0, 0.0]
    assert corners.vectors.exists("d")


def test_several_collections_change_together(client: Client, corners: Collection) -> None:
    other = client.create_collection("other", dimension=3)
    with client.transactions.create() as txn:
        txn.upsert("corners", [{"id": 1, "values": [1.0, 2.0]}])
        txn.upsert("other", [{"id": 1, "values": [1.0, 2.0, 3.0]}]).delete("corners", "a")
        assert not other.vectors.exists(1)
    assert [corners.vectors.exists(1), other.vectors.exists(1), corners.vectors.exists("a")] == [True, True, False]
    with pytest.raises(ValidationError, match="dimension"), client.transactions.create() as txn:
        txn.upsert("corners", [{"id": 2, "values": [1.0, 2.0]}]).upsert("other", [{"id": 2, "values": [1.0, 2.0]}])
    assert not corners.vectors.exists(2)
    with corners.transaction(), other.transaction():
        pass


def test_transactions_end_by_their_ids(client: Client, corners: Collection) -> None:
    txn = client.transactions.create().upsert("corners", [{"id": 1, "values": [1.0, 2.0]}])
    assert client.transactions.commit(txn.transaction_id)["collections"] == ["corners"]
    assert corners.vectors.exists(1)
    begun = corners.create_transaction()
    begun.upsert_vector({"id": 2, "values": [1.0, 2.0]})
    client.transactions.abort(begun.transaction_id)
    assert not corners.vectors.exists(2)
    with pytest.raises(NotFoundError, match="Transaction Not Found!"):
        client.transactions.commit("0x12345678", "corners")
    with client.transactions.transaction("corners") as txn:
        txn.add_vector("3", dense_values=[1.0, 2.0], document_id="d", metadata={"n": 1})
    assert corners.vectors.get(3).metadata == {"n": 1}


def test_an_unknown_transaction_costs_nobody_theirs(client: Client, corners: Collection) -> None:
    with corners.transaction() as txn:
        txn.upsert_vector({"id": "d", "dense_values": [1.0, 2.0]})
        for end in (client.transactions.commit, client.transactions.abort):
            with pytest.raises(NotFoundError):
                end("0x12345678", "corners")
        with pytest.raises(CosdataError):
            txn.get_status(transaction_id="non_existent")
    assert corners.vectors.exists("d")


def test_many_vectors(client: Client) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 8)).astype(np.float32)
    collection = client.create_collection("many", dimension=8)
    collection.create_index(distance_metric="dot_product")
    with collection.transaction(wait=True) as txn:
        txn.batch_upsert_vectors(({"id": n, "dense_values": row} for n, row in enumerate(rows)), max_workers=3)
    assert collection.get_info()["vectors_count"] == 1000
    best = int(np.argmax(rows @ rows[5]))
    assert ids(collection.search.dense(rows[5], top_k=1)) == [str(best)]
    assert np.array_equal(np.float32(collection.vectors.get(7).dense_values), rows[7])


@pytest.mark.parametrize(
    "vector",
    [
        {"id": "x", "dense_values": [1.0]},
        {"id": "x", "dense_values": [1.0, float("inf")]},
        {"id": "x", "dense": [1.0, 2.0]},
        {"id": 1.5, "dense_values": [1.0, 2.0]},
        {"dense_values": [1.0, 2.0]},
        {"id": "x", "dense_values": [1.0, 2.0], "metadata": {"n": 1.5}},
        {"id": "x", "dense_values": [1.0, 2.0], "metadata": {"n": None}},
        {"id": "x", "sparse_indices": [1, 2], "sparse_values": [1.0]},
    ],
)
def test_wrong_vectors_change_nothing(client: Client, corners: Collection, vector: dict[str, Any]) -> None:
    good = {"id": "good", "dense_values": [1.0, 2.0]}
    with pytest.raises(ValidationError), corners.transaction() as txn:
        txn.batch_upsert_vectors([good, vector])
    with pytest.raises(ValidationError):
        corners.stream_upsert([good, vector])
    with pytest.raises(ValidationError), client.transactions.create() as joint:
        joint.upsert("corners", [good, vector])
    assert not corners.vectors.exists("good")
    assert corners.get_info()["vectors_count"] == 3


# --- vectors


@pytest.mark.parametrize("id", [1, "1", np.int32(1)])
def test_numbers_and_texts_are_one_id(corners: Collection, id: Any) -> None:
    corners.stream_upsert({"id": 1, "values": [3.0, 4.0]})
    corners.stream_upsert({"id": id, "values": [5.0, 6.0]})
    found = corners.client.vectors.fetch("corners", vector_id=id)
    assert (found.id, found["values"]) == ("1", [5.0, 6.0])
    assert corners.vectors.exists(id)
    corners.client.vectors.delete("corners", id)
    assert not corners.vectors.exists(1)


@pytest.mark.parametrize("id", ["a/b", "a?b=c", "a#b", "%41", "ä ö", "."])
def test_any_text_is_an_id(corners: Collection, id: str) -> None:
    corners.stream_upsert({"id": id, "values": [3.0, 4.0]})
    assert corners.vectors.get(id).id == id
    with corners.transaction() as txn:
        txn.delete_vector(id)
    assert not corners.vectors.exists(id)


def test_vectors_are_read_with_all_they_have(client: Client) -> None:
    collection = client.create_collection(
        "all", 2, sparse_vector={"enabled": True}, tf_idf_options=TEXT, store_raw_text=True
    )
    whole = {
        "id": "a",
        "document_id": "d",
        "dense_values": [1.0, 2.0],
        "metadata": {"n": 1, "s": "x"},
        "sparse_indices": [1, 5],
        "sparse_values": [0.5, 0.25],
        "text": "a red fox",
    }
    assert collection.stream_upsert(whole) == {}
    found = collection.vectors.get("a")
    assert isinstance(found, Vector)
    assert found == whole
    assert collection.vectors.get_by_document_id("d") == [whole]
    assert collection.vectors.get_by_document_id("e") == []
    assert (found.document_id, found.sparse_values, found.text) == ("d", [0.5, 0.25], "a red fox")
    collection.stream_upsert({**found, "text": "two birds"})
    assert collection.vectors.get("a").text == "two birds"
    assert collection.stream_delete("a") == {}
    with pytest.raises(NotFoundError, match="Vector Not Found!"):
        collection.vectors.get("a")


def test_neighbors(corners: Collection) -> None:
    assert [near["id"] for near in corners.neighbors("a")] == ["c", "b"]
    with pytest.raises(NotFoundError):
        corners.neighbors("x")


# --- searches


def test_dense_search(client: Client, corners: Collection) -> None:
    assert client.search.query("corners", vector=[2.0, 1.0], nn_count=2) == {
        "results": [
            {"id": "c", "document_id": None, "score": 3.0, "text": None},
            {"id": "a", "document_id": None, "score": 2.0, "text": None},
        ]
    }
    batch = corners.search.batch_dense([{"vector": [2.0, 1.0]}, {"vector": np.array([-1.0, 2.0])}], top_k=1)
    assert [ids(one) for one in batch["responses"]] == [["c"], ["b"]]
    assert corners.search.batch_dense(np.eye(2), top_k=3)["responses"][0] == corners.search.dense([1.0, 0.0], 3)


def test_sparse_search(client: Client) -> None:
    collection = client.create_collection("sparse", 2, sparse_vector={"enabled": True})
    collection.create_sparse_index("words")
    rows = {"a": {1: 1.0, 2: 1.0}, "b": {2: 3.0}}
    collection.stream_upsert([
        {"id": id, "sparse_indices": [*terms], "sparse_values": [*terms.values()]} for id, terms in rows.items()
    ])  # fmt: skip
    ways = [[[1, 0.5], [2, 1.0]], [{"index": 1, "value": 0.5}, {"index": 2, "value": 1.0}], {"1": 0.5, "2": 1.0}]
    for terms in ways:
        found = collection.search.sparse(terms, top_k=2)
        assert [(hit["id"], hit["score"]) for hit in found["results"]] == [("b", 3.0), ("a", 1.5)]
        assert client.search.query_sparse("sparse", terms)["results"] == found["results"]
    batch = collection.search.batch_sparse(ways)["responses"]
    assert batch == [collection.search.sparse(ways[0])] * 3


def test_text_and_hybrid_search(client: Client) -> None:
    collection = client.create_collection("texts", 2, tf_idf_options=TEXT, store_raw_text=True)
    collection.create_tf_idf_index("words")
    collection.create_index(distance_metric="dot_product")
    texts = {"a": "a red fox", "b": "two blue birds", "c": "a red bird"}
    collection.stream_upsert([
        {"id": id, "text": text, "dense_values": CORNERS[id]} for id, text in texts.items()
    ])  # fmt: skip
    found = collection.search.text("birds", return_raw_text=True)["results"]
    assert {hit["id"]: hit["text"] for hit in found} == {"b": "two blue birds", "c": "a red bird"}
    batch = collection.search.batch_text(["birds", "fox"])
    assert batch == collection.search.batch_tf_idf_search(["birds", "fox"])
    assert [len(one["results"]) for one in batch["responses"]] == [2, 1]
    query = {"query_vector": [1.0, 0.0], "query_text": "fox"}
    hybrid = collection.search.hybrid(**query, top_k=2, fusion_constant_k=10.0)
    assert ids(hybrid)[0] == "a"
    assert len(hybrid["results"]) == 2
    assert collection.search.hybrid_search({**query, "top_k": 2, "fusion_constant_k": 10.0}) == hybrid
    assert collection.search.batch_hybrid([query], top_k=2, fusion_constant_k=10.0)["responses"] == [hybrid]


def test_filters(client: Client) -> None:
    collection = client.create_collection("things", 2, metadata_schema=SCHEMA)
    collection.create_index(distance_metric="dot_product")
    rows = {"a": ("red", 1), "b": ("red", 2), "c": ("blue", 1)}
    collection.stream_upsert([
        {"id": id, "dense_values": CORNERS[id], "metadata": {"color": color, "size": size}}
        for id, (color, size) in rows.items()
    ])  # fmt: skip
    red, small = is_field("color", "red"), is_field("size", 1)

    def found(filter: Any) -> list[str]:
        return sorted(ids(collection.search.dense([1.0, 1.0], filter=filter)))

    assert found({"Is": red}) == ["a", "b"]
    assert found({"And": [red, small]}) == ["a"]
    assert found({"Or": [is_field("color", "blue"), is_field("size", 2)]}) == ["b", "c"]
    assert found({"Is": is_field("color", "red", "NotEqual")}) == ["c"]
    batch = collection.search.batch_dense([{"vector": [1.0, 1.0], "filter": {"Is": small}}])
    assert sorted(ids(batch["responses"][0])) == ["a", "c"]
    for wrong in ({"Is": is_field("weight", 1)}, {"Is": is_field("color", "green")}, {"Not": [red]}):
        with pytest.raises(ValidationError):
            found(wrong)


def test_a_filter_needs_a_schema(corners: Collection) -> None:
    with pytest.raises(ValidationError, match="metadata_schema"):
        corners.search.dense([1.0, 1.0], filter={"Is": is_field("color", "red")})


def test_searches_of_unknown_collections(client: Client) -> None:
    with pytest.raises(NotFoundError, match="'docs' not found") as caught:
        client.search.dense("docs", [1.0])
    assert caught.value.status == 404


# --- versions


def test_versions(client: Client, corners: Collection) -> None:
    first = client.versions.create("corners", description="Three")
    assert isinstance(first, Version)
    assert first["id"] == str(first.version_number) == str(first.hash)
    assert (first.vector_count, first.description) == (3, "Three")
    assert isinstance(first.created_at, datetime)
    corners.stream_upsert({"id": "d", "values": [9.0, 9.0]})
    corners.stream_delete("a")
    listed = client.versions.list("corners")
    assert (listed[0]["id"], listed[0]["description"]) == (first["id"], "Three")
    assert listed["current_version"] == corners.versions.get_current().version_number > first.version_number
    assert corners.versions.list() == {**corners.versions.list(), "versions": [*listed]}
    assert corners.versions.get_history() == [*listed]
    for version in (first, first.version_number, first["id"]):
        assert client.versions.get("corners", version_id=version) == first
        assert ids(corners.search.dense([1.0, 1.0], top_k=1, version=version)) == ["c"]
        assert corners.vectors.get("a", version=version).dense_values == [1.0, 0.0]
    with pytest.raises(NotFoundError):
        corners.vectors.get("a")
    assert corners.set_version(first).version_number == first.version_number
    assert corners.vectors.exists("a")
    assert not corners.vectors.exists("d")
    assert corners.versions.get_current() == first
    client.versions.delete("corners", first["id"])
    with pytest.raises(NotFoundError):
        corners.versions.get(first.version_number)


# --- the client


def test_places_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="host and path"):
        Client("http://example.com", path=tmp_path)
    with pytest.raises(TypeError, match="takes no timeout"):
        Client(":memory:", timeout=3)
    with EngineDatabase.open(":memory:") as database, pytest.raises(ValidationError, match="path and database"):
        Client(path=tmp_path, database=database)
    for options in ({"host": ":memory:"}, {"path": ":memory:"}):
        with Client(**options) as client:
            assert (client.host, client.base_url) == (":memory:", ":memory:/vectordb")
            assert repr(client) == "<Client :memory:>"
    assert repr(client) == "<Client :memory: closed>"


def test_a_folder_keeps_what_was_stored(tmp_path: Path) -> None:
    with Client(path=tmp_path) as client:
        client.create_collection("docs", dimension=2).stream_upsert({"id": 1, "values": [1.0, 2.0]})
        client.versions.create("docs", "One")
    with Client(path=str(tmp_path)) as client, Client(path=tmp_path) as second:
        assert second.vectors.fetch("docs", 1)["values"] == [1.0, 2.0]
        assert [version.description for version in client.versions.list("docs")] == ["One"]
        with client.transactions.create("docs"), pytest.raises(ConflictError, match="on-going"):
            second.transactions.create("docs")


def test_a_closed_client_leaves_no_transaction_open(tmp_path: Path) -> None:
    with Client(path=tmp_path) as kept, ExitStack() as stack:
        kept.create_collection("docs", dimension=2)
        other = stack.enter_context(Client(path=tmp_path))
        other.transactions.create("docs").upsert([{"id": 1, "values": [1.0, 2.0]}])
        other.close()
        with kept.transactions.create("docs"):
            pass
        assert not kept.vectors.exists("docs", 1)


def test_a_database_stays_with_who_opened_it() -> None:
    with EngineDatabase.open(":memory:") as database:
        with Client(database=database) as client:
            client.create_collection("docs", dimension=2)
        with Client(database=database) as again:
            assert again.list_collections()[0]["name"] == "docs"


def test_closed_clients_say_so() -> None:
    client = Client(":memory:")
    collection = client.create_collection("docs", dimension=2)
    client.close()
    client.close()
    for call in (client.list_collections, collection.get_info, collection.create_transaction):
        with pytest.raises(ClosedError, match="make a new one"):
            call()


def test_forgotten_clients_of_folders_are_told_of(tmp_path: Path) -> None:
    forgotten = [Client(":memory:")]
    forgotten.clear()
    forgotten.append(Client(path=tmp_path))
    with pytest.warns(ResourceWarning, match="never closed"):
        forgotten.clear()
    gc.collect()


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    program = "import sys; from quiverdb.cosdata import Client; Client(path=sys.argv[1])"
    with Client(path=tmp_path):
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert LockedError.__name__ in done.stderr


def test_records_travel(client: Client, corners: Collection) -> None:
    version, vector = corners.versions.create(), corners.vectors.get("a")
    assert pickle.loads(pickle.dumps((version, vector))) == (version, vector)
    assert vector.get("metadata") is None
    with pytest.raises(KeyError):
        vector["nothing"]


def test_texts_become_vectors() -> None:
    rows = embed_texts(["open a file", "close the file"], model_name="quiverdb/hashing")
    assert [len(row) for row in rows] == [256, 256]
    assert all(type(number) is float for number in rows[0])
    with pytest.raises(ImportError) as caught:
        embed_texts(["open a file"])
    assert isinstance(caught.value, MissingLibraryError)
    with pytest.raises(ValidationError, match="no dense vectors"):
        embed_texts(["open a file"], model_name="Qdrant/bm25")
