"""What clients of gRPC meet besides results: statuses, health, reflection, compression, deadlines, and wrong frames."""

from __future__ import annotations

import asyncio
import gzip
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import pytest
import qdrant_client
import trustme
from frames import DATA, END_HEADERS, END_STREAM, HEADERS, OPENING, PREFACE, call, frame, head
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from qdrant_client import grpc as q
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.grpc import (
    collections_service_pb2_grpc,
    points_service_pb2_grpc,
    qdrant_pb2_grpc,
    snapshots_service_pb2_grpc,
)
from serving import Served, served

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import MissingLibraryError
from quiverdb.server import rpc_handlers
from quiverdb.server.calls import Calls
from quiverdb.server.serving import serving
from quiverdb.server.settings import Service, Settings
from quiverdb.server.workers import Workers

SERVICES = {
    "Points": points_service_pb2_grpc.PointsStub,
    "Collections": collections_service_pb2_grpc.CollectionsStub,
    "Snapshots": snapshots_service_pb2_grpc.SnapshotsStub,
    "Qdrant": qdrant_pb2_grpc.QdrantStub,
}

FREE = Settings(service=Service(http_port=0, grpc_port=0))


class Stubs:
    """The stubs that the official client is made of, on one connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.points: Any = SERVICES["Points"](self.channel)
        self.collections: Any = SERVICES["Collections"](self.channel)
        self.snapshots: Any = SERVICES["Snapshots"](self.channel)
        self.qdrant: Any = SERVICES["Qdrant"](self.channel)

    def raw(self, path: str) -> Callable[..., bytes]:
        """A method that takes and gives bytes."""
        return self.channel.unary_unary(path)

    def fill(self, name: str, count: int = 20, **config: Any) -> None:
        params = q.VectorParams(size=2, distance=q.Distance.Dot)
        self.collections.Create(
            q.CreateCollection(collection_name=name, vectors_config=q.VectorsConfig(params=params), **config)
        )
        self.points.Upsert(q.UpsertPoints(collection_name=name, wait=True, points=[_point(n) for n in range(count)]))


def _point(number: int) -> q.PointStruct:
    return q.PointStruct(
        id=q.PointId(num=number),
        vectors=q.Vectors(vector=q.Vector(dense=q.DenseVector(data=[number, 1.0]))),
        payload={"n": q.Value(integer_value=number), "third": q.Value(integer_value=number % 3)},
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def stubs(server: Served) -> Iterator[Stubs]:
    stubs = Stubs(server.grpc_port)
    stubs.fill("things")
    yield stubs
    stubs.channel.close()


def failure(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


# --- what is there


def test_every_method_of_the_services_is_answered(stubs: Stubs) -> None:
    """An empty request may be wrong, but never meets a method that nobody has written."""
    for service, stub in SERVICES.items():
        for method in vars(stub(stubs.channel)):
            code = stubs.raw(f"/qdrant.{service}/{method}").future(b"").code()
            assert code not in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL), method


def test_an_unknown_method_is_unimplemented(stubs: Stubs) -> None:
    code, _ = failure(lambda: stubs.raw("/qdrant.Points/Guess")(b""))
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert failure(lambda: stubs.raw("/qdrant.PointsInternal/Upsert")(b""))[0] == grpc.StatusCode.UNIMPLEMENTED


def test_health_is_told_of_every_service(stubs: Stubs) -> None:
    health = health_pb2_grpc.HealthStub(stubs.channel)
    for service in ("", "qdrant.Points", "anything"):
        reply = health.Check(health_pb2.HealthCheckRequest(service=service))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_who_watches_the_health_learns_that_the_server_stops(tmp_path: Path) -> None:
    with served(tmp_path) as server, grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        states = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(states).status == health_pb2.HealthCheckResponse.SERVING
        assert server.stop() == 0
        assert [state.status for state in states] == [health_pb2.HealthCheckResponse.NOT_SERVING]


def test_reflection_describes_the_services(stubs: Stubs) -> None:
    database = ProtoReflectionDescriptorDatabase(stubs.channel)
    assert {"qdrant.Points", "qdrant.Collections", "qdrant.Snapshots", "qdrant.Qdrant"} < set(database.get_services())
    pool = DescriptorPool(database)
    query = pool.FindServiceByName("qdrant.Points").methods_by_name["Query"]
    ours, official = query.input_type, q.QueryPoints.DESCRIPTOR
    assert [(f.name, f.number) for f in ours.fields] == [(f.name, f.number) for f in official.fields]
    with pytest.raises(KeyError):
        database.FindFileContainingSymbol("qdrant.Guess")
    assert database.FindFileContainingSymbol("qdrant.Points.Query").name == query.containing_service.file.name
    assert list(database.FindAllExtensionNumbers("qdrant.Query")) == []


def test_both_versions_of_reflection_say_the_same(stubs: Stubs) -> None:
    from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

    asked = [
        ServerReflectionRequest(list_services="*"),
        ServerReflectionRequest(file_by_filename="points.proto"),
        ServerReflectionRequest(file_by_filename="guess.proto"),
        ServerReflectionRequest(),
    ]
    replies = [
        list(
            stubs.channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                ServerReflectionRequest.SerializeToString,
                ServerReflectionResponse.FromString,
            )(iter(asked))
        )
        for version in ("v1", "v1alpha")
    ]
    assert replies[0] == replies[1]
    assert [reply.WhichOneof("message_response") for reply in replies[0]] == [
        "list_services_response",
        "file_descriptor_response",
        "error_response",
        "error_response",
    ]


# --- what a server takes arguments to be that are left out


def test_what_is_left_out_is_what_qdrant_takes_it_to_be(stubs: Stubs) -> None:
    vector = q.VectorInput(dense=q.DenseVector(data=[1.0, 0.0]))
    found = stubs.points.Query(q.QueryPoints(collection_name="things", query=q.Query(nearest=vector)))
    assert [point.id.num for point in found.result] == list(range(19, 9, -1))
    assert not any(point.payload or point.HasField("vectors") for point in found.result)
    assert found.time > 0
    assert not found.HasField("usage")
    page = stubs.points.Scroll(q.ScrollPoints(collection_name="things"))
    assert len(page.result) == 10
    assert page.result[3].payload["n"].integer_value == 3
    assert page.next_page_offset.num == 10


def test_writes_are_acknowledged_at_once_unless_told_to_wait(stubs: Stubs) -> None:
    def written(**options: Any) -> q.UpdateResult:
        return stubs.points.Upsert(q.UpsertPoints(collection_name="things", points=[_point(1)], **options)).result

    first, second = written(), written(wait=True)
    assert (first.status, second.status) == (q.UpdateStatus.Acknowledged, q.UpdateStatus.Completed)
    assert second.operation_id == first.operation_id + 1


# --- requests of former years


def test_deprecated_methods_find_what_today_s_find(stubs: Stubs) -> None:
    points, name, vector = stubs.points, "things", [1.0, 0.5]
    query = q.Query(nearest=q.VectorInput(dense=q.DenseVector(data=vector)))
    want = points.Query(q.QueryPoints(collection_name=name, query=query, limit=3)).result
    search = q.SearchPoints(collection_name=name, vector=vector, limit=3)
    assert list(points.Search(search).result) == list(want)
    batch = points.SearchBatch(q.SearchBatchPoints(collection_name=name, search_points=[search] * 2))
    assert [list(one.result) for one in batch.result] == [list(want)] * 2
    groups = points.SearchGroups(
        q.SearchPointGroups(collection_name=name, vector=vector, limit=2, group_by="third", group_size=2)
    )
    assert [len(group.hits) for group in groups.result.groups] == [2, 2]

    recommend = q.RecommendPoints(collection_name=name, positive=[q.PointId(num=3)], limit=3)
    example = q.RecommendInput(positive=[q.VectorInput(id=q.PointId(num=3))])
    want = points.Query(q.QueryPoints(collection_name=name, query=q.Query(recommend=example), limit=3)).result
    assert list(points.Recommend(recommend).result) == list(want)
    batch = points.RecommendBatch(q.RecommendBatchPoints(collection_name=name, recommend_points=[recommend]))
    assert list(batch.result[0].result) == list(want)
    groups = points.RecommendGroups(
        q.RecommendPointGroups(
            collection_name=name, positive=[q.PointId(num=3)], limit=1, group_by="third", group_size=3
        )
    )
    assert len(groups.result.groups[0].hits) == 3

    target = q.TargetVector(single=q.VectorExample(id=q.PointId(num=3)))
    discover = q.DiscoverPoints(collection_name=name, target=target, limit=3)
    found = points.Discover(discover).result
    assert len(found) == 3
    batch = points.DiscoverBatch(q.DiscoverBatchPoints(collection_name=name, discover_points=[discover]))
    assert list(batch.result[0].result) == list(found)


# --- failures


def test_failures_have_the_code_and_the_words_that_qdrant_has(stubs: Stubs) -> None:
    code, details = failure(lambda: stubs.points.Count(q.CountPoints(collection_name="nothing")))
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, "Not found: Collection `nothing` doesn't exist!")
    code, details = failure(lambda: stubs.fill("things"))
    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert "already exists" in details
    vector = q.VectorInput(dense=q.DenseVector(data=[1.0, 0.0, 0.0]))
    code, details = failure(
        lambda: stubs.points.Query(q.QueryPoints(collection_name="things", query=q.Query(nearest=vector)))
    )
    assert (code, details) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "Wrong input: Vector dimension error: expected dim: 2, got 3",
    )


def test_a_point_without_an_id_or_vectors_is_refused(stubs: Stubs) -> None:
    for point in (q.PointStruct(), q.PointStruct(id=q.PointId(num=1)), q.PointStruct(vectors=_point(1).vectors)):
        request = q.UpsertPoints(collection_name="things", points=[_point(2), point])
        code, details = failure(lambda request=request: stubs.points.Upsert(request))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "[1]" in details


def test_a_rate_limit_tells_when_to_ask_again(stubs: Stubs) -> None:
    stubs.fill("limited", 1, strict_mode_config=q.StrictModeConfig(enabled=True, read_rate_limit=1))
    calls = [stubs.points.Scroll.future(q.ScrollPoints(collection_name="limited")) for _ in range(3)]
    refused = [call for call in calls if call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert len(refused) == 2
    waits = {item.key: item.value for item in refused[0].trailing_metadata()}
    assert 0 < int(waits["retry-after"]) <= 60


# --- the wire


def test_wrong_messages_are_refused_and_hurt_nobody(stubs: Stubs) -> None:
    query = stubs.raw("/qdrant.Points/Query")
    for garbage in (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", gzip.compress(b"x"), b"\x0a\x02\xff\xfe"):
        code, details = failure(lambda garbage=garbage: query(garbage))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, details
        assert "Traceback" not in details
    assert stubs.points.Count(q.CountPoints(collection_name="things")).result.count == 20


FRAMES = {
    "nothing": b"",
    "half a preface": PREFACE[:10],
    "another protocol": b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "half a frame": OPENING + frame(HEADERS, END_HEADERS, 1, head("/qdrant.Points/Query"))[:20],
    "half a message": OPENING
    + frame(HEADERS, END_HEADERS, 1, head("/qdrant.Points/Upsert"))
    + frame(DATA, 0, 1, b"\0\0\0\xff\xff" + b"x" * 100),
    "a message that ends early": OPENING
    + frame(HEADERS, END_HEADERS, 1, head("/qdrant.Points/Upsert"))
    + frame(DATA, END_STREAM, 1, b"\0\0\0\xff\xff" + b"x" * 100),
    "headers of garbage": OPENING + frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" * 5),
    "data without a stream": OPENING + frame(DATA, END_STREAM, 7, b"hello"),
    "a frame that is too long": OPENING + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 1000,
    "gzip that is none": OPENING
    + frame(HEADERS, END_HEADERS, 1, head("/qdrant.Points/Upsert", grpc_encoding="gzip"))
    + frame(DATA, END_STREAM, 1, b"\1\0\0\0\5hello"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_wrong_frames_hurt_nobody(server: Served, stubs: Stubs, kind: str) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.grpc_port)) as connection:
            connection.sendall(FRAMES[kind])
            connection.shutdown(socket.SHUT_WR)
    assert stubs.points.Count(q.CountPoints(collection_name="things")).result.count == 20
    assert server.process.poll() is None


def test_what_vanishes_amid_a_write_leaves_nothing_behind(server: Served, stubs: Stubs) -> None:
    stubs.fill("whole", 0)
    points = q.UpsertPoints(collection_name="whole", wait=True, points=[_point(n) for n in range(1000)])
    message = points.SerializeToString()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    asked = OPENING + frame(HEADERS, END_HEADERS, 1, head("/qdrant.Points/Upsert"))
    for share in (10, 1000, len(body) - 1):
        with socket.create_connection(("127.0.0.1", server.grpc_port)) as connection:
            connection.sendall(asked + frame(DATA, 0, 1, body[: min(share, 16_000)]))
    assert stubs.points.Count(q.CountPoints(collection_name="whole")).result.count == 0


def test_gzip_is_taken(server: Served, stubs: Stubs) -> None:
    count = q.CountPoints(collection_name="things")
    assert stubs.points.Count(count, compression=grpc.Compression.Gzip).result.count == 20
    packed = gzip.compress(count.SerializeToString())
    reply = call(server.grpc_port, "/qdrant.Points/Count", packed, packed=True, grpc_encoding="gzip")
    assert q.CountResponse.FromString(reply[5:]).result.count == 20


def test_many_calls_at_once_wait_for_each_other(server: Served) -> None:
    async def ask() -> list[Any]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            points = SERVICES["Points"](channel)
            return await asyncio.gather(*(points.Count(q.CountPoints(collection_name="things")) for _ in range(3000)))

    assert {reply.result.count for reply in asyncio.run(ask())} == {20}


def test_the_official_client_learns_how_long_to_wait(server: Served, stubs: Stubs) -> None:
    stubs.fill("slow", 1, strict_mode_config=q.StrictModeConfig(enabled=True, read_rate_limit=1))
    client = qdrant_client.QdrantClient(url=server.url, grpc_port=server.grpc_port, prefer_grpc=True)
    client.count("slow")
    with pytest.raises(ResourceExhaustedResponse) as caught:
        client.count("slow")
    assert 0 < caught.value.retry_after_s <= 60
    client.close()


# --- in this process


@pytest.fixture
def here() -> Iterator[Stubs]:
    """A server whose inner parts a test can replace."""
    with EngineDatabase.open(":memory:") as database, serving(database, FREE) as server:
        stubs = Stubs(server.ports["grpc"])
        stubs.fill("things", 100)
        yield stubs
        stubs.channel.close()


def test_replies_are_packed_for_those_who_ask_for_it_from_afar(here: Stubs, monkeypatch: pytest.MonkeyPatch) -> None:
    scroll = q.ScrollPoints(collection_name="things", limit=100).SerializeToString()

    def flag(message: bytes = scroll, **headers: str) -> int:
        return call(here.port, "/qdrant.Points/Scroll", message, **headers)[0]

    assert flag(grpc_accept_encoding="identity,gzip") == 0
    monkeypatch.setattr(rpc_handlers, "_NEAR", ())
    monkeypatch.setattr(rpc_handlers, "GZIP_FROM", 1000)
    assert flag() == 0
    assert flag(grpc_accept_encoding="identity") == 0
    assert flag(grpc_accept_encoding="identity,deflate,gzip") == 1
    small = q.ScrollPoints(collection_name="things", limit=1).SerializeToString()
    assert flag(small, grpc_accept_encoding="gzip") == 0
    assert len(here.points.Scroll(q.ScrollPoints(collection_name="things", limit=100)).result) == 100


def test_an_error_that_nobody_foresaw_tells_no_secrets(
    here: Stubs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("the password is 1234")

    monkeypatch.setattr(Calls, "call", fail)
    code, details = failure(lambda: here.points.Count(q.CountPoints(collection_name="things")))
    assert code == grpc.StatusCode.INTERNAL
    assert "1234" not in details
    assert "1234" in caplog.text


def test_a_call_that_its_client_gives_up_before_it_begins_is_never_carried_out(
    here: Stubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, given_up, carry_out, run = threading.Event(), threading.Semaphore(0), Calls.call, Workers.run

    def wait(*arguments: Any) -> Any:
        go_on.wait(20)
        return carry_out(*arguments)

    async def watched(*arguments: Any) -> Any:
        try:
            return await run(*arguments)
        except asyncio.CancelledError:
            given_up.release()
            raise

    def delete(number: int) -> q.DeletePoints:
        chosen = q.PointsSelector(points=q.PointsIdsList(ids=[q.PointId(num=number)]))
        return q.DeletePoints(collection_name="things", points=chosen, wait=True)

    monkeypatch.setattr(Calls, "call", wait)
    monkeypatch.setattr(Workers, "run", watched)
    ahead = [here.points.Delete.future(delete(number)) for number in range(20)]  # more than there are threads
    late, dropped = here.points.Delete.future(delete(50), timeout=0.3), here.points.Delete.future(delete(51))
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert dropped.cancel()
    assert all(given_up.acquire(timeout=10) for _ in (late, dropped))
    go_on.set()
    assert all(call.result().result.status == q.UpdateStatus.Completed for call in ahead)
    left = here.points.Scroll(q.ScrollPoints(collection_name="things", limit=100)).result
    assert [point.id.num for point in left] == list(range(20, 100))


# --- who may ask, and how much


def test_keys_and_tokens_are_asked_for_in_the_metadata() -> None:
    service = Service(http_port=0, grpc_port=0, api_key="k" * 32, read_only_api_key="reader", jwt_rbac=True)
    token = jwt.encode({"access": [{"collection": "things", "access": "r"}]}, "k" * 32, "HS256")
    with EngineDatabase.open(":memory:") as database, serving(database, Settings(service=service)) as server:
        stubs = Stubs(server.ports["grpc"])
        params = q.VectorParams(size=2, distance=q.Distance.Dot)
        config = q.VectorsConfig(params=params)

        def create(name: str, **metadata: str) -> Any:
            request = q.CreateCollection(collection_name=name, vectors_config=config)
            return stubs.collections.Create.future(request, metadata=_pairs(metadata))

        def names(**metadata: str) -> Any:
            return stubs.collections.List.future(q.ListCollectionsRequest(), metadata=_pairs(metadata))

        assert create("things").code() == grpc.StatusCode.UNAUTHENTICATED
        assert create("things").details() == "Must provide an API key or an Authorization bearer token"
        assert create("things", api_key="guess").code() == grpc.StatusCode.UNAUTHENTICATED
        assert create("things", api_key="reader").code() == grpc.StatusCode.PERMISSION_DENIED
        assert create("things", api_key="k" * 32).code() == grpc.StatusCode.OK
        assert create("others", authorization=f"Bearer {'k' * 32}").code() == grpc.StatusCode.OK
        assert create("more", authorization=f"Bearer {token}").code() == grpc.StatusCode.PERMISSION_DENIED
        assert {one.name for one in names(api_key="reader").result().collections} == {"things", "others"}
        assert {one.name for one in names(api_key=token).result().collections} == {"things"}

        assert stubs.qdrant.HealthCheck(q.HealthCheckRequest()).version
        health = health_pb2_grpc.HealthStub(stubs.channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as caught:
            ProtoReflectionDescriptorDatabase(stubs.channel).get_services()
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        stubs.channel.close()


def _pairs(metadata: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.replace("_", "-"), value) for name, value in metadata.items()]


def test_requests_have_a_largest_size() -> None:
    service = Service(http_port=0, grpc_port=0, max_grpc_request_size_mb=1, max_batch_points=10)
    with EngineDatabase.open(":memory:") as database, serving(database, Settings(service=service)) as server:
        stubs = Stubs(server.ports["grpc"])
        stubs.fill("things", 10)
        upsert = q.UpsertPoints(collection_name="things", points=[_point(n) for n in range(11)])
        assert failure(lambda: stubs.points.Upsert(upsert))[0] == grpc.StatusCode.INVALID_ARGUMENT
        text = q.Value(string_value="x" * (1 << 20))
        setting = q.SetPayloadPoints(collection_name="things", payload={"text": text}, wait=True)
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            call = stubs.points.SetPayload.future(setting, compression=compression)
            assert call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stubs.points.Count(q.CountPoints(collection_name="things")).result.count == 10
        stubs.channel.close()


def test_large_messages_pass_in_both_directions(stubs: Stubs) -> None:
    stubs.fill("long", 4)
    text = q.Value(string_value="x" * (5 << 20))
    points = q.PointsSelector(points=q.PointsIdsList(ids=[q.PointId(num=n) for n in range(4)]))
    setting = q.SetPayloadPoints(collection_name="long", payload={"text": text}, wait=True, points_selector=points)
    assert stubs.points.SetPayload(setting).result.status == q.UpdateStatus.Completed
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{stubs.port}", unlimited) as channel:
        found = SERVICES["Points"](channel).Scroll(q.ScrollPoints(collection_name="long")).result
    assert [len(point.payload["text"].string_value) for point in found] == [5 << 20] * 4


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, cert, key = authority.issue_cert("localhost", "127.0.0.1"), tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    with served(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        with grpc.secure_channel(f"127.0.0.1:{server.grpc_port}", trusted) as channel:
            assert qdrant_pb2_grpc.QdrantStub(channel).HealthCheck(q.HealthCheckRequest()).title
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            plain = qdrant_pb2_grpc.QdrantStub(channel).HealthCheck.future(q.HealthCheckRequest(), timeout=5)
            assert plain.code() == grpc.StatusCode.UNAVAILABLE


def test_calls_are_counted(server: Served, stubs: Stubs) -> None:
    with pytest.raises(grpc.RpcError):
        stubs.points.Facet(q.FacetCounts(collection_name="nothing", key="n"))
    told = httpx.get(f"{server.url}/metrics").text
    for method, status in (("Facet", 5), ("Upsert", 0)):
        assert f'grpc_responses_total{{endpoint="/qdrant.Points/{method}",status="{status}"}}' in told


# --- when it starts and stops


def test_a_stop_keeps_what_was_acknowledged_and_nothing_by_halves(tmp_path: Path) -> None:
    with served(tmp_path, data=tmp_path / "data") as server:
        stubs = Stubs(server.grpc_port)
        stubs.fill("things", 0)
        batches = [range(start, start + 100) for start in range(0, 1000, 100)]
        upserts = [
            stubs.points.Upsert.future(
                q.UpsertPoints(collection_name="things", wait=True, points=[_point(n) for n in batch])
            )
            for batch in batches
        ]
        upserts[0].result()
        assert server.stop() == 0
        good = [call.code() == grpc.StatusCode.OK for call in upserts]
        stubs.channel.close()
    with served(tmp_path, data=tmp_path / "data") as server:
        stubs = Stubs(server.grpc_port)
        request = q.ScrollPoints(collection_name="things", limit=10_000)
        stored = {point.id.num for point in stubs.points.Scroll(request).result}
        stubs.channel.close()
    kept = [len(stored & set(batch)) for batch in batches]
    assert all(count == 100 for count, acknowledged in zip(kept, good, strict=True) if acknowledged)
    assert set(kept) <= {0, 100}


def test_a_port_that_is_taken_is_told(server: Served, tmp_path: Path) -> None:
    second = served(tmp_path, "--grpc-port", str(server.grpc_port))
    with pytest.raises(RuntimeError, match=f"gRPC cannot listen on 127.0.0.1:{server.grpc_port}"):
        second.__enter__()


def test_without_grpc_rest_is_served_unless_grpc_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, "quiverdb.server.grpc", raising=False)
    with EngineDatabase.open(":memory:") as database:
        with serving(database, Settings(service=Service(http_port=0))) as server:
            assert server.ports["grpc"] is None
            assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert [record.message for record in caplog.records if "gRPC" in record.message] == [
            "there is no gRPC interface: gRPC needs grpcio and protobuf: pip install quiverdb[grpc]"
        ]
        with pytest.raises(MissingLibraryError) as caught, serving(database, FREE):
            pass
        assert caught.value.extra == "grpc"


def test_a_selector_of_nothing_is_wrong_input(stubs: Stubs) -> None:
    for ask in (
        lambda: stubs.points.Delete(q.DeletePoints(collection_name="things", points=q.PointsSelector())),
        lambda: stubs.points.OverwritePayload(
            q.SetPayloadPoints(collection_name="things", points_selector=q.PointsSelector(), payload={})
        ),
    ):
        assert failure(ask)[0] == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("letter", ["x", "é", "😀", "\n"])
def test_what_is_said_of_a_failure_fits_in_the_headers(stubs: Stubs, letter: str) -> None:
    code, details = failure(lambda: stubs.points.Count(q.CountPoints(collection_name=letter * 20_000)))
    assert code == grpc.StatusCode.NOT_FOUND
    assert details.startswith(f"Not found: Collection `{letter * 100}")
