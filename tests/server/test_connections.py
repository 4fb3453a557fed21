"""Connections: bytes as they come from clients that are slow, broken, many, or gone."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from quiverdb.server import exchange, protocol
from quiverdb.server.serving import Server

DOCS = {"vectors": {"size": 2, "distance": "Dot"}}


@pytest.fixture(autouse=True)
def docs(http: httpx.Client) -> None:
    http.delete("/collections/docs")
    http.put("/collections/docs", json=DOCS).raise_for_status()


@pytest.fixture
def line(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        yield connection


def post(path: str, body: bytes, *headers: str) -> bytes:
    more = "".join(f"{header}\r\n" for header in ("content-type: application/json", *headers))
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body


COUNT = post("/collections/docs/points/count", b"{}")


def answer(line: socket.socket) -> tuple[int, bytes]:
    """Read one answer; what follows it stays unread."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = line.recv(1)
        if not byte:
            raise ConnectionError(head)
        head += byte
    fields = dict(part.split(": ", 1) for part in head.decode().lower().split("\r\n")[1:-2])
    body = b""
    while len(body) < int(fields["content-length"]):
        body += line.recv(int(fields["content-length"]) - len(body))
    return int(head.split()[1]), body


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def points_count(http: httpx.Client) -> int:
    return int(http.post("/collections/docs/points/count", json={}).json()["result"]["count"])


def test_a_connection_serves_many_requests(line: socket.socket) -> None:
    for _ in range(3):
        line.sendall(COUNT)
        assert answer(line)[0] == 200


def test_requests_that_come_at_once_are_answered_in_order(line: socket.socket) -> None:
    ids = range(5)
    line.sendall(
        b"".join(post("/collections/docs/points", json.dumps({"ids": [i, "x"]}).encode()) for i in ids) + COUNT
    )
    assert [answer(line)[0] for _ in ids] == [400] * 5
    assert answer(line)[0] == 200


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_may_come_in_pieces(line: socket.socket, size: int) -> None:
    points = json.dumps({"points": [{"id": i, "vector": [i, 1]} for i in range(20)]}).encode()
    request = b"PUT" + post("/collections/docs/points?wait=true", points)[4:]
    for start in range(0, len(request), size):
        line.sendall(request[start : start + size])
    assert answer(line)[0] == 200


def test_a_body_may_come_in_chunks(line: socket.socket) -> None:
    head = b"POST /collections/docs/points/count HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    line.sendall(head + b'transfer-encoding: chunked\r\n\r\n5\r\n{"exa\r\n')
    line.sendall(b'9\r\nct":true}\r\n0\r\n\r\n')
    assert answer(line)[0] == 200


def test_the_server_asks_for_the_body_of_those_who_wait_for_that(line: socket.socket) -> None:
    head, body = post("/collections/docs/points/count", b"{}", "expect: 100-continue").split(b"\r\n\r\n")
    line.sendall(head + b"\r\n\r\n")
    assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.sendall(body)
    assert answer(line)[0] == 200


def test_too_much_is_refused_before_it_comes(line: socket.socket) -> None:
    head = b"POST /collections/docs/points/count HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    line.sendall(head + b"content-length: 99999999999999999999\r\n\r\n")
    assert answer(line)[0] in (400, 413)


@pytest.mark.parametrize(
    "request_", [
        b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100,
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 3 + b"no colon\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_ends_the_connection_only(line: socket.socket, http: httpx.Client, request_: bytes) -> None:
    line.sendall(request_)
    status, body = answer(line)
    assert status == 400
    assert json.loads(body)["status"]["error"] == json.loads(body)["message"] == "Invalid HTTP request received."
    assert http.get("/healthz").status_code == 200


def test_a_client_that_vanishes_midway_leaves_nothing(server: Server, http: httpx.Client) -> None:
    points = json.dumps({"points": [{"id": i, "vector": [i, 1]} for i in range(1000)]}).encode()
    request = b"PUT" + post("/collections/docs/points?wait=true", points)[4:]
    for part in (10, 100, len(request) // 2, len(request) - 1):
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(request[:part])
    upload = b'--x\r\ncontent-disposition: form-data; name="snapshot"\r\n\r\n' + bytes(3 << 20)
    head = f"POST /collections/docs/snapshots/upload HTTP/1.1\r\nhost: x\r\ncontent-length: {1 << 30}\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(head.encode() + b"content-type: multipart/form-data; boundary=x\r\n\r\n" + upload)
    wait_for(lambda: server.connections <= 1)
    assert points_count(http) == 0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_head_that_never_ends_is_not_waited_for(line: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n")
    began = time.monotonic()
    assert is_closed(line)
    assert time.monotonic() - began < 5


def test_a_body_that_never_ends_is_not_waited_for(line: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)
    line.sendall(COUNT[:-1])
    began = time.monotonic()
    assert answer(line)[0] == 408
    assert is_closed(line)
    assert time.monotonic() - began < 5


def test_a_body_must_not_trickle(line: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)
    line.sendall(COUNT.replace(b"content-length: 2", b"content-length: 200"))
    line.settimeout(0.05)
    for _ in range(100):
        line.sendall(b" ")
        with suppress(TimeoutError):
            assert line.recv(100).startswith(b"HTTP/1.1 408")
            return
    pytest.fail("it was waited for")


def test_an_idle_connection_is_closed_in_the_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._doors["http"]._http.config, "timeout_keep_alive", 0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as silent:
        assert is_closed(silent)


def test_idle_connections_are_in_nobody_s_way(server: Server, http: httpx.Client) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert http.get("/healthz").status_code == 200
        wait_for(lambda: server.connections >= 300)
        assert http.get("/healthz").status_code == 200
    wait_for(lambda: server.connections <= 1)
