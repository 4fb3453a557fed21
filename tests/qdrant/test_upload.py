"""Uploads: any source of points, in batches, read ahead, tried again, and told about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_client

from quiverdb.errors import CorruptionError, LockedError, RateLimitedError, StorageError
from quiverdb.qdrant import QdrantClient, _upload, models
from quiverdb.qdrant._upload import ahead
from quiverdb.qdrant.http.exceptions import UnexpectedResponse

COUNT, SIZE = 2500, 4
ROWS = np.random.default_rng(1).random((COUNT, SIZE), np.float32)


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    with QdrantClient(":memory:") as client:
        client.create_collection("docs", models.VectorParams(size=SIZE, distance="Dot"))
        yield client


def points(count: int = COUNT) -> Iterator[models.PointStruct]:
    return (models.PointStruct(id=i, vector=ROWS[i].tolist(), payload={"i": i}) for i in range(count))


def assert_complete(client: QdrantClient) -> None:
    assert client.count("docs").count == COUNT
    for id in (0, 1023, 1024, COUNT - 1):
        (record,) = client.retrieve("docs", [id], with_vectors=True)
        assert record.vector == ROWS[id].tolist()
        assert record.payload == {"i": id}


@pytest.mark.parametrize("parallel", [0, 1, 3])
@pytest.mark.parametrize("source", ["generator", "list", "dicts"])
def test_points_of_any_source_are_stored(client: QdrantClient, parallel: int, source: str) -> None:
    given: Any = points()
    if source != "generator":
        given = [point if source == "list" else point.model_dump() for point in given]
    client.upload_points("docs", given, parallel=parallel, method="spawn", wait=True)
    assert_complete(client)


def columns(kind: str, folder: Path) -> Any:
    if kind == "memmap":
        np.save(folder / "rows.npy", ROWS)
        return np.load(folder / "rows.npy", mmap_mode="r")
    return {
        "array": ROWS,
        "float64": ROWS.astype(np.float64),
        "list": ROWS.tolist(),
        "generator": (row for row in ROWS.tolist()),
        "arrays": list(ROWS),
        "named": {"": ROWS},
    }[kind]


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("kind", ["array", "float64", "memmap", "list", "generator", "arrays", "named"])
def test_columns_of_any_kind_are_stored(client: QdrantClient, kind: str, parallel: int, tmp_path: Path) -> None:
    payload = ({"i": i} for i in range(COUNT + 7))
    client.upload_collection("docs", columns(kind, tmp_path), payload, iter(range(COUNT + 3)), 64, parallel, wait=True)
    assert_complete(client)


def test_progress_is_told_after_each_batch(client: QdrantClient) -> None:
    told: list[tuple[int, int | None]] = []
    client.upload_points("docs", list(points()), progress=lambda *seen: told.append(seen))
    client.upload_points("docs", points(), progress=lambda *seen: told.append(seen), parallel=2)
    assert told == [(1024, COUNT), (2048, COUNT), (COUNT, COUNT), (1024, None), (2048, None), (COUNT, None)]


def test_modes_and_filters_hold_for_all_batches(client: QdrantClient) -> None:
    client.upload_points("docs", points(10), wait=True)
    changed = [models.PointStruct(id=i, vector=[9.0] * SIZE, payload={"new": True}) for i in range(COUNT)]
    client.upload_points(
        "docs", changed, update_mode="update_only", update_filter=models.Filter(must=[{"has_id": [3]}])
    )
    assert client.count("docs").count == 10
    assert client.count("docs", models.Filter(must=[{"key": "new", "match": {"value": True}}])).count == 1
    client.upload_collection("docs", ROWS, ids=range(COUNT), update_mode="insert_only")
    assert client.count("docs").count == COUNT
    assert client.retrieve("docs", [3])[0].payload == {"new": True}


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_bad_batch_is_told_and_those_before_it_stay(client: QdrantClient, parallel: int) -> None:
    bad = [*points(), models.PointStruct(id=COUNT, vector=[1.0])]
    with pytest.raises(UnexpectedResponse, match="begins with point 2048 failed; those before it are stored") as caught:
        client.upload_points("docs", bad, parallel=parallel)
    assert caught.value.status_code == 400
    assert client.count("docs").count == 2048


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"ids": range(COUNT - 1)}, "fewer ids"),
        ({"payload": [{}]}, "fewer payloads"),
        ({"vectors": 3}, "expected vectors"),
        ({"vectors": "abc"}, "expected vectors"),
        ({"vectors": {"a": ROWS, "b": ROWS[:3]}}, "differ in number"),
        ({"vectors": ROWS[:, :2]}, "dim"),
        ({"batch_size": 0}, "batch_size"),
        ({"parallel": -1}, "parallel"),
        ({"max_retries": -1}, "max_retries"),
        ({"update_mode": "never"}, "update_mode"),
        ({"vectors": ROWS * np.nan}, "NaN|finite"),
    ],
)
def test_wrong_columns_are_refused(client: QdrantClient, arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnexpectedResponse, match=complaint):
        client.upload_collection("docs", **{"vectors": ROWS, **arguments})


@pytest.mark.parametrize("given", ["abc", 3, {"id": 1}, models.PointStruct(id=1, vector=[1.0])])
def test_what_are_no_points_is_refused(client: QdrantClient, given: Any) -> None:
    with pytest.raises(UnexpectedResponse, match="expected points"):
        client.upload_points("docs", given)


def failing(client: QdrantClient, monkeypatch: pytest.MonkeyPatch, errors: list[Exception]) -> list[float]:
    """Let the next writes fail, and note how long each pause is instead of pausing."""
    write = client._database.write
    pauses: list[float] = []

    def failing_write(*args: Any, **options: Any) -> Any:
        if errors:
            raise errors.pop(0)
        return write(*args, **options)

    monkeypatch.setattr(client._database, "write", failing_write)
    monkeypatch.setattr(_upload, "_paused", lambda seconds, _: pauses.append(seconds))
    return pauses


def full() -> StorageError:
    return StorageError("no space left", path="p")


def busy(seconds: float | None = 3) -> RateLimitedError:
    return RateLimitedError("too many requests", retry_after=seconds)


def test_a_full_disk_is_tried_again(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = failing(client, monkeypatch, [full(), busy(), full(), busy(), busy(), full()])
    client.upload_points("docs", points(), max_retries=3)
    assert pauses == [0.1, 3, 0.2, 3, 3, 0.4]
    assert client.count("docs").count == COUNT


@pytest.mark.parametrize(
    ("errors", "attempts"),
    [
        ([full(), full(), full()], 3),
        ([CorruptionError("damaged", path="p")], 1),
        ([LockedError("locked", path="p", owner="o")], 1),
        ([ValueError("other")], 1),
    ],
)
def test_what_does_not_pass_is_raised(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, errors: list[Exception], attempts: int
) -> None:
    kind = type(errors[0])
    pauses = failing(client, monkeypatch, errors)
    with pytest.raises(kind):
        client.upload_points("docs", points(), max_retries=2)
    assert len(pauses) == attempts - 1
    assert errors == []


def test_sources_are_read_a_bounded_way_ahead() -> None:
    read: list[int] = []
    threads: set[int] = set()

    def make(number: int) -> int:
        threads.add(threading.get_ident())
        time.sleep(0.002)
        return number * number

    def source() -> Iterator[int]:
        for number in range(50):
            read.append(number)
            yield number

    for position, square in enumerate(ahead(make, source(), 3)):
        assert square == position * position
        assert len(read) <= position + 4
    assert threading.get_ident() not in threads


def test_an_error_ends_reading_ahead() -> None:
    def make(number: int) -> float:
        return 1 / (3 - number)

    found = ahead(make, range(100), 2)
    assert [next(found) for _ in range(3)] == [1 / 3, 1 / 2, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(found)


Load = Callable[[Any], None]
LOADS: list[Load] = [
    lambda client: client.upload_collection("docs", ROWS[:100], [{"i": i} for i in range(100)], range(100)),
    lambda client: client.upload_collection("docs", ROWS[:100], None, iter(range(1000))),
    lambda client: client.upload_collection("docs", iter(ROWS[:9].tolist()), ({"i": i} for i in range(500)), range(9)),
]


@pytest.mark.parametrize("load", LOADS)
def test_uploads_store_what_the_official_client_stores(client: QdrantClient, load: Load) -> None:
    """Its local mode cuts ids and vectors at the shorter one; here too few ids are an error, so none are short."""
    with QdrantClient(":memory:") as ours:
        ours.create_collection("docs", models.VectorParams(size=SIZE, distance="Dot"))
        theirs = qdrant_client.QdrantClient(":memory:")
        theirs.create_collection("docs", qdrant_client.models.VectorParams(size=SIZE, distance="Dot"))
        load(ours)
        load(theirs)
        expected, _ = theirs.scroll("docs", limit=1000, with_vectors=True)
        found, _ = ours.scroll("docs", limit=1000, with_vectors=True)
        theirs.close()
    assert [(r.id, r.payload) for r in found] == [(r.id, r.payload or {}) for r in expected]
    assert np.allclose([r.vector for r in found], [r.vector for r in expected])
