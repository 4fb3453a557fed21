"""E5: vectors without a collection."""

from __future__ import annotations

from quiverdb.vikingdb.vector import (
    EmbeddingData,
    EmbeddingModelOpt,
    EmbeddingRequest,
    FullModalData,
    VikingDB,
)


def test_guide_embedding(client: VikingDB) -> None:
    """Make dense and sparse vectors of texts, up to ten with a request."""
    request = EmbeddingRequest(
        dense_model=EmbeddingModelOpt(name="bge-m3"),
        sparse_model=EmbeddingModelOpt(name="bge-m3"),
        data=[EmbeddingData(text="tune the ranking"), EmbeddingData(text="retrieve documents")],
    )
    response = client.embedding().embedding(request)
    assert response.result is not None
    assert len(response.result.data) == 2
    for item in response.result.data:
        assert item.dense is not None
        assert len(item.dense) == 1024
        assert item.sparse


def test_guide_embedding_multi_modal(client: VikingDB) -> None:
    """Make one vector of a sequence of texts, which may hold images and videos where a model takes them."""
    request = EmbeddingRequest(
        dense_model=EmbeddingModelOpt(name="doubao-embedding-vision", version="250615"),
        sparse_model=EmbeddingModelOpt(name="bge-m3"),
        data=[EmbeddingData(full_modal_seq=[FullModalData(text="a map of the archive")])],
    )
    response = client.embedding().embedding(request)
    assert response.result is not None
    (item,) = response.result.data
    assert item.dense
