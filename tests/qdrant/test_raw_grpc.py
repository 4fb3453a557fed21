"""The raw gRPC API: procedures that take messages and return them, as the official stubs do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from examples import Messages
from qdrant_client import grpc as official
from small_grpc_server import EchoServer

from quiverdb.errors import ClosedError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.remote.headers import headers
from quiverdb.wire.messages import SERVICES, message

STUBS = {"grpc_points": "Points", "grpc_collections": "Collections"}
PROCEDURES = [(member, name) for member, service in STUBS.items() for name in SERVICES[service]]


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    replies: dict[str, bytes] = {}
    for service in STUBS.values():
        for name, rpc in SERVICES[service].items():
            reply = Messages(1, message).make(rpc.reply.DESCRIPTOR.full_name)
            replies[f"/qdrant.{service}/{name}"] = reply.SerializeToString()
    with EchoServer(answers={path: lambda _, reply=reply: reply for path, reply in replies.items()}) as server:
        yield server


def options(server: EchoServer, *, prefer: bool = False) -> dict[str, Any]:
    address = {"url": "http://127.0.0.1", "grpc_port": server.port, "check_compatibility": False}
    return {**address, "prefer_grpc": prefer, "headers": {"x-custom": "a"}}


@pytest.fixture(scope="module", params=[True, False], ids=["grpc", "rest"])
def client(server: EchoServer, request: pytest.FixtureRequest) -> Iterator[QdrantClient]:
    with QdrantClient(**options(server, prefer=request.param)) as client:
        yield client


@pytest.mark.parametrize(("member", "name"), PROCEDURES)
def test_messages_come_back_as_through_the_official_stub(
    server: EchoServer, client: QdrantClient, member: str, name: str
) -> None:
    service = STUBS[member]
    rpc = SERVICES[service][name]
    request = Messages(2, message).make(rpc.request.DESCRIPTOR.full_name)
    theirs = getattr(official, f"{rpc.request.__name__}").FromString(request.SerializeToString())
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        wanted = getattr(getattr(official, f"{service}Stub")(channel), name)(theirs)
    server.seen.clear()
    stub = getattr(client, member)
    for given in (request, theirs):
        reply = getattr(stub, name)(given, timeout=7, metadata=[("x-more", "b")])
        assert type(reply) is rpc.reply
        assert reply.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True)
    for path, metadata in server.seen:
        assert path == f"/qdrant.{service}/{name}"
        assert (metadata["x-custom"], metadata["x-more"]) == ("a", "b")


@pytest.mark.parametrize("prefer", [True, False])
def test_procedures_can_be_awaited(server: EchoServer, prefer: bool) -> None:
    request = message("CountPoints")(collection_name="docs")

    async def main() -> Any:
        async with AsyncQdrantClient(**options(server, prefer=prefer)) as client:
            with headers({"x-context": "c"}):
                return await client.grpc_points.Count(request, timeout=7, metadata=[("x-more", "b")])

    server.seen.clear()
    assert isinstance(asyncio.run(main()), message("CountResponse"))
    ((path, metadata),) = server.seen
    assert path == "/qdrant.Points/Count"
    assert (metadata["x-custom"], metadata["x-more"], metadata["x-context"]) == ("a", "b", "c")


def test_failures_are_those_of_grpc(server: EchoServer, client: QdrantClient) -> None:
    request = message("CountPoints")(collection_name="docs")
    server.failing["/qdrant.Points/Count"] = ["RESOURCE_EXHAUSTED", "NOT_FOUND"]
    with pytest.raises(grpc.RpcError) as failed:
        client.grpc_points.Count(request)
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(ResourceExhaustedResponse) as limited:
        client.grpc_points.Count(request)
    assert limited.value.retry_after_s == int(server.retry_after)

    async def main() -> None:
        async with AsyncQdrantClient(**options(server)) as twin:
            await twin.grpc_points.Count(request)

    server.failing["/qdrant.Points/Count"] = ["NOT_FOUND"]
    with pytest.raises(grpc.RpcError):
        asyncio.run(main())


def test_a_name_that_is_none_is_an_attribute_error(client: QdrantClient) -> None:
    with pytest.raises(AttributeError, match="Points has no procedure 'Fetch'"):
        client.grpc_points.Fetch()
    assert repr(client.grpc_points) == "<Stub of Points>"


def test_a_closed_client_calls_nothing(server: EchoServer) -> None:
    for prefer in (True, False):
        client = QdrantClient(**options(server, prefer=prefer))
        stub = client.grpc_collections
        stub.List(message("ListCollectionsRequest")())
        client.close()
        with pytest.raises(ClosedError):
            stub.List(message("ListCollectionsRequest")())
        with pytest.raises(ClosedError):
            _ = client.grpc_collections
