"""Locks of several collections never wait for each other."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from quiverdb.engine import collection as module
from quiverdb.engine.collection import Collection
from quiverdb.engine.database import EngineDatabase
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec
from quiverdb.model.point import DenseColumn, PointId, Points, VectorValue
from quiverdb.model.query import Lookup, Nearest, PointRef, Query
from quiverdb.model.shard import ShardSelector
from quiverdb.model.write import Upsert


def test_collections_that_look_up_vectors_in_each_other_do_not_lock_each_other_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both readers are at their last attempt, in which they let no writer in, when they ask the other."""
    both = threading.Barrier(2, timeout=10)
    stored_vector = Collection.stored_vector

    def together(self: Collection, name: str, id: PointId, shard_keys: ShardSelector | None) -> VectorValue | None:
        both.wait()
        return stored_vector(self, name, id, shard_keys)

    monkeypatch.setattr(module, "_ATTEMPTS", 0)
    monkeypatch.setattr(Collection, "stored_vector", together)
    database = EngineDatabase.open(":memory:")
    for name in ("a", "b"):
        database.create_collection(name, CollectionSpec({"": VectorSpec(2, Distance.DOT)}))
        database.write(name, [Upsert(Points([1], {"": DenseColumn(np.ones((1, 2), np.float32))}))])
    found: list[int] = []

    def ask(name: str, other: str) -> None:
        query = Query(Nearest(PointRef(1)), lookup_from=Lookup(other))
        found.extend(len(hits) for hits in database.query(name, [query]))

    threads = [threading.Thread(target=ask, args=pair, daemon=True) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert found == [1, 1]
    database.close()
