"""Background work against a plain dictionary: nothing is lost, graphs find what a scan finds."""

from __future__ import annotations

import time

import numpy as np
import pytest

from quiverdb.database import ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.engine.index.codes import Recipe
from quiverdb.engine.index.hnsw import Graph
from quiverdb.engine.optimizer import _publish
from quiverdb.model.collection import CollectionSpec, Distance, OptimizerSpec, Status, VectorSpec
from quiverdb.model.filter import Filter, Range
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.query import Nearest, Query, SearchParams
from quiverdb.model.write import CreateVector, Delete, DeleteVector, SetPayload, Upsert

SIZE = 16


def spec(distance: Distance = Distance.EUCLID) -> CollectionSpec:
    """Graphs from 20 kB on, compaction from 100 dead points on."""
    optimizers = OptimizerSpec(indexing_threshold=20, vacuum_min_vector_number=100)
    return CollectionSpec({"": VectorSpec(SIZE, distance)}, optimizers=optimizers)


def settled(database: EngineDatabase) -> None:
    deadline = time.monotonic() + 60
    while database.info("c").status is not Status.GREEN:
        assert time.monotonic() < deadline, database.info("c")
        time.sleep(0.01)


def nearest(database, vector, *, exact: bool, filter=None) -> list[int]:
    query = Query(Nearest(vector), params=SearchParams(exact=exact), filter=filter)
    return [hit.id for hit in database.query("c", [query])[0]]


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_random_writes_with_background_work(tmp_path, place):
    rng = np.random.default_rng(1)
    known: dict[int, tuple[np.ndarray, dict]] = {}
    location = ":memory:" if place == "memory" else tmp_path
    with EngineDatabase.open(location) as database:
        database.create_collection("c", spec())
        for step in range(100):
            ids = rng.choice(3000, 200, replace=False).tolist()
            vectors = rng.normal(size=(200, SIZE)).astype("f4")
            points = Points(ids, {"": DenseColumn(vectors)}, [{"step": step}] * 200)
            database.write("c", [Upsert(points)], wait=step % 10 == 0)
            known.update({id: (vector, {"step": step}) for id, vector in zip(ids, vectors, strict=True)})
            if step % 3 == 0:
                gone = rng.choice(3000, 30, replace=False).tolist()
                database.write("c", [Delete(tuple(gone))])
                for id in gone:
                    known.pop(id, None)
            if step % 4 == 0:
                chosen = rng.choice(list(known), 20, replace=False).tolist()
                database.write("c", [SetPayload(tuple(chosen), {"extra": step})])
                for id in chosen:
                    known[id] = known[id][0], known[id][1] | {"extra": step}
            target = rng.normal(size=SIZE).astype("f4")
            distances = {id: float(np.linalg.norm(vector - target)) for id, (vector, _) in known.items()}
            best = sorted(distances, key=distances.__getitem__)[:10]
            assert nearest(database, target, exact=True) == best
            assert len(set(nearest(database, target, exact=False)) & set(best)) >= 8
            assert database.count("c") == len(known)
        settled(database)
        info = database.info("c")
        assert (info.points_count, info.indexed_vectors_count) == (len(known), len(known))
        same(database, known)
    if place == "disk":
        with EngineDatabase.open(location) as database:
            same(database, known)
            assert database.info("c").indexed_vectors_count == len(known)


def same(database: EngineDatabase, known: dict) -> None:
    records = database.scroll("c", ScrollRequest(limit=5000, with_vectors=True)).records
    assert [record.id for record in records] == sorted(known)
    for record in records:
        vector, payload = known[record.id]
        assert record.vectors[""].tolist() == vector.tolist()
        assert record.payload == payload


@pytest.mark.parametrize("distance", list(Distance))
@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.02])
def test_graphs_find_what_a_scan_finds(distance, share):
    rng = np.random.default_rng(7)
    centers = rng.normal(size=(40, SIZE))
    rows = (centers[rng.integers(0, 40, 4000)] + rng.normal(scale=0.5, size=(4000, SIZE))).astype("f4")
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("c", spec(distance))
        payloads = [{"share": index / 4000} for index in rng.permutation(4000).tolist()]
        database.write("c", [Upsert(Points(list(range(4000)), {"": DenseColumn(rows)}, payloads))])
        settled(database)
        assert database.info("c").indexed_vectors_count == 4000
        filter = None if share == 1 else Filter(must=(Range("share", lt=share),))
        found = 0
        for index in range(0, 4000, 100):
            target = rows[index] + 0.1
            wanted = set(nearest(database, target, exact=True, filter=filter))
            found += len(wanted & set(nearest(database, target, exact=False, filter=filter)))
        assert found >= 0.97 * 400


def test_small_collections_need_no_graph():
    with EngineDatabase.open(":memory:") as database:
        database.create_collection("c", CollectionSpec({"": VectorSpec(SIZE, Distance.DOT)}))
        database.write("c", [Upsert(Points([1], {"": DenseColumn(np.ones((1, SIZE), "f4"))}))])
        info = database.info("c")
        assert (info.status, info.indexed_vectors_count) == (Status.GREEN, 0)


def test_a_lost_or_damaged_graph_is_built_again(tmp_path):
    rows = np.random.default_rng(3).normal(size=(1000, SIZE)).astype("f4")
    for damage in ("lose", "flip", "none"):
        with EngineDatabase.open(tmp_path) as database:
            if not database.has_collection("c"):
                database.create_collection("c", spec())
                database.write("c", [Upsert(Points(list(range(1000)), {"": DenseColumn(rows)}))])
            settled(database)
            assert database.info("c").indexed_vectors_count == 1000
            assert nearest(database, rows[5], exact=False)[0] == 5
        (graph,) = tmp_path.glob("collections/*/graph-*")
        if damage == "lose":
            graph.unlink()
        elif damage == "flip":
            data = bytearray(graph.read_bytes())
            data[len(data) // 2] ^= 1
            graph.write_bytes(data)


def test_a_graph_whose_vector_was_deleted_meanwhile_leaves_no_file(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("c", CollectionSpec({"v": VectorSpec(SIZE, Distance.EUCLID)}))
        rows = np.random.default_rng(4).normal(size=(50, SIZE)).astype("f4")
        database.write("c", [Upsert(Points(list(range(50)), {"v": DenseColumn(rows)}))])
        collection = database._find("c")
        view = collection.view
        graph = Graph.build(view.schema.spec.vectors["v"], Recipe(8, 32), view.dense("v"))
        database.write("c", [DeleteVector("v")])
        _publish(collection, collection.segment, view, "v", graph)
        assert not list(tmp_path.glob("collections/*/graph-*"))


def test_a_graph_of_a_former_vector_of_the_name_and_slot_is_not_taken(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        vectors = {f"v{number}": VectorSpec(SIZE, Distance.EUCLID) for number in range(62)}
        database.create_collection("c", CollectionSpec(vectors))
        rows = np.random.default_rng(4).normal(size=(50, SIZE)).astype("f4")
        database.write("c", [Upsert(Points(list(range(50)), {"v5": DenseColumn(rows)}))])
        collection = database._find("c")
        view = collection.view
        graph = Graph.build(view.schema.spec.vectors["v5"], Recipe(8, 32), view.dense("v5"))
        database.write("c", [DeleteVector("v5")])
        database.write("c", [CreateVector("v5", VectorSpec(SIZE, Distance.EUCLID))])
        assert collection.view.schema.slots["v5"] == view.schema.slots["v5"]
        _publish(collection, collection.segment, view, "v5", graph)
        assert "v5" not in collection.view.graphs
        assert not list(tmp_path.glob("collections/*/graph-*"))
