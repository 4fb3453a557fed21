"""What the REST server answers: results in their envelope, and errors with their statuses and texts."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import (
    ClosedError,
    CorruptionError,
    LockedError,
    MissingLibraryError,
    QuiverError,
    StorageError,
    UnsupportedError,
)
from quiverdb.model.collection import CollectionSpec
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.server.calls import ALL
from quiverdb.server.failures import failure
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, Storage
from quiverdb.wire.rest import path_arguments

DOCS = {"vectors": {"size": 2, "distance": "Dot"}}


def put_points(http: httpx.Client, count: int = 10, collection: str = "docs") -> None:
    points = [{"id": i, "vector": [i, 1.0], "payload": {"n": i}} for i in range(count)]
    http.put(f"/collections/{collection}/points", json={"points": points}, params={"wait": "true"}).raise_for_status()


@pytest.fixture(autouse=True)
def docs(http: httpx.Client) -> None:
    for collection in http.get("/collections").json()["result"]["collections"]:
        http.delete(f"/collections/{collection['name']}").raise_for_status()
    http.put("/collections/docs", json=DOCS).raise_for_status()
    put_points(http)


def error_of(answer: httpx.Response) -> str:
    body = answer.json()
    assert body.keys() == {"status", "time"}
    return str(body["status"]["error"])


def test_an_answer_has_an_envelope(http: httpx.Client) -> None:
    answer = http.post("/collections/docs/points/query", json={"query": [1, 0], "limit": 1})
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["result"] == {"points": [{"id": 9, "version": 0, "score": 9.0}]}
    assert body["status"] == "ok"
    assert 0 < body["time"] < 5


def test_nothing_is_left_of_fields_without_a_value_but_nulls_of_payloads_stay(http: httpx.Client) -> None:
    point = {"id": 99, "vector": [1, 1], "payload": {"none": None, "deep": [{"a": None}]}}
    http.put("/collections/docs/points", json={"points": [point]})
    found = http.post("/collections/docs/points", json={"ids": [99]}).json()["result"]
    assert found == [{"id": 99, "payload": {"none": None, "deep": [{"a": None}]}}]


def test_left_out_arguments_mean_what_a_server_takes_them_for(http: httpx.Client) -> None:
    """Unlike the client, a server leaves payloads out and does not wait."""
    query = {"query": [1, 0], "limit": 1}
    points = http.post("/collections/docs/points/query", json=query).json()["result"]["points"]
    assert "payload" not in points[0]
    assert "payload" in http.post("/collections/docs/points/scroll", json={}).json()["result"]["points"][0]
    batch = http.post("/collections/docs/points/query/batch", json={"searches": [query]}).json()["result"]
    assert "payload" not in batch[0]["points"][0]
    written = http.post("/collections/docs/points/delete", json={"points": [1]}).json()["result"]
    assert written["status"] == "acknowledged"
    waited = http.post("/collections/docs/points/delete?wait=true", json={"points": [2]}).json()["result"]
    assert waited["status"] == "completed"


def test_a_count_may_be_asked_for_with_a_consistency(http: httpx.Client) -> None:
    answer = http.post("/collections/docs/points/count?consistency=majority", json={})
    assert answer.json()["result"] == {"count": 10}


def test_a_scroll_ends_with_null(http: httpx.Client) -> None:
    first = http.post("/collections/docs/points/scroll", json={"limit": 7}).json()["result"]
    assert first["next_page_offset"] == 7
    last = http.post("/collections/docs/points/scroll", json={"limit": 7, "offset": 7}).json()["result"]
    assert last["next_page_offset"] is None
    assert len(last["points"]) == 3


@pytest.mark.parametrize("operation", sorted(ALL))
def test_every_argument_of_the_tables_is_taken(server: Server, operation: str) -> None:
    """What fails for other reasons than a ``TypeError`` has got through."""
    row = ALL[operation]
    arguments: dict[str, Any] = dict.fromkeys((*row.body, *row.query, *path_arguments(row.path)), "x")
    with suppress(ValueError, QuiverError):
        server.core.calls.call(operation, arguments)


def test_one_point_is_found_by_its_id(http: httpx.Client) -> None:
    found = http.get("/collections/docs/points/3").json()["result"]
    assert found == {"id": 3, "payload": {"n": 3}, "vector": [3.0, 1.0]}
    missing = http.get("/collections/docs/points/77")
    assert missing.status_code == 404
    assert error_of(missing) == "Not found: Point with id 77 does not exists!"
    assert http.get("/collections/docs/points/no-id").status_code == 400
    assert http.get("/collections/none/points/3").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/collections/none/points/count", {}, 404, "Not found: Collection `none` doesn't exist!"),
        ("PUT", "/collections/docs", DOCS, 409, "Wrong input: Collection `docs` already exists!"),
        ("POST", "/collections/docs/points/query", {"query": [1]}, 400,
         "Wrong input: Vector dimension error: expected dim: 2, got 1"),
        ("POST", "/collections/docs/points/query", {"query": [1, 0], "limit": 0}, 422,
         "Validation error in JSON body: [limit must be at least 1, got 0]"),
        ("POST", "/collections/docs/points/scroll", {"limit": 0}, 422,
         "Validation error in JSON body: [limit must be at least 1, got 0]"),
        ("PUT", "/collections/new", {"vectors": {"size": 0, "distance": "Dot"}}, 422,
         "Validation error in JSON body: [vector size must be between 1 and 65536, got 0]"),
        ("POST", "/collections/docs/points", {}, 400, "Format error in JSON body: missing field `ids`"),
        ("POST", "/collections/docs/points/delete", {}, 400,
         "Format error in JSON body: missing field `points` or `filter`"),
        ("POST", "/collections/docs/facet", {"limit": 3}, 400, "Format error in JSON body: missing field `key`"),
        ("POST", "/collections/docs/points/query", {"query": [1, 0], "limit": "3"}, 400,
         "Format error in JSON body: Expected `int | null`, got `str` - at `$.limit`"),
        ("POST", "/collections/docs/points/count", {"exact": 1}, 400,
         "Format error in JSON body: Expected `bool | null`, got `int` - at `$.exact`"),
        ("POST", "/collections/docs/points/count", [], 400,
         "Format error in JSON body: Expected `object`, got `array`"),
        ("POST", "/collections/docs/points/count", None, 400,
         "Format error in JSON body: Expected `object`, got `null`"),
        ("POST", "/collections/docs/points/count", {"filter": {"x": 1}}, 400, "Format error in JSON body: Filter: x"),
        ("PUT", "/collections/docs/points", {"points": [{"vector": [1, 2]}]}, 400,
         "Format error in JSON body: Object missing required field `id` - at `$.points[0]`"),
        ("PUT", "/collections/docs/points", {"points": [{"id": 1.5, "vector": [1, 2]}]}, 400,
         "Format error in JSON body: Expected `int | str`, got `float` - at `$.points[0].id`"),
        ("PUT", "/collections/docs/points", {"points": [{"id": "x", "vector": [1, 2]}]}, 400, "valid point id"),
        ("PUT", "/collections/docs/points", {"points": [{"id": 1, "vector": ["a"]}]}, 400, "Wrong input"),
        ("PUT", "/collections/docs/points?wait=maybe", {"points": []}, 400,
         "Deserialize error in query parameters: wait must be true or false, got 'maybe'"),
        ("PUT", "/collections/docs/points?ordering=any", {"points": []}, 400,
         "Deserialize error in query parameters: ordering must be weak, medium, strong, got 'any'"),
        ("POST", "/collections/docs/points/count?consistency=most", {}, 400,
         "Deserialize error in query parameters: consistency must be a number, majority, quorum, all, got 'most'"),
        ("POST", "/collections/docs/points/count?timeout=-1", {}, 400, "timeout must be a number, got '-1'"),
        ("GET", "/collections/docs/shards/zero/snapshots", None, 400,
         "Deserialize error in path parameters: shard_id must be a number, got 'zero'"),
        ("PUT", "/collections/a%2Fb", DOCS, 400, "collection name 'a/b' contains '/', which is not allowed"),
        ("GET", "/collections/%ff", None, 400, "Deserialize error in path parameters: it is not UTF-8"),
        ("POST", "/cluster/recover", None, 405, "Qdrant is running in standalone mode"),
        ("POST", "/collections/docs/points/query",
         {"query": {"text": "a", "model": "sentence-transformers/none"}}, 400, ""),
    ],
)  # fmt: skip
def test_errors_have_their_status_and_text(
    http: httpx.Client, method: str, path: str, body: Any, status: int, error: str
) -> None:
    content = None if body is None and method == "GET" else json.dumps(body)
    answer = http.request(method, path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    told = error_of(answer)
    assert told == error if error.startswith(("Not found", "Validation", "Deserialize")) else error in told


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nope", b'{"limit": 1}}', b"\xff", b'{"filter": "\xff"}', b'{"filter": ' + b"[" * 100 + b"]" * 100],
)
def test_what_is_no_json_is_refused(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/collections/docs/points/count", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert error_of(answer).startswith("Format error in JSON body: ")


@pytest.mark.parametrize("depth", [129, 1000, 100_000])
def test_deep_json_is_refused(http: httpx.Client, depth: int) -> None:
    body = b'{"filter":' + b'{"must":' * depth + b"[]" + b"}" * depth + b"}"
    answer = http.post("/collections/docs/points/count", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "recursion limit" in error_of(answer)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_must_say_that_it_is_json(http: httpx.Client, kind: str | None) -> None:
    """Otherwise any web page could send one from a browser, unasked."""
    headers = {} if kind is None else {"content-type": kind}
    answer = http.post("/collections/docs/points/count", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert error_of(answer).startswith("Content type error")


@pytest.mark.parametrize(("packing", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_bodies_may_be_packed(http: httpx.Client, packing: str, pack: Any) -> None:
    headers = {"content-type": "application/json", "content-encoding": packing}
    packed = pack(b'{"exact": true}')
    count = http.post("/collections/docs/points/count", content=packed, headers=headers)
    assert count.json()["result"] == {"count": 10}
    for wrong in (packed[:-3], b"{}"):
        assert http.post("/collections/docs/points/count", content=wrong, headers=headers).status_code == 400
    other = headers | {"content-encoding": "br"}
    assert http.post("/collections/docs/points/count", content=packed, headers=other).status_code == 415


def test_a_packed_body_is_not_unpacked_beyond_the_limit() -> None:
    with EngineDatabase.open(":memory:") as database:
        settings = Settings(service=Service(http_port=0, grpc_port=None, max_request_size_mb=1))
        with serving(database, settings) as server, httpx.Client(base_url=server.url) as http:
            headers = {"content-type": "application/json", "content-encoding": "gzip"}
            bomb = gzip.compress(b" " * (1 << 24))
            answer = http.post("/collections/docs/points/count", content=bomb, headers=headers)
            assert answer.status_code == 413
            plain = http.post("/collections/docs/points/count", json={"a": "x" * (1 << 20)})
            assert plain.status_code == 413
            assert "is larger than allowed (limit: 1048576 bytes)" in error_of(plain)

            def parts() -> Iterator[bytes]:
                yield from (b" " * 65536 for _ in range(32))

            headers = {"content-type": "application/json"}
            try:
                chunked = http.post("/collections/docs/points/count", content=parts(), headers=headers)
                assert chunked.status_code == 413
            except (httpx.WriteError, httpx.ReadError):
                pass  # the server may hang up before it has all
            assert http.get("/healthz").status_code == 200


def test_large_answers_are_packed_for_those_who_take_it(http: httpx.Client) -> None:
    http.put("/collections/big", json={"vectors": {}}).raise_for_status()
    points = [{"id": i, "vector": {}, "payload": {"text": "word " * 50}} for i in range(400)]
    http.put("/collections/big/points?wait=true", json={"points": points}).raise_for_status()
    request = {"limit": 400}
    plain = http.post("/collections/big/points/scroll", json=request, headers={"accept-encoding": "identity"})
    packed = http.post("/collections/big/points/scroll", json=request, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"].split(", ")[0] == "accept-encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 5
    assert packed.json()["result"] == plain.json()["result"]
    small = http.post("/collections/big/points/count", json={}, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


def test_names_come_percent_encoded(http: httpx.Client) -> None:
    http.put("/collections/caf%C3%A9%20%2B%25", json=DOCS).raise_for_status()
    names = [found["name"] for found in http.get("/collections").json()["result"]["collections"]]
    assert names == ["café +%", "docs"]
    assert http.get("/collections/caf%C3%A9%20%2B%25/exists").json()["result"] == {"exists": True}
    assert http.delete("/collections/caf%C3%A9%20%2B%25").json()["result"] is True


@pytest.mark.parametrize("name", ["%2e%2e", "%2e%2e%2fetc", "a%00b", "%5c"])
def test_names_lead_nowhere_else(http: httpx.Client, name: str) -> None:
    answer = http.put(http.base_url.copy_with(raw_path=b"/collections/" + name.encode()), json=DOCS)
    assert answer.status_code == 400
    assert "Wrong input: collection name" in error_of(answer)


PREFLIGHT = {"origin": "https://example.org", "access-control-request-method": "PUT"}


@pytest.mark.parametrize("chosen", [{"enable_cors": True}, {"api_key": "k"}], ids=["chosen", "with a key"])
def test_pages_may_ask_from_everywhere(chosen: dict[str, Any]) -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None, **chosen))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        answer = httpx.options(f"{server.url}/collections/docs", headers=PREFLIGHT)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "PUT" in answer.headers["access-control-allow-methods"]
        read = httpx.get(f"{server.url}/collections", headers={"origin": "https://example.org", "api-key": "k"})
        assert read.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("chosen", [{"enable_cors": False, "api_key": "k"}, {}], ids=["chosen", "without a key"])
def test_without_cors_pages_learn_nothing(chosen: dict[str, Any]) -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None, **chosen))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        answer = httpx.options(f"{server.url}/collections", headers=PREFLIGHT)
        assert answer.status_code in (401, 405)
        assert "access-control-allow-origin" not in answer.headers


def test_a_rate_limit_says_when_to_come_again(http: httpx.Client) -> None:
    http.patch("/collections/docs", json={"strict_mode_config": {"enabled": True, "read_rate_limit": 1}})
    statuses = []
    for _ in range(3):
        answer = http.post("/collections/docs/points/count", json={})
        statuses.append(answer.status_code)
    assert 429 in statuses
    assert int(answer.headers["retry-after"]) > 0
    assert error_of(answer).startswith("Rate limiting exceeded: ")


def test_too_many_points_or_queries_at_once_are_refused() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None, max_batch_points=5, max_batch_requests=2))
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database, settings) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        http.put("/collections/docs", json=DOCS).raise_for_status()
        put_points(http, 5)
        points = [{"id": i, "vector": [1, 1]} for i in range(6)]
        assert http.put("/collections/docs/points", json={"points": points}).status_code == 422
        searches = [{"query": [1, 1]}] * 3
        assert http.post("/collections/docs/points/query/batch", json={"searches": searches}).status_code == 422
        assert http.post("/collections/docs/points/query/batch", json={"searches": searches[:2]}).status_code == 200


def test_recovery_mode_leaves_little() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None), storage=Storage(recovery_mode="out of memory"))
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database, settings) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        answer = http.post("/collections/docs/points/count", json={})
        assert answer.status_code == 503
        assert "out of memory" in error_of(answer)
        form = {"files": {"snapshot": b"x"}}
        for method, path, body in (
            ("POST", "/collections/docs/snapshots/upload", form),
            ("POST", "/collections/docs/shards/0/snapshots/upload", form),
            ("GET", "/collections/docs/shards/0/snapshot", {}),
            ("GET", "/collections/docs/points/1", {}),
        ):
            answer = http.request(method, path, **body)
            assert (answer.status_code, error_of(answer)) == (503, "Service unavailable: out of memory")
        database.create_collection("docs", CollectionSpec())
        for path in ("/collections", "/telemetry?details_level=3", "/metrics", "/quotas", "/readyz", "/issues"):
            assert http.get(path).status_code == 200
        assert http.delete("/collections/docs").status_code == 200


class Unforeseen(QuiverError):
    pass


def full_disk() -> StorageError:
    error = StorageError("cannot write", path="/x")
    error.__cause__ = OSError(28, "No space left on device")
    return error


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (UnsupportedError("Flying", "this server"), 501, "Not implemented: Flying is not supported by this server."),
        (MissingLibraryError("The model", library="fastembed", extra="fastembed"), 400, "Inference error: The model"),
        (ClosedError("closed"), 503, "Service unavailable: closed"),
        (LockedError("locked", path="/x", owner="7"), 503, "Service unavailable: locked"),
        (TransportError("gone"), 503, "Service unavailable: gone"),
        (full_disk(), 507, "No space left: cannot write"),
        (CorruptionError("bad bytes", path="/x"), 500, "Service internal error: bad bytes"),
        (Unforeseen("what"), 500, "Service internal error: what"),
        (ZeroDivisionError("secret"), 500, "Service internal error: ZeroDivisionError"),
        (RecursionError(), 400, "nested too deeply"),
        (ResourceExhaustedResponse("busy", 3), 429, "busy"),
    ],
)
def test_every_error_becomes_an_answer(error: Exception, status: int, told: str) -> None:
    answer = failure(error)
    assert answer.status == status
    assert told in json.loads(answer.body)["status"]["error"]
    assert ((b"retry-after", b"3") in answer.headers) == (status == 429)


def test_the_answer_of_another_server_is_passed_on() -> None:
    given = ResponseError(418, "Teapot", b"short and stout", {"content-type": "text/plain", "server": "x"})
    answer = failure(given)
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.headers == ((b"content-type", b"text/plain"),)


def test_nobody_writes_lines_of_their_own_into_the_log(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "quiverdb.server"):
        http.get("/collections%0aERROR all is lost")
        http.get("/healthz")  # answered after the line before it was written
    assert "/collections%0aERROR" in caplog.text
    assert not any("\n" in record.getMessage() for record in caplog.records)
