"""Multivectors through the client: every way in and out, on disk and in memory."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client
from qdrant_client import models as official

from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

NAME, SIZE = "pages", 4
RNG = np.random.default_rng(11)
MAX_SIM = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)


def params(distance: models.Distance = models.Distance.COSINE, **more: Any) -> models.VectorParams:
    return models.VectorParams(size=SIZE, distance=distance, multivector_config=MAX_SIM, **more)


def pages(count: int) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    return [RNG.normal(size=(1 + number % 4, SIZE)).astype(np.float32) for number in range(count)]


@pytest.fixture(params=["memory", "disk"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") if request.param == "memory" else QdrantClient(path=str(tmp_path / "db")) as made:
        yield made


def stored(client: QdrantClient, using: str = "") -> dict[Any, Any]:
    found, _ = client.scroll(NAME, limit=1000, with_vectors=True)
    return {point.id: point.vector[using] if using else point.vector for point in found}


def test_every_way_in_gives_the_same(client: QdrantClient) -> None:
    block = RNG.normal(size=(6, 3, SIZE)).astype(np.float32)
    client.create_collection(NAME, vectors_config=params(models.Distance.DOT))
    client.upsert(NAME, [models.PointStruct(id=0, vector=block[0].tolist()), models.PointStruct(id=1, vector=block[1])])
    client.upsert(NAME, models.Batch(ids=[2], vectors=[block[2].tolist()]))
    client.upsert(NAME, models.Batch(ids=[3], vectors=block[3:4]))
    client.upload_collection(NAME, vectors=block[4:5], ids=[4], wait=True)
    client.upload_points(NAME, [models.PointStruct(id=5, vector=block[5].tolist())], wait=True)
    assert stored(client) == {number: block[number].tolist() for number in range(6)}
    client.upsert(NAME, models.Batch(ids=[7, 8], vectors=np.ones((2, SIZE), np.float32)))
    assert client.retrieve(NAME, [8], with_vectors=True)[0].vector == [[1.0] * SIZE]
    mixed: list[Any] = [models.PointStruct(id=9, vector=[2.0] * SIZE), models.PointStruct(id=10, vector=[[3.0] * SIZE])]
    client.upsert(NAME, mixed)
    assert [point.vector for point in client.retrieve(NAME, [9, 10], with_vectors=True)] == [[[2.0] * 4], [[3.0] * 4]]


def test_arrays_of_multivectors_do_not_become_lists() -> None:
    """Lists of numbers take eight times the memory of an array in float32."""
    client = QdrantClient(":memory:")
    client.create_collection(NAME, vectors_config={"m": params(models.Distance.DOT)})
    block = np.ones((1000, 250, SIZE), np.float32)
    tracemalloc.start()
    client.upsert(NAME, models.Batch(ids=list(range(1000)), vectors={"m": block}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * block.nbytes
    assert client.retrieve(NAME, [7], with_vectors=True)[0].vector == {"m": [[1.0] * SIZE] * 250}
    client.close()


def test_a_point_that_moves_keeps_its_rows(client: QdrantClient) -> None:
    client.create_collection(
        NAME, vectors_config={"m": params(models.Distance.DOT), "d": models.VectorParams(size=2, distance="Dot")}
    )
    rows = pages(20)
    client.upsert(NAME, [models.PointStruct(id=i, vector={"m": rows[i].tolist(), "d": [1.0, i]}) for i in range(20)])
    client.update_vectors(NAME, [models.PointVectors(id=i, vector={"d": [2.0, i]}) for i in range(0, 20, 2)])
    client.set_payload(NAME, {"a": 1}, [3, 4])
    client.delete_vectors(NAME, ["m"], [5, 6])
    client.update_vectors(NAME, [models.PointVectors(id=6, vector={"d": [3.0, 3.0]})])
    assert {i: vector.get("m") for i, vector in _vectors(client).items()} == {
        i: None if i in (5, 6) else rows[i].tolist() for i in range(20)
    }
    having = models.Filter(must=[models.HasVectorCondition(has_vector="m")])
    assert client.count(NAME, having).count == 18
    assert {hit.id for hit in client.query_points(NAME, [1.0] * SIZE, using="m", limit=50).points} == {*range(20)} - {
        5,
        6,
    }


def _vectors(client: QdrantClient) -> dict[Any, Any]:
    return {point.id: point.vector for point in client.scroll(NAME, limit=1000, with_vectors=True)[0]}


@pytest.mark.parametrize("datatype", [None, *models.Datatype])
def test_compaction_and_reopening_keep_rows(datatype: models.Datatype | None, tmp_path: Path) -> None:
    client = QdrantClient(path=str(tmp_path / "db"))
    client.create_collection(
        NAME,
        vectors_config={"m": params(models.Distance.DOT, datatype=datatype)},
        optimizers_config=models.OptimizersConfigDiff(deleted_threshold=0.1, vacuum_min_vector_number=100),
    )
    rows = [np.abs(page) * 50 for page in pages(300)]
    client.upsert(NAME, models.Batch(ids=list(range(300)), vectors={"m": [page.tolist() for page in rows]}))
    client.delete_vectors(NAME, ["m"], [299])
    before = _vectors(client)
    client.delete(NAME, list(range(0, 300, 2)))
    before = {i: vector for i, vector in before.items() if i % 2}
    folder = next((tmp_path / "db" / "collections").iterdir())
    deadline = time.monotonic() + 30
    while not (folder / "spans-0.1").exists() or (folder / "spans-0.0").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert _vectors(client) == before
    held = sum(len(rows[i]) for i in range(1, 299, 2))
    width = (folder / "vectors-0.1").stat().st_size / held
    assert (
        width == {None: 16, "float32": 16, "float16": 8, "uint8": 4, "turbo4": 6, "turbo8": 8, "turbo16": 12}[datatype]
    )
    hits = client.query_points(NAME, rows[7], using="m", limit=5).points
    client.close()
    with QdrantClient(path=str(tmp_path / "db")) as client:
        assert _vectors(client) == before
        assert client.query_points(NAME, rows[7], using="m", limit=5).points == hits


def test_a_multivector_can_be_added_and_dropped(client: QdrantClient) -> None:
    client.create_collection(NAME, vectors_config={"d": models.VectorParams(size=2, distance="Dot")})
    client.upsert(NAME, [models.PointStruct(id=i, vector={"d": [1.0, i]}) for i in range(5)])
    dense = models.DenseVectorConfig(size=SIZE, distance="Cosine", multivector_config=MAX_SIM)
    client.create_vector_name(NAME, "m", models.DenseVectorNameConfig(dense=dense))
    assert client.query_points(NAME, [1.0] * SIZE, using="m").points == []
    client.update_vectors(NAME, [models.PointVectors(id=3, vector={"m": [[1.0, 0, 0, 0], [0, 1.0, 0, 0]]})])
    assert [hit.id for hit in client.query_points(NAME, [[0, 1.0, 0, 0]], using="m").points] == [3]
    client.delete_vector_name(NAME, "m")
    assert "m" not in _vectors(client)[3]


@pytest.mark.parametrize("search", [{"exact": True}, {"exact": False}, {"indexed_only": True}, {"hnsw_ef": 8}])
def test_search_parameters_leave_no_point_out(client: QdrantClient, search: dict[str, Any]) -> None:
    client.create_collection(NAME, vectors_config=params(models.Distance.EUCLID))
    client.upsert(NAME, models.Batch(ids=list(range(30)), vectors=[page.tolist() for page in pages(30)]))
    hits = client.query_points(NAME, np.ones((2, SIZE)), limit=50, search_params=models.SearchParams(**search)).points
    assert len(hits) == 30
    assert [hit.score for hit in hits] == sorted(hit.score for hit in hits)


@pytest.fixture
def both() -> Iterator[tuple[Any, Any]]:
    theirs = qdrant_client.QdrantClient(":memory:")
    rows = pages(40)
    with QdrantClient(":memory:") as ours, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = official.MultiVectorConfig(comparator=official.MultiVectorComparator.MAX_SIM)
        for client in (theirs, ours):
            client.create_collection(
                NAME, official.VectorParams(size=SIZE, distance=official.Distance.DOT, multivector_config=config)
            )
            client.upsert(NAME, [official.PointStruct(id=i, vector=page.tolist()) for i, page in enumerate(rows)])
        yield ours, theirs


@pytest.mark.parametrize("strategy", list(official.RecommendStrategy))
@pytest.mark.parametrize("negative", [[], [5, 6]])
def test_recommendations_are_those_of_the_official_local_mode(
    both: tuple[Any, Any], strategy: official.RecommendStrategy, negative: list[int]
) -> None:
    given: list[Any] = [1, 2, [[1.0, 0.5, 0.0, -1.0]]]
    query = official.RecommendQuery(
        recommend=official.RecommendInput(positive=given, negative=negative, strategy=strategy)
    )
    got, want = (
        [(hit.id, pytest.approx(hit.score, rel=1e-4, abs=1e-4)) for hit in client.query_points(NAME, query).points]
        for client in both
    )
    assert [hit[0] for hit in got] == [hit[0] for hit in want]
    assert [hit[1].expected for hit in got] == [hit[1] for hit in want]


def test_distances_within_a_sample(both: tuple[Any, Any]) -> None:
    ours, _ = both
    found = ours.search_matrix_pairs(NAME, sample=40, limit=3).pairs
    assert len(found) == 120
    for pair in found[:10]:
        hits = ours.query_points(NAME, pair.a, limit=40).points
        assert {hit.id: hit.score for hit in hits}[pair.b] == pytest.approx(pair.score, rel=1e-5)


def test_all_rows_count_towards_the_size_of_a_collection(client: QdrantClient) -> None:
    strict = models.StrictModeConfig(enabled=True, max_collection_vector_size_bytes=300)
    client.create_collection(NAME, vectors_config=params(), strict_mode_config=strict)
    client.upsert(NAME, [models.PointStruct(id=1, vector=np.ones((10, SIZE)))])
    client.upsert(NAME, [models.PointStruct(id=2, vector=np.ones((10, SIZE)))])
    with pytest.raises(UnexpectedResponse, match="Max vector storage size"):
        client.upsert(NAME, [models.PointStruct(id=3, vector=[1.0] * SIZE)])
    assert client.count(NAME).count == 2
