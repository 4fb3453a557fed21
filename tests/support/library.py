"""A collection with some of everything, and everything that can be asked of it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from quiverdb.qdrant import QdrantClient, models

SIZE = 8
COUNT = 240
CITIES = ("Oslo", "Rome", "Lima")


def fill(client: QdrantClient, name: str = "library", count: int = COUNT, seed: int = 0) -> None:
    """Create the collection; every tenth point is deleted, and some payloads were changed after they were stored."""
    rng = np.random.default_rng(seed)
    client.create_collection(
        name,
        {
            "v": models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
            "w": models.VectorParams(size=3, distance=models.Distance.EUCLID, datatype=models.Datatype.FLOAT16),
            "m": models.VectorParams(
                size=2,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"s": models.SparseVectorParams()},
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1, default_segment_number=1),
        metadata={"about": "tests"},
    )
    for key, kind in {"city": "keyword", "year": "integer", "text": "text"}.items():
        client.create_payload_index(name, key, models.PayloadSchemaType(kind))
    client.upsert(name, [_point(number, rng) for number in range(count)])
    client.delete(name, list(range(0, count, 10)))
    client.set_payload(name, {"seen": True}, models.Filter(must=[_is("city", "Rome")]))
    settle(client, name)


def _point(number: int, rng: np.random.Generator) -> models.PointStruct:
    vectors: dict[str, Any] = {"v": rng.normal(size=SIZE).tolist(), "w": rng.normal(size=3).tolist()}
    if number % 4:
        vectors["m"] = rng.normal(size=(1 + number % 3, 2)).tolist()
    if number % 3:
        indices = rng.choice(40, 5, replace=False)
        values = rng.integers(1, 4096, 5) / 64  # whose sums are exact, in whatever order
        vectors["s"] = models.SparseVector(indices=indices.tolist(), values=values.tolist())
    payload = {"city": CITIES[number % 3], "year": 1900 + number, "text": f"book {number % 7} of shelf {number % 11}"}
    point = number if number % 5 else f"00000000-0000-0000-0000-{number:012}"
    return models.PointStruct(id=point, vector=vectors, payload=payload)


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def settle(client: QdrantClient, name: str = "library") -> None:
    """Wait until no background work is due."""
    deadline = time.monotonic() + 60
    while client.get_collection(name).status != models.CollectionStatus.GREEN:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answers(client: QdrantClient, name: str = "library") -> dict[str, Any]:
    """Ask everything; two collections that hold the same give the same."""
    target = np.random.default_rng(7).normal(size=SIZE).tolist()
    sparse = models.SparseVector(indices=list(range(0, 40, 3)), values=[1.0] * 14)
    old = models.Filter(must=[_is("city", "Lima"), models.FieldCondition(key="year", range=models.Range(lt=2020))])
    worded = models.Filter(must=[models.FieldCondition(key="text", match=models.MatchText(text="book shelf"))])
    return {
        "info": client.get_collection(name).model_dump(exclude={"created_at"}),
        "points": client.scroll(name, limit=COUNT, with_payload=True, with_vectors=True),
        "counts": [client.count(name, filter).count for filter in (None, old, worded)],
        "walk": client.query_points(name, target, using="v", limit=20).points,
        "scan": client.query_points(
            name, target, using="v", limit=20, search_params=models.SearchParams(exact=True)
        ).points,
        "filtered": client.query_points(name, target, using="v", limit=20, query_filter=old).points,
        "halves": client.query_points(name, target[:3], using="w", limit=20).points,
        "several": client.query_points(name, [target[:2], target[2:4]], using="m", limit=20, with_vectors=["m"]).points,
        "sparse": client.query_points(name, sparse, using="s", limit=20, with_vectors=["s"]).points,
        "ordered": client.scroll(name, order_by="year", limit=15),
        "facet": client.facet(name, "city").hits,
        "groups": client.query_points_groups(name, "city", target, using="v", limit=3, group_size=2).groups,
    }
