"""The client's snapshot methods: what a server would answer."""

from __future__ import annotations

import re
from pathlib import Path

import library
import pytest
import qdrant_client.http.models as official

from quiverdb.errors import ClosedError, UnsupportedError
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.http.exceptions import UnexpectedResponse


@pytest.fixture
def client():
    with QdrantClient(":memory:") as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("c", [models.PointStruct(id=1, vector=[1, 2], payload={"a": 1})])
        yield client


def status(call, *arguments, **named) -> int:
    with pytest.raises(UnexpectedResponse) as caught:
        call(*arguments, **named)
    return caught.value.status_code


def test_round_trip_over_files(tmp_path):
    with QdrantClient(path=tmp_path / "one") as one, QdrantClient(path=tmp_path / "two") as two:
        library.fill(one)
        snapshot = one.create_snapshot("library")
        location = (tmp_path / "one" / "snapshots" / "library" / snapshot.name).as_uri()
        assert two.recover_snapshot("library", location, checksum=snapshot.checksum) is True
        assert library.answers(two) == library.answers(one)
        assert one.delete_collection("library")
        assert one.recover_snapshot("library", snapshot.name, priority=models.SnapshotPriority.REPLICA) is True
        assert library.answers(one) == library.answers(two)


def test_descriptions_are_those_of_the_api(client):
    snapshot = client.create_snapshot("c")
    assert official.SnapshotDescription.model_validate(snapshot.model_dump()).name == snapshot.name
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", snapshot.creation_time)
    assert re.fullmatch("[0-9a-f]{64}", snapshot.checksum)
    assert client.list_snapshots("c") == [snapshot]
    assert client.delete_snapshot("c", snapshot.name) is True
    assert client.list_snapshots("c") == []


def test_shard_snapshots(client):
    snapshot = client.create_shard_snapshot("c", 0)
    assert client.list_shard_snapshots("c", 0) == [snapshot]
    assert client.list_snapshots("c") == []
    client.delete("c", [1])
    assert client.recover_shard_snapshot("c", 0, snapshot.name, checksum=snapshot.checksum) is True
    assert client.count("c").count == 1
    assert client.delete_shard_snapshot("c", 0, snapshot.name) is True
    assert client.list_shard_snapshots("c", 0) == []
    for call in (client.create_shard_snapshot, client.list_shard_snapshots):
        assert status(call, "c", 1) == 404
        assert status(call, "no", 0) == 404
        assert status(call, "c", -1) == 422
        assert status(call, "c", "0") == 400
    assert status(client.delete_shard_snapshot, "c", 0, snapshot.name) == 404
    assert status(client.recover_shard_snapshot, "no", 0, snapshot.name) == 404


def test_full_snapshots(client):
    snapshot = client.create_full_snapshot()
    assert client.list_full_snapshots() == [snapshot]
    assert client.list_snapshots("c") == []
    assert client.delete_full_snapshot(snapshot.name) is True
    assert status(client.delete_full_snapshot, snapshot.name) == 404


def test_without_waiting(tmp_path):
    client = QdrantClient(path=tmp_path)
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    kept = client.create_snapshot("c")
    gone = client.create_shard_snapshot("c", 0)
    assert client.create_full_snapshot(wait=False) is None
    assert client.create_snapshot("c", wait=False) is None
    assert client.create_shard_snapshot("c", 0, wait=False) is None
    assert client.recover_snapshot("d", str(tmp_path / "snapshots" / "c" / kept.name), wait=False) is None
    assert client.delete_shard_snapshot("c", 0, gone.name, wait=False) is None
    client.close()
    with QdrantClient(path=tmp_path) as client:
        assert len(client.list_snapshots("c")) == 2
        assert len(client.list_shard_snapshots("c", 0)) == 1
        assert len(client.list_full_snapshots()) == 1
        assert client.collection_exists("d")


def test_refusals(client, tmp_path):
    snapshot = client.create_snapshot("c")
    assert status(client.create_snapshot, "no") == 404
    assert status(client.list_snapshots, "no") == 404
    assert status(client.delete_snapshot, "c", "no.snapshot") == 404
    assert status(client.delete_snapshot, "c", "../x.snapshot") == 400
    assert status(client.recover_snapshot, "c", "no.snapshot") == 404
    assert status(client.recover_snapshot, "c", f"file://{tmp_path}/no") == 404
    assert status(client.recover_snapshot, "c", "s3://bucket/x") == 400
    assert status(client.recover_snapshot, "c", snapshot.name, checksum="0" * 64) == 400
    assert status(client.recover_snapshot, "c", snapshot.name, priority="best") == 400
    assert status(client.recover_snapshot, "a/b", snapshot.name) == 400
    text = tmp_path / "text.snapshot"
    text.write_text("no snapshot")
    assert status(client.recover_snapshot, "c", str(text)) == 400
    with pytest.raises(UnsupportedError, match="Download"):
        client.recover_snapshot("c", "https://example.com/c.snapshot")
    assert client.count("c").count == 1
    client.close()
    with pytest.raises(ClosedError):
        client.create_snapshot("c")


def test_in_memory_files_are_of_the_database(client):
    client.create_full_snapshot()
    path = Path(client._database.snapshots()[0].path)
    assert path.is_file()
    client.close()
    assert not path.parent.exists()
