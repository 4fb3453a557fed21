"""Operations over gRPC: the official client's messages read what is asked and write what is answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import qdrant_client
from qdrant_client import grpc as official
from tests.remote.conftest import Plain
from tests.support.small_grpc_server import EchoServer
from tests.support.small_servers import HttpServer, unused_port

import quiverdb.qdrant
from quiverdb.errors import InvalidInputError
from quiverdb.remote.connect import connect, connect_async
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import PATIENT, LostError

Connect = Callable[..., Any]
QUERY = "/qdrant.Points/Query"


@pytest.fixture(params=[connect, connect_async])
def open_caller(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Connect]:
    opened: list[Plain] = []

    def open_one(port: int, url: str = "http://127.0.0.1:1", **options: Any) -> Plain:
        opened.append(Plain(request.param(url, grpc_port=port, prefer_grpc=True, **options), runner))
        return opened[-1]

    yield open_one
    for caller in opened:
        caller.close()


def test_an_operation_becomes_a_message_and_its_reply_plain_data(open_caller: Connect) -> None:
    asked: list[Any] = []

    def answer(data: bytes) -> bytes:
        asked.append(official.QueryPoints.FromString(data))
        point = official.ScoredPoint(
            id=official.PointId(num=7), score=0.5, payload={"a": official.Value(integer_value=1)}
        )
        return official.QueryResponse(result=[point], time=0.1).SerializeToString()

    arguments = {"collection_name": "c", "query": {"nearest": [1.0, 2.0]}, "limit": 3, "timeout": 4}
    with EchoServer(answers={QUERY: answer}) as server:
        result = open_caller(server.port).call("query_points", arguments)
    (point,) = result["points"]
    assert (point["id"], point["score"], point["payload"]) == (7, 0.5, {"a": 1})
    (message,) = asked
    assert (message.collection_name, message.limit, message.timeout) == ("c", 3, 4)
    assert list(message.query.nearest.dense.data) == [1.0, 2.0]


def test_what_grpc_lacks_goes_over_rest(open_caller: Connect) -> None:
    body = json.dumps({"result": {"status": "disabled"}}).encode()
    with HttpServer(lambda seen: (200, {}, body)) as server, EchoServer() as other:
        assert open_caller(other.port, server.url).call("cluster_status", {}) == {"status": "disabled"}
        assert [seen.target for seen in server.seen] == ["/cluster"]
        assert not other.seen


def test_a_refusal(open_caller: Connect) -> None:
    def refuse(data: bytes) -> bytes:
        raise ValueError("no such thing")

    with EchoServer(answers={QUERY: refuse}) as server:
        with pytest.raises(ResponseError, match="no such thing") as caught:
            open_caller(server.port).call("query_points", {"collection_name": "c"})
        assert isinstance(caught.value.__cause__, grpc.RpcError)
        assert len(server.seen) == 1


def test_a_reply_that_cannot_be_read(open_caller: Connect) -> None:
    with EchoServer(answers={QUERY: lambda data: b"\xff\xff"}) as server, pytest.raises(TransportError):
        open_caller(server.port).call("query_points", {"collection_name": "c"})


def unavailable_at_first(server: EchoServer, times: int, code: str = "UNAVAILABLE") -> None:
    server.failing[QUERY] = [code] * times


def test_a_question_whose_answer_was_lost_is_asked_again(open_caller: Connect) -> None:
    with EchoServer(answers={QUERY: lambda data: b""}) as server:
        unavailable_at_first(server, 2)
        assert open_caller(server.port).call("query_points", {"collection_name": "c"}) == {"points": []}
        assert len(server.seen) == 3


def test_what_may_have_been_done_is_not_done_twice(open_caller: Connect) -> None:
    with EchoServer() as server:
        server.failing["/qdrant.Snapshots/Create"] = ["UNAVAILABLE"]
        with pytest.raises(LostError):
            open_caller(server.port).call("create_snapshot", {"collection_name": "c"})
        assert len(server.seen) == 1


def test_patience_is_asked_for(open_caller: Connect) -> None:
    with EchoServer(answers={QUERY: lambda data: b""}) as server:
        server.retry_after = "0"
        unavailable_at_first(server, 2, "RESOURCE_EXHAUSTED")
        caller = open_caller(server.port)
        with pytest.raises(ResponseError):
            caller.call("query_points", {"collection_name": "c"})
        assert caller.call("query_points", {"collection_name": "c"}, retry=PATIENT) == {"points": []}


def test_an_operation_that_does_not_exist(open_caller: Connect) -> None:
    with pytest.raises(InvalidInputError, match="no operation"):
        open_caller(1).call("query", {})


def test_rest_needs_no_grpc() -> None:
    program = """
import sys
sys.modules["grpc"] = sys.modules["google.protobuf"] = None
from quiverdb.errors import MissingLibraryError
from quiverdb.remote.connect import connect
connect("localhost").close()
try:
    connect("localhost", prefer_grpc=True)
except MissingLibraryError as error:
    assert error.extra == "grpc"
else:
    raise SystemExit("gRPC was not missed")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from, which is at most ten errors, for rings would be endless."""
    for _ in range(10):
        if error is not None:
            yield error
            error = error.__cause__ or error.__context__


def test_the_client_raises_what_the_official_client_raises() -> None:
    """The errors of gRPC itself, also when there was no answer, except for one that says when to come back."""
    arguments: dict[str, Any] = {"prefer_grpc": True, "check_compatibility": False}
    with EchoServer() as server:
        nobody = f"http://127.0.0.1:{unused_port()}"
        for library in (quiverdb.qdrant, qdrant_client):
            server.failing[QUERY] = ["RESOURCE_EXHAUSTED", "NOT_FOUND"]
            client = library.QdrantClient(host="127.0.0.1", grpc_port=server.port, **arguments)
            with pytest.raises(grpc.RpcError, match="because of NOT_FOUND"):
                client.query_points("c", [1.0])
            with pytest.raises(Exception, match="because of RESOURCE_EXHAUSTED") as caught:
                client.query_points("c", [1.0])
            assert caught.value.retry_after_s == 3  # type: ignore[attr-defined]
            client.close()
            client = library.QdrantClient(nobody, grpc_port=unused_port(), **arguments)
            with pytest.raises(grpc.RpcError, match="UNAVAILABLE") as lost:
                client.query_points("c", [1.0])
            assert len(list(causes(lost.value))) < 9
            client.close()
