"""Calls over gRPC from threads and event loops: what arrives, what comes back, and what failures mean."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from tests.remote.conftest import Plain
from tests.support.small_grpc_server import EchoServer
from tests.support.small_servers import raw_server, unused_port

from quiverdb.errors import ClosedError, InvalidInputError
from quiverdb.remote.channel import AsyncGrpcTransport, GrpcTransport
from quiverdb.remote.headers import USER_AGENT, headers
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import LostError, NotSentError, retry_after
from quiverdb.remote.settings import resolve

Open = Callable[..., Any]


class Text(str):
    """A message of plain text."""

    def SerializeToString(self) -> bytes:
        return self.encode()

    @classmethod
    def FromString(cls, data: bytes) -> Text:
        return cls(data.decode())


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        yield server


@pytest.fixture(params=[GrpcTransport, AsyncGrpcTransport])
def open_transport(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Open]:
    opened: list[Plain] = []

    def open_one(port: int, **options: Any) -> Plain:
        opened.append(Plain(request.param(resolve(host="127.0.0.1", grpc_port=port, **options)), runner))
        return opened[-1]

    yield open_one
    for transport in opened:
        transport.close()


def test_messages_arrive_and_come_back(open_transport: Open, server: EchoServer) -> None:
    transport = open_transport(server.port)
    assert transport.call("/qdrant.Points/Query", Text("question"), Text) == Text("question")
    assert isinstance(transport.call("/qdrant.Points/Query", Text(""), Text), Text)
    assert [path for path, _ in server.seen] == ["/qdrant.Points/Query"] * 2


def test_metadata(open_transport: Open, server: EchoServer) -> None:
    with pytest.warns(UserWarning, match="insecure"):
        transport = open_transport(
            server.port, api_key="k", https=False, headers={"X-Mine": "1"}, metadata={"x-m": "2"}
        )
    with headers({"X-More": "3", "x-mine": "4"}):
        transport.call("/s/m", Text("a"), Text)
    transport.call("/s/m", Text("a"), Text)
    (_, first), (_, second) = server.seen
    assert first.items() >= {"api-key": "k", "x-mine": "4", "x-more": "3"}.items()
    assert second["x-mine"] == "1"
    assert not {"x-more", "x-m"} & second.keys()  # `metadata` is for HTTP, as in the official client
    assert first["user-agent"].startswith(USER_AGENT)


@pytest.mark.filterwarnings("ignore:Auth token provider")
def test_a_token_is_fetched_for_every_call(open_transport: Open, server: EchoServer) -> None:
    tokens = iter(["first", "second"])
    transport = open_transport(server.port, auth_token_provider=lambda: next(tokens))
    transport.call("/s/m", Text("a"), Text)
    transport.call("/s/m", Text("a"), Text)
    assert [metadata["authorization"] for _, metadata in server.seen] == ["Bearer first", "Bearer second"]


async def slow_token() -> str:
    return "late"


@pytest.mark.filterwarnings("ignore:Auth token provider")
def test_an_asynchronous_token_provider(open_transport: Open, server: EchoServer) -> None:
    transport = open_transport(server.port, auth_token_provider=slow_token)
    if isinstance(transport.wrapped, AsyncGrpcTransport):
        transport.call("/s/m", Text("a"), Text)
        assert server.seen[0][1]["authorization"] == "Bearer late"
    else:
        with pytest.raises(InvalidInputError, match="asynchronous"):
            transport.call("/s/m", Text("a"), Text)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("DEADLINE_EXCEEDED", 408),
        ("ALREADY_EXISTS", 409),
        ("FAILED_PRECONDITION", 412),
        ("RESOURCE_EXHAUSTED", 429),
        ("INTERNAL", 500),
        ("UNKNOWN", 500),
        ("UNIMPLEMENTED", 501),
    ],
)
def test_a_refusal_has_the_status_of_rest(open_transport: Open, server: EchoServer, code: str, status: int) -> None:
    with pytest.raises(ResponseError) as caught:
        open_transport(server.port).call(f"/s/{code}", Text("a"), Text)
    error = caught.value
    assert (error.status, error.message) == (status, f"because of {code}")
    assert retry_after(error.headers) == 3
    assert isinstance(error.__cause__, grpc.RpcError)
    assert error.__cause__.code() is grpc.StatusCode[code]


def test_a_slow_server_meets_the_timeout(open_transport: Open, server: EchoServer) -> None:
    began = time.monotonic()
    with pytest.raises(TransportError, match="in time") as caught:
        open_transport(server.port).call("/s/Wait", Text("a"), Text, 0.2)
    assert not isinstance(caught.value, LostError | NotSentError)
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    assert time.monotonic() - began < 3


def test_nobody_listens(open_transport: Open) -> None:
    with pytest.raises(NotSentError, match="running"):
        open_transport(unused_port()).call("/s/m", Text("a"), Text)


def test_a_server_that_says_it_is_unavailable(open_transport: Open, server: EchoServer) -> None:
    with pytest.raises(LostError):
        open_transport(server.port).call("/s/UNAVAILABLE", Text("a"), Text)


def test_what_is_not_grpc_is_no_answer(open_transport: Open) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(refuse) as url, pytest.raises(TransportError):
        open_transport(int(url.rpartition(":")[2])).call("/s/m", Text("a"), Text, 2)


def test_messages_of_any_size(open_transport: Open, server: EchoServer) -> None:
    assert len(open_transport(server.port).call("/s/m", Text("x" * 20_000_000), Text, 30)) == 20_000_000


def test_options_may_limit_messages(open_transport: Open, server: EchoServer) -> None:
    transport = open_transport(server.port, grpc_options={"grpc.max_receive_message_length": 100})
    with pytest.raises(TransportError, match="larger"):
        transport.call("/s/m", Text("x" * 1000), Text)


def test_a_message_that_is_too_large_for_the_server(open_transport: Open) -> None:
    with EchoServer(limit=100) as server, pytest.raises(ResponseError, match="larger"):
        open_transport(server.port).call("/s/m", Text("x" * 1000), Text)


def test_compression(open_transport: Open, server: EchoServer) -> None:
    transport = open_transport(server.port, grpc_compression=grpc.Compression.Gzip)
    assert len(transport.call("/s/m", Text("x" * 10_000), Text)) == 10_000


@pytest.mark.parametrize("size", [1, 3])
def test_channels_take_turns(open_transport: Open, server: EchoServer, size: int) -> None:
    transport = open_transport(server.port, pool_size=size)
    for _ in range(2 * size):
        transport.call("/s/m", Text("a"), Text)
    assert len(server.peers) == size


def test_sixteen_threads_share_a_transport(server: EchoServer) -> None:
    with GrpcTransport(resolve(host="127.0.0.1", grpc_port=server.port)) as transport:

        def ask(number: int) -> bool:
            return transport.call("/s/m", Text(number), Text) == str(number)

        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(ask, range(500)))
        assert len(server.peers) == 3


def test_a_closed_transport_says_so(open_transport: Open, server: EchoServer) -> None:
    transport = open_transport(server.port)
    transport.call("/s/m", Text("a"), Text)
    transport.close()
    transport.close()
    with pytest.raises(ClosedError):
        transport.call("/s/m", Text("a"), Text)


@pytest.mark.parametrize(("grace", "expected"), [(None, ClosedError), (5.0, Text)])
def test_closing_ends_calls_without_a_cancelled_task(server: EchoServer, grace: float | None, expected: type) -> None:
    async def close_meanwhile() -> list[Any]:
        transport = AsyncGrpcTransport(resolve(host="127.0.0.1", grpc_port=server.port))
        asked = asyncio.create_task(transport.call("/s/Wait", Text("a"), Text))
        while not server.seen:
            await asyncio.sleep(0.01)
        if grace is not None:
            asyncio.get_running_loop().call_later(0.1, server.go.set)
        await transport.close(grace)
        return await asyncio.gather(asked, return_exceptions=True)

    (ended,) = asyncio.run(close_meanwhile())
    assert isinstance(ended, expected)


def test_a_cancelled_call_is_one() -> None:
    async def cancel() -> bool:
        asked = asyncio.create_task(transport.call("/s/Wait", Text("a"), Text))
        while not server.seen:
            await asyncio.sleep(0.01)
        asked.cancel()
        await asyncio.wait([asked])
        await transport.close()
        return asked.cancelled()

    with EchoServer() as server:
        transport = AsyncGrpcTransport(resolve(host="127.0.0.1", grpc_port=server.port))
        assert asyncio.run(cancel())


def test_every_event_loop_has_channels_of_its_own(server: EchoServer) -> None:
    transport = AsyncGrpcTransport(resolve(host="127.0.0.1", grpc_port=server.port))

    async def ask() -> Text:
        answers = await asyncio.gather(*(transport.call("/s/m", Text("a"), Text) for _ in range(10)))
        return answers[0]

    assert [asyncio.run(ask()) for _ in range(3)] == ["a"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_channels(server: EchoServer) -> None:
    """In a program of its own: the server's threads would not survive a fork of this one."""
    program = f"""
import os
from quiverdb.remote.channel import GrpcTransport
from quiverdb.remote.settings import resolve
from tests.remote.test_channel import Text
transport = GrpcTransport(resolve(host="127.0.0.1", grpc_port={server.port}))
transport.call("/s/m", Text("parent"), Text)
child = os.fork()
if child == 0:
    os._exit(0 if transport.call("/s/m", Text("child"), Text) == "child" else 1)
assert os.waitpid(child, 0)[1] == 0
assert transport.call("/s/m", Text("again"), Text) == "again"
transport.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path(__file__).parents[2])
    assert len(server.seen) == 3


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(authority: trustme.CA) -> Iterator[EchoServer]:
    issued = authority.issue_cert("127.0.0.1")
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    with EchoServer(
        grpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), require_client_auth=True)
    ) as server:
        yield server


def test_certificates_in_options(open_transport: Open, tls_server: EchoServer, authority: trustme.CA) -> None:
    issued = authority.issue_cert("client@example.com")
    options = {
        "root_certificates": authority.cert_pem.bytes(),
        "private_key": issued.private_key_pem.bytes(),
        "certificate_chain": issued.cert_chain_pems[0].bytes(),
    }
    transport = open_transport(tls_server.port, https=True, grpc_options=options)
    assert transport.call("/s/m", Text("a"), Text) == "a"


def test_certificates_in_files(
    open_transport: Open, tls_server: EchoServer, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "client.pem")
    )
    files = {"verify": str(tmp_path / "authority.pem"), "cert": str(tmp_path / "client.pem")}
    transport = open_transport(tls_server.port, https=True, **files)
    assert transport.call("/s/m", Text("a"), Text) == "a"


def test_an_unknown_authority_is_not_trusted(open_transport: Open, tls_server: EchoServer) -> None:
    with pytest.raises(TransportError):
        open_transport(tls_server.port, https=True).call("/s/m", Text("a"), Text, 3)
    assert not tls_server.seen


def test_certificates_are_bytes() -> None:
    with pytest.raises(TypeError, match="root_certificates"):
        GrpcTransport(resolve(grpc_options={"root_certificates": "file.pem"}))
