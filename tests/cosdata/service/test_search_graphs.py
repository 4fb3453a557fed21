"""Searches through a graph find nearly all of the nearest vectors, and their scores are exact."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cosdata_model import METRICS, SMALLER_IS_NEARER, Collection

from quiverdb.cosdata.service.layout import DENSE
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase
from quiverdb.model.collection import CollectionPatch, OptimizerSpec

COUNT, SIZE, QUERIES = 6_000, 64, 50
EVEN = {"Is": {"field_name": "parity", "field_value": 0, "operator": "Equal"}}
SCHEMA = {"fields": [{"name": "parity", "values": [0, 1]}]}


@pytest.fixture(scope="module")
def database() -> Iterator[EngineDatabase]:
    with EngineDatabase.open(":memory:") as database:
        yield database


@pytest.fixture(scope="module")
def data() -> tuple[Any, Any]:
    """Vectors in clusters, as those of texts are, and queries near them."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(60, SIZE))
    near = centers[rng.integers(0, 60, COUNT + QUERIES)] + 0.7 * rng.normal(size=(COUNT + QUERIES, SIZE))
    near = near.astype("f4")
    return near[:COUNT], near[COUNT:]


def indexed(database: EngineDatabase, vectors: Any, metric: str, data_type: str | None) -> Collection:
    """Store vectors in a collection whose graph is built."""
    name = f"{metric}-{data_type}"
    made = Collection(Service.of(database).call, name, SIZE, metadata_schema=SCHEMA)
    made.index_dense(
        metric, data_type, neighbors_count=16, level_0_neighbors_count=32, ef_construction=64, ef_search=128
    )
    database.update_collection(name, CollectionPatch(optimizers=OptimizerSpec(indexing_threshold=10)))
    rows = [{"id": i, "dense_values": row, "metadata": {"parity": i % 2}} for i, row in enumerate(vectors)]
    made.upsert(*rows)
    end = time.monotonic() + 60
    while database.info(name).indexed_vectors_count < COUNT or database.info(name).status != "green":
        assert time.monotonic() < end, database.info(name)
        time.sleep(0.02)
    return made


def distances(metric: str, vectors: Any, query: Any) -> Any:
    """Return distances of a metric, all at once: smaller is nearer."""
    vectors, query = vectors.astype("f8"), query.astype("f8")
    match metric:
        case "cosine":
            return -(vectors @ query) / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
        case "dot_product":
            return -(vectors @ query)
        case "euclidean":
            return np.linalg.norm(vectors - query, axis=1)
        case _:
            return ((vectors > 0) != (query > 0)).sum(axis=1)


def check(made: Collection, metric: str, data: tuple[Any, Any], tolerance: float, recall: float, **filter: Any) -> None:
    vectors, queries = data
    allowed = np.arange(COUNT) if not filter else np.arange(0, COUNT, 2)
    asked = [{"vector": query, **filter} for query in queries]
    batch = made.ask("batch_search_dense", queries=asked, top_k=10)["responses"]
    sign, right = 1 if metric in SMALLER_IS_NEARER else -1, 0
    for query, response in zip(queries, batch, strict=True):
        exact = distances(metric, vectors, query)
        ids = [int(result["id"]) for result in response["results"]]
        scores = np.array([result["score"] for result in response["results"]])
        assert len(set(ids)) == 10
        assert set(ids) <= set(allowed.tolist())
        np.testing.assert_allclose(sign * scores, exact[ids], rtol=tolerance, atol=tolerance)
        right += int((exact[ids] <= np.sort(exact[allowed])[9] + tolerance).sum())
    assert right / (10 * QUERIES) >= recall


@pytest.mark.parametrize("metric", METRICS)
def test_graphs(database: EngineDatabase, data: tuple[Any, Any], metric: str) -> None:
    made = indexed(database, data[0], metric, None)
    check(made, metric, data, 2e-5, 0.98)
    check(made, metric, data, 2e-5, 0.98, filter=EVEN)


@pytest.mark.parametrize(
    ("data_type", "tolerance", "recall"),
    [
        ("u8", 2e-5, 0.98),
        ("f16", 2e-3, 0.98),
        ("f32", 2e-5, 0.98),
        ("octal", 2e-5, 0.9),  # a few bits tell less of short vectors
        ("quaternay", 2e-5, 0.9),
        ("binary", 2e-5, 0.9),
    ],
)
def test_quantized_graphs(
    database: EngineDatabase, data: tuple[Any, Any], data_type: str, tolerance: float, recall: float
) -> None:
    made = indexed(database, data[0], "cosine", data_type)
    check(made, "cosine", data, tolerance, recall)


def test_parameters_of_the_index_are_those_of_the_graph(database: EngineDatabase) -> None:
    made = Collection(Service.of(database).call, "parameters", SIZE)
    made.index_dense(neighbors_count=8, level_0_neighbors_count=40, ef_construction=70, ef_search=30)
    graph = database.info("parameters").spec.vectors[DENSE].hnsw
    assert graph is not None
    assert (graph.m, graph.ef_construct) == (20, 70)


@pytest.mark.parametrize("depth", [0, 30, 100_000])
def test_graphs_are_searched_as_deep_as_the_index_says(
    database: EngineDatabase, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    made = Collection(Service.of(database).call, f"depth {depth}", SIZE)
    made.index_dense(ef_search=depth)
    made.upsert({"id": "a", "dense_values": np.ones(SIZE)})
    asked: list[int | None] = []
    query = database.query

    def noted(name: str, queries: Any) -> Any:
        asked.extend(one.params.ef for one in queries)
        return query(name, queries)

    monkeypatch.setattr(database, "query", noted)
    made.ask("search_dense", query_vector=np.ones(SIZE))
    made.ask("vector_neighbors", id="a")
    assert asked == [max(depth, 1)] * 2
