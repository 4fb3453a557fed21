"""A server orders and counts points by payload keys with a suitable index only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.server.indexed import indexed

ORDER = models.OrderByQuery(order_by="n")
ORDERED: list[Callable[[QdrantClient], Any]] = [
    lambda client: client.scroll("docs", order_by="n"),
    lambda client: client.query_points("docs", query=ORDER),
    lambda client: client.query_points(
        "docs",
        prefetch=models.Prefetch(prefetch=models.Prefetch(query=ORDER), query=[1.0]),
        query=models.FusionQuery(fusion="rrf"),
    ),
    lambda client: client.query_batch_points("docs", [models.QueryRequest(query=ORDER)]),
    lambda client: client.query_points_groups("docs", group_by="k", query=ORDER),
]


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with EngineDatabase.open(":memory:") as database:
        client = QdrantClient(database=indexed(database))
        client.create_collection("docs", models.VectorParams(size=1, distance="Dot"))
        client.upsert("docs", [models.PointStruct(id=n, vector=[n], payload={"n": n, "k": "a"}) for n in range(4)])
        yield client


@pytest.mark.parametrize("ask", ORDERED)
def test_an_order_takes_a_range_index(client: QdrantClient, ask: Callable[[QdrantClient], Any]) -> None:
    for unsuitable in (None, models.IntegerIndexParams(type="integer", lookup=True, range=False), "keyword"):
        if unsuitable is not None:
            client.create_payload_index("docs", "n", unsuitable)
        with pytest.raises(UnexpectedResponse, match="No range index for `order_by` key: `n`") as caught:
            ask(client)
        assert caught.value.status_code == 400
    client.create_payload_index("docs", "n", "integer")
    assert ask(client)


def test_counting_values_takes_an_index_that_matches(client: QdrantClient) -> None:
    for unsuitable in (None, "text", "float"):
        if unsuitable is not None:
            client.create_payload_index("docs", "k", unsuitable)
        with pytest.raises(UnexpectedResponse, match="No appropriate index for faceting: `k`") as caught:
            client.facet("docs", "k")
        assert caught.value.status_code == 400
    client.create_payload_index("docs", "k", "keyword")
    assert client.facet("docs", "k").hits[0].count == 4


def test_what_needs_no_index_is_answered_without(client: QdrantClient) -> None:
    assert len(client.scroll("docs")[0]) == 4
    assert client.query_points("docs", query=[1.0], limit=1).points[0].id == 3
    with pytest.raises(UnexpectedResponse, match="404"):
        client.scroll("nope", order_by="n")
