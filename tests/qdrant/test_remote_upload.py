"""Uploads to servers: to those that fail, to those that die and come back, and to real ones."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flaky
import grpc
import numpy as np
import pytest
from flaky import Flaky
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Served, served
from small_servers import unused_port

from quiverdb.embed import HashingEmbedder, register, unregister
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, _upload, models
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.remote import retry
from quiverdb.remote.headers import headers

SIZE = 4
ROWS = np.random.default_rng(1).random((500, SIZE), np.float32)
PARAMS = models.VectorParams(size=SIZE, distance=models.Distance.DOT)
ANY = (UnexpectedResponse, ResourceExhaustedResponse, ResponseHandlingException, grpc.RpcError)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses be short."""
    monkeypatch.setattr(_upload, "_PAUSE", 0.001)
    monkeypatch.setattr(retry.Retry, "_jittered", lambda *_: 0.001)


@pytest.fixture(scope="module", params=["rest", "grpc"])
def server(request: pytest.FixtureRequest) -> Iterator[Flaky]:
    with {"rest": flaky.over_rest, "grpc": flaky.over_grpc}[request.param]() as server:
        yield server


def client_of(server: Flaky, **options: Any) -> QdrantClient:
    return QdrantClient(**server.options, check_compatibility=False, **options)


def points(count: int, start: int = 0) -> Iterator[models.PointStruct]:
    return (models.PointStruct(id=i, vector=ROWS[i].tolist(), payload={"i": i}) for i in range(start, count))


# --- servers that fail

SCRIPTS = st.lists(st.sampled_from(("ok", "ok", "ok", *flaky.FAULTS, "400")), max_size=25)


@pytest.mark.usefixtures("hurried")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=SCRIPTS,
    count=st.integers(0, 60),
    batch_size=st.integers(1, 9),
    parallel=st.sampled_from([1, 2, 4]),
    retries=st.integers(0, 3),
)
def test_the_points_before_the_batch_that_failed_are_stored(
    server: Flaky, script: list[str], count: int, batch_size: int, parallel: int, retries: int
) -> None:
    server.reset(script)
    told: list[tuple[int, int | None]] = []
    terms: dict[str, Any] = {"batch_size": batch_size, "parallel": parallel, "max_retries": retries}
    with client_of(server) as client:
        try:
            client.upload_points("docs", points(count), **terms, progress=lambda *seen: told.append(seen))
            uploaded = count
        except ANY as error:
            uploaded = error.uploaded  # type: ignore[union-attr]
            assert uploaded % batch_size == 0
            assert uploaded < count
            notes = getattr(error, "__notes__", [])
            assert bool(notes) == bool(uploaded)
            if "lost" not in script:  # of what is stored without an answer nobody hears
                assert server.prefix == uploaded
        assert server.prefix >= uploaded
        assert told == [(min(done, count), None) for done in range(batch_size, uploaded + batch_size, batch_size)]
        server.script.clear()
        client.upload_points("docs", points(count, uploaded), **terms)
    assert server.prefix == count


@pytest.mark.usefixtures("hurried")
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS, parallel=st.sampled_from([1, 3]))
def test_points_get_one_id_however_often_they_are_sent(server: Flaky, script: list[str], parallel: int) -> None:
    server.reset([fault for fault in script if fault != "400"][:8])
    with client_of(server) as client:
        client.upload_collection("docs", ROWS[:50], batch_size=10, parallel=parallel, max_retries=8)
    assert len(set(server.stored)) == 50


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("fault", flaky.FAULTS)
@pytest.mark.parametrize("retries", [0, 2])
def test_a_batch_is_tried_again_so_many_times(server: Flaky, fault: str, retries: int) -> None:
    """What asks to wait is counted apart; the transport repeats by itself what broke the connection."""
    attempts = retries + 1
    sent = {"drop": 3, "lost": 3, "503": 3}.get(fault, 1) * attempts
    if "prefer_grpc" in server.options and fault == "drop":
        sent = attempts
    if "prefer_grpc" not in server.options and fault == "503":
        sent = attempts
    server.reset([fault] * 100)
    with client_of(server) as client:
        with pytest.raises(ANY) as failed:
            client.upload_points("docs", points(5), batch_size=2, max_retries=retries)
        assert failed.value.uploaded == 0  # type: ignore[union-attr]
        used = 100 - len(server.script)
        assert used == (31 if fault == "wait" else sent)
        server.reset([fault] * (used - 1))
        client.upload_points("docs", points(5), batch_size=2, max_retries=retries)
        assert server.prefix == 5


def test_a_wrong_batch_is_sent_once(server: Flaky) -> None:
    server.reset(["ok", "400"])
    with client_of(server) as client, pytest.raises(ANY) as failed:
        client.upload_points("docs", points(6), batch_size=2, max_retries=5)
    assert failed.value.uploaded == 2  # type: ignore[union-attr]
    assert server.stored == [0, 1]
    assert "begins with point 2" in failed.value.__notes__[0]


def test_pauses_grow_and_last_as_long_as_the_server_asks(server: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(_upload, "_paused", lambda seconds, _: pauses.append(seconds))
    server.reset(["500", "wait", "500", "500", "ok", "500"])
    with client_of(server) as client:
        client.upload_points("docs", points(4), batch_size=2, max_retries=3)
    assert pauses == [0.1, 0, 0.2, 0.4, 0.1]


def test_nobody_waits_for_a_server_that_asks_for_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse() -> None:
        tried.append(1)
        raise ResourceExhaustedResponse("later", 3600)

    monkeypatch.setattr(_upload, "_paused", lambda *_: pytest.fail("waited"))
    with pytest.raises(ResourceExhaustedResponse):
        _upload.attempt(refuse, 3)
    assert len(tried) == 1


def test_once_a_batch_has_failed_the_others_do_not_wait(server: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_upload, "_PAUSE", 60.0)
    server.reset([])
    server.always = {0: "400", 1: "500", 2: "500", 3: "500"}
    began = time.monotonic()
    with client_of(server) as client, pytest.raises(ANY):
        client.upload_points("docs", points(50), batch_size=1, parallel=4, max_retries=3)
    assert time.monotonic() - began < 30


def test_a_source_that_fails_keeps_what_came_before(server: Flaky) -> None:
    def source() -> Iterator[models.PointStruct]:
        yield from points(25)
        raise KeyError("the end")

    for parallel in (1, 3):
        server.reset([])
        with client_of(server) as client, pytest.raises(KeyError) as failed:
            client.upload_points("docs", source(), batch_size=10, parallel=parallel)
        assert failed.value.uploaded == 20 == server.prefix  # type: ignore[attr-defined]


def test_sources_are_read_on_the_callers_thread_and_not_far_ahead(server: Flaky) -> None:
    threads, read, done = set(), [], []

    def source() -> Iterator[models.PointStruct]:
        for point in points(200):
            threads.add(threading.get_ident())
            read.append(point.id)
            assert len(read) <= 10 * (len(done) + 3 + 2)
            yield point

    server.reset([])
    with client_of(server) as client:
        client.upload_points("docs", source(), batch_size=10, parallel=3, progress=lambda *told: done.append(told))
    assert threads == {threading.get_ident()}
    assert done == [(count, None) for count in range(10, 201, 10)]


def test_headers_of_the_context_go_with_every_batch() -> None:
    with flaky.over_rest() as server, QdrantClient(**server.options, check_compatibility=False) as client:
        seen = []

        def watch(request: Any, call_next: Callable[[Any], Any]) -> Any:
            seen.append(request.headers.get("x-custom"))
            return call_next(request)

        client.http.client.add_middleware(watch)
        with headers({"x-custom": "1"}):
            client.upload_points("docs", points(20), batch_size=5, parallel=3)
        assert seen == ["1"] * 4


def test_models_run_once_for_a_batch_that_is_sent_again(server: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    class Counting(HashingEmbedder):
        def embed(self, texts: Any) -> Any:
            runs.append(len(texts))
            return super().embed(texts)

    monkeypatch.setattr(_upload, "_PAUSE", 0.001)
    register("example/counting", lambda: Counting(size=SIZE), size=SIZE)
    server.reset(["500", "500", "ok", "500"])
    texts = [models.Document(text=f"text {i}", model="example/counting") for i in range(6)]
    with client_of(server, local_inference_batch_size=100) as client:
        client.upload_collection("docs", texts, ids=range(6), batch_size=3)
    unregister("example/counting")
    assert sum(runs) == 6
    assert server.prefix == 6


def test_an_asynchronous_client_uploads_alike(server: Flaky, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_upload, "_PAUSE", 0.001)

    async def main() -> None:
        async with AsyncQdrantClient(**server.options, check_compatibility=False) as client:
            await client.upload_points("docs", points(20), batch_size=5, parallel=2)
            with pytest.raises(ANY) as failed:
                await client.upload_points("docs", points(20), batch_size=5, max_retries=0)
            assert failed.value.uploaded == 5  # type: ignore[union-attr]

    server.reset(["500", "wait", "ok", "ok", "ok", "ok", "ok", "400"])
    asyncio.run(main())
    assert server.prefix == 20


# --- servers that die


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_a_server_that_dies_and_comes_back_misses_nothing(tmp_path: Path, prefer_grpc: bool) -> None:
    data, port, grpc_port = tmp_path / "data", unused_port(), unused_port()
    flags = ("--port", str(port), "--grpc-port", str(grpc_port))
    options: dict[str, Any] = {"port": port, "grpc_port": grpc_port, "prefer_grpc": prefer_grpc}
    done: list[int] = []
    half, back = threading.Event(), threading.Event()

    def progress(count: int, _: int | None) -> None:
        done.append(count)
        if count >= 200 and not half.is_set():
            half.set()
            back.wait(60)

    with QdrantClient("127.0.0.1", **options, check_compatibility=False, timeout=20) as client:
        with served(tmp_path, *flags, data=data) as first:
            client.create_collection("docs", PARAMS)
            upload = threading.Thread(
                target=client.upload_collection,
                args=("docs", ROWS, [{"i": i} for i in range(500)], range(500)),
                kwargs={"batch_size": 10, "parallel": 2, "max_retries": 8, "progress": progress, "wait": True},
            )
            upload.start()
            assert half.wait(30)
            first.stop(signal.SIGKILL)
        back.set()
        with served(tmp_path, *flags, data=data):
            upload.join(60)
            assert not upload.is_alive()
            assert done == list(range(10, 501, 10))
            assert client.count("docs").count == 500
            records, _ = client.scroll("docs", limit=500, with_vectors=True)
            assert np.allclose([record.vector for record in records], ROWS)


def test_an_upload_that_broke_off_is_taken_up_again(tmp_path: Path) -> None:
    data, port = tmp_path / "data", unused_port()
    flags = ("--port", str(port))
    with QdrantClient("127.0.0.1", port=port, check_compatibility=False) as client:
        with served(tmp_path, *flags, data=data) as first:
            client.create_collection("docs", PARAMS)

            def stop(count: int, _: int | None) -> None:
                if count == 200:
                    first.stop(signal.SIGKILL)

            with pytest.raises(ResponseHandlingException) as failed:
                client.upload_points("docs", points(500), 50, 2, max_retries=0, progress=stop, wait=True)
        uploaded = failed.value.uploaded  # type: ignore[attr-defined]
        assert 200 <= uploaded <= 300
        with served(tmp_path, *flags, data=data):
            assert client.count("docs").count >= uploaded
            client.upload_points("docs", points(500, uploaded), 50, wait=True)
            assert client.count("docs").count == 500


# --- a real server


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("real")) as server:
        yield server


@pytest.fixture(params=["rest", "grpc"])
def client(real: Served, request: pytest.FixtureRequest) -> Iterator[QdrantClient]:
    prefer = request.param == "grpc"
    with QdrantClient(url=real.url, grpc_port=real.grpc_port or 0, prefer_grpc=prefer) as client:
        client.delete_collection("docs")
        yield client


def vectors_of(client: QdrantClient, count: int) -> list[Any]:
    records, _ = client.scroll("docs", limit=1000, with_vectors=True)
    assert sorted(record.id for record in records) == list(range(count))
    return [record.vector for record in records]


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("kind", ["array", "float64", "memmap", "list", "generator", "arrays", "points", "dicts"])
def test_points_of_any_source_are_stored(client: QdrantClient, kind: str, parallel: int, tmp_path: Path) -> None:
    client.create_collection("docs", PARAMS)
    np.save(tmp_path / "rows.npy", ROWS)
    columns: dict[str, Any] = {
        "array": ROWS,
        "float64": ROWS.astype(np.float64),
        "memmap": np.load(tmp_path / "rows.npy", mmap_mode="r"),
        "list": ROWS.tolist(),
        "generator": (row for row in ROWS.tolist()),
        "arrays": list(ROWS),
    }
    if kind in columns:
        payload = ({"i": i} for i in range(510))
        client.upload_collection("docs", columns[kind], payload, iter(range(510)), 64, parallel, wait=True)
    else:
        given: Any = points(500) if kind == "points" else (point.model_dump() for point in points(500))
        client.upload_points("docs", given, 64, parallel, wait=True)
    assert np.allclose(vectors_of(client, 500), ROWS)
    assert client.retrieve("docs", [499])[0].payload == {"i": 499}


def test_named_columns_of_every_kind_of_vector(client: QdrantClient) -> None:
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "docs",
        {"dense": PARAMS, "multi": models.VectorParams(size=2, distance="Dot", multivector_config=multi)},
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
    )
    client.upload_collection("docs", {"dense": ROWS[:30], "multi": ROWS[:30].reshape(30, 2, 2)}, ids=range(30))
    rows: list[Any] = [
        {"dense": ROWS[i], "sparse": models.SparseVector(indices=[i], values=[0.5])} for i in range(30, 60)
    ]
    client.upload_collection("docs", rows, ids=range(30, 60), batch_size=7, parallel=2, wait=True)
    found = vectors_of(client, 60)
    assert np.allclose([vector["dense"] for vector in found], ROWS[:60])
    assert np.allclose(found[3]["multi"], ROWS[3].reshape(2, 2))
    assert found[40]["sparse"].indices == [40]


def test_texts_are_embedded_on_the_way(client: QdrantClient) -> None:
    client.create_collection(
        "docs",
        {"text": models.VectorParams(size=256, distance="Cosine")},
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    texts = ["open a file for reading", "matrix algebra with numbers", "close the file again"] * 20
    rows = [
        models.PointStruct(
            id=i,
            vector={
                "text": models.Document(text=text, model="quiverdb/hashing"),
                "bm25": models.Document(text=text, model="Qdrant/bm25"),
            },
        )
        for i, text in enumerate(texts)
    ]
    client.upload_points("docs", iter(rows), batch_size=8, parallel=3, wait=True)
    assert client.count("docs").count == 60
    for using, model in (("text", "quiverdb/hashing"), ("bm25", "Qdrant/bm25")):
        query = models.Document(text="matrix algebra", model=model)
        found = client.query_points("docs", query, using=using, limit=20).points
        assert {point.id % 3 for point in found} == {1}


def test_modes_filters_and_shard_keys_hold_for_all_batches(client: QdrantClient) -> None:
    client.create_collection("docs", PARAMS, sharding_method=models.ShardingMethod.CUSTOM)
    for key in ("a", "b"):
        client.create_shard_key("docs", key)
    client.upload_points("docs", points(10), 3, shard_key_selector="a", wait=True)
    client.upload_points("docs", points(30, 20), 3, 2, shard_key_selector="b", wait=True)
    assert client.count("docs", shard_key_selector="a").count == 10
    assert client.count("docs", shard_key_selector="b").count == 10
    changed = [models.PointStruct(id=i, vector=[9.0] * SIZE, payload={"new": True}) for i in range(20)]
    only = models.Filter(must=[models.HasIdCondition(has_id=[3])])
    client.upload_points(
        "docs", changed, 3, shard_key_selector="a", update_mode="update_only", update_filter=only, wait=True
    )
    new = models.Filter(must=[models.FieldCondition(key="new", match=models.MatchValue(value=True))])
    assert [record.id for record in client.scroll("docs", new)[0]] == [3]


def test_a_collection_with_a_limit_on_writing_is_waited_for(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = models.StrictModeConfig(enabled=True, write_rate_limit=20)
    client.create_collection("docs", PARAMS, strict_mode_config=limited)
    pauses: list[float] = []

    def lift(seconds: float, _: Any) -> None:
        pauses.append(seconds)
        client.update_collection("docs", strict_mode_config=models.StrictModeConfig(enabled=False))

    monkeypatch.setattr(_upload, "_paused", lift)
    client.upload_points("docs", points(100), batch_size=10, max_retries=0, wait=True)
    assert client.count("docs").count == 100
    assert pauses
    assert min(pauses) >= 1


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_an_asynchronous_client_stores_alike(real: Served, prefer_grpc: bool) -> None:
    told: list[int] = []

    async def main() -> None:
        options: dict[str, Any] = {"grpc_port": real.grpc_port, "prefer_grpc": prefer_grpc}
        async with AsyncQdrantClient(url=real.url, **options) as client:
            await client.delete_collection("docs")
            await client.create_collection("docs", PARAMS)
            begun = client.upload_collection(
                "docs", ROWS, ids=range(500), parallel=2, wait=True, progress=lambda count, _: told.append(count)
            )
            assert (await client.count("docs")).count == 500  # which waits
            await begun
            client.upload_points("docs", points(10), wait=True)
            assert (await client.retrieve("docs", [3]))[0].payload == {"i": 3}
            with pytest.raises(ANY) as failed:
                await client.upload_points("docs", [models.PointStruct(id=1, vector=[1.0])], max_retries=0)
            assert failed.value.uploaded == 0  # type: ignore[union-attr]

    asyncio.run(main())
    assert told == [*range(64, 500, 64), 500]
