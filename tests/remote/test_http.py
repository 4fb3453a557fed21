"""Every way to speak HTTP gives the same answers and the same errors, whatever a server does."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.small_servers import Answer, HttpServer, Seen, raw_server, read_request, reset, unused_port

from quiverdb.errors import ClosedError, InvalidInputError
from quiverdb.remote.headers import USER_AGENT, headers
from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.multipart import FileForm
from quiverdb.remote.protocol import TransportError
from quiverdb.remote.retry import LostError, NotSentError, TimedOutError
from quiverdb.remote.settings import resolve
from quiverdb.wire.http_message import Reply, Request

Open = Callable[..., Any]
ASK = Request("POST", "/collections/c/points/query", (("timeout", "3"),), b'{"limit":1}')
LOOK = Request("GET", "/collections")


def echo(seen: Seen) -> Answer:
    return 200, {"X-Told": "yes"}, json.dumps([seen.method, seen.target, seen.body.decode()]).encode()


def answers(*pieces: bytes, then: Callable[[socket.socket], None] | None = None) -> Callable[[socket.socket], None]:
    """Return a script that reads a request, sends the pieces, and ends the connection."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
        if then is not None:
            then(connection)

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_requests_and_replies_arrive_whole(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        reply = open_transport(f"{server.url}/some/prefix/").send(ASK)
        assert (reply.status, reply.reason, reply.headers["x-told"]) == (200, "OK", "yes")
        assert json.loads(reply.body) == ["POST", "/some/prefix/collections/c/points/query?timeout=3", '{"limit":1}']


def test_headers(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        transport = open_transport(server.url, headers={"X-Mine": "1", "X-Other": "2"}, metadata={"X-Meta": "3"})
        with headers({"X-Mine": "4", "X-More": "5"}):
            transport.send(ASK)
        transport.send(LOOK)
    first, second = (seen.headers for seen in server.seen)
    expected = {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": USER_AGENT,
        "x-mine": "4",
        "x-other": "2",
        "x-meta": "3",
        "x-more": "5",
        "content-type": "application/json",
        "content-length": "11",
    }
    assert first.items() >= expected.items()
    assert second["x-mine"] == "1"
    assert not {"x-more", "content-type", "content-length"} & second.keys()


def test_a_request_without_a_body_says_so(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        open_transport(server.url).send(Request("POST", "/collections/c/snapshots"))
    assert server.seen[0].headers["content-length"] == "0"


@pytest.mark.parametrize("status", [202, 404, 429, 500])
def test_every_status_is_an_answer(open_transport: Open, status: int) -> None:
    with HttpServer(lambda seen: (status, {"Retry-After": "7"}, b"not JSON")) as server:
        reply = open_transport(server.url).send(LOOK)
    assert (reply.status, reply.headers["retry-after"], reply.body) == (status, "7", b"not JSON")


def test_connections_are_used_again(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        transport = open_transport(server.url)
        for _ in range(5):
            transport.send(ASK)
        assert server.connections == 1


def test_an_idle_limit_of_none_keeps_no_connection(open_transport: Open) -> None:
    class Limits:
        max_connections = None
        max_keepalive_connections = 0
        keepalive_expiry = 5.0

    with HttpServer(echo) as server:
        transport = open_transport(server.url, limits=Limits())
        transport.send(ASK)
        transport.send(ASK)
        assert server.connections == 2


def test_a_connection_that_the_server_closed_is_replaced(open_transport: Open) -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        answers(OK)(connection)
        connection.close()
        closed.set()

    with raw_server(once) as url:
        transport = open_transport(url)
        for _ in range(3):
            closed.clear()
            assert transport.send(ASK).body == b"ok"
            assert closed.wait(5)
            time.sleep(0.01)  # until the end has travelled through the loopback


def test_a_connection_that_ends_in_the_middle_of_a_request_is_lost(open_transport: Open) -> None:
    def twice(connection: socket.socket) -> None:
        answers(OK)(connection)
        read_request(connection)

    with raw_server(twice) as url:
        transport = open_transport(url)
        transport.send(ASK)
        with pytest.raises(LostError) as caught:
            transport.send(ASK)
        assert caught.value.__cause__ is not None
        assert transport.send(ASK).body == b"ok"


@pytest.mark.parametrize(
    "script",
    [
        answers(),
        answers(then=reset),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", then=reset),
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
    ],
    ids=["silence", "reset", "truncated", "truncated-by-reset", "truncated-chunk"],
)
def test_lost_answers(open_transport: Open, script: Callable[[socket.socket], None]) -> None:
    with raw_server(script) as url, pytest.raises(LostError):
        open_transport(url).send(ASK)


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n"], ids=["another-protocol", "no-status"]
)
def test_what_is_not_http_is_no_answer(open_transport: Open, said: bytes) -> None:
    with raw_server(answers(said)) as url, pytest.raises(TransportError):
        open_transport(url).send(ASK)


def test_a_chunked_answer(open_transport: Open) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    with raw_server(answers(chunked)) as url:
        assert open_transport(url).send(ASK).body == b"abcdefg"


def test_an_answer_that_ends_with_its_connection(open_transport: Open) -> None:
    with raw_server(answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"all of it")) as url:
        transport = open_transport(url)
        assert transport.send(ASK).body == b"all of it"
        assert transport.send(ASK).body == b"all of it"


def test_a_preliminary_answer_is_passed_over(open_transport: Open) -> None:
    with raw_server(answers(b"HTTP/1.1 100 Continue\r\n\r\n", OK)) as url:
        assert open_transport(url).send(ASK).body == b"ok"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answers(open_transport: Open, encoding: str) -> None:
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    packed = packer.compress(b"x" * 10_000) + packer.flush()
    with HttpServer(lambda seen: (200, {"Content-Encoding": encoding}, packed)) as server:
        assert open_transport(server.url).send(ASK).body == b"x" * 10_000


def test_a_damaged_compressed_answer(open_transport: Open) -> None:
    with (
        HttpServer(lambda seen: (200, {"Content-Encoding": "gzip"}, b"no gzip")) as server,
        pytest.raises(TransportError),
    ):
        open_transport(server.url).send(ASK)


def test_a_huge_answer(open_transport: Open) -> None:
    body = os.urandom(1 << 20) * 20
    with HttpServer(lambda seen: (200, {}, body)) as server:
        assert open_transport(server.url).send(ASK, 30).body == body


def test_a_server_that_refuses_a_large_body_unread_is_heard(open_transport: Open) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.2)

    big = Request("PUT", "/collections/c/points", (), b"x" * 50_000_000)
    with raw_server(refuse) as url:
        transport = open_transport(url)
        if isinstance(transport.wrapped, HttpTransport):
            assert transport.send(big).status == 413
        else:  # asyncio forgets what has arrived when it cannot write
            with pytest.raises(LostError):
                transport.send(big)


def test_a_slow_server_meets_the_timeout(open_transport: Open) -> None:
    done = threading.Event()
    with raw_server(lambda connection: done.wait(10)) as url:  # type: ignore[arg-type, return-value]
        began = time.monotonic()
        with pytest.raises(TimedOutError, match="in time"):
            open_transport(url).send(ASK, 0.2)
        done.set()
    assert 0.1 < time.monotonic() - began < 3


def test_the_usual_timeout_comes_from_the_settings(open_transport: Open) -> None:
    done = threading.Event()
    with raw_server(lambda connection: done.wait(10)) as url:  # type: ignore[arg-type, return-value]
        began = time.monotonic()
        with pytest.raises(TransportError):
            open_transport(url, timeout=0.3).send(ASK)
        done.set()
    assert 0.9 < time.monotonic() - began < 4  # rounded up to a second


def test_nobody_listens(open_transport: Open) -> None:
    with pytest.raises(NotSentError, match="running"):
        open_transport(f"http://127.0.0.1:{unused_port()}").send(ASK)


def test_no_such_host(open_transport: Open) -> None:
    with pytest.raises(TransportError):
        open_transport("http://no-such-host.invalid").send(ASK)


@pytest.mark.parametrize("given", [{"headers": {"x-mine": "s3cret\n"}}, {"api_key": "s3cret\n", "https": False}])
@pytest.mark.filterwarnings("ignore:Api key:UserWarning")
def test_a_header_that_cannot_be_sent(open_transport: Open, given: dict[str, Any]) -> None:
    with HttpServer(echo) as server, pytest.raises(InvalidInputError) as caught:
        open_transport(server.url, **given)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("given", [{"x-mine": "s3cret€"}, {"x-mine": 5}, {"two words": "1"}])
def test_a_header_of_the_moment_that_cannot_be_sent(open_transport: Open, given: dict[str, Any]) -> None:
    with HttpServer(echo) as server, headers(given), pytest.raises(InvalidInputError) as caught:
        open_transport(server.url).send(ASK)
    assert "s3cret" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Auth token provider:UserWarning")
def test_a_token_that_cannot_be_sent(open_transport: Open) -> None:
    with HttpServer(echo) as server, pytest.raises(InvalidInputError) as caught:
        open_transport(server.url, auth_token_provider=lambda: "s3cret\n").send(ASK)
    assert "s3cret" not in str(caught.value)


def test_an_option_that_no_client_has() -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        HttpTransport(resolve("localhost", no_such_option=1))


def test_a_closed_transport_says_so(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        transport = open_transport(server.url)
        transport.send(ASK)
        transport.close()
        transport.close()
        with pytest.raises(ClosedError):
            transport.send(ASK)


def test_a_token_is_fetched_for_every_request(open_transport: Open) -> None:
    tokens = iter(["first", "second"])
    with HttpServer(echo) as server:
        with pytest.warns(UserWarning, match="insecure"):
            transport = open_transport(server.url, auth_token_provider=lambda: next(tokens))
        transport.send(ASK)
        transport.send(ASK)
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer first", "Bearer second"]


async def slow_token() -> str:
    return "late"


@pytest.mark.filterwarnings("ignore:Auth token provider")
def test_a_token_may_come_with_the_request(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        transport = open_transport(server.url, auth_token_provider=lambda: "usual")
        transport.send(ASK)
        transport.send(ASK, bearer="other")
        assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer usual", "Bearer other"]


@pytest.mark.filterwarnings("ignore:Auth token provider")
def test_an_asynchronous_token_provider(open_transport: Open) -> None:
    with HttpServer(echo) as server:
        transport = open_transport(server.url, auth_token_provider=slow_token)
        if isinstance(transport.wrapped, AsyncHttpTransport):
            transport.send(ASK)
            assert server.seen[0].headers["authorization"] == "Bearer late"
        else:
            with pytest.raises(InvalidInputError, match="asynchronous"):
                transport.send(ASK)


def test_a_download_goes_to_a_file(open_transport: Open, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    with HttpServer(lambda seen: (200, {}, content)) as server:
        with (tmp_path / "a.snapshot").open("wb") as file:
            reply = open_transport(server.url).download(Request("GET", "/snapshots/a"), file)
        assert (reply.status, reply.body) == (200, b"")
        assert (tmp_path / "a.snapshot").read_bytes() == content
        assert server.seen[0].headers["accept-encoding"] == "identity"


def test_a_download_that_is_refused_leaves_the_file_alone(open_transport: Open) -> None:
    with HttpServer(lambda seen: (404, {}, b"no such snapshot")) as server:
        file = io.BytesIO()
        assert open_transport(server.url).download(LOOK, file).body == b"no such snapshot"
    assert file.getvalue() == b""


def test_a_download_that_ends_early_is_lost(open_transport: Open) -> None:
    early = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    with raw_server(early) as url, pytest.raises(LostError):
        open_transport(url).download(LOOK, io.BytesIO())


def test_a_disk_that_is_full_is_not_the_connection(open_transport: Open) -> None:
    class Full(io.BytesIO):
        def write(self, piece: Any) -> int:
            raise OSError(28, "No space left on device")

    with HttpServer(echo) as server, pytest.raises(OSError, match="No space"):
        open_transport(server.url).download(LOOK, Full())


def test_an_upload_comes_from_a_file(open_transport: Open, tmp_path: Path) -> None:
    content = os.urandom(2_000_000)
    (tmp_path / "file").write_bytes(content)
    with HttpServer(lambda seen: (200, {}, b"{}")) as server, (tmp_path / "file").open("rb") as file:
        form = FileForm("snapshot", 'my "own".snapshot', file)
        reply = open_transport(server.url).upload(Request("POST", "/collections/c/snapshots/upload"), form)
    seen = server.seen[0]
    assert (reply.status, seen.method) == (200, "POST")
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert seen.headers["content-length"] == str(len(seen.body)) == str(form.length)
    assert seen.body.count(content) == 1
    assert b'name="snapshot"; filename="my %22own%22.snapshot"' in seen.body


def test_form_is_read_by_the_reader_of_a_server(tmp_path: Path) -> None:
    from email.parser import BytesParser

    form = FileForm("snapshot", "a.snapshot", io.BytesIO(b"skip this: \r\n--data"))
    body = b"".join(form.chunks())
    message = BytesParser().parsebytes(f"Content-Type: {form.content_type}\r\n\r\n".encode() + body)
    (part,) = message.get_payload()
    assert part.get_filename() == "a.snapshot"
    assert part.get_payload(decode=True) == b"skip this: \r\n--data"


def test_sixteen_threads_share_a_transport() -> None:
    with HttpServer(echo) as server, HttpTransport(resolve(server.url)) as transport:

        def ask(number: int) -> bool:
            body = str(number).encode()
            reply: Reply = transport.send(Request("POST", "/", (), body))
            return json.loads(reply.body)[2] == str(number)

        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(ask, range(800)))
        assert server.connections <= 16


@pytest.mark.parametrize("options", [{}, {"follow_redirects": False}], ids=["own", "httpx2"])
def test_threads_wait_for_a_connection(options: dict[str, Any]) -> None:
    go = threading.Event()
    with (
        HttpServer(lambda seen: (200, {}, b"" if go.wait(5) else b"late")) as server,
        HttpTransport(resolve(server.url, pool_size=1, **options)) as transport,
        ThreadPoolExecutor(1) as thread,
    ):
        first = thread.submit(transport.send, LOOK)
        while not server.seen:
            time.sleep(0.005)
        with pytest.raises(TransportError):
            transport.send(LOOK, 0.1)
        go.set()
        assert first.result().body == b""
        assert transport.send(LOOK).status == 200
        assert server.connections == 1


@pytest.mark.parametrize("options", [{}, {"follow_redirects": False}], ids=["own", "httpx2"])
def test_tasks_wait_for_a_connection(options: dict[str, Any]) -> None:
    async def ask(url: str) -> list[int]:
        async with AsyncHttpTransport(resolve(url, pool_size=2, **options)) as transport:
            return [reply.status for reply in await asyncio.gather(*(transport.send(ASK) for _ in range(20)))]

    with HttpServer(echo) as server:
        assert asyncio.run(ask(server.url)) == [200] * 20
        assert server.connections <= 2


def test_a_cancelled_request_leaves_the_transport_usable() -> None:
    go = threading.Event()

    async def ask(server: HttpServer) -> bytes:
        async with AsyncHttpTransport(resolve(server.url, pool_size=1)) as transport:
            task = asyncio.create_task(transport.send(LOOK))
            while not server.seen:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            return (await transport.send(LOOK)).body

    with HttpServer(lambda seen: (200, {}, b"" if go.wait(5) else b"late")) as server:
        assert asyncio.run(ask(server)) == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_connections() -> None:
    with HttpServer(echo) as server, HttpTransport(resolve(server.url)) as transport:
        transport.send(ASK)
        child = os.fork()
        if child == 0:
            os._exit(0 if transport.send(ASK).status == 200 and transport.send(ASK).status == 200 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert server.connections == 2
        transport.send(ASK)
        assert server.connections == 2


def test_every_event_loop_has_connections_of_its_own() -> None:
    with HttpServer(echo) as server:
        transport = AsyncHttpTransport(resolve(server.url))
        loops = [asyncio.new_event_loop() for _ in range(2)]
        for loop in (*loops, *loops):
            assert loop.run_until_complete(transport.send(ASK)).status == 200
        assert server.connections == 2

        async def close_own() -> None:
            await transport._over._pool.get().aclose()  # type: ignore[union-attr]

        for loop in loops:
            loop.run_until_complete(close_own())
            loop.close()
