"""Requests to servers that refuse, stall, lose connections and answer in every form."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.support.small_servers import Answer, HttpServer, Seen, raw_server, read_request, reset, unused_port

from quiverdb.errors import ClosedError, InvalidInputError
from quiverdb.remote import retry
from quiverdb.vikingdb import exceptions, signing
from quiverdb.vikingdb.config import ClientConfig, RetryConfig
from quiverdb.vikingdb.credentials import IAM, APIKey
from quiverdb.vikingdb.operations import OPERATIONS
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.transport import AsyncTransport, Transport

READS = ["search_by_vector", "fetch_in_index", "embedding", "get_collection"]
CHANGES = ["upsert", "create_collection", "delete_index"]
FINE = b'{"code":"Success","message":"m","request_id":"r","result":{"a":1}}'


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no time pass, and note how much would have."""
    noted: list[float] = []

    async def pause(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr(retry.time, "sleep", noted.append)
    monkeypatch.setattr(retry.asyncio, "sleep", pause)
    return noted


class Driver:
    """Call a transport of either kind in the same way."""

    def __init__(self, kind: str, config: ClientConfig, auth: Any = None) -> None:
        self._kind, self._config, self._auth = kind, config, auth

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if self._kind == "sync":
            return self._now(name)
        return lambda *arguments, **named: asyncio.run(self._later(name, arguments, named))

    def _now(self, name: str) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            with Transport(self._config, self._auth) as transport:
                return getattr(transport, name)(*arguments, **named)

        return run

    async def _later(self, name: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        async with AsyncTransport(self._config, self._auth) as transport:
            return await getattr(transport, name)(*arguments, **named)


@pytest.fixture(params=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Callable[..., Driver]:
    def make(endpoint: str, auth: Any = None, **settings: Any) -> Driver:
        return Driver(request.param, ClientConfig(endpoint, **settings), auth)

    return make


def answers(*script: Answer) -> Callable[[Seen], Answer]:
    """Answer one after the other, the last one to all that follow."""
    waiting = list(script)
    return lambda seen: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def refusal(status: int, code: str = "InternalError", **headers: str) -> Answer:
    body = {"code": code, "message": "no", "request_id": "r-9", "result": None}
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


OK: Answer = (200, {}, FINE)


# --- repeating


@pytest.mark.parametrize("operation", READS + CHANGES)
def test_what_is_put_off_is_asked_again(driver: Any, pauses: list[float], operation: str) -> None:
    with HttpServer(answers(refusal(429, "TooManyRequests"), refusal(429), OK)) as server:
        assert driver(server.url).call(operation, {})["result"] == {"a": 1}
    assert len(server.seen) == 3
    assert 0.375 <= pauses[0] <= 0.625
    assert 0.75 <= pauses[1] <= 1.25


@pytest.mark.parametrize("operation", [*READS, "update", "delete"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failures_of_servers_are_asked_again_where_that_does_no_harm(
    driver: Any, pauses: list[float], operation: str, status: int
) -> None:
    with HttpServer(answers(refusal(status), OK)) as server:
        assert driver(server.url).call(operation, {"ids": [1]})["code"] == "Success"
    assert (len(server.seen), len(pauses)) == (2, 1)


@pytest.mark.parametrize("operation", CHANGES)
def test_failures_of_servers_are_not_asked_again_where_that_may_do_harm(
    driver: Any, pauses: list[float], operation: str
) -> None:
    with HttpServer(answers(refusal(500))) as server, pytest.raises(exceptions.VikingVectorException) as caught:
        driver(server.url).call(operation, {})
    assert (len(server.seen), pauses) == (1, [])
    assert (caught.value.status_code, caught.value.retryable, caught.value.request_id) == (500, True, "r-9")


def test_deleting_all_is_not_repeated(driver: Any, pauses: list[float]) -> None:
    with HttpServer(answers(refusal(500))) as server, pytest.raises(exceptions.VikingException):
        driver(server.url).call("delete", {"del_all": True})
    assert len(server.seen) == 1


@pytest.mark.parametrize(("repeatable", "times"), [(True, 3), (False, 1)])
@pytest.mark.parametrize("operation", ["upsert", "search_by_id"])
def test_options_say_whether_to_repeat(
    driver: Any, pauses: list[float], operation: str, repeatable: bool, times: int
) -> None:
    options = RequestOptions(repeatable=repeatable)
    with HttpServer(answers(refusal(503))) as server, pytest.raises(exceptions.VikingException):
        driver(server.url).call(operation, {}, options)
    assert len(server.seen) == times


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_refusals_are_final(driver: Any, pauses: list[float], status: int) -> None:
    script = answers(refusal(status, "InvalidParameter"))
    with HttpServer(script) as server, pytest.raises(exceptions.HTTPError, match="no") as caught:
        driver(server.url).call("search_by_id", {})
    assert (len(server.seen), pauses, caught.value.retryable) == (1, [], False)
    assert (caught.value.code, caught.value.status_code) == ("InvalidParameter", status)


@pytest.mark.parametrize(("most", "times"), [(1, 1), (2, 2), (5, 5), (None, 4), (0, 4)])
def test_attempts_are_limited_by_the_client_or_the_request(
    driver: Any, pauses: list[float], most: int | None, times: int
) -> None:
    config = RetryConfig(max_attempts=4, initial_interval=0.1, max_interval=0.2, jitter=0.0)
    with HttpServer(answers(refusal(500))) as server, pytest.raises(exceptions.VikingException):
        driver(server.url, retry=config).call("search_by_id", {}, RequestOptions(max_attempts=most))
    assert len(server.seen) == times
    assert pauses == [0.1, 0.2, 0.2, 0.2][: times - 1]


@pytest.mark.parametrize("status", [429, 503])
def test_servers_say_how_long_to_wait(driver: Any, pauses: list[float], status: int) -> None:
    script = refusal(status, **{"Retry-After": "20"}), refusal(status, **{"Retry-After": "0"}), OK
    with HttpServer(answers(*script)) as server:
        driver(server.url).call("search_by_id", {})
    assert pauses[0] == 20
    assert 0.75 <= pauses[1] <= 1.25


def test_who_wants_to_be_left_alone_for_long_is(driver: Any, pauses: list[float]) -> None:
    script = answers(refusal(429, **{"Retry-After": "61"}))
    with HttpServer(script) as server, pytest.raises(exceptions.VikingException):
        driver(server.url).call("search_by_id", {})
    assert (len(server.seen), pauses) == (1, [])


def lose(connection: socket.socket) -> None:
    read_request(connection)
    reset(connection)


def half(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def fine(connection: socket.socket) -> None:
    while True:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(FINE), FINE))


@pytest.mark.parametrize("script", [lose, half])
def test_lost_connections_are_made_again_where_that_does_no_harm(driver: Any, pauses: list[float], script: Any) -> None:
    with raw_server(script, fine) as url:
        assert driver(url).call("search_by_id", {})["result"] == {"a": 1}
    with raw_server(script, fine) as url, pytest.raises(exceptions.TransportError, match="lost") as caught:
        driver(url).call("upsert", {}, RequestOptions(request_id="r"))
    assert (caught.value.retryable, caught.value.request_id) == (True, "r")
    assert isinstance(caught.value, ConnectionError | exceptions.VikingDBError)
    assert len(pauses) == 1


@pytest.mark.parametrize("operation", ["upsert", "search_by_id"])
def test_servers_that_are_away_are_asked_again_in_any_case(driver: Any, pauses: list[float], operation: str) -> None:
    with pytest.raises(exceptions.VikingConnectionException, match="reached"):
        driver(f"http://127.0.0.1:{unused_port()}").call(operation, {})
    assert len(pauses) == 2


def test_time_runs_out(driver: Any, pauses: list[float]) -> None:
    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.recv(1)

    with raw_server(stall) as url:
        with pytest.raises(exceptions.TransportError, match="in time") as caught:
            driver(url, timeout=0.05).call("search_by_id", {})
        assert (caught.value.retryable, len(pauses)) == (True, 2)
        with pytest.raises(exceptions.TransportError, match="in time"):
            driver(url).call("upsert", {}, RequestOptions(timeout=0.05))
    assert len(pauses) == 2


@pytest.mark.parametrize("timeout", [0, -1, "5", float("nan"), float("inf"), True])
def test_times_that_cannot_be_are_refused(driver: Any, timeout: Any) -> None:
    with pytest.raises(exceptions.VikingException, match="timeout must be") as caught:
        driver("http://127.0.0.1:1").call("search_by_id", {}, RequestOptions(timeout=timeout))
    assert caught.value.code == "InvalidParameter"


def test_each_attempt_is_signed_anew(driver: Any, pauses: list[float]) -> None:
    clock = iter(range(100))
    with HttpServer(answers(refusal(500), refusal(500), OK)) as server:
        driver(server.url, IAM("AK", "SK", clock=lambda: next(clock))).call("search_by_id", {"id": 1})
    assert [seen.headers["x-date"] for seen in server.seen] == [signing.stamp(second) for second in range(3)]
    for seen in server.seen:
        found = signing.read_authorization(seen.headers["authorization"])
        parts = {"method": "POST", "path": seen.target, "query": "", "hashed": signing.body_hash(seen.body)}
        assert signing.expected_signature("SK", found, headers=seen.headers, **parts) == found.signature


def test_repetitions_differ_even_within_a_second(driver: Any, pauses: list[float]) -> None:
    with HttpServer(answers(refusal(429), refusal(429), OK)) as server:
        driver(server.url, IAM("AK", "SK", clock=lambda: 0.0)).call("upsert", {"data": []})
    assert "x-tt-logid" not in server.seen[0].headers
    assert len({seen.headers["authorization"] for seen in server.seen}) == 3


@pytest.mark.parametrize("options", [RequestOptions(request_id="r-1"), RequestOptions({"x-tt-logid": "r-1"})])
def test_repetitions_keep_the_id_of_the_request(driver: Any, pauses: list[float], options: RequestOptions) -> None:
    with HttpServer(answers(refusal(429), OK)) as server:
        driver(server.url, IAM("AK", "SK")).call("upsert", {"data": []}, options)
    assert [seen.headers["x-tt-logid"] for seen in server.seen] == ["r-1", "r-1"]


@pytest.mark.parametrize("auth", ["key", APIKey, object()])
def test_what_cannot_prove_who_asks_is_refused(driver: Any, auth: Any) -> None:
    with pytest.raises(InvalidInputError, match="auth must be"):
        driver("http://127.0.0.1:1", auth).call("upsert", {})


# --- answers


@pytest.mark.parametrize(
    ("answer", "code", "status", "message", "request_id"),
    [
        (refusal(404, "NotFound.VikingdbIndex"), "NotFound.VikingdbIndex", 404, "no", "r-9"),
        (refusal(200, "NotFound.VikingdbIndex"), "NotFound.VikingdbIndex", 404, "no", "r-9"),
        ((400, {"X-Tt-Logid": "log"}, b'{"code":1000003,"message":"bad"}'), "1000003", 400, "bad", "log"),
        ((404, {"X-Tt-Logid": "log"}, b"<html>none</html>"), "unknown", 404, "<html>none</html>", "log"),
        ((403, {}, b""), "unknown", 403, "Forbidden", "asked"),
        ((403, {}, b"[]"), "unknown", 403, "[]", "asked"),
        (
            (400, {}, b'{"ResponseMetadata":{"RequestId":"m","Error":{"Code":"MissingParameter","Message":"give"}}}'),
            "MissingParameter",
            400,
            "give",
            "m",
        ),
        (
            (200, {}, b'{"ResponseMetadata":{"RequestId":"m","Error":{"Code":"AlreadyExists.X","Message":"twice"}}}'),
            "AlreadyExists.X",
            409,
            "twice",
            "m",
        ),
        (
            (400, {}, b'{"Code":"InvalidParameter","Message":"big","RequestId":"R"}'),
            "InvalidParameter",
            400,
            "big",
            "R",
        ),
    ],
)
def test_failures_are_read_in_every_form(
    driver: Any, answer: Answer, code: str, status: int, message: str, request_id: str
) -> None:
    with HttpServer(answers(answer)) as server, pytest.raises(exceptions.VikingVectorException) as caught:
        driver(server.url).call("create_index", {}, RequestOptions(request_id="asked"))
    error = caught.value
    assert (error.code, error.status_code, error.message, error.request_id) == (code, status, message, request_id)


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (FINE, {}, {"message": "m", "request_id": "r", "result": {"a": 1}}),
        (b'{"result":null}', {"X-Tt-Logid": "log"}, {"message": "", "request_id": "log", "result": None}),
        (b'{"code":0,"message":null,"data":5}', {}, {"message": "", "request_id": "asked", "result": None, "data": 5}),
        (
            b'{"ResponseMetadata":{"RequestId":"m","Action":"X"},"Result":{"Message":"success"}}',
            {},
            {"message": "", "request_id": "m", "result": {"Message": "success"}},
        ),
    ],
)
def test_answers_are_read_in_every_form(
    driver: Any, body: bytes, headers: dict[str, str], expected: dict[str, Any]
) -> None:
    with HttpServer(answers((200, headers, body))) as server:
        found = driver(server.url).call("get_index", {}, RequestOptions(request_id="asked"))
    assert found == {"api": "/api/vikingdb/GetIndex", "code": "Success", **expected}


@pytest.mark.parametrize("body", [b"", b"pong", b"[1]", b'{"result":', b"\xff"])
def test_what_is_no_answer_is_none(driver: Any, pauses: list[float], body: bytes) -> None:
    with HttpServer(answers((200, {}, body), OK)) as server:
        assert driver(server.url).call("search_by_id", {})["result"] == {"a": 1}
    with HttpServer(answers((200, {}, body))) as server, pytest.raises(exceptions.TransportError, match="not what"):
        driver(server.url).call("upsert", {})
    assert len(server.seen) == 1


# --- where and what


def test_paths_of_an_endpoint_are_kept_and_signed(driver: Any) -> None:
    with HttpServer(answers(OK)) as server:
        driver(f"{server.url}/a%20b/", IAM("AK", "SK")).call("search_by_id", {}, RequestOptions(query={"q": "ü/"}))
    (seen,) = server.seen
    assert seen.target == "/a%20b/api/vikingdb/data/search/id?q=%C3%BC%2F"
    found = signing.read_authorization(seen.headers["authorization"])
    path, _, query = seen.target.partition("?")
    parts = {"method": "POST", "path": path, "query": query, "hashed": signing.body_hash(seen.body)}
    assert signing.expected_signature("SK", found, headers=seen.headers, **parts) == found.signature


@pytest.mark.parametrize("operation", [name for name, row in OPERATIONS.items() if row.action])
def test_collections_are_managed_at_the_console_in_the_cloud(driver: Any, operation: str) -> None:
    row = OPERATIONS[operation]
    with HttpServer(answers(OK)) as server:
        driver(server.url, IAM("AK", "SK")).call(operation, {"CollectionName": "c"})
        driver("http://127.0.0.1:1", IAM("AK", "SK"), control_endpoint=server.url).call(operation, {})
    plain, cloud = server.seen
    assert plain.target == row.path
    assert cloud.target == f"/?Action={row.action}&Version=2025-06-09"
    found = signing.read_authorization(cloud.headers["authorization"])
    assert "host" in found.signed_headers
    assert "host" not in signing.read_authorization(plain.headers["authorization"]).signed_headers
    query = cloud.target.partition("?")[2]
    parts = {"method": "POST", "path": "/", "query": query, "hashed": signing.body_hash(cloud.body)}
    assert signing.expected_signature("SK", found, headers=cloud.headers, **parts) == found.signature


@pytest.mark.parametrize(
    ("host", "console"),
    [
        ("api-vikingdb.vikingdb.cn-beijing.volces.com", "vikingdb.cn-beijing.volcengineapi.com"),
        ("api-vikingdb.vikingdb.ap-southeast-1.volces.com", "vikingdb.ap-southeast-1.volcengineapi.com"),
        ("vikingdb.example.com", None),
        ("localhost", None),
    ],
)
def test_the_console_goes_with_the_region_of_the_host(host: str, console: str | None) -> None:
    from quiverdb.vikingdb.exchange import Exchange

    asked = Exchange(ClientConfig(f"https://{host}"), None).question("get_index", {}, None)
    assert asked.address.host == (console or host)


def test_headers_of_a_request_go_before_those_of_the_client(driver: Any) -> None:
    given = {"user-agent": "mine", "ACCEPT": "a/b", "content-type": "text/plain", "X-Other": "o", "x-date": "lie"}
    with HttpServer(answers(OK)) as server:
        driver(server.url, APIKey("k"), user_agent="client's").call("search_by_id", {})
        driver(server.url, APIKey("k")).call("search_by_id", {}, RequestOptions(headers=given, request_id="id"))
    plain, changed = (seen.headers for seen in server.seen)
    assert plain["user-agent"] == "client's"
    assert changed["user-agent"] == "mine"
    assert changed["accept"] == "a/b"
    assert changed["content-type"] == "application/json"
    assert (changed["x-other"], changed["x-tt-logid"]) == ("o", "id")
    assert "x-date" not in changed


@pytest.mark.parametrize("headers", [{"X-A": "b\r\nc: d"}, {"X A": "b"}, {"X-A": "ü"}])
def test_headers_that_cannot_be_sent_are_refused(driver: Any, headers: dict[str, str]) -> None:
    with pytest.raises(exceptions.VikingException) as caught:
        driver("http://127.0.0.1:1").call("search_by_id", {}, RequestOptions(headers=headers))
    assert caught.value.code == "InvalidParameter"


def test_any_request_can_be_made(driver: Any, pauses: list[float]) -> None:
    with HttpServer(answers(refusal(500), OK)) as server:
        found = driver(server.url, APIKey("k")).request(
            "GET", "/api/other", params={"a": "b"}, headers={"X-A": "b"}, options=RequestOptions(query={"c": "d"})
        )
    assert found["result"] == {"a": 1}
    assert server.seen[1].target == "/api/other?a=b&c=d"
    assert server.seen[1].headers["x-a"] == "b"
    with HttpServer(answers(refusal(500))) as server, pytest.raises(exceptions.VikingException):
        driver(server.url).request("POST", "/api/vikingdb/data/upsert", json_body={"data": []})
    assert (len(server.seen), server.seen[0].body) == (1, b'{"data":[]}')


def test_a_ping_says_nothing_about_who_asks(driver: Any, pauses: list[float]) -> None:
    with HttpServer(answers((200, {}, b"pong"))) as server:
        assert driver(server.url, APIKey("k")).ping() is None
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == ("GET", "/api/vikingdb/Ping", b"")
    assert "authorization" not in seen.headers
    with HttpServer(answers((404, {}, b"none"))) as server, pytest.raises(exceptions.HTTPError):
        driver(server.url).ping()


def test_connections_are_used_again() -> None:
    with HttpServer(answers(OK)) as server, Transport(ClientConfig(server.url)) as transport:
        for _ in range(5):
            transport.call("search_by_id", {})
        assert server.connections == 1


def test_a_closed_transport_stays_closed() -> None:
    transport = Transport(ClientConfig("http://127.0.0.1:1"))
    transport.close()
    transport.close()
    with pytest.raises(ClosedError):
        transport.call("search_by_id", {})


def test_a_given_client_sends() -> None:
    import httpx2

    with HttpServer(answers(OK)) as server, httpx2.Client() as session:
        found = Transport(ClientConfig(server.url), APIKey("k"), session).call("search_by_id", {"id": 1})
        assert found["result"] == {"a": 1}
        assert server.seen[0].headers["authorization"] == "Bearer k"
        assert server.seen[0].body == b'{"id":1}'


# --- certificates


BUNDLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]


@pytest.fixture(autouse=True)
def _no_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpServer, str]]:
    """Run a server with a certificate of an authority that nobody knows."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    with HttpServer(answers(OK), context) as server:
        yield server, str(bundle)


@pytest.mark.parametrize("name", BUNDLES)
def test_variables_name_the_authorities_to_trust(
    driver: Any, secure: tuple[HttpServer, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server, bundle = secure
    monkeypatch.setenv(name, bundle)
    assert driver(server.url).call("upsert", {})["code"] == "Success"


def test_certificates_of_strangers_are_refused_once(
    driver: Any, secure: tuple[HttpServer, str], pauses: list[float]
) -> None:
    with pytest.raises(exceptions.TransportError, match="certificate is not trusted") as caught:
        driver(secure[0].url).call("search_by_id", {})
    assert (caught.value.retryable, pauses) == (False, [])


@pytest.mark.parametrize("how", ["off", "file", "context"])
def test_settings_say_whom_to_trust(
    driver: Any, secure: tuple[HttpServer, str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    server, bundle = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")  # which says nothing where settings do
    verify = {"off": False, "file": bundle, "context": ssl.create_default_context(cafile=bundle)}[how]
    assert driver(server.url, verify_ssl=verify).call("upsert", {})["code"] == "Success"


def test_a_bundle_that_is_not_there_is_named(driver: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", missing)
    with pytest.raises(exceptions.VikingException, match=r"none\.pem"):
        driver("https://127.0.0.1:1").call("upsert", {})
    with pytest.raises(exceptions.VikingException, match=r"none\.pem"):
        driver("https://127.0.0.1:1", verify_ssl=missing).call("upsert", {})


@pytest.mark.parametrize("endpoint", ["ftp://host", "http://", "http://host:port", "http://host:99999"])
def test_addresses_that_cannot_be_are_refused(endpoint: str) -> None:
    with pytest.raises(InvalidInputError):
        Transport(ClientConfig(endpoint))
