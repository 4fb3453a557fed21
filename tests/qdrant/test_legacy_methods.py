"""The calls of older programs ask for what the new ones ask for, and answer the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from qdrant_client import models as official

from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

FILTER = models.Filter(must=[models.FieldCondition(key="odd", match=models.MatchValue(value=True))])
PARAMS = models.SearchParams(exact=True)
TERMS = {"query_filter": FILTER, "search_params": PARAMS, "limit": 4, "with_payload": ["odd"], "with_vectors": True}
FIELDS = {"filter": FILTER, "params": PARAMS, "limit": 4, "with_payload": ["odd"], "with_vector": True}
PAIR = models.ContextExamplePair(positive=1, negative=[0.5, 0.5])
NEW_PAIR = models.ContextPair(positive=1, negative=[0.5, 0.5])
RECOMMEND = models.RecommendQuery(recommend={"positive": [1, [0.5, 0.1]], "negative": [3], "strategy": "best_score"})
DISCOVER = models.DiscoverQuery(discover=models.DiscoverInput(target=[0.5, 0.1], context=[NEW_PAIR]))
CONTEXT = models.ContextQuery(context=[NEW_PAIR])
EXAMPLES: dict[str, Any] = {"positive": [1, [0.5, 0.1]], "negative": [3], "strategy": "best_score"}
LOOKUP = models.LookupLocation(collection="docs", vector="a")

Call = Callable[[QdrantClient], Any]
SINGLE: dict[str, tuple[Call, Call]] = {
    "search": (
        lambda c: c.search("docs", ("a", [0.5, 0.1]), offset=1, score_threshold=0.1, **TERMS),
        lambda c: c.query_points("docs", [0.5, 0.1], "a", offset=1, score_threshold=0.1, **TERMS).points,
    ),
    "search, named": (
        lambda c: c.search("docs", models.NamedVector(name="a", vector=[0.5, 0.1])),
        lambda c: c.query_points("docs", [0.5, 0.1], "a").points,
    ),
    "search, sparse": (
        lambda c: c.search("docs", models.NamedSparseVector(name="s", vector={"indices": [1], "values": [2.0]})),
        lambda c: c.query_points("docs", models.SparseVector(indices=[1], values=[2.0]), "s").points,
    ),
    "search, array": (
        lambda c: c.search("docs", {"name": "a", "vector": np.array([0.5, 0.1])}, None, None, 3),
        lambda c: c.query_points("docs", [0.5, 0.1], "a", limit=3).points,
    ),
    "search_groups": (
        lambda c: c.search_groups("docs", ("a", [0.5, 0.1]), "group", group_size=2, with_lookup="docs", **TERMS),
        lambda c: c.query_points_groups("docs", "group", [0.5, 0.1], "a", group_size=2, with_lookup="docs", **TERMS),
    ),
    "recommend": (
        lambda c: c.recommend("docs", **EXAMPLES, using="a", offset=1, lookup_from=LOOKUP, **TERMS),
        lambda c: c.query_points("docs", RECOMMEND, "a", offset=1, lookup_from=LOOKUP, **TERMS).points,
    ),
    "recommend_groups": (
        lambda c: c.recommend_groups("docs", "group", **EXAMPLES, using="a", **TERMS),
        lambda c: c.query_points_groups("docs", "group", RECOMMEND, "a", group_size=1, **TERMS),
    ),
    "discover": (
        lambda c: c.discover("docs", [0.5, 0.1], [PAIR], using="a", offset=1, **TERMS),
        lambda c: c.query_points("docs", DISCOVER, "a", offset=1, **TERMS).points,
    ),
    "discover, target only": (
        lambda c: c.discover("docs", 2, using="a"),
        lambda c: c.query_points("docs", models.DiscoverQuery(discover={"target": 2, "context": []}), "a").points,
    ),
    "discover, context only": (
        lambda c: c.discover("docs", context=[PAIR], using="a"),
        lambda c: c.query_points("docs", CONTEXT, "a").points,
    ),
}
BATCHES: dict[str, tuple[Call, list[Any]]] = {
    "search_batch": (
        lambda c: c.search_batch(
            "docs",
            [
                models.SearchRequest(vector=models.NamedVector(name="a", vector=[0.5, 0.1]), offset=1, **FIELDS),
                {"vector": {"name": "a", "vector": [0.1, 0.5]}, "limit": 2},
            ],
        ),
        [{"query": [0.5, 0.1], "using": "a", "offset": 1, **FIELDS}, {"query": [0.1, 0.5], "using": "a", "limit": 2}],
    ),
    "recommend_batch": (
        lambda c: c.recommend_batch(
            "docs",
            [models.RecommendRequest(**EXAMPLES, using="a", lookup_from=LOOKUP, **FIELDS)],
        ),
        [{"query": RECOMMEND, "using": "a", "lookup_from": LOOKUP, **FIELDS}],
    ),
    "discover_batch": (
        lambda c: c.discover_batch(
            "docs",
            [
                models.DiscoverRequest(target=[0.5, 0.1], context=[PAIR], using="a", **FIELDS),
                {"context": [{"positive": 1, "negative": [0.5, 0.5]}], "using": "a", "limit": 3},
            ],
        ),
        [{"query": DISCOVER, "using": "a", **FIELDS}, {"query": CONTEXT, "using": "a", "limit": 3}],
    ),
}


class Asked:
    """A database that notes what it is asked and finds nothing."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def query(self, name: str, requests: Any) -> list[Any]:
        self.calls += [repr(("query", name, request)) for request in requests]
        return [[] for _ in requests]

    def query_groups(self, name: str, request: Any) -> list[Any]:
        self.calls.append(repr(("groups", name, request)))
        return []


def asked(call: Call) -> list[str]:
    database = Asked()
    call(QdrantClient(database=database))  # type: ignore[arg-type]
    return database.calls


@pytest.mark.parametrize("name", SINGLE)
def test_old_calls_ask_what_new_ones_ask(name: str) -> None:
    old, new = SINGLE[name]
    assert asked(old) == asked(new)


def test_old_batches_ask_what_new_ones_ask() -> None:
    for old, requests in BATCHES.values():
        expected = asked(lambda c, requests=requests: c.query_batch_points("docs", requests))
        assert asked(old) == expected
        assert len(expected) == len(requests)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        client.create_collection("docs", {"a": models.VectorParams(size=2, distance="Cosine")}, {"s": {}})
        rows = np.random.default_rng(0).random((30, 2))
        client.upload_collection(
            "docs",
            {"a": rows},
            [{"odd": i % 2 == 1, "group": i % 5} for i in range(30)],
            range(30),
            wait=True,
        )
        yield client


@pytest.mark.parametrize("name", ["search", "search_groups", "recommend", "recommend_groups"])
def test_old_calls_answer_as_new_ones(client: QdrantClient, name: str) -> None:
    old, new = SINGLE[name]
    found = old(client)
    assert found == new(client)
    assert found


def test_old_batches_answer_as_new_ones(client: QdrantClient) -> None:
    old, requests = BATCHES["search_batch"]
    assert old(client) == [found.points for found in client.query_batch_points("docs", requests)]
    assert client.search_batch("docs", []) == []


def test_records_are_uploaded(client: QdrantClient) -> None:
    records, _ = client.scroll("docs", limit=30, with_vectors=True)
    client.create_collection("copy", {"a": models.VectorParams(size=2, distance="Cosine")})
    client.upload_records("copy", [*records, official.Record(id=99, vector={"a": [0.6, 0.8]})], wait=True)
    assert client.scroll("copy", limit=30, with_vectors=True)[0] == records
    assert client.count("copy").count == 31


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda c: c.discover("docs"), "target or a context"),
        (lambda c: c.discover("docs", context=[{"positive": 1}]), "negative"),
        (lambda c: c.recommend("docs"), "positive example"),
        (lambda c: c.recommend("docs", positive=[None]), "positive"),
        (lambda c: c.recommend("docs", positive=[1], strategy="best"), "strategy"),
        (lambda c: c.search("docs", None, limit=0), "limit"),
        (lambda c: c.search("nope", ("a", [1.0, 2.0])), "nope"),
        (lambda c: c.search("docs", ("b", [1.0, 2.0])), "b"),
        (lambda c: c.search_batch("docs", [{"vector": [1.0]}]), "limit"),
        (lambda c: c.search_batch("docs", [{"vector": [1.0], "limit": 3, "query": 1}]), "query"),
    ],
)
def test_wrong_calls_are_refused(client: QdrantClient, call: Call, complaint: str) -> None:
    with pytest.raises(UnexpectedResponse, match=complaint):
        call(client)


def test_the_named_forms_are_checked() -> None:
    with pytest.raises(ValueError, match="vector"):
        models.NamedVector(name="a")
    assert issubclass(InvalidInputError, ValueError)
