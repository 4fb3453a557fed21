"""Calls that the random requests leave out: uploads, batches of queries, and the older search and recommend."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from edge import EdgeCollection
from pair import ALL
from rows import Row, assert_ranked, assert_rows, plain_id, rows
from targets import NAME, ClientCollection

from quiverdb.qdrant import QdrantClient, models

COUNT, SIZE, SMALL = 130, 6, 3


class Both:
    """Our collection and the oracle's, with the same named vectors."""

    def __init__(self) -> None:
        self.config = {
            "v": models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
            "w": models.VectorParams(size=SMALL, distance=models.Distance.EUCLID),
        }
        self.client = QdrantClient(":memory:")
        self.client.create_collection(NAME, vectors_config=self.config)
        self.ours = ClientCollection(self.client)
        self.oracle = EdgeCollection(self.config)

    def same(self) -> None:
        (got, _), (want, _) = (target.scroll(limit=ALL, with_vectors=True) for target in (self.ours, self.oracle))
        assert_rows(got, want)


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both()
    yield made
    made.client.close()
    made.oracle.close()


def arrays(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    return {"v": random.normal(size=(COUNT, SIZE)).astype("f4"), "w": random.normal(size=(COUNT, SMALL)).astype("f4")}


def payloads() -> list[dict[str, Any]]:
    return [{"n": i, "half": i % 2 == 0} for i in range(COUNT)]


def structs(ids: list[Any], seed: int = 0) -> list[models.PointStruct]:
    made = arrays(seed)
    return [
        models.PointStruct(id=i, vector={name: made[name][row].tolist() for name in made}, payload=payload)
        for row, (i, payload) in enumerate(zip(ids, payloads(), strict=True))
    ]


def ids_of_both_kinds() -> list[Any]:
    return [i if i % 5 else str(uuid.UUID(int=i + 1)) for i in range(COUNT)]


@pytest.mark.parametrize("batch_size", [1, 64, 1000])
def test_upload_points(both: Both, batch_size: int) -> None:
    points = structs(ids_of_both_kinds())
    both.client.upload_points(NAME, (point for point in points), batch_size=batch_size, wait=True)
    both.oracle.upsert(points)
    both.same()


@pytest.mark.parametrize("kind", ["arrays", "float64", "lists", "generator", "fortran", "strided"])
def test_upload_collection(both: Both, kind: str) -> None:
    ids, made = ids_of_both_kinds(), arrays()
    vectors: Any = {
        "arrays": made,
        "float64": {name: value.astype("f8") for name, value in made.items()},
        "lists": [{name: value[i].tolist() for name, value in made.items()} for i in range(COUNT)],
        "generator": ({name: value[i].tolist() for name, value in made.items()} for i in range(COUNT)),
        "fortran": {name: np.asfortranarray(value) for name, value in made.items()},
        "strided": {name: np.repeat(value, 2, axis=0)[::2] for name, value in made.items()},
    }[kind]
    both.client.upload_collection(
        NAME, vectors=vectors, payload=iter(payloads()), ids=iter(ids), batch_size=50, wait=True
    )
    both.oracle.upsert(structs(ids))
    both.same()


def test_upload_does_not_change_its_input(both: Both) -> None:
    """Cosine vectors are normalised in the storage, not in the caller's array."""
    made = arrays()
    before = {name: value.copy() for name, value in made.items()}
    both.client.upload_collection(NAME, vectors=made, ids=range(COUNT), wait=True)
    for name, value in made.items():
        np.testing.assert_array_equal(value, before[name])
    made["v"][:] = 0  # nor does the storage share it
    np.testing.assert_allclose(
        np.linalg.norm(both.client.retrieve(NAME, [3], with_vectors=True)[0].vector["v"]), 1, atol=1e-5
    )


def test_upload_makes_ids(both: Both) -> None:
    both.client.upload_collection(NAME, vectors=arrays(), wait=True)
    found, _ = both.client.scroll(NAME, limit=ALL)
    assert len({record.id for record in found}) == COUNT
    assert all(uuid.UUID(record.id) for record in found)


@pytest.mark.parametrize("mode", list(models.UpdateMode))
def test_upload_with_conditions(both: Both, mode: models.UpdateMode) -> None:
    even = models.Filter(must=[models.FieldCondition(key="half", match=models.MatchValue(value=True))])
    old, new = structs(list(range(COUNT))), structs(list(range(COUNT // 2, COUNT // 2 + COUNT)), seed=1)
    both.ours.upsert(points=old)
    both.oracle.upsert(points=old)
    both.client.upload_points(NAME, new, update_filter=even, update_mode=mode, wait=True)
    both.oracle.upsert(points=new, update_filter=even, update_mode=mode)
    both.same()


def test_queries_in_a_batch_are_answered_as_alone(both: Both) -> None:
    both.ours.upsert(points=structs(list(range(COUNT))))
    both.oracle.upsert(points=structs(list(range(COUNT))))
    where = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=40))])
    requests = [
        models.QueryRequest(query=arrays(2)["v"][0].tolist(), using="v", limit=7, with_payload=True),
        models.QueryRequest(query=5, using="w", limit=4, offset=2, filter=where, with_vector=["w"]),
        models.QueryRequest(query=arrays(2)["w"][1].tolist(), using="w", score_threshold=1.5, limit=50),
        models.QueryRequest(filter=where, limit=3, with_payload=["n"]),
        models.QueryRequest(query=models.OrderByQuery(order_by="n"), limit=5, with_payload=True),
    ]
    answers = both.client.query_batch_points(NAME, requests)
    assert len(answers) == len(requests)
    both.oracle.create_payload_index("n", models.PayloadSchemaType.INTEGER)
    for request, answer in zip(requests, answers, strict=True):
        full = both.oracle.query_points(
            query=request.query,
            using=request.using,
            query_filter=request.filter,
            limit=ALL,
            with_payload=request.with_payload or False,
            with_vectors=request.with_vector or False,
            score_threshold=request.score_threshold,
        )
        assert_ranked(rows(answer.points), full, limit=request.limit, offset=request.offset or 0)


def test_search_is_a_query_by_vector(both: Both) -> None:
    both.ours.upsert(points=structs(list(range(COUNT))))
    vector = arrays(3)["w"][0]
    where = models.Filter(must_not=[models.FieldCondition(key="n", range=models.Range(lt=20))])
    request = {"query_filter": where, "limit": 9, "offset": 2, "score_threshold": 5.0, "with_payload": True}
    want = both.client.query_points(NAME, vector, using="w", **request).points
    assert both.client.search(NAME, ("w", vector.tolist()), **request) == want


def averaged(both: Both, positive: list[Any], negative: list[Any], using: str) -> tuple[list[float], models.Filter]:
    """The query that a recommendation stands for: avg(positive), pushed away from avg(negative) if there are any."""

    def vector(example: Any) -> np.ndarray[Any, Any]:
        if isinstance(example, list):
            return np.array(example)
        return both.oracle.retrieve([example], with_vectors=True)[0].vectors[using]

    mean = np.mean([vector(example) for example in positive], axis=0)
    if negative:
        mean = 2 * mean - np.mean([vector(example) for example in negative], axis=0)
    named = [plain_id(example) for example in [*positive, *negative] if not isinstance(example, list)]
    return mean.tolist(), models.Filter(must_not=[models.HasIdCondition(has_id=named)])


@pytest.mark.parametrize("using", ["v", "w"])
@pytest.mark.parametrize(
    ("positive", "negative"), [([1], []), ([1, 2, 3], []), ([1, 6], [8]), ([4], [6, 7, 9]), ([4, "vector"], [7])]
)
def test_recommend(both: Both, positive: list[Any], negative: list[Any], using: str) -> None:
    both.ours.upsert(points=structs(list(range(COUNT))))
    both.oracle.upsert(points=structs(list(range(COUNT))))
    if "vector" in positive:
        size = SIZE if using == "v" else SMALL
        unit = (np.ones(size) / (np.sqrt(size) if using == "v" else 1)).tolist()  # as stored: normalised for cosine
        positive = [unit if example == "vector" else example for example in positive]
    query, where = averaged(both, positive, negative, using)
    want: list[Row] = both.oracle.query_points(query=query, using=using, query_filter=where, limit=ALL)
    request = {"using": using, "limit": 10, "offset": 1, "with_payload": True}
    got = both.client.recommend(NAME, positive=positive, negative=negative, **request)
    assert_ranked(rows(got), want, limit=10, offset=1)
    again = models.RecommendQuery(recommend=models.RecommendInput(positive=positive, negative=negative))
    assert both.client.query_points(NAME, again, **request).points == got
