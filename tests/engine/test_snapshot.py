"""Snapshots: what goes in comes out, consistent, whole or not at all."""

from __future__ import annotations

import logging
import re
import threading
import time
from pathlib import Path

import library
import numpy as np
import pytest

from quiverdb.database import AliasChange, ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.engine.storage.archive import file_sha256
from quiverdb.errors import ClosedError, CorruptionError, InvalidInputError, NotFoundError, UnsupportedError
from quiverdb.model.collection import CollectionSpec, Distance, OptimizerSpec, VectorSpec
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.query import Nearest, Query, SearchParams
from quiverdb.model.snapshot import Snapshot
from quiverdb.model.write import Delete, Upsert
from quiverdb.qdrant import QdrantClient

SPEC = CollectionSpec({"": VectorSpec(2, Distance.DOT)})


def points(first: int, count: int, value: float = 1.0) -> Upsert:
    column = DenseColumn(np.full((count, 2), value, "f4"))
    return Upsert(Points(list(range(first, first + count)), {"": column}, [{"batch": first}] * count))


def taken(database: EngineDatabase, collection: str | None = None, **how) -> Snapshot:
    snapshot = database.create_snapshot(collection, **how)
    assert snapshot is not None
    return snapshot


def opened(place: str, folder: Path) -> EngineDatabase:
    return EngineDatabase.open(":memory:" if place == "memory" else folder / place)


def ids(database: EngineDatabase, name: str) -> list[int | str]:
    return [record.id for record in database.scroll(name, ScrollRequest(limit=10_000)).records]


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("memory", "b"), ("a", "memory"), ("memory", "memory")])
def test_a_recovered_collection_gives_the_same_answers(tmp_path, source, target):
    with opened(source, tmp_path) as one, opened(target, tmp_path) as two:
        client = QdrantClient(database=one)
        library.fill(client)
        expected = library.answers(client)
        assert expected["info"]["indexed_vectors_count"] > 0
        snapshot = taken(one, "library")
        two.recover_snapshot("library", snapshot.path, checksum=snapshot.checksum)
        assert library.answers(QdrantClient(database=two)) == expected
        assert two.work("library").completed == ()  # the graphs came along
        client.delete("library", [1, 2])
        two.write("library", [Delete((1, 2))])
        again = library.answers(QdrantClient(database=two))
        assert again == library.answers(client)
        assert again != expected
    if target != "memory":
        with opened(target, tmp_path) as two:
            assert library.answers(QdrantClient(database=two)) == again


def test_a_snapshot_is_taken_back(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("c", SPEC)
        database.update_aliases([AliasChange("other", "c")])
        database.write("c", [points(0, 5)])
        first = taken(database, "other")
        database.write("c", [points(5, 5)])
        second = taken(database, "c")
        assert first.name != second.name
        assert database.snapshots("c") == sorted([first, second], key=lambda snapshot: snapshot.name)
        database.recover_snapshot("c", first.name)
        assert ids(database, "c") == [0, 1, 2, 3, 4]
        database.recover_snapshot("other", Path(second.path).as_uri())
        assert ids(database, "c") == list(range(10))
        assert database.aliases() == {"other": "c"}
        assert database.delete_collection("c")
        database.recover_snapshot("c", first.name)  # snapshots outlive their collection
        assert ids(database, "c") == [0, 1, 2, 3, 4]
        folders = list((tmp_path / "collections").iterdir())
        assert len(folders) == 1
    with EngineDatabase.open(tmp_path) as database:
        assert ids(database, "c") == [0, 1, 2, 3, 4]
        database.delete_snapshot("c", first.name)
        assert [snapshot.name for snapshot in database.snapshots("c")] == [second.name]
        assert sorted(path.name for path in (tmp_path / "snapshots" / "c").iterdir()) == [
            second.name,
            f"{second.name}.checksum",
        ]


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_a_full_snapshot_holds_everything(tmp_path, place):
    with opened(place, tmp_path) as database:
        for name in ("a", "b"):
            database.create_collection(name, SPEC)
            database.write(name, [points(0, 3)])
        database.update_aliases([AliasChange("x", "a")])
        full = taken(database)
        database.delete_collection("a")
        database.write("b", [points(3, 3)])
        database.create_collection("c", SPEC)
        database.recover_snapshot(None, full.name)
        assert database.collection_names() == ["a", "b"]
        assert database.aliases() == {"x": "a"}
        assert [ids(database, name) for name in ("x", "b")] == [[0, 1, 2]] * 2
        with pytest.raises(InvalidInputError, match="a whole database"):
            database.recover_snapshot("a", full.path)
        one = taken(database, "a")
        with pytest.raises(InvalidInputError, match="a single collection"):
            database.recover_snapshot(None, one.path)
        empty = EngineDatabase.open(":memory:")
        nothing = taken(empty)
        database.recover_snapshot(None, nothing.path)
        empty.close()
        assert database.collection_names() == []
        assert database.aliases() == {}


def test_names_and_descriptions(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("c", SPEC)
        peer = database.peer()
        stamp = r"\d{4}(-\d\d){5}\.snapshot"
        assert re.fullmatch(f"c-{peer}-{stamp}", taken(database, "c").name)
        assert re.fullmatch(f"c-shard-0-{stamp}", taken(database, "c", shard=0).name)
        assert re.fullmatch(f"full-snapshot-{stamp}", taken(database).name)
        assert [len(database.snapshots("c")), len(database.snapshots("c", shard=0)), len(database.snapshots())] == [
            1
        ] * 3
        (described,) = database.snapshots("c")
        assert described.checksum == file_sha256(Path(described.path))
        assert described.size == Path(described.path).stat().st_size
        assert abs(described.created_at - time.time()) < 60
        Path(f"{described.path}.checksum").unlink()
        assert database.snapshots("c")[0].checksum is None
    with EngineDatabase.open(tmp_path) as database:
        assert database.peer() == peer
    with EngineDatabase.open(tmp_path / "other") as database:
        assert database.peer() != peer


def test_a_snapshot_in_memory_goes_with_its_database():
    database = EngineDatabase.open(":memory:")
    database.create_collection("c", SPEC)
    snapshot = taken(database, "c")
    assert Path(snapshot.path).exists()
    database.close()
    assert not Path(snapshot.path).parents[2].exists()


def test_nothing_waits_for_work_in_the_background(tmp_path, caplog):
    database = EngineDatabase.open(tmp_path)
    database.create_collection("c", SPEC)
    database.write("c", [points(0, 5)])
    assert database.create_snapshot("c", wait=False) is None
    database.close()  # waits for it
    with EngineDatabase.open(tmp_path) as database:
        (snapshot,) = database.snapshots("c")
        database.recover_snapshot("d", snapshot.path, wait=False)
        database.recover_snapshot("e", snapshot.path, checksum="0" * 64, wait=False)
        with pytest.raises(NotFoundError):
            database.recover_snapshot("e", tmp_path / "no.snapshot", wait=False)
        with pytest.raises(NotFoundError):
            database.create_snapshot("e", wait=False)
        with caplog.at_level(logging.ERROR, "quiverdb"):
            database.close()
        assert "checksum mismatch" in caplog.text
        with pytest.raises(ClosedError):
            database.create_snapshot("c")
    with EngineDatabase.open(tmp_path) as database:
        assert database.collection_names() == ["c", "d"]
        assert ids(database, "d") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_snapshots_during_writes_and_background_work_are_consistent(tmp_path, place):
    """Batches add ten points and remove five of the batch before: every snapshot is the state after some batch."""
    spec = CollectionSpec(
        {"": VectorSpec(16, Distance.EUCLID)},
        optimizers=OptimizerSpec(indexing_threshold=2, vacuum_min_vector_number=20),
    )
    stop = threading.Event()
    last = -1
    with opened(place, tmp_path) as database:
        database.create_collection("c", spec)

        def write() -> None:
            nonlocal last
            while not stop.is_set() and last < 300:
                first = (last + 1) * 10
                rows = np.arange(first, first + 10, dtype="f4")[:, None].repeat(16, 1)
                added = Upsert(
                    Points(list(range(first, first + 10)), {"": DenseColumn(rows)}, [{"batch": last + 1}] * 10)
                )
                gone = Delete(tuple(range(max(0, first - 10), max(0, first - 5))))
                database.write("c", [added, gone], wait=False)
                last += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(4):
                least = last
                snapshot = taken(database, "c")
                most = last + 1
                with EngineDatabase.open(":memory:") as copy:
                    copy.recover_snapshot("c", snapshot.path, checksum=snapshot.checksum)
                    records = copy.scroll("c", ScrollRequest(limit=100_000, with_vectors=True)).records
                    batch = max((record.payload["batch"] for record in records), default=-1)
                    assert least <= batch <= most
                    want = [number for number in range((batch + 1) * 10) if number // 10 == batch or number % 10 >= 5]
                    assert [record.id for record in records] == want
                    assert [record.vectors[""][0] for record in records] == want
                    if want:
                        nearest = Nearest(np.full(16, want[-1], "f4"))
                        queries = [Query(nearest, limit=3, params=SearchParams(exact=exact)) for exact in (True, False)]
                        found = [[hit.id for hit in hits] for hits in copy.query("c", queries)]
                        assert found == [want[:-4:-1]] * 2
        finally:
            stop.set()
            writer.join()


def test_readers_and_writers_go_on_while_a_collection_is_replaced(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("c", SPEC)
        database.write("c", [points(0, 50)])
        snapshot = taken(database, "c")
        errors: list[BaseException] = []
        stop = threading.Event()

        def use() -> None:
            try:
                while not stop.is_set():
                    assert database.count("c") >= 50
                    assert database.query("c", [Query(Nearest(np.ones(2, "f4")), limit=5)])[0]
                    database.write("c", [points(50, 1)], wait=False)
            except BaseException as error:
                errors.append(error)

        users = [threading.Thread(target=use) for _ in range(3)]
        for user in users:
            user.start()
        for _ in range(10):
            database.recover_snapshot("c", snapshot.path)
        stop.set()
        for user in users:
            user.join()
        assert not errors


def test_wrong_requests_change_nothing(tmp_path, monkeypatch):
    with EngineDatabase.open(tmp_path / "db") as database:
        database.create_collection("c", SPEC)
        database.write("c", [points(0, 5)])
        snapshot = taken(database, "c")
        database.create_collection("wider", CollectionSpec({"": VectorSpec(3, Distance.DOT)}))
        (tmp_path / "db" / "secret.snapshot").write_text("x")
        before = sorted(path for path in (tmp_path / "db").rglob("*") if path.is_file())
        for missing in ("no.snapshot", "manifest.json", f"{snapshot.name}.checksum", "../c", tmp_path / "no", tmp_path):
            with pytest.raises(NotFoundError, match=r"Snapshot .* not found"):
                database.recover_snapshot("c", missing)
        for name in ("no.snapshot", f"{snapshot.name}.checksum", "owner.json"):
            with pytest.raises(NotFoundError):
                database.delete_snapshot("c", name)
        for name in (
            "../../secret.snapshot",
            "../c.snapshot",
            "/x.snapshot",
            "a\\b.snapshot",
            "",
            "..",
            ".",
            None,
            "\0",
        ):
            with pytest.raises(InvalidInputError):
                database.delete_snapshot("c", name)
        for location in ("", "ftp://x/y", "s3://x/y", "file://elsewhere/x", "a\0b"):
            with pytest.raises(InvalidInputError):
                database.recover_snapshot("c", location)
        for location in ("http://x/c.snapshot", "HTTPS://x/c.snapshot"):
            with pytest.raises(UnsupportedError, match="Download"):
                database.recover_snapshot("c", location)
        for checksum in ("0" * 64, "", "no checksum"):
            with pytest.raises(InvalidInputError, match="checksum"):
                database.recover_snapshot("c", snapshot.path, checksum=checksum)
        for name in ("", "a/b", "..", None):
            if name is not None:
                with pytest.raises(InvalidInputError):
                    database.recover_snapshot(name, snapshot.path)
        with pytest.raises(InvalidInputError, match="not those of collection"):
            database.recover_snapshot("wider", snapshot.path)
        for call in (database.create_snapshot, database.snapshots, lambda name: database.delete_snapshot(name, "x")):
            with pytest.raises(NotFoundError, match="Collection `no` doesn't exist"):
                call("no")
        for shard in (1, -1):
            with pytest.raises(NotFoundError, match="Shard"):
                database.create_snapshot("c", shard=shard)
        with pytest.raises(NotFoundError, match="Collection"):
            database.recover_snapshot("no", snapshot.path, shard=0)
        assert database.collection_names() == ["c", "wider"]
        assert ids(database, "c") == [0, 1, 2, 3, 4]
        assert sorted(path for path in (tmp_path / "db").rglob("*") if path.is_file()) == before
        database.recover_snapshot("c", snapshot.path, checksum=snapshot.checksum.upper())
        monkeypatch.chdir(Path(snapshot.path).parent)
        database.recover_snapshot("new", snapshot.name)  # a path in the present folder
        assert ids(database, "new") == [0, 1, 2, 3, 4]


def test_damaged_bytes_do_not_get_into_a_snapshot(tmp_path):
    with EngineDatabase.open(tmp_path) as database:
        database.create_collection("c", SPEC)
        database.write("c", [points(0, 5)])
        (records,) = tmp_path.glob("collections/*/records.0")
        data = bytearray(records.read_bytes())
        data[3] ^= 1
        with records.open("rb+") as file:
            file.write(data)
        with pytest.raises(CorruptionError, match=r"records\.0"):
            database.create_snapshot("c")
        assert database.snapshots("c") == []
        assert list((tmp_path / "snapshots" / "c").iterdir()) == []
        assert len(list((tmp_path / "collections").iterdir())) == 1
