"""Servers that are away, slow, busy or break off: what may be asked again is, everything else never."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from cosdata_stub import PASSWORD, Stub, rows, said, serving, told
from small_servers import raw_server, read_request, reset, unused_port

from quiverdb.cosdata.errors import (
    ConnectionFailedError,
    CosdataError,
    RequestTimeoutError,
    ServerError,
    ValidationError,
)
from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.cosdata.remote import AsyncHttpBackend, HttpBackend
from quiverdb.errors import ClosedError, InvalidInputError
from quiverdb.remote.retry import NEVER, Retry
from quiverdb.wire.rest import path_arguments

Open = Callable[..., Any]

SINGLE = [row for row in rows() if row.name != "vector_neighbors"]
ATTEMPTS = 3
SOME = [
    OPERATIONS[name] for name in ("get_collection", "search_dense", "commit", "stream_upsert", "create_transaction")
]


def arguments_of(row: Any) -> dict[str, Any]:
    steps = dict.fromkeys(path_arguments(row.path), "x")
    return {**steps, "vectors": [], "vector": {}, "document_id": "d", "name": "c", "transactions": [{}, {}]}


def attempts(row: Any) -> int:
    """How often an operation is asked for that fails each time for a reason that leaves open whether it was done."""
    return ATTEMPTS if row.repeatable else 1


def test_what_changes_something_is_not_repeatable() -> None:
    assert {row.name for row in rows() if row.repeatable and row.access != "read"} == set()
    assert not OPERATIONS["commit"].repeatable
    assert not OPERATIONS["stream_upsert"].repeatable


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.name)
def test_connections_that_end_early(row: Any, stub: Stub, open_backend: Open) -> None:
    stub.answers[row.name] = ConnectionResetError()
    with pytest.raises(ConnectionFailedError) as caught:
        open_backend(stub.url).call(row.name, arguments_of(row))
    assert stub.operations.count(row.name) == attempts(row)
    assert isinstance(caught.value, ConnectionError)
    assert (caught.value.status, caught.value.body) == (None, "")


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("row", SOME, ids=lambda row: row.name)
def test_servers_that_cannot_for_now(row: Any, status: int, stub: Stub, open_backend: Open) -> None:
    stub.answers[row.name] = said("later", status)
    with pytest.raises(ServerError, match="later") as caught:
        open_backend(stub.url).call(row.name, arguments_of(row))
    assert stub.operations.count(row.name) == attempts(row)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 409, 413, 500, 501])
@pytest.mark.parametrize("row", SOME, ids=lambda row: row.name)
def test_what_will_fail_again_is_not_repeated(row: Any, status: int, stub: Stub, open_backend: Open) -> None:
    stub.answers[row.name] = said("no", status)
    with pytest.raises(CosdataError, match="no"):
        open_backend(stub.url).call(row.name, arguments_of(row))
    assert stub.operations.count(row.name) == 1


@pytest.mark.parametrize("row", SOME, ids=lambda row: row.name)
def test_what_was_put_off_is_asked_again_in_time(row: Any, open_backend: Open) -> None:
    busy = said("busy", 429, **{"retry-after": "0.05"})
    answer = (204, {}, b"") if row.empty else told({"results": [], "name": "c", "transaction_id": "0x1"})
    with serving({row.name: [busy, busy, answer]}) as stub:
        begin = time.monotonic()
        open_backend(stub.url).call(row.name, arguments_of(row))
        assert stub.operations.count(row.name) == 3
        assert time.monotonic() - begin >= 0.1
    with serving({row.name: busy}) as stub:
        with pytest.raises(ValidationError, match="busy") as caught:
            open_backend(stub.url).call(row.name, arguments_of(row))
        assert stub.operations.count(row.name) == ATTEMPTS
    assert caught.value.status == 429


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_wants_too_long_a_pause_is_not_waited_for(status: int, open_backend: Open) -> None:
    with serving({"get_collection": said("busy", status, **{"retry-after": "3600"})}) as stub:
        with pytest.raises(CosdataError, match="busy"):
            open_backend(stub.url).do("get_collection", collection="c")
        assert stub.operations.count("get_collection") == 1


def test_a_failure_that_passes_is_not_noticed(open_backend: Open) -> None:
    answers = [ConnectionResetError(), said("later", 503), told(["c"])]
    with serving({"loaded_collections": answers}) as stub:
        assert open_backend(stub.url).call("loaded_collections", {}) == ["c"]


def test_signing_in_is_repeated_as_well(open_backend: Open) -> None:
    session = told({"access_token": "t"})
    answers = {"create_session": [ConnectionResetError(), said("later", 503), session], "loaded_collections": told([])}
    with serving(answers, tokens={"t"}) as stub:
        assert open_backend(stub.url).call("loaded_collections", {}) == []
        assert stub.signed_in == 3


def test_a_caller_may_do_without_repetitions(open_backend: Open) -> None:
    with serving({"loaded_collections": said("later", 503)}) as stub:
        with pytest.raises(ServerError):
            open_backend(stub.url, retry=NEVER).call("loaded_collections", {})
        assert stub.operations.count("loaded_collections") == 1


# --- no answer at all


def test_nobody_listens(open_backend: Open) -> None:
    with pytest.raises(ConnectionFailedError, match="cannot be reached") as caught:
        open_backend(f"http://127.0.0.1:{unused_port()}").call("loaded_collections", {})
    assert caught.value.status is None


def test_who_listens_late_is_heard(open_backend: Open) -> None:
    """Of a connection that did not come about the server knows nothing, so even a commit is asked again."""
    replies = [b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"access_token":"t"}', b"HTTP/1.1 204 No\r\n\r\n"]
    seen = []

    def serve() -> None:
        time.sleep(0.1)
        listener.listen()
        connection, _ = listener.accept()
        with connection:
            for answer in replies:
                seen.append(read_request(connection))
                connection.sendall(answer)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # until it listens, connections are refused
        thread = threading.Thread(target=serve)
        thread.start()
        retry = Retry(repetitions=10, first=0.01)
        backend = open_backend(f"http://127.0.0.1:{listener.getsockname()[1]}", retry=retry)
        assert backend.do("commit", collection="c", transaction_id="0x1") is None
        thread.join()
    assert len(seen) == 2


@pytest.mark.parametrize("row", SOME, ids=lambda row: row.name)
def test_a_server_that_takes_too_long_is_asked_once(row: Any, open_backend: Open) -> None:
    gone = threading.Event()

    def slow(_: Any) -> Any:
        gone.wait(30)
        return told({})

    with serving({row.name: slow}) as stub:
        backend = open_backend(stub.url, timeout=1)
        with pytest.raises(RequestTimeoutError, match="in time") as caught:
            backend.call(row.name, arguments_of(row))
        gone.set()
        assert isinstance(caught.value, TimeoutError)
        assert stub.operations.count(row.name) == 1


def answers(*pieces: bytes) -> Callable[[socket.socket], None]:
    def play(connection: socket.socket) -> None:
        read_request(connection)
        for piece in pieces:
            connection.sendall(piece)

    return play


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    "script",
    [
        answers(),
        answers(HEAD),
        answers(HEAD + b'{"access'),
        answers(b"garbage\r\n\r\n"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        answers(b"HTTP/1.1 999999999 no\r\n\r\n"),
        reset,
    ],
    ids=["nothing", "head", "half", "garbage", "not packed", "no status", "reset"],
)
def test_what_cannot_be_read_is_an_error(script: Any, open_backend: Open) -> None:
    with raw_server(script) as url, pytest.raises(ConnectionFailedError):
        open_backend(url).call("loaded_collections", {})


def test_a_backend_that_was_closed_is_of_no_use(open_backend: Open) -> None:
    with serving({"loaded_collections": told([])}) as stub:
        backend = open_backend(stub.url)
        backend.call("loaded_collections", {})
        backend.close()
        backend.close()
        with pytest.raises(ClosedError):
            backend.call("loaded_collections", {})


def test_connections_are_kept(open_backend: Open) -> None:
    vectors = [{"id": str(number), "values": [1.0]} for number in range(200)]
    with serving({"stream_upsert": (200, {}, b""), "loaded_collections": told([])}) as stub:
        backend = open_backend(stub.url)
        for _ in range(3):
            backend.do("stream_upsert", collection="c", vectors=vectors)
            backend.call("loaded_collections", {})
        assert stub.server.connections == 1


# --- addresses and options


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443"),
        ("http://127.0.0.1:8443/", "http://127.0.0.1:8443"),
        ("http://example.com", "http://example.com"),
        ("http://example.com/behind/a/proxy", "http://example.com/behind/a/proxy"),
        ("localhost", "http://localhost:8443"),
        ("localhost:5000", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("https://localhost:1", "https://localhost:1"),
    ],
)
@pytest.mark.parametrize("kind", [HttpBackend, AsyncHttpBackend])
def test_hosts_mean(kind: Any, host: str, shown: str) -> None:
    backend = kind(host)
    assert repr(backend) == f"<{kind.__name__} of {shown}>"
    if kind is HttpBackend:
        backend.close()


def test_requests_go_below_the_path_of_the_host(open_backend: Open) -> None:
    with serving() as stub:
        with pytest.raises(CosdataError):
            open_backend(stub.url + "/behind").call("loaded_collections", {})
        assert stub.server.seen[0].target == "/behind/auth/create-session"


@pytest.mark.parametrize("kind", [HttpBackend, AsyncHttpBackend])
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValidationError),
        ({"timeout": -1}, ValidationError),
        ({"timeout": float("nan")}, ValidationError),
        ({"timeout": float("inf")}, ValidationError),
        ({"timeout": None}, ValidationError),
        ({"timeout": True}, ValidationError),
        ({"host": "ftp://localhost"}, InvalidInputError),
        ({"host": "http://:80"}, InvalidInputError),
        ({"headers": {"a b": "c"}}, InvalidInputError),
    ],
)
def test_options_that_mean_nothing_are_refused(kind: Any, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        kind(**options)


@pytest.mark.parametrize("kind", [HttpBackend, AsyncHttpBackend])
def test_a_certificate_that_is_not_checked_is_warned_of(kind: Any) -> None:
    def client(**options: Any) -> Any:  # whose caller chose the host
        return kind(**options)

    with pytest.warns(UserWarning, match="db.example.com:8443 is not checked") as caught:
        client(host="https://db.example.com:8443")
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client(host="https://db.example.com:8443", verify=True)
        client(host="https://localhost:8443")
        client(host="https://127.0.0.1:8443")
        client(host="http://db.example.com:8443")


def test_headers_of_the_caller_travel(open_backend: Open) -> None:
    with serving({"loaded_collections": told([])}) as stub:
        open_backend(stub.url, headers={"X-Tenant": "t"}).call("loaded_collections", {})
        assert {seen.headers["x-tenant"] for seen in stub.server.seen} == {"t"}


def test_a_client_of_the_callers_may_carry_requests() -> None:
    import httpx2

    with serving({"loaded_collections": told([])}) as stub:
        with httpx2.Client() as client, HttpBackend(stub.url, password=PASSWORD, http_client=client) as backend:
            assert backend.call("loaded_collections", {}) == []
        assert {seen.headers["content-type"] for seen in stub.server.seen} == {"application/json"}

        async def ask() -> None:
            async with (
                httpx2.AsyncClient() as client,
                AsyncHttpBackend(stub.url, password=PASSWORD, http_client=client) as backend,
            ):
                assert await backend.call("loaded_collections", {}) == []

        asyncio.run(ask())
