"""Graph search against exact search: on clustered data, filtered, with deleted points and points not yet indexed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from quiverdb.qdrant import QdrantClient, models

NAME = "cloud"
COUNT, SIZE, TAIL, QUERIES, K = 4000, 24, 150, 40, 10
LOWEST_RECALL = 0.95

Array = npt.NDArray[np.float32]


def clusters(seed: int, count: int) -> Array:
    """Points around 40 centres, which is what embeddings look like."""
    centres = np.random.default_rng(7).normal(size=(40, SIZE))
    random = np.random.default_rng(seed)
    noise = random.normal(scale=0.35, size=(count, SIZE))
    return (centres[random.integers(0, len(centres), count)] + noise).astype(np.float32)


def scores(distance: models.Distance, query: Array, rows: Array) -> npt.NDArray[np.float64]:
    """The obvious scores; smaller is nearer for all distances here."""
    one, many = query.astype(np.float64), rows.astype(np.float64)
    match distance:
        case models.Distance.COSINE:
            return -(many @ one) / np.linalg.norm(many, axis=1) / np.linalg.norm(one)
        case models.Distance.DOT:
            return -(many @ one)
        case models.Distance.EUCLID:
            return np.linalg.norm(many - one, axis=1)
        case _:
            return np.abs(many - one).sum(axis=1)


@dataclass
class Cloud:
    """A collection and what must be in it."""

    client: QdrantClient
    path: Path
    distance: models.Distance
    rows: Array
    alive: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.rows), dtype=bool)

    @property
    def info(self) -> models.CollectionInfo:
        return self.client.get_collection(NAME)

    def add(self, rows: Array) -> None:
        """Append points; their ids are the row numbers."""
        first = len(self.rows)
        self.rows = np.concatenate([self.rows, rows])
        self.alive = np.concatenate([self.alive, np.ones(len(rows), dtype=bool)])
        self.upload(first)

    def upload(self, first: int = 0) -> None:
        ids = range(first, len(self.rows))
        payload = [{"slot": i % 100} for i in ids]
        self.client.upload_collection(
            NAME, vectors=self.rows[first:], payload=payload, ids=ids, batch_size=500, wait=True
        )

    def delete(self, ids: list[int]) -> None:
        self.client.delete(NAME, ids)
        self.alive[ids] = False

    def wait_for_index(self, at_least: int) -> None:
        """Wait until the background work is done."""
        deadline = time.monotonic() + 60
        while (info := self.info).status != models.CollectionStatus.GREEN or info.indexed_vectors_count < at_least:
            assert time.monotonic() < deadline, f"no index after a minute: {info}"
            time.sleep(0.01)

    def recall(self, share: int | None = None, **params: Any) -> float:
        """The share of the true nearest that a search finds; ``share`` is the percentage that a filter lets through."""
        allowed = self.alive & (np.arange(len(self.rows)) % 100 < (share or 100))
        where = None
        if share is not None:
            where = models.Filter(must=[models.FieldCondition(key="slot", range=models.Range(lt=share))])
        found = 0
        for query in clusters(99, QUERIES):
            hits = self.client.query_points(
                NAME, query, limit=K, query_filter=where, search_params=models.SearchParams(**params)
            ).points
            ids = [hit.id for hit in hits]
            assert len(set(ids)) == len(ids) == min(K, int(allowed.sum()))
            assert allowed[ids].all(), "a point was returned that is deleted or filtered out"
            truth = np.sort(scores(self.distance, query, self.rows[allowed]))
            got = scores(self.distance, query, self.rows[ids])
            np.testing.assert_allclose(got, np.sort(got), atol=1e-4)
            found += int((got <= truth[K - 1] + 1e-5).sum())
        return found / (QUERIES * K)


def settings() -> dict[str, Any]:
    return {
        "optimizers_config": models.OptimizersConfigDiff(indexing_threshold=50, default_segment_number=1),
        "hnsw_config": models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10),
    }


@pytest.fixture(params=list(models.Distance), ids=lambda distance: distance.value)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    """An indexed collection on disk."""
    client = QdrantClient(path=str(tmp_path))
    params = models.VectorParams(size=SIZE, distance=request.param)
    client.create_collection(NAME, vectors_config=params, **settings())
    made = Cloud(client, tmp_path, request.param, clusters(1, COUNT))
    made.upload()
    made.wait_for_index(COUNT // 2)
    yield made
    made.client.close()


def assert_recall(cloud: Cloud, about: str) -> None:
    """Search with filters that let much, some and little through."""
    for share in (None, 90, 50, 20, 5, 1):
        reached = cloud.recall(share)
        assert reached >= LOWEST_RECALL, f"{about}, {share or 100} % pass: recall {reached}"
    for share in (None, 50, 3):
        reached = cloud.recall(share, exact=True)
        assert reached == 1.0, f"{about}, {share or 100} % pass: exact search has recall {reached}"


def test_recall(cloud: Cloud) -> None:
    """With all points indexed; with deleted ones and a tail not yet indexed; after reopening; after the next build."""
    assert 0 < cloud.info.indexed_vectors_count <= COUNT
    assert_recall(cloud, "indexed")
    shallow, deep = cloud.recall(hnsw_ef=K), cloud.recall(hnsw_ef=400)
    assert deep >= 0.98
    assert deep >= shallow

    cloud.delete(list(range(0, COUNT, 3)))
    cloud.add(clusters(5, TAIL))
    for number in range(COUNT, COUNT + TAIL, 10):
        if cloud.distance != models.Distance.DOT:  # where a point need not be the nearest to itself
            assert cloud.client.query_points(NAME, cloud.rows[number], limit=1).points[0].id == number
    assert_recall(cloud, "deleted points and a tail")

    cloud.client.close()
    cloud.client = QdrantClient(path=str(cloud.path))
    assert cloud.info.points_count == cloud.alive.sum()
    assert_recall(cloud, "reopened")

    cloud.wait_for_index(COUNT // 2)
    assert_recall(cloud, "settled")


def test_new_points_are_found_while_the_graph_is_built(cloud: Cloud) -> None:
    """Points are added in steps, each of which sets off a build, and searched for without waiting."""
    for step in range(6):
        first = len(cloud.rows)
        cloud.add(clusters(100 + step, 700))
        last = len(cloud.rows) - 1
        if cloud.distance != models.Distance.DOT:
            for number in (first, (first + last) // 2, last):
                assert cloud.client.query_points(NAME, cloud.rows[number], limit=1).points[0].id == number
    assert cloud.recall() >= LOWEST_RECALL
    cloud.wait_for_index(len(cloud.rows) // 2)
    assert cloud.recall() >= LOWEST_RECALL
