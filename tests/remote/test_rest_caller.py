"""Operations over REST: requests as the table says, results in plain data, errors that tell what to make of them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from tests.remote.conftest import Plain
from tests.support.small_servers import Answer, HttpServer, Seen, raw_server, read_request, reset, unused_port

from quiverdb.errors import InvalidInputError
from quiverdb.remote.connect import connect, connect_async
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import NEVER, PATIENT, LostError, NotSentError

Connect = Callable[..., Any]
ANSWER = b'{"result": {"count": 3}, "status": "ok", "time": 0.1}'
COUNT = {"collection_name": "c", "exact": True}


def ok(seen: Seen) -> Answer:
    return 200, {}, ANSWER


@pytest.fixture(params=[connect, connect_async])
def open_caller(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Connect]:
    opened: list[Plain] = []

    def open_one(url: str, **options: Any) -> Plain:
        opened.append(Plain(request.param(url, **options), runner))
        return opened[-1]

    yield open_one
    for caller in opened:
        caller.close()


def replies(connection: socket.socket) -> None:
    """Answer for as long as somebody asks."""
    while True:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))


def hang_up(connection: socket.socket) -> None:
    read_request(connection)
    reset(connection)


def test_an_operation_becomes_a_request_and_its_answer_plain_data(open_caller: Connect) -> None:
    with HttpServer(ok) as server:
        assert open_caller(server.url).call("count", {**COUNT, "timeout": 3}) == {"count": 3}
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", "/collections/c/points/count?timeout=3")
    assert json.loads(seen.body) == {"exact": True}


def test_an_operation_that_does_not_exist(open_caller: Connect) -> None:
    with pytest.raises(InvalidInputError, match="no operation 'counts'"):
        open_caller("localhost").call("counts", {})


@pytest.mark.parametrize(
    ("status", "headers"), [(400, {}), (404, {"x-more": "1"}), (409, {}), (429, {"retry-after": "2"}), (500, {})]
)
def test_an_answer_that_means_failure(open_caller: Connect, status: int, headers: Mapping[str, str]) -> None:
    body = b'{"status": {"error": "Not found: no such thing"}, "time": 0.0}'
    with HttpServer(lambda seen: (status, headers, body)) as server:
        with pytest.raises(ResponseError, match="no such thing") as caught:
            open_caller(server.url).call("count", COUNT)
        assert (caught.value.status, caught.value.content) == (status, body)
        assert caught.value.headers.items() >= headers.items()
        assert len(server.seen) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"'])
def test_an_answer_that_is_not_one_of_qdrant(open_caller: Connect, body: bytes) -> None:
    with HttpServer(lambda seen: (200, {}, body)) as server:
        with pytest.raises(TransportError, match="not what Qdrant answers"):
            open_caller(server.url).call("count", COUNT)
        assert len(server.seen) == 1


def test_the_timeout_of_a_call_is_rounded_up(open_caller: Connect) -> None:
    def slow(seen: Seen) -> Answer:
        time.sleep(0.4)
        return ok(seen)

    with HttpServer(slow) as server:
        assert open_caller(server.url).call("count", {**COUNT, "timeout": 0.1}) == {"count": 3}
        assert server.seen[0].target.endswith("?timeout=1")


@pytest.mark.parametrize("timeout", ["3", float("nan"), float("inf"), -1, True, 10**12])
def test_what_is_no_timeout(open_caller: Connect, timeout: Any) -> None:
    with HttpServer(ok) as server:
        with pytest.raises(InvalidInputError, match="timeout must be a number of seconds"):
            open_caller(server.url).call("count", {**COUNT, "timeout": timeout})
        assert not server.seen


def test_a_question_whose_answer_was_lost_is_asked_again(open_caller: Connect) -> None:
    with raw_server(hang_up, hang_up, replies) as url:
        assert open_caller(url).call("count", COUNT) == {"count": 3}


def test_not_for_ever(open_caller: Connect) -> None:
    with raw_server(hang_up) as url, pytest.raises(LostError):
        open_caller(url).call("count", COUNT)


def test_not_where_the_caller_does_not_want_it(open_caller: Connect) -> None:
    with raw_server(hang_up, replies) as url, pytest.raises(LostError):
        open_caller(url).call("count", COUNT, retry=NEVER)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("create_snapshot", {"collection_name": "c"}),
        ("batch_update_points", {"collection_name": "c", "update_operations": []}),
        ("create_collection", {"collection_name": "c", "vectors_config": {"size": 2, "distance": "Dot"}}),
        ("cluster_collection_update", {"collection_name": "c", "cluster_operation": {}}),
    ],
)
def test_what_may_have_been_done_is_not_done_twice(open_caller: Connect, operation: str, arguments: Any) -> None:
    with raw_server(hang_up, replies) as url, pytest.raises(LostError):
        open_caller(url).call(operation, arguments)


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("upsert", {"collection_name": "c", "points": [{"id": 1, "vector": [1.0]}]}),
        ("delete", {"collection_name": "c", "points_selector": [1]}),
        ("query_points", {"collection_name": "c", "query": {"nearest": 1}}),
        ("get_collections", {}),
    ],
)
def test_what_can_be_done_twice_is_tried_twice(open_caller: Connect, operation: str, arguments: Any) -> None:
    with raw_server(hang_up, replies) as url:
        assert open_caller(url).call(operation, arguments) == {"count": 3}


def test_a_server_that_starts_late_is_found(open_caller: Connect) -> None:
    began = time.monotonic()
    with pytest.raises(NotSentError):
        open_caller(f"http://127.0.0.1:{unused_port()}").call("create_snapshot", {"collection_name": "c"})
    assert 0.15 < time.monotonic() - began < 3  # two pauses, of at least 0.05 and 0.1 s


def test_patience_is_asked_for(open_caller: Connect) -> None:
    answers = iter([(429, {"Retry-After": "0"}, b""), (429, {"Retry-After": "0"}, b""), (200, {}, ANSWER)])
    with HttpServer(lambda seen: next(answers)) as server:
        assert open_caller(server.url).call("count", COUNT, retry=PATIENT) == {"count": 3}
        assert len(server.seen) == 3


def test_patience_needs_to_know_for_how_long(open_caller: Connect) -> None:
    with HttpServer(lambda seen: (429, {}, b"")) as server:
        with pytest.raises(ResponseError):
            open_caller(server.url).call("count", COUNT, retry=PATIENT)
        assert len(server.seen) == 1


def test_a_token_is_fetched_for_every_attempt(open_caller: Connect) -> None:
    tokens = iter("abc")
    answers = iter([(429, {"Retry-After": "0"}, b""), (200, {}, ANSWER)])
    with HttpServer(lambda seen: next(answers)) as server:
        with pytest.warns(UserWarning, match="insecure"):
            caller = open_caller(server.url, auth_token_provider=lambda: next(tokens))
        caller.call("count", COUNT, retry=PATIENT)
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer a", "Bearer b"]
