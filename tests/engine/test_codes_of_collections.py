"""Quantization settings and memory placement as a collection takes them: rebuilt on change, obeyed by searches."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faiss import downcast_index

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import InvalidInputError
from quiverdb.model.collection import (
    Binary,
    CollectionPatch,
    CollectionSpec,
    Datatype,
    Distance,
    HnswSpec,
    OptimizerSpec,
    Product,
    Scalar,
    Status,
    Turbo,
    VectorPatch,
    VectorSpec,
)
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.query import Nearest, Query, SearchParams
from quiverdb.model.write import Delete, Upsert

SIZE, COUNT = 32, 1200
DISABLED: Any = "disabled"


def rows(seed: int, count: int) -> np.ndarray:
    centres = np.random.default_rng(7).normal(size=(40, SIZE))
    random = np.random.default_rng(seed)
    noise = random.normal(scale=0.4, size=(count, SIZE))
    return (centres[random.integers(0, len(centres), count)] + noise).astype("f4")


def made(database: EngineDatabase, points: np.ndarray, **settings: Any) -> None:
    vector = {name: settings.pop(name) for name in ("on_disk", "memory", "datatype") if name in settings}
    distance = settings.pop("distance", Distance.EUCLID)
    optimizers = OptimizerSpec(indexing_threshold=20, vacuum_min_vector_number=100)
    spec = CollectionSpec({"": VectorSpec(SIZE, distance, **vector)}, optimizers=optimizers, **settings)
    database.create_collection("c", spec)
    database.write("c", [Upsert(Points(list(range(len(points))), {"": DenseColumn(points)}))])
    settled(database)


def settled(database: EngineDatabase) -> None:
    deadline = time.monotonic() + 60
    while database.info("c").status is not Status.GREEN:
        assert time.monotonic() < deadline, database.info("c")
        time.sleep(0.01)


def graph(database: EngineDatabase) -> Any:
    return database._find("c").segment.graphs[""][0]


def code_size(database: EngineDatabase) -> int:
    return int(downcast_index(graph(database).index.storage).sa_code_size())


def hits(database: EngineDatabase, vector: np.ndarray, limit: int = 10, **params: Any) -> list[tuple[Any, float]]:
    query = Query(Nearest(vector), params=SearchParams(**params), limit=limit)
    return [(hit.id, hit.score) for hit in database.query("c", [query])[0]]


def recall(database: EngineDatabase, **params: Any) -> float:
    """The share of the nearest that a walk of the graph finds; ``indexed_only`` leaves the planner no other choice."""
    targets = rows(5, 25)
    found = 0
    for target in targets:
        wanted = {id for id, _ in hits(database, target, exact=True)}
        found += len(wanted & {id for id, _ in hits(database, target, indexed_only=True, **params)})
    return found / (10 * len(targets))


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_a_change_of_the_setting_builds_the_graph_anew(tmp_path: Path, place: str) -> None:
    location = ":memory:" if place == "memory" else tmp_path
    with EngineDatabase.open(location) as database:
        made(database, rows(1, COUNT))
        assert code_size(database) == 2 * SIZE
        for change, size in (
            (Scalar(), SIZE),
            (Turbo(), SIZE // 2),
            (Product("x32"), SIZE // 8),
            (Binary("two_bits"), SIZE // 4),
            (DISABLED, 2 * SIZE),
        ):
            database.update_collection("c", CollectionPatch(quantization=change))
            settled(database)
            assert code_size(database) == size
            assert database.info("c").indexed_vectors_count == COUNT
            assert recall(database) >= 0.9
        own = VectorPatch(quantization=Scalar())
        database.update_collection("c", CollectionPatch(vectors={"": own}, quantization=Product("x64")))
        settled(database)
        assert code_size(database) == SIZE, "the setting of the vector goes before that of the collection"
        database.write("c", [Upsert(Points(list(range(COUNT, COUNT + 300)), {"": DenseColumn(rows(2, 300))}))])
        settled(database)
        assert (database.info("c").indexed_vectors_count, code_size(database)) == (COUNT + 300, SIZE)
        database.write("c", [Delete(tuple(range(600)))])
        settled(database)
        assert (database.info("c").indexed_vectors_count, code_size(database)) == (COUNT - 300, SIZE)
        assert recall(database) >= 0.98


@pytest.mark.parametrize("change", [HnswSpec(m=8), HnswSpec(ef_construct=50)], ids=["m", "ef_construct"])
def test_a_change_of_the_links_builds_the_graph_anew(change: HnswSpec) -> None:
    with EngineDatabase.open(":memory:") as database:
        made(database, rows(1, COUNT))
        before = graph(database)
        database.update_collection("c", CollectionPatch(hnsw=HnswSpec(full_scan_threshold=30)))
        settled(database)
        assert graph(database) is before
        database.update_collection("c", CollectionPatch(hnsw=change))
        settled(database)
        after = graph(database)
        assert (after.recipe.m, after.recipe.ef_construct) == (change.m or 24, change.ef_construct or 200)
        assert after.index.hnsw.nb_neighbors(0) == 2 * (change.m or 24)
        assert recall(database) >= 0.98


def test_a_graph_of_other_settings_is_built_anew_after_a_crash(tmp_path: Path) -> None:
    with EngineDatabase.open(tmp_path) as database:
        made(database, rows(1, COUNT))
        database._optimizer.stop()  # what follows is committed, and nobody acts on it
        database.update_collection("c", CollectionPatch(quantization=Scalar()))
        assert code_size(database) == 2 * SIZE
    with EngineDatabase.open(tmp_path) as database:
        settled(database)
        assert code_size(database) == SIZE
        assert len(list(tmp_path.glob("collections/*/graph-*"))) == 1
    with EngineDatabase.open(tmp_path) as database:
        before = graph(database)
        settled(database)
        assert graph(database) is before
        assert recall(database) >= 0.98


@pytest.mark.parametrize("distance", list(Distance))
@pytest.mark.parametrize("datatype", [None, Datatype.UINT8])
def test_scores_are_exact_unless_rescoring_is_turned_off(distance: Distance, datatype: Any) -> None:
    points = np.abs(rows(1, COUNT)) * (40 if datatype else 1)
    with EngineDatabase.open(":memory:") as database:
        made(database, points, distance=distance, quantization=Turbo("bits4"), datatype=datatype)
        database.write("c", [Upsert(Points([COUNT], {"": DenseColumn(points[:1])}))])
        exact = dict(hits(database, points[3], exact=True, limit=COUNT))
        coarse = 0.1 * (max(exact.values()) - min(exact.values()))
        apart = []
        for id, score in hits(database, points[3], indexed_only=True):
            assert score == pytest.approx(exact[id], rel=1e-5, abs=1e-3)
        raw = hits(database, points[3], indexed_only=True, quantization_rescore=False)
        ordered = sorted((score for _, score in raw), reverse=distance in (Distance.COSINE, Distance.DOT))
        assert [score for _, score in raw] == ordered
        for id, score in raw:
            assert score == pytest.approx(exact[id], abs=coarse)
            apart.append(abs(score - exact[id]))
        assert len(raw) == 10
        assert max(apart) > 1e-4
        ignored = {"indexed_only": True, "quantization_ignore": True}
        assert hits(database, points[3], quantization_rescore=False, **ignored) == hits(database, points[3], **ignored)


def test_candidates_make_up_for_coarse_codes() -> None:
    with EngineDatabase.open(":memory:") as database:
        made(database, rows(1, COUNT), quantization=Product("x64"))
        plain, over = recall(database, ef=10), recall(database, quantization_oversampling=4.0)
        raw, ignored = recall(database, quantization_rescore=False), recall(database, quantization_ignore=True)
    assert raw < 0.9 < plain <= over
    assert ignored >= 0.98


@pytest.mark.parametrize("oversampling", [0.5, 0.0, -1.0, float("nan"), float("inf")])
def test_oversampling_below_one_is_refused(oversampling: float) -> None:
    with EngineDatabase.open(":memory:") as database:
        made(database, rows(1, 50), quantization=Scalar())
        with pytest.raises(InvalidInputError, match="oversampling must be at least 1"):
            hits(database, rows(1, 1)[0], quantization_oversampling=oversampling)


@pytest.mark.parametrize(
    "settings",
    [
        {"on_disk": True},
        {"memory": "cold", "quantization": Scalar()},
        {"memory": "cached", "on_disk": True},
        {"memory": "pinned", "quantization": Scalar(always_ram=True)},
        {"hnsw": HnswSpec(memory="pinned")},
    ],
    ids=str,
)
def test_answers_do_not_depend_on_where_vectors_lie(tmp_path: Path, settings: dict[str, Any]) -> None:
    points = rows(1, COUNT)
    for _ in range(2):
        with EngineDatabase.open(tmp_path) as database:
            if not database.has_collection("c"):
                made(database, points, **settings)
            assert recall(database) >= 0.98
            for number in range(0, COUNT, 200):
                lengths = np.linalg.norm(points - points[number], axis=1)
                for exact in (True, False):
                    found = hits(database, points[number], exact=exact)
                    assert [score for _, score in found] == pytest.approx(np.sort(lengths)[:10], abs=1e-3)
                    assert found[0][0] == number
