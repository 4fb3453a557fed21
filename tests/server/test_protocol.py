"""What a connection may cost: heads, requests and answers without end, and requests that mean two things."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from quiverdb.server import protocol
from quiverdb.server.serving import Server

OK = b"HTTP/1.1 200 OK"
COUNT = b"POST /collections/docs/points/count HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
LAST = b"connection: close\r\n\r\n"
SOON = 0.3


@pytest.fixture(scope="module", autouse=True)
def docs(http: httpx.Client) -> None:
    http.put("/collections/docs", json={"vectors": {"size": 2, "distance": "Dot"}}).raise_for_status()


@pytest.fixture
def line(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        yield connection


@pytest.fixture
def hasty(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every deadline of a connection end soon."""
    monkeypatch.setattr(server._doors["http"]._http.config, "timeout_keep_alive", SOON)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(protocol, "ANSWER_SECONDS", SOON)


def everything(line: socket.socket) -> bytes:
    """Read to the end; a connection that is reset ends there."""
    found = b""
    try:
        while part := line.recv(1 << 16):
            found += part
    except ConnectionError:
        pass
    return found


def seconds_open(line: socket.socket, drip: bytes) -> float:
    """How long a connection lasts on which a little comes all the time."""
    began = time.monotonic()
    while time.monotonic() < began + 10:
        try:
            line.sendall(drip)
        except ConnectionError:
            break
        time.sleep(SOON / 10)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (b"", b"\r\n"),
        (b"GET / HTTP/1.1\r\nx: ", b"x"),
        (HEALTH + b"\r\nGET", b" "),
        (HEALTH + b"content-length: 9999\r\n\r\n", b"x"),
        (HEALTH + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
@pytest.mark.usefixtures("hasty")
def test_a_trickle_keeps_no_connection(line: socket.socket, start: bytes, drip: bytes) -> None:
    line.sendall(start)
    assert seconds_open(line, drip) < 5


@pytest.mark.usefixtures("hasty")
def test_an_answer_must_be_read(server: Server, http: httpx.Client) -> None:
    texts = [{"id": i, "vector": [1, 1], "payload": {"text": "x" * (1 << 20)}} for i in range(16)]
    http.put("/collections/docs/points?wait=true", json={"points": texts}).raise_for_status()
    body = b'{"limit": 16}'
    scroll = COUNT.replace(b"count", b"scroll") + b"content-length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(scroll * 3)
        time.sleep(SOON)
        end = time.monotonic() + 10
        while server.connections > 1:  # that of ``http`` may stay
            assert time.monotonic() < end, "the connection is kept"
            time.sleep(0.02)
    answer = http.post("/collections/docs/points/scroll", json={"limit": 16})
    assert len(answer.content) > 16 << 20


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        (b"GET /", b"a" * 4096),
        (b"GET /healthz?", b"&a=b" * 1024),
        (b"GET / HTTP/1.1\r\nx: ", b"y" * 4096),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 1024),
        (COUNT + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x: y\r\n" * 1024),
        (COUNT + b"transfer-encoding: chunked\r\n\r\n2;x=", b"y" * 4096),
        (b"", b"\r\n" * 2048),
    ],
)
def test_nothing_may_go_on_for_ever(line: socket.socket, start: bytes, unit: bytes) -> None:
    line.sendall(start)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += line.send(unit)
    except ConnectionError:
        pass
    assert sent < 16 << 20  # what the buffers of the system take is no matter of ours


def test_a_head_that_is_too_long_is_refused_however_it_comes(server: Server) -> None:
    for size, status in ((protocol.HEAD_BYTES // 2, 200), (protocol.HEAD_BYTES, 431)):
        head = HEALTH + b"x: " + b"y" * size + b"\r\n" + LAST
        for piece in (len(head), 1000):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
                for start in range(0, len(head), piece):
                    line.sendall(head[start : start + piece])
                assert everything(line).startswith(b"HTTP/1.1 %d" % status)


def test_too_many_requests_at_once_end_the_connection(line: socket.socket) -> None:
    line.sendall((HEALTH + b"\r\n") * (protocol.PIPELINED * 2))
    assert everything(line).count(OK) <= protocol.PIPELINED


def test_many_requests_at_once_are_all_answered(line: socket.socket) -> None:
    line.sendall((HEALTH + b"\r\n") * (protocol.PIPELINED - 1) + HEALTH + LAST)
    assert everything(line).count(OK) == protocol.PIPELINED


SMUGGLED = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n",
        b"content-length: 0\r\ncontent-length: 50\r\n\r\n",
        b"content-length: 0, 50\r\n\r\n",
        b"content-length : 0\r\n\r\n",
        b"content-length: +0\r\n\r\n",
        b"content-length: 0x0\r\n\r\n",
        b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
        b"x: y\r\n content-length: 0\r\n\r\n",
        b"x: a\0b\r\n\r\n",
        b"x: a\rtransfer-encoding: chunked\r\n\r\n",
    ],
)
def test_nothing_is_smuggled_past_a_request_that_means_two_things(line: socket.socket, framing: bytes) -> None:
    line.sendall(COUNT + framing + SMUGGLED)
    found = everything(line)
    assert found.startswith(b"HTTP/1.1 400")
    assert found.count(b"HTTP/1.1") == 1


def test_headers_that_follow_a_body_are_none_of_the_request(line: socket.socket) -> None:
    line.sendall(
        COUNT + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\ncontent-type: a/b\r\n\r\n"
    )
    assert everything(line).startswith(OK)


@pytest.mark.parametrize("protocol_", [b"h2c", b"websocket", b"TLS/1.2"])
@pytest.mark.parametrize(
    "framing", [b"content-length: 2\r\n\r\n{}", b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_an_offer_of_another_protocol_is_declined(
    line: socket.socket, protocol_: bytes, framing: bytes, piece: int
) -> None:
    offer = b"connection: upgrade, http2-settings\r\nupgrade: %b\r\nhttp2-settings: AAMAAABk\r\n" % protocol_
    requests = COUNT + offer + framing + HEALTH + offer + b"\r\n" + COUNT + framing + HEALTH + LAST
    for start in range(0, len(requests), piece):
        line.sendall(requests[start : start + piece])
    found = everything(line)
    assert found.count(OK) == 4
    assert found.count(b'"count":') == 2


@pytest.mark.parametrize("tail", [b"", b"GET /heal"])
def test_who_has_said_everything_is_still_answered(line: socket.socket, tail: bytes) -> None:
    line.sendall((HEALTH + b"\r\n") * 3 + tail)
    line.shutdown(socket.SHUT_WR)
    assert everything(line).count(OK) == 3


@pytest.mark.parametrize("asked", [HEALTH + b"\r\n", b"", COUNT + b"content-length: 20\r\n\r\n{}"])
def test_who_goes_away_is_not_waited_for(server: Server, asked: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(asked)
        if asked.startswith(b"GET"):
            assert line.recv(1000).startswith(OK)
        line.shutdown(socket.SHUT_WR)
        assert everything(line) == b""


def test_what_cannot_be_read_takes_no_answer_from_those_before_it(line: socket.socket) -> None:
    line.sendall(HEALTH + b"\r\nnonsense\r\n\r\n")
    assert everything(line).startswith(OK)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n", b"GET http://elsewhere/healthz HTTP/1.1\r\n" + LAST,
        b"GET /healthz HTTP/1.1\r\nhost: elsewhere:1\r\n" + LAST, b"GET /healthz#part HTTP/1.1\r\nhost: \r\n" + LAST,
        b"HEAD /healthz HTTP/1.0\r\n\r\n",
    ],
)  # fmt: skip
def test_who_is_addressed_does_not_matter(line: socket.socket, request_: bytes) -> None:
    line.sendall(request_)
    assert everything(line).startswith(OK)


def test_no_connection_says_anything_in_the_log(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """What clients do wrong is no trouble of the server; a failure that nobody foresaw would be told."""
    for asked in ((HEALTH + b"\r\n") * 1500, HEALTH + b"\r\n" + COUNT + b"content-length: 20\r\n\r\n{}", b"\0" * 70000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(asked)
    end = time.monotonic() + 10
    while server.connections > 1:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_more_connections_than_there_are_files_for_are_not_taken(
    server: Server, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http.get("/healthz").status_code == 200  # and its connection is there
    monkeypatch.setattr(protocol, "most_connections", lambda: server.connections)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        assert everything(line) == b""
    assert http.get("/healthz").status_code == 200
