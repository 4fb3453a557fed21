"""The same calls, with the official package's own objects, get the same answers as from its local mode."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import qdrant_client
from qdrant_client import models as m

from quiverdb.qdrant import QdrantClient

NAME = "things"
COUNT = 200


def things() -> list[m.PointStruct]:
    numbers, vectors = random.Random(1), np.random.default_rng(0)
    return [
        m.PointStruct(
            id=number,
            vector={
                "d": vectors.random(4).tolist(),
                "e": vectors.random(3).tolist(),
                "s": m.SparseVector(indices=sorted(numbers.sample(range(20), 4)), values=vectors.random(4).tolist()),
            },
            payload={
                "n": numbers.randint(0, 9),
                "f": numbers.random(),
                "t": numbers.choice(["red fox", "blue sky", "Red car"]),
                "l": [numbers.choice("abc") for _ in range(numbers.randint(0, 3))],
                "b": numbers.random() < 0.5,
                "d": f"2024-0{numbers.randint(1, 9)}-01T00:00:00Z",
                "g": {"lon": numbers.uniform(0, 10), "lat": numbers.uniform(0, 10)},
                "o": [{"x": numbers.randint(0, 3), "y": numbers.randint(0, 3)} for _ in range(2)],
                **({}, {"opt": None}, {"opt": 1})[number % 3],
            },
        )
        for number in range(COUNT)
    ]


@pytest.fixture
def clients() -> Iterator[tuple[Any, Any]]:
    theirs = qdrant_client.QdrantClient(":memory:")
    with QdrantClient(":memory:") as ours, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for client in (theirs, ours):
            client.create_collection(
                NAME,
                {
                    "d": m.VectorParams(size=4, distance=m.Distance.COSINE),
                    "e": m.VectorParams(size=3, distance=m.Distance.EUCLID),
                },
                sparse_vectors_config={"s": m.SparseVectorParams()},
            )
            client.upsert(NAME, things())
        yield theirs, ours
    theirs.close()


def field(key: str, **test: Any) -> m.FieldCondition:
    return m.FieldCondition(key=key, **test)


def value(key: str, wanted: Any) -> m.FieldCondition:
    return field(key, match=m.MatchValue(value=wanted))


FILTERS = {
    "none": None,
    "value": m.Filter(must=[value("n", 3)]),
    "single": m.Filter(must=value("n", 3)),
    "should": m.Filter(should=[field("t", match=m.MatchText(text="red")), value("b", True)]),
    "must_not": m.Filter(must_not=[field("l", match=m.MatchAny(any=["a", "b"]))]),
    "except": m.Filter(must=[field("l", match=m.MatchExcept(**{"except": ["a"]}))]),
    "range": m.Filter(must=[field("f", range=m.Range(gt=0.3, lte=0.7))]),
    "dates": m.Filter(must=[field("d", range=m.DatetimeRange(gte="2024-05-01T00:00:00Z"))]),
    "radius": m.Filter(must=[field("g", geo_radius=m.GeoRadius(center=m.GeoPoint(lon=5, lat=5), radius=300_000))]),
    "count": m.Filter(must=[field("l", values_count=m.ValuesCount(gte=2))]),
    "empty": m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key="opt"))]),
    "null": m.Filter(must=[m.IsNullCondition(is_null=m.PayloadField(key="opt"))]),
    "not null": m.Filter(must=[field("opt", is_null=False)]),
    "ids": m.Filter(must=[m.HasIdCondition(has_id=[1, 2, 3, 199])]),
    "vector": m.Filter(must=[m.HasVectorCondition(has_vector="d")]),
    "slice": m.Filter(must=[m.SliceCondition(slice=m.Slice(total=3, index=1))]),
    "phrase": m.Filter(must=[field("t", match=m.MatchPhrase(phrase="red fox"))]),
    "path": m.Filter(must=[field("o[].x", range=m.Range(gte=3))]),
    "nested": m.Filter(
        must=[m.NestedCondition(nested=m.Nested(key="o", filter=m.Filter(must=[value("x", 1), value("y", 2)])))]
    ),
    "enough": m.Filter(
        min_should=m.MinShould(
            conditions=[
                value("b", True),
                field("n", range=m.Range(lt=5)),
                field("t", match=m.MatchPrefix(prefix="Red")),
            ],
            min_count=2,
        )
    ),
}


def shown(points: Any) -> Any:
    """Write points so that they can be compared: without versions, numbers rounded."""
    return [
        (point.id, rounded(getattr(point, "score", None)), rounded(point.payload), rounded(point.vector))
        for point in points
    ]


def rounded(part: Any) -> Any:
    if isinstance(part, float):
        return round(part, 4)
    if isinstance(part, dict):
        return {key: rounded(item) for key, item in part.items()}
    if isinstance(part, list):
        return [rounded(item) for item in part]
    return rounded(part.model_dump()) if hasattr(part, "model_dump") else part


def compare(clients: tuple[Any, Any], ask: Any) -> None:
    theirs, ours = map(ask, clients)
    assert ours == theirs


@pytest.mark.parametrize("name", FILTERS)
def test_filters(clients: tuple[Any, Any], name: str) -> None:
    chosen = FILTERS[name]
    sparse = m.SparseVector(indices=[1, 5, 7], values=[1.0, 0.5, 0.2])
    options: dict[str, Any] = {"query_filter": chosen, "limit": 7}
    compare(clients, lambda c: c.count(NAME, chosen).count)
    compare(clients, lambda c: shown(c.query_points(NAME, [0.1, 0.2, 0.3, 0.4], using="d", **options).points))
    compare(clients, lambda c: shown(c.query_points(NAME, [0.1, 0.2, 0.3], using="e", **options).points))
    compare(clients, lambda c: shown(c.query_points(NAME, sparse, using="s", with_vectors=True, **options).points))
    compare(clients, lambda c: shown(c.scroll(NAME, chosen, limit=13, with_vectors=["e"])[0]))
    compare(clients, lambda c: c.scroll(NAME, chosen, limit=13)[1])


RECOMMEND = m.RecommendQuery(recommend=m.RecommendInput(positive=[1, 2], negative=[3]))
BRANCHES = [
    m.Prefetch(query=[0.1, 0.2, 0.3, 0.4], using="d", limit=30),
    m.Prefetch(query=[0.1, 0.2, 0.3], using="e", limit=30, filter=FILTERS["range"]),
]


@pytest.mark.parametrize(
    "ask",
    [
        lambda c: shown(c.query_points(NAME, [0.1, 0.2, 0.3], using="e", score_threshold=0.5, limit=50).points),
        lambda c: shown(c.query_points(NAME, 5, using="d", limit=5).points),
        lambda c: shown(c.query_points(NAME, RECOMMEND, using="d", limit=5).points),
        lambda c: shown(c.query_points(NAME, limit=5).points),
        lambda c: [point.id for point in c.query_points(NAME, m.OrderByQuery(order_by="f"), limit=5).points],
        lambda c: sorted(
            (point.id, rounded(point.score))
            for point in c.query_points(NAME, m.FusionQuery(fusion=m.Fusion.RRF), prefetch=BRANCHES, limit=100).points
        ),
        lambda c: [
            (group.id, [hit.id for hit in group.hits])
            for group in c.query_points_groups(
                NAME, group_by="n", query=[0.1, 0.2, 0.3, 0.4], using="d", limit=4, group_size=2
            ).groups
        ],
        lambda c: c.facet(NAME, "n", limit=20).model_dump(),
        lambda c: shown(c.retrieve(NAME, [5, 1, 999], m.PayloadSelectorExclude(exclude=["o"]), ["e"])),
        lambda c: [point.order_value for point in c.scroll(NAME, order_by=m.OrderBy(key="d"), limit=10)[0]],
        lambda c: c.collection_exists(NAME),
        lambda c: c.get_collections().model_dump(),
        lambda c: c.get_collection(NAME).config.params.vectors["e"].model_dump(),
    ],
)
def test_reads(clients: tuple[Any, Any], ask: Any) -> None:
    compare(clients, ask)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.set_payload(NAME, {"z": 1, "n": None}, [1, 2]),
        lambda c: c.set_payload(NAME, {"q": 1}, [3], key="g"),
        lambda c: c.overwrite_payload(NAME, {"only": 1}, FILTERS["value"]),
        lambda c: c.delete_payload(NAME, ["f", "o[].x"], m.PointIdsList(points=[1, 2, 3])),
        lambda c: c.clear_payload(NAME, m.FilterSelector(filter=FILTERS["should"])),
        lambda c: c.update_vectors(NAME, [m.PointVectors(id=1, vector={"e": [1.0, 1.0, 1.0]})]),
        lambda c: c.delete_vectors(NAME, ["d"], [7, 8]),
        lambda c: c.delete(NAME, FILTERS["range"]),
        lambda c: c.upsert(NAME, m.Batch(ids=[0, 500], vectors={"e": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})),
        lambda c: c.upload_collection(NAME, [{"e": [1.0, 2.0, 3.0]}], [{"a": 1}], [7], wait=True),
        lambda c: c.batch_update_points(
            NAME,
            [
                m.DeleteOperation(delete=m.PointIdsList(points=[1])),
                m.SetPayloadOperation(set_payload=m.SetPayload(payload={"a": 1}, points=[2])),
            ],
        ),
    ],
)
def test_writes(clients: tuple[Any, Any], change: Any) -> None:
    for client in clients:
        change(client)
    compare(clients, lambda c: shown(c.scroll(NAME, limit=2 * COUNT, with_vectors=True)[0]))
