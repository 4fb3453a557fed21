"""Programs in the manner of those that come with the official SDK, by the names that they import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cosdata_places import PLACES

from quiverdb import dropin

SIZE = 64
RNG = np.random.default_rng(7)


@pytest.fixture(params=["memory", "server"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    url = request.getfixturevalue("cosdata_url") if request.param == "server" else ""
    with dropin.installed("cosdata", replace=True), PLACES[request.param](tmp_path, url) as client:
        yield client


def rows(count: int, prefix: str, **other: Any) -> list[dict[str, Any]]:
    values = RNG.uniform(-1, 1, (count, SIZE)).tolist()
    return [
        {"id": f"{prefix}_{n + 1}", "dense_values": values[n], "document_id": f"doc_{n // 5}", **other}
        for n in range(count)
    ]


def test_the_client(client: Any) -> None:
    from cosdata import Client

    assert isinstance(client, Client)
    assert len(client.list_collections()) == len(client.collections()) == 0
    assert client.indexes is not None


def test_dense_vectors(client: Any) -> None:
    collection = client.create_collection(name="dense", dimension=SIZE, description="dense")
    assert collection.get_info().get("name") == "dense"
    index = collection.create_index(
        distance_metric="cosine",
        num_layers=7,
        max_cache_size=1000,
        ef_construction=512,
        ef_search=256,
        neighbors_count=32,
        level_0_neighbors_count=64,
    )
    assert collection.get_index(index.name).name == index.name
    vectors = rows(100, "vec", metadata={"batch": 0})
    with collection.transaction() as txn:
        txn.upsert_vector(vectors[0])
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(vectors[1:])
    assert collection.vectors.exists(vectors[0]["id"])
    assert collection.vectors.get(vectors[0]["id"]).id == vectors[0]["id"]
    assert len(collection.vectors.get_by_document_id("doc_0")) == 5
    found = collection.search.dense(query_vector=vectors[3]["dense_values"], top_k=5, return_raw_text=True)
    assert found.get("results", [])[0]["id"] == vectors[3]["id"]
    batch = collection.search.batch_dense(
        queries=[{"vector": one["dense_values"]} for one in vectors[:3]], top_k=3, return_raw_text=True
    )
    assert [one["results"][0]["id"] for one in batch["responses"]] == [one["id"] for one in vectors[:3]]
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(rows(1000, "more"), max_workers=4)
    assert collection.get_info()["vectors_count"] == 1100
    index.delete()


def test_sparse_vectors(client: Any) -> None:
    collection = client.create_collection(
        name="sparse",
        dimension=SIZE,
        dense_vector={"enabled": False, "dimension": SIZE},
        sparse_vector={"enabled": True},
        tf_idf_options={"enabled": False},
    )
    index = collection.create_sparse_index(name="sparse_index", quantization=64, sample_threshold=1000)
    vectors = [
        {
            "id": f"s_{n}",
            "sparse_indices": sorted(RNG.choice(500, 20, replace=False).tolist()),
            "sparse_values": RNG.uniform(0, 2, 20).tolist(),
        }
        for n in range(50)
    ]
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(vectors)
    weights = {one["id"]: dict(zip(one["sparse_indices"], one["sparse_values"], strict=True)) for one in vectors}
    terms = [[term, weight] for term, weight in weights["s_0"].items()]
    found = collection.search.sparse(terms, top_k=5, early_terminate_threshold=0.0, return_raw_text=True)
    products = {id: sum(weight * other.get(term, 0.0) for term, weight in terms) for id, other in weights.items()}
    best = sorted(products, key=lambda id: -products[id])[:5]
    assert [hit["id"] for hit in found["results"]] == best
    assert [hit["score"] for hit in found["results"]] == pytest.approx([products[id] for id in best], rel=1e-5)
    assert len(collection.search.batch_sparse([terms] * 3, top_k=3)["responses"]) == 3
    index.delete()


def test_texts(client: Any) -> None:
    collection = client.create_collection(
        name="texts",
        dimension=SIZE,
        dense_vector={"enabled": False, "dimension": SIZE},
        sparse_vector={"enabled": False},
        tf_idf_options={"enabled": True},
    )
    index = collection.create_tf_idf_index(name="tf_idf_index", sample_threshold=1000, k1=1.5, b=0.75)
    with collection.transaction() as txn:
        txn.batch_upsert_vectors([{"id": f"t_{n}", "text": f"quick foxes number {n}"} for n in range(50)])
    assert [hit["id"] for hit in collection.search.text(query_text="number 7", top_k=1)["results"]] == ["t_7"]
    for search in (collection.search.batch_text, collection.search.batch_tf_idf_search):
        assert [len(one["results"]) for one in search(["fox", "dog"], top_k=3)["responses"]] == [3, 0]
    with pytest.raises(ValueError, match="query_vector"):
        collection.search.hybrid_search({"dense": {"query_vector": [0.0] * SIZE}, "text": {"query": "fox"}})
    index.delete()


def test_versions_and_status(client: Any) -> None:
    from cosdata.api import Collection

    collection = client.create_collection(name="polling", dimension=SIZE)
    index = collection.create_index(distance_metric="cosine", num_layers=7)
    assert collection.indexing_status()["collection_name"] == "polling"
    transaction = collection.create_transaction()
    assert transaction.get_status()["status"] == "not_started"
    transaction.batch_upsert_vectors(rows(10, "polled"))
    assert transaction.get_status()["status"] == "not_started"
    transaction.commit()
    assert transaction.poll_completion(target_status="complete", max_attempts=5) == ("complete", True)
    collection.load()
    assert len(Collection.loaded(client)) == 1
    collection.unload()
    current = collection.versions.get_current()
    assert (current.version_number, current.vector_count) == (current["version_number"], 10)
    info = collection.versions.list()
    assert [version["vector_count"] for version in info.get("versions", [])] == [10]
    assert info.get("current_version") == current.version_number
    assert len(collection.versions.get_history()) == 1
    collection.versions.create()
    collection.set_version(current)
    index.delete()


def test_deletions(client: Any) -> None:
    collection = client.create_collection(name="deletions", dimension=SIZE)
    index = collection.create_index()
    vectors = rows(20, "del")
    assert collection.stream_upsert(vectors[0]) == collection.stream_upsert(vectors[1:10]) == {}
    assert all(collection.vectors.exists(vector["id"]) for vector in vectors[:10])
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(vectors[10:])
    assert collection.stream_delete(vectors[0]["id"]) == {}
    assert not collection.vectors.exists(vectors[0]["id"])
    found = collection.search.dense(query_vector=vectors[0]["dense_values"], top_k=10)
    assert vectors[0]["id"] not in [hit["id"] for hit in found["results"]]
    with collection.transaction() as txn:
        for vector in vectors[1:5]:
            txn.delete_vector(vector["id"])
    assert not any(collection.vectors.exists(vector["id"]) for vector in vectors[:5])
    assert collection.stream_delete("never there") == {}
    assert collection.vectors.get_by_document_id("doc_0") == []
    first, *others = collection.vectors.get_by_document_id("doc_1")
    collection.stream_delete(first.id)
    assert not collection.vectors.exists(first.id)
    assert len(others) == 4
    assert all(
        collection.vectors.exists(id) for id in [*(one.id for one in others), *(one["id"] for one in vectors[10:])]
    )
    index.delete()


def test_errors(client: Any) -> None:
    with pytest.raises(Exception, match="Not Found"):
        client.get_collection("non_existent_collection")
    for wrong in ({"name": "", "dimension": 2}, {"name": "zero", "dimension": 0}, {"name": "", "dimension": 0}):
        with pytest.raises(ValueError, match=r"name|dimension"):
            client.create_collection(**wrong)
    assert client.list_collections() == []


def test_the_status_of_transactions(client: Any) -> None:
    collection = client.create_collection("status", dimension=SIZE)
    vectors = rows(20, "status", metadata={"category": "category_1", "timestamp": 1700000000})
    with collection.transaction() as txn:
        txn.batch_upsert_vectors(vectors[:10])
        assert txn.poll_completion(max_attempts=2, sleep_interval=0.0) == ("not_started", False)
        first = txn.transaction_id
    with pytest.raises(Exception, match="non_existent_txn_123"), collection.transaction() as txn:
        txn.get_status(transaction_id="non_existent_txn_123")
    with collection.transaction() as txn:
        txn.upsert_vector(vectors[10])
        assert txn.poll_completion(max_attempts=3, sleep_interval=0.0, transaction_id=first) == ("complete", True)
    collection.delete()


def test_embeddings(client: Any) -> None:
    from cosdata.embedding import embed_texts

    texts = ["Vectors are found by what they mean.", "This is a sentence."]
    rows = embed_texts(texts, model_name="quiverdb/hashing")
    collection = client.create_collection("embedded", dimension=len(rows[0]))
    collection.create_index()
    with collection.transaction() as txn:
        for number, row in enumerate(rows):
            txn.upsert_vector({"id": f"e_{number}", "dense_values": row})
    assert collection.search.dense(query_vector=rows[1], top_k=1)["results"][0]["id"] == "e_1"
    with pytest.raises(ImportError, match="fastembed"):
        embed_texts(texts)
