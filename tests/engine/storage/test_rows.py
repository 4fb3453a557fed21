"""Rows: committed as a whole, read back as written, damage found."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from quiverdb.engine.schema import new_schema
from quiverdb.engine.storage.rows import ROW, Commit, RowStore, SegmentState
from quiverdb.errors import CorruptionError
from quiverdb.model.collection import CollectionSpec, Distance, VectorSpec

SCHEMA = new_schema(CollectionSpec({"a": VectorSpec(4, Distance.DOT)}, metadata={"owner": "me"}), 12.5)
IDS = [0, 7, 2**63, 2**64 - 1, "0f8fad5b-d9cb-469f-a165-70867728950e"]


def commit(count: int = len(IDS), **changes) -> Commit:
    rows = np.zeros(count, ROW)
    rows["position"] = np.arange(count) * 10
    rows["version"] = 3
    rows["vectors"] = 5
    state = SegmentState(sequence=3, count=count, live=count, files={"records": (100, 42)})
    fields = {"state": state, "offsets": np.arange(count), "ids": IDS[:count], "rows": rows, "schema": SCHEMA}
    return Commit(**fields | changes)


def read(path):
    store = RowStore(path)
    try:
        schema, state = store.read_meta()
        return schema, state, *store.read_points(state)
    finally:
        store.close()


def test_reads_back_what_was_committed(tmp_path):
    store = RowStore(tmp_path / "rows")
    written = commit()
    store.commit(written, sync=True)
    store.close()
    schema, state, offsets, ids, rows = read(tmp_path / "rows")
    assert schema == SCHEMA
    assert state == written.state
    assert offsets.tolist() == [0, 1, 2, 3, 4]
    assert ids == IDS
    assert (rows == written.rows).all()


def test_changes_and_removes(tmp_path):
    store = RowStore(tmp_path / "rows")
    first = commit()
    store.commit(first, sync=True)
    changed = first.rows[1:2].copy()
    changed["version"] = 9
    state = SegmentState(sequence=9, count=5, live=3)
    store.commit(
        commit(state=state, offsets=np.array([1]), ids=[7], rows=changed, removed=[0, 4], schema=None), sync=False
    )
    store.close()
    _, state, offsets, ids, rows = read(tmp_path / "rows")
    assert (state.sequence, offsets.tolist(), ids) == (9, [1, 2, 3], [7, 2**63, 2**64 - 1])
    assert rows["version"].tolist() == [9, 3, 3]


def test_a_failed_commit_leaves_no_trace(tmp_path):
    store = RowStore(tmp_path / "rows")
    store.commit(commit(), sync=True)
    bad = commit(ids=[1, 2, object(), 4, 5], removed=[0])
    with pytest.raises(Exception, match="object"):
        store.commit(bad, sync=True)
    store.close()
    assert read(tmp_path / "rows")[3] == IDS


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE points SET row = zeroblob(32) WHERE offset = 1",
        "UPDATE points SET row = zeroblob(31) WHERE offset = 1",
        "UPDATE points SET id = 8 WHERE offset = 1",
        "UPDATE points SET offset = 9 WHERE offset = 2",
        "UPDATE points SET row = 'x' WHERE offset = 2",
        "UPDATE points SET checked = 'x' WHERE offset = 2",
        "DELETE FROM points WHERE offset = 2",
        "UPDATE meta SET value = x'00' WHERE key = 'schema'",
        "DELETE FROM meta WHERE key = 'state'",
    ],
)
def test_damage_is_found(tmp_path, damage):
    store = RowStore(tmp_path / "rows")
    store.commit(commit(), sync=True)
    store.close()
    database = sqlite3.connect(tmp_path / "rows")
    database.execute(damage)
    database.commit()
    database.close()
    with pytest.raises(CorruptionError, match="damaged"):
        read(tmp_path / "rows")


def test_a_file_of_something_else_is_corruption(tmp_path):
    (tmp_path / "rows").write_bytes(b"this is no database" * 100)
    with pytest.raises(CorruptionError):
        RowStore(tmp_path / "rows")
