"""Lists of models, and the methods of older programs that store and find texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import fake_fastembed
import pytest

from quiverdb.embed import unregister
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.fastembed_common import QueryResponse
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

COSINE = models.Distance.COSINE
TEXTS = ["open a file for reading", "matrix algebra with numbers", "close the file again"]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "fastembed", fake_fastembed.module())
    fake_fastembed.LOADED.clear()
    yield
    for name in ("fake/text", "fake/splade"):
        unregister(name)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        client.set_model("quiverdb/hashing")
        yield client


def test_models_are_listed_without_the_library() -> None:
    assert QdrantClient.list_text_models() == {"quiverdb/hashing": (256, COSINE)}
    assert QdrantClient.list_image_models() == {}
    assert QdrantClient.list_late_interaction_text_models() == {}
    assert QdrantClient.list_late_interaction_multimodal_models() == {}
    assert set(QdrantClient.list_sparse_models()) == {"Qdrant/bm25", "bm25"}


def test_models_are_listed_with_the_library(library: None) -> None:
    assert QdrantClient.list_text_models()["Fake/text"] == (4, COSINE)
    assert QdrantClient.list_image_models() == {"Fake/image": (4, COSINE), "Fake/both": (4, COSINE)}
    assert QdrantClient.list_late_interaction_text_models() == {"Fake/colbert": (4, COSINE)}
    assert QdrantClient.list_late_interaction_multimodal_models() == {"Fake/colpali": (4, COSINE)}
    assert QdrantClient.list_sparse_models()["Fake/bm42"] == {"description": "fake", "requires_idf": True}


def test_sizes_of_embeddings(client: QdrantClient, library: None) -> None:
    assert client.get_embedding_size("quiverdb/HASHING") == 256
    assert client.get_embedding_size("Fake/colpali") == 4
    with pytest.raises(ValueError, match="no fixed size"):
        client.get_embedding_size("Fake/splade")
    with pytest.raises(ValueError, match="not known"):
        client.get_embedding_size("Fake/nothing")


def test_texts_are_stored_and_found(client: QdrantClient) -> None:
    metadata = [{"i": i} for i in range(3)]
    ids = client.add("texts", TEXTS, metadata=metadata, ids=count(10))
    assert ids == [10, 11, 12]
    found = client.query("texts", "files to open", limit=2, with_vectors=True)
    assert [type(hit) for hit in found] == [QueryResponse, QueryResponse]
    assert found[0].id == 10
    assert found[0].document == TEXTS[0]
    assert found[0].metadata == {"document": TEXTS[0], "i": 0}
    assert len(found[0].embedding) == 256
    expected = client.query_points(
        "texts", models.Document(text="files to open", model="quiverdb/hashing"), using="fast-hashing", limit=2
    )
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in expected.points]
    both = client.query_batch("texts", ["files to open", "numbers"], models.Filter(must_not=[{"has_id": [10]}]))
    assert [hits[0].id for hits in both] == [12, 11]


def test_texts_without_ids_get_random_ones(client: QdrantClient) -> None:
    ids = client.add("texts", iter(TEXTS), batch_size=2)
    assert len(set(ids)) == 3
    assert len(client.retrieve("texts", ids)) == 3


def test_with_a_sparse_model_both_ranks_count(client: QdrantClient) -> None:
    client.set_sparse_model("Qdrant/bm25")
    assert client.sparse_embedding_model_name == "Qdrant/bm25"
    client.add("texts", TEXTS, ids=range(3))
    params = client.get_collection("texts").config.params
    assert params.vectors["fast-hashing"].size == 256
    assert params.sparse_vectors["fast-sparse-bm25"].modifier == models.Modifier.IDF
    dense = models.Document(text="open file", model="quiverdb/hashing")
    sparse = models.Document(text="open file", model="Qdrant/bm25")
    expected = client.query_points(
        "texts",
        prefetch=[
            models.Prefetch(query=dense, using="fast-hashing", limit=3),
            models.Prefetch(query=sparse, using="fast-sparse-bm25", limit=3),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        limit=3,
    ).points
    found = client.query("texts", "open file", limit=3, with_vectors=True)
    assert [(hit.id, hit.score) for hit in found] == [(hit.id, hit.score) for hit in expected]
    assert found[0].sparse_embedding.indices
    client.set_sparse_model(None)
    assert client.get_fastembed_sparse_vector_params() is None


def test_names_and_settings(library: None) -> None:
    with QdrantClient(":memory:") as client:
        assert client.embedding_model_name == "BAAI/bge-small-en"
        assert client.get_vector_field_name() == "fast-bge-small-en"
        assert client.sparse_embedding_model_name is None
        assert client.get_sparse_vector_field_name() is None
        client.set_model("Fake/text", threads=2, cache_dir="here", own=1)
        client.set_sparse_model("Fake/splade", threads=3)
        assert client.get_vector_field_name() == "fast-text"
        params = client.get_fastembed_vector_params(on_disk=True, hnsw_config=models.HnswConfigDiff(m=8))
        assert params == {"fast-text": models.VectorParams(size=4, distance=COSINE, on_disk=True, hnsw_config={"m": 8})}
        assert client.get_fastembed_sparse_vector_params(on_disk=False) == {
            "fast-sparse-splade": models.SparseVectorParams(index={"on_disk": False}, modifier="idf")
        }
        client.add("texts", ["abc"], ids=[1])
        (record,) = client.retrieve("texts", [1], with_vectors=True)
        assert record.vector["fast-sparse-splade"] == models.SparseVector(indices=[3, 7], values=[1.0, 3.0])
    assert fake_fastembed.LOADED == [
        ("Fake/text", {"cache_dir": "here", "threads": 2, "own": 1}),
        ("Fake/splade", {"cache_dir": None, "threads": 3}),
    ]


def test_wrong_uses_are_refused(client: QdrantClient) -> None:
    with pytest.raises(ImportError, match=r"quiverdb\[fastembed\]"):
        client.set_model("Fake/text")
    with pytest.raises(ImportError, match=r"quiverdb\[fastembed\]"):
        client.set_sparse_model("Fake/splade")
    with pytest.raises(UnexpectedResponse, match="makes no sparse vectors"):
        client.set_sparse_model("quiverdb/hashing")
    assert client.embedding_model_name == "quiverdb/hashing"
    client.create_collection("other", models.VectorParams(size=2, distance="Dot"))
    with pytest.raises(UnexpectedResponse, match="get_fastembed_vector_params"):
        client.add("other", TEXTS)
    client.create_collection("dense", client.get_fastembed_vector_params())
    client.set_sparse_model("bm25")
    with pytest.raises(UnexpectedResponse, match="get_fastembed_sparse_vector_params"):
        client.add("dense", TEXTS)
    client.set_sparse_model(None)
    for short in ({"ids": [1]}, {"metadata": [{}]}):
        with pytest.raises(UnexpectedResponse, match="there are fewer"):
            client.add("dense", TEXTS, **short)
    assert client.count("dense").count == 0
    with pytest.raises(UnexpectedResponse, match="unknown"):
        client.query("dense", "a", unknown=1)


def options() -> Any:
    return {"with_vectors": True, "offset": 1, "search_params": models.SearchParams(exact=True)}


def test_more_arguments_go_to_the_search(client: QdrantClient) -> None:
    client.add("texts", TEXTS, ids=range(3))
    everything = client.query("texts", "file")
    assert [hit.id for hit in client.query("texts", "file", **options())] == [hit.id for hit in everything][1:]
