"""What programs for the official package ask for around a server: its objects behind clients, channels, uploaders."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import httpx2
import numpy as np
import pytest
from qdrant_client import connection as their_connection
from qdrant_client.async_qdrant_remote import AsyncQdrantRemote as TheirAsyncRemote
from qdrant_client.qdrant_remote import QdrantRemote as TheirRemote
from qdrant_client.uploader.rest_uploader import batch_to_points as their_points
from serving import Served, served
from small_grpc_server import EchoServer
from small_servers import HttpServer, unused_port

from quiverdb.errors import ClosedError, InvalidInputError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.qdrant.official import connection, context_headers, uploader, version_check
from quiverdb.qdrant.official.auth import BearerAuth
from quiverdb.qdrant.official.bases import AsyncQdrantBase, QdrantBase
from quiverdb.qdrant.official.local import QdrantLocal
from quiverdb.qdrant.official.remote import AsyncQdrantRemote, QdrantRemote

OPTIONS: list[dict[str, Any]] = [
    {},
    {"url": "http://localhost"},
    {"url": "http://localhost:1/a"},
    {"url": "https://example.com", "port": 2},
    {"host": "example.com", "prefix": "a", "https": True, "grpc_port": 3},
    {"host": "localhost", "api_key": "secret", "https": False, "prefer_grpc": True},
    {"timeout": 7.5, "headers": {"x-custom": "1"}, "metadata": {"x-more": "2"}},
]
SAME = (
    "rest_uri",
    "_scheme",
    "_host",
    "_port",
    "_prefix",
    "_grpc_port",
    "_prefer_grpc",
    "_timeout",
    "_api_key",
    "closed",
)


@pytest.mark.filterwarnings("ignore:Api key is used")
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kinds", [(QdrantRemote, TheirRemote), (AsyncQdrantRemote, TheirAsyncRemote)])
def test_they_tell_where_the_server_is(options: dict[str, Any], kinds: tuple[Any, Any]) -> None:
    ours, theirs = (kind(**options, check_compatibility=False) for kind in kinds)
    for name in SAME:
        assert getattr(ours, name) == getattr(theirs, name), name
    own = {"User-Agent", "user-agent"}
    assert {k: v for k, v in ours._rest_headers.items() if k not in own} == {
        k: v for k, v in theirs._rest_headers.items() if k not in own
    }
    assert ours._grpc_headers == theirs._grpc_headers
    assert ours.DEFAULT_GRPC_TIMEOUT == theirs.DEFAULT_GRPC_TIMEOUT
    assert ours._grpc_options.keys() == theirs._grpc_options.keys()
    for client in (ours, theirs):
        closing = client.close()
        if closing is not None:
            asyncio.run(closing)
        assert client.closed
        assert client.rest_uri == ours.rest_uri


def test_the_classes_that_programs_ask_for() -> None:
    client = QdrantClient("localhost", check_compatibility=False)
    assert isinstance(client._client, QdrantRemote | QdrantBase)
    assert not isinstance(client._client, QdrantLocal | AsyncQdrantRemote)
    assert client._client.openapi_client is client._client.rest is client.http
    assert repr(client._client) == "<QdrantRemote of <QdrantClient http://localhost:6333>>"
    assert repr(client._client.grpc_root) == "<Stub of Qdrant>"
    assert hasattr(client._client.grpc_snapshots, "CreateFull")
    with pytest.raises(AttributeError):
        _ = client._client.nothing
    client.close()
    assert isinstance(client._client, QdrantRemote)
    assert client._client.closed
    twin = AsyncQdrantClient("localhost", check_compatibility=False)
    assert isinstance(twin._client, AsyncQdrantRemote)
    assert isinstance(twin._client, AsyncQdrantBase)
    assert not twin._client.closed
    asyncio.run(twin.close())
    assert twin._client.closed
    with pytest.raises(ClosedError):
        _ = twin._client.openapi_client
    with QdrantClient(":memory:") as embedded:
        assert not embedded._client.closed


# --- tokens and headers


def test_tokens_for_clients_of_both_libraries() -> None:
    def answer(seen: Any) -> Any:
        return 200, {}, seen.headers.get("authorization", "").encode()

    async def provide() -> str:
        return "awaited"

    async def ask(library: Any, auth: Any) -> str:
        async with library.AsyncClient(auth=auth) as client:
            return (await client.get(server.url)).text

    with HttpServer(answer) as server:
        for library in (httpx, httpx2):
            with library.Client(auth=BearerAuth(lambda: "secret")) as client:
                assert client.get(server.url).text == "Bearer secret"
            assert asyncio.run(ask(library, BearerAuth(lambda: "secret"))) == "Bearer secret"
        assert asyncio.run(ask(httpx2, BearerAuth(provide))) == "Bearer awaited"
        with httpx2.Client(auth=BearerAuth(provide)) as client, pytest.raises(ValueError, match="asynchronous"):
            client.get(server.url)
    with pytest.raises(InvalidInputError):
        BearerAuth("secret")  # type: ignore[arg-type]


def test_middleware_of_the_official_package_adds_the_headers_of_the_context() -> None:
    request = httpx2.Request("GET", "http://localhost")

    async def respond(request: Any) -> Any:
        return request.headers["x-custom"]

    with context_headers.headers({"x-custom": "1"}):
        assert context_headers.rest_headers_middleware(request, lambda given: given.headers["x-custom"]) == "1"
        assert asyncio.run(context_headers.async_rest_headers_middleware(request, respond)) == "1"


def test_versions_of_servers() -> None:
    def answer(seen: Any) -> Any:
        if seen.headers.get("authorization") == "Bearer secret" and seen.headers["x-custom"] == "1":
            return 200, {}, b'{"version": "1.2.3"}'
        return 403, {}, b"{}"

    with HttpServer(answer) as server:
        headers = {"X-Custom": "1"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert version_check.get_server_version(server.url, headers, BearerAuth(lambda: "secret"), 3) == "1.2.3"
        assert version_check.get_server_version(server.url, headers, None, 3) is None
        assert server.seen[0].target == "/"
    assert version_check.get_server_version(f"http://127.0.0.1:{unused_port()}", {}, None, 3) is None


# --- channels


@pytest.mark.parametrize("options", [None, {}, {"grpc.max_send_message_length": 3}, {"a": 1}])
def test_options_of_channels(options: Any) -> None:
    assert dict(connection.parse_channel_options(options)) == dict(their_connection.parse_channel_options(options))
    given = {"root_certificates": b"1", **(options or {})}
    other = dict(given)
    assert connection.parse_ssl_credentials(given) == their_connection.parse_ssl_credentials(other)
    assert given == other
    with pytest.raises(TypeError):
        connection.parse_ssl_credentials({"private_key": "text"})


def identity(data: bytes) -> bytes:
    return data


def test_channels_carry_headers_and_a_token() -> None:
    with EchoServer() as server:
        terms: dict[str, Any] = {"metadata": [("x-custom", "1")], "auth_token_provider": lambda: "secret"}
        with connection.get_channel("127.0.0.1", server.port, ssl=False, **terms) as channel:
            call = channel.unary_unary("/a/Echo", identity, identity)
            with context_headers.headers({"x-context": "2"}):
                assert call(b"abc", metadata=[("x-more", "3")], timeout=5) == b"abc"
            assert call.future(b"abc").result() == b"abc"
            with pytest.raises(ResourceExhaustedResponse) as limited:
                channel.unary_unary("/a/RESOURCE_EXHAUSTED", identity, identity)(b"")
            assert limited.value.retry_after_s == int(server.retry_after)
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/a/NOT_FOUND", identity, identity)(b"")
        seen = server.seen[0][1]
        assert (seen["x-custom"], seen["x-context"], seen["x-more"]) == ("1", "2", "3")
        assert seen["authorization"] == "Bearer secret"


def test_asynchronous_channels_too() -> None:
    async def provide() -> str:
        return "secret"

    async def main(port: int) -> None:
        async with connection.get_async_channel(
            "127.0.0.1", port, ssl=False, metadata=[("x-custom", "1")], auth_token_provider=provide
        ) as channel:
            assert await channel.unary_unary("/a/Echo", identity, identity)(b"abc") == b"abc"
            with pytest.raises(ResourceExhaustedResponse):
                await channel.unary_unary("/a/RESOURCE_EXHAUSTED", identity, identity)(b"")
            with pytest.raises(grpc.RpcError):
                await channel.unary_unary("/a/NOT_FOUND", identity, identity)(b"")

    with EchoServer() as server:
        asyncio.run(main(server.port))
        seen = server.seen[0][1]
    assert (seen["x-custom"], seen["authorization"]) == ("1", "Bearer secret")


# --- uploaders

VECTORS = np.arange(20, dtype=np.float32).reshape(10, 2)
BATCHES: list[Any] = [
    ([1, 2], [[1.0, 2.0], [3.0, 4.0]], [{"a": 1}, None]),
    ([1, 2], VECTORS[:2], None),
    ([1, 2], {"a": VECTORS[:2], "b": VECTORS[2:4]}, [{}, {}]),
    ([1], [{"a": [1.0], "s": {"indices": [1], "values": [0.5]}}], None),
    ([], [], None),
]


@pytest.mark.parametrize("batch", BATCHES)
def test_batches_as_points(batch: Any) -> None:
    found = uploader.batch_to_points(batch)
    assert [point.model_dump() for point in found] == [point.model_dump() for point in their_points(batch)]


def test_points_without_ids_get_some() -> None:
    first, second = uploader.batch_to_points((None, VECTORS[:2], None))
    assert first.id != second.id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def client(server: Served) -> Iterator[QdrantClient]:
    with QdrantClient(url=server.url, grpc_port=server.grpc_port or 0) as client:
        client.delete_collection("docs")
        client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
        yield client


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_uploaders_store_batches(server: Served, client: QdrantClient, kind: str) -> None:
    made: Any = (
        uploader.RestBatchUploader.start("docs", uri=server.url, max_retries=1, wait=True)
        if kind == "rest"
        else uploader.GrpcBatchUploader.start("docs", host="127.0.0.1", port=server.grpc_port, ssl=False, wait=True)
    )
    columns = made.iterate_batches(VECTORS, ({"i": i} for i in range(10)), range(10), 4)
    assert list(made.process(columns)) == [True] * 3
    records, _ = client.scroll("docs", with_vectors=True)
    assert [record.vector for record in records] == VECTORS.tolist()
    assert [record.payload for record in records] == [{"i": i} for i in range(10)]
    points = [models.PointStruct(id=i, vector=[0.0, 0.0]) for i in range(10, 13)]
    assert list(made.process(made.iterate_records_batches(points, 2))) == [True] * 2
    assert client.count("docs").count == 13
    with pytest.raises((UnexpectedResponse, grpc.RpcError)):
        list(made.process([([1], [[1.0]], None)]))
    made.client.close()


def test_batches_go_through_the_raw_apis(client: QdrantClient) -> None:
    filter = models.Filter(must=[models.HasIdCondition(has_id=[1])])
    for upload, raw in ((uploader.upload_batch, client.http), (uploader.upload_batch_grpc, client.grpc_points)):
        assert upload(raw, "docs", ([1, 2], VECTORS[:2], None), 0, wait=True)
        mode = models.UpdateMode.UPDATE_ONLY
        assert upload(raw, "docs", ([1, 3], VECTORS[2:4], None), 0, None, filter, mode, wait=True)
        records, _ = client.scroll("docs", with_vectors=True)
        assert [(record.id, record.vector) for record in records] == [(1, [4.0, 5.0]), (2, [2.0, 3.0])]
        client.delete("docs", [1, 2], wait=True)


def test_uploaders_try_again(tmp_path: Path) -> None:
    failures = [500, 503]

    def answer(_: Any) -> Any:
        status = failures.pop() if failures else 200
        return status, {}, b'{"result": {"operation_id": 1, "status": "completed"}, "status": "ok", "time": 0.0}'

    with HttpServer(answer) as server:
        made = uploader.RestBatchUploader(server.url, "docs", max_retries=2)
        assert list(made.process([([1], [[1.0]], None)])) == [True]
        assert len(server.seen) == 3
        failures.extend([500] * 3)
        with pytest.raises(UnexpectedResponse):
            list(made.process([([1], [[1.0]], None)]))
        made.client.close()
    with pytest.raises(ResponseHandlingException):
        list(uploader.RestBatchUploader(server.url, "docs", max_retries=0).process([([1], [[1.0]], None)]))
    with pytest.raises(ValueError, match="name of a collection"):
        uploader.RestBatchUploader.start(uri=server.url)
