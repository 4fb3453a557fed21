"""The calls of a Qdrant guide, as printed but for import names and address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from quiverdb.qdrant import QdrantClient
from quiverdb.qdrant.http import models as rest
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.qdrant.http.models import FieldCondition, Filter, MatchValue, Query


@pytest.fixture(params=["memory", "ours over REST", "ours over gRPC"])
def client(request: pytest.FixtureRequest, remote: Callable[[str], Any]) -> Iterator[QdrantClient]:
    client = QdrantClient(":memory:") if request.param == "memory" else remote(request.param)
    client.recreate_collection("docs", rest.VectorParams(size=3, distance=rest.Distance.COSINE))
    yield client
    client.delete_collection("docs")
    if request.param == "memory":
        client.close()


@pytest.fixture
def filled(client: QdrantClient) -> QdrantClient:
    batch = [rest.PointStruct(id=i, vector=[0.1 * i, 0.2 * i, 0.3 * i], payload={"idx": i}) for i in range(1000)]
    client.upsert(collection_name="docs", points=batch)
    client.upsert(
        collection_name="docs",
        points=[rest.PointStruct(id=1, vector=[0.1, 0.2, 0.3], payload={"lang": "ru", "views": 10})],
    )
    return client


def test_points_are_stored_read_and_deleted(client: QdrantClient) -> None:
    client.upsert(
        collection_name="docs",
        points=[rest.PointStruct(id=1, vector=[0.1, 0.2, 0.3], payload={"lang": "ru", "views": 10})],
    )
    points = client.retrieve(collection_name="docs", ids=[1], with_payload=True)
    assert [(point.id, point.payload) for point in points] == [(1, {"lang": "ru", "views": 10})]
    client.delete(collection_name="docs", points_selector=rest.PointIdsList(points=[1]))
    assert client.retrieve(collection_name="docs", ids=[1]) == []


def test_batches(filled: QdrantClient) -> None:
    assert filled.count("docs").count == 1000


def test_payloads_are_changed_without_vectors(filled: QdrantClient) -> None:
    filled.set_payload(collection_name="docs", payload={"verified": True}, points=[1])
    assert filled.retrieve("docs", [1])[0].payload == {"lang": "ru", "views": 10, "verified": True}


def test_search(filled: QdrantClient) -> None:
    results = filled.search(collection_name="docs", query_vector=[0.1, 0.2, 0.3], limit=5, with_payload=True)
    assert len(results) == 5
    for r in results:
        assert isinstance(r.id, int)
        assert r.score == pytest.approx(1.0)
        assert r.payload


def test_queries_in_a_batch(filled: QdrantClient) -> None:
    queries = [Query(vector=[0.1, 0.2, 0.3], limit=3), Query(vector=[0.5, 0.6, 0.7], limit=2)]
    results = filled.query_points(collection_name="docs", query_points=queries)
    assert [len(result.points) for result in results] == [3, 2]


def test_filters(filled: QdrantClient) -> None:
    query_filter = Filter(must=[FieldCondition(key="lang", match=MatchValue(value="ru"))])
    results = filled.search(collection_name="docs", query_vector=[0.1, 0.2, 0.3], query_filter=query_filter, limit=5)
    assert [r.id for r in results] == [1]


def test_pages_of_a_search(filled: QdrantClient) -> None:
    first = filled.search(collection_name="docs", query_vector=[0.3, 0.2, 0.1], limit=5)
    second = filled.search(collection_name="docs", query_vector=[0.3, 0.2, 0.1], limit=5, offset=5)
    assert len(first) == len(second) == 5
    assert not {r.id for r in first} & {r.id for r in second}


def test_recommend(filled: QdrantClient) -> None:
    results = filled.recommend(collection_name="docs", positive=[1, 2], negative=[3], limit=5)
    assert len(results) == 5
    assert not {r.id for r in results} & {1, 2, 3}


def test_scroll(filled: QdrantClient) -> None:
    points, next_page = filled.scroll(collection_name="docs", limit=100, with_payload=True)
    assert [point.id for point in points] == list(range(100))
    assert next_page == 100


def test_errors(client: QdrantClient) -> None:
    with pytest.raises((UnexpectedResponse, grpc.RpcError), match=r"404|NOT_FOUND"):
        client.search(collection_name="nonexistent", query_vector=[0.1, 0.2], limit=1)
