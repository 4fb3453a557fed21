"""Every route answers in the form that clients can read, whatever comes."""

from __future__ import annotations

import gzip
import json
import socket
from typing import Any

import httpx
import pytest
from vikingdb_wire import Wire

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import RateLimitedError, StorageError
from quiverdb.server import exchange
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, VikingDB
from quiverdb.vikingdb.exceptions import STATUSES, failure
from quiverdb.vikingdb.operations import CONTROL_VERSION, OPERATIONS

JSON = "application/json"
ROW = {"id": 1, "title": "a", "score": 92.65, "text": "lamp", "vector": [0.1, 0.2, 0.3, 0.4], "terms": {"lamp": 1}}
IN_ROWS = {"collection_name": "rows", "project_name": "default"}
IN_INDEX = {**IN_ROWS, "index_name": "rows_index"}


def check(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of an answer, which has what every answer has."""
    assert answer.headers["content-type"] == JSON
    body = json.loads(answer.content, parse_constant=pytest.fail)
    told = body.get("ResponseMetadata", body)
    number = told["RequestId"] if "ResponseMetadata" in body else told["request_id"]
    assert isinstance(number, str)
    assert number
    assert answer.headers["x-tt-logid"] == number
    code = told.get("Error", {}).get("Code", "Success") if "ResponseMetadata" in body else told["code"]
    assert isinstance(code, str)
    assert (answer.status_code == 200) == (code == "Success")
    if answer.status_code != 200:
        assert STATUSES.get(code.partition(".")[0]) == answer.status_code, (code, answer.status_code)
    return body


def done(answer: httpx.Response) -> Any:
    body = check(answer)
    assert answer.status_code == 200, answer.text
    return body["Result"] if "ResponseMetadata" in body else body["result"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    body = check(answer)
    if "ResponseMetadata" in body:
        assert "Result" not in body
        return answer.status_code, body["ResponseMetadata"]["Error"]["Code"]
    assert body.keys() == {"api", "code", "message", "request_id", "result"}
    assert body["message"]
    return answer.status_code, body["code"]


def test_rows_come_back_as_they_were_stored(wire: Wire) -> None:
    row = {**ROW, "paragraph": 3, "tags": ["x"], "vector": [0.5, 0.25, -3, 4]}
    assert done(wire.ask("upsert", {**IN_ROWS, "data": [row]})) == {"token_usage": {}, "ids": [1]}
    assert done(wire.ask("update", {**IN_ROWS, "data": [{"id": 1, "score": 0.1}]})) == {"token_usage": {}, "ids": [1]}
    fetched = wire.ask("fetch_in_collection", {**IN_ROWS, "ids": ["1", 2]})
    assert done(fetched) == {"fetch": [{"id": 1, "fields": {**row, "score": 0.1}}], "ids_not_exist": [2]}
    assert b'"score":0.1,' in fetched.content
    in_index = done(wire.ask("fetch_in_index", {**IN_INDEX, "ids": [1], "output_fields": []}))
    assert in_index["fetch"][0]["dense_vector"] == row["vector"]
    assert (in_index["fetch"][0]["fields"], in_index["ids_not_exist"]) == ({}, [])
    assert done(wire.ask("delete", {**IN_ROWS, "ids": [1]})) is None
    assert done(wire.ask("fetch_in_collection", {**IN_ROWS, "ids": [1]})) == {"fetch": [], "ids_not_exist": [1]}


SEARCHES = {
    "search_by_vector": {"dense_vector": [1, 1, 1, 1]},
    "search_by_id": {"id": "1"},
    "search_by_scalar": {"field": "score"},
    "search_by_keywords": {"keywords": ["lamp"]},
    "search_by_random": {},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_answer_without_null(wire: Wire, name: str) -> None:
    done(wire.ask("upsert", {**IN_ROWS, "data": [ROW]}))
    found = done(wire.ask(name, {**IN_INDEX, **SEARCHES[name]}))
    assert [hit["id"] for hit in found["data"]] == [1]
    assert found["total_return_count"] == 1
    nothing = {"op": "must", "field": "title", "conds": ["nothing"]}
    empty = done(wire.ask(name, {**IN_INDEX, **SEARCHES[name], "filter": nothing}))
    assert (empty["data"], empty["total_return_count"]) == ([], 0)
    assert None not in (*found.values(), *found["data"][0].values(), *empty.values())


def test_sort_and_aggregate(wire: Wire) -> None:
    done(wire.ask("upsert", {**IN_ROWS, "data": [ROW]}))
    ordered = done(wire.ask("sort", {**IN_INDEX, "ids": ["1", 9], "query_vector": [1, 0, 0, 0]}))
    assert ordered["sort"] == [{"id": 1, "score": pytest.approx(0.1)}]
    assert ordered["ids_not_exist"] == [9]
    assert done(wire.ask("aggregate", {**IN_INDEX, "op": "count"}))["agg"] == {"__TOTAL__": 1}


def test_go_and_java_send_what_they_do_not_mean(wire: Wire) -> None:
    """Go sends what is empty, Java numbers as texts."""
    done(wire.ask("upsert", {"resource_id": "", "project_name": "", "collection_name": "rows", "data": [ROW]}))
    blank = {"resource_id": None, "project_name": None, "collection_name": "rows"}
    java = {"content-type": "application/json; charset=utf-8"}
    fetched = done(wire.ask("fetch_in_collection", {**blank, "ids": ["1", "-99"]}, headers=java))
    assert ([one["id"] for one in fetched["fetch"]], list(map(int, fetched["ids_not_exist"]))) == ([1], [-99])
    assert done(wire.ask("delete", {**blank, "ids": None, "del_all": True})) is None


def test_texts_are_searched(wire: Wire) -> None:
    in_texts = {"collection_name": "texts", "index_name": "texts_index"}
    stored = done(wire.ask("upsert", {"collection_name": "texts", "data": [{"text": "a lamp"}]}))
    found = done(wire.ask("search_by_multi_modal", {**in_texts, "text": "a lamp", "need_instruction": False}))
    assert [hit["id"] for hit in found["data"]] == stored["ids"]
    assert found["real_text_query"] == "a lamp"
    made = done(wire.ask("embedding", {"data": [{"text": "a"}], "dense_model": {"name": "bge-m3"}}))
    assert len(made["data"][0]["dense"]) == 1024
    ranked = {"model_name": "m", "data": [[{"text": "a"}]], "query": [{"text": "a"}], "return_origin_data": True}
    assert done(wire.ask("rerank", ranked))["data"][0]["id"] == 0


def test_the_control_plane_has_two_forms(wire: Wire) -> None:
    plain = {"CollectionName": "made", "Fields": [{"FieldName": "f", "FieldType": "vector", "Dim": 4}]}
    index = {"CollectionName": "made", "IndexName": "i", "VectorIndex": {"IndexType": "flat", "Distance": "l2"}}
    for one, other in ((wire.ask, wire.action), (wire.action, wire.ask)):
        assert done(one("create_collection", plain))["Message"] == "success"
        assert refused(other("create_collection", plain)) == (409, "AlreadyExists.VikingdbCollection")
        assert done(other("create_index", index)) == {"Message": "success"}
        assert done(one("get_collection", {"CollectionName": "made"}))["IndexNames"] == ["i"]
        assert done(other("list_indexes", b""))["TotalCount"] == 3
        for name in ("get_index", "update_index", "disable_index", "enable_index"):
            assert done(one(name, {"CollectionName": "made", "IndexName": "i"}))
        assert done(one("update_collection", {"CollectionName": "made", "Description": "d"}))
        assert refused(one("delete_collection", {"CollectionName": "made"})) == (
            403, "OperationDenied.VikingdbCollection"
        )  # fmt: skip
        assert done(other("delete_index", {"CollectionName": "made", "IndexName": "i"}))
        assert done(other("delete_collection", {"CollectionName": "made"}))
        assert refused(one("get_collection", {"CollectionName": "made"})) == (404, "NotFound.VikingdbCollection")


def test_an_action_tells_what_it_was(wire: Wire) -> None:
    signed = "HMAC-SHA256 Credential=AK/20250102/mars/vikingdb/request, SignedHeaders=x-date, Signature=" + "0" * 64
    for headers, region in (({}, "cn-beijing"), ({"Authorization": signed}, "mars")):
        answer = check(wire.action("list_collections", {}, headers={"X-Tt-Logid": "me", **headers}))
        assert answer["ResponseMetadata"] == {
            "RequestId": "me", "Action": "ListVikingdbCollection", "Version": CONTROL_VERSION, "Service": "vikingdb",
            "Region": region,
        }  # fmt: skip


@pytest.mark.parametrize(("given", "kept"), [("guide-1", "guide-1"), ("x" * 300, "x" * 256), ("演示", "演示")])
def test_an_id_of_the_client_is_kept(wire: Wire, given: str, kept: str) -> None:
    for path in ("/api/vikingdb/Ping", "/api/vikingdb/nowhere", "/api/vikingdb/data/upsert"):
        answer = wire.http.post(path, json={}, headers={"X-Tt-Logid": given.encode()})
        assert answer.json()["request_id"] == kept
        assert answer.headers.raw[[name for name, _ in answer.headers.raw].index(b"x-tt-logid")][1] == kept.encode()


def test_otherwise_every_request_has_one_of_its_own(wire: Wire) -> None:
    ids = {check(wire.ask("search_by_random", IN_INDEX))["request_id"] for _ in range(5)}
    ids |= {check(wire.ask("search_by_random"))["request_id"] for _ in range(5)}
    assert len(ids) == 10


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=lambda row: row.name)
def test_what_is_no_request_is_refused(wire: Wire, row: Any) -> None:
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"{}{}", b'{"a":NaN}', b'{"a":1e999}', b"\xff", b"\0" * 9):
        answer = wire.ask(row.name, body)
        body_told = check(answer)
        if answer.status_code == 200:
            assert body == b""
            assert row.name in ("list_collections", "list_indexes")
        else:
            assert (answer.status_code, body_told["code"]) in ((400, "InvalidParameter"), (400, "MissingParameter"))
    assert refused(wire.ask(row.name, b"[" * 200 + b"]" * 200)) == (400, "InvalidParameter")
    assert refused(wire.ask(row.name, {"a": 1}, headers={"content-type": "text/plain"})) == (400, "InvalidParameter")
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = wire.send(row.path, method=method)
        assert refused(answer) == (405, "MethodNotAllowed")
        assert answer.headers["allow"] == "POST"


def test_requests_that_lead_nowhere(wire: Wire, server: Server) -> None:
    nowhere = (404, "InvalidAction")
    for path in ("/api", "/api/", "/api/vikingdb", "/api/vikingdb/data", "/api/memory/ping", "/api/vikingdb/data/x/y"):
        for method in ("GET", "POST", "DELETE"):
            assert refused(wire.send(path, method=method)) == nowhere
    for action in ("Nothing", "", "CreateCollection"):
        assert refused(wire.send("/", query={"Action": action})) == nowhere
    assert refused(
        wire.action("list_collections", {}, target="/?Action=ListVikingdbCollection&Version=2020-01-01")
    ) == (nowhere)
    assert refused(wire.send("/", query={"Action": "ListVikingdbCollection"}, method="GET")) == (
        405,
        "MethodNotAllowed",
    )
    assert refused(wire.send("/api/vikingdb/%ff")) == (400, "InvalidParameter")
    assert refused(wire.send("/", target="/?Action=%ff")) == nowhere


def test_the_version_of_an_action_may_be_left_out(wire: Wire) -> None:
    assert done(wire.send("/", {}, query={"Action": "ListVikingdbCollection"}))["TotalCount"] == 2


def test_the_root_stays_that_of_qdrant(wire: Wire) -> None:
    assert wire.http.get("/").json()["title"].startswith("qdrant")
    assert wire.http.get("/?action=x&Actions=y").json()["title"].startswith("qdrant")
    assert wire.http.get("/collections").json()["status"] == "ok"
    assert wire.http.get("/nothing").content == b""


def test_a_port_of_its_own_has_nothing_else() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None), vikingdb=VikingDB(port=0))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        assert server.ports["vikingdb"] != server.port
        with Wire(server.vikingdb_url or "") as wire:
            wire.make()
            assert done(wire.ask("list_collections"))["TotalCount"] == 2
            for path in ("/", "/collections", "/healthz", "/vectordb/collections", "/nothing"):
                assert refused(wire.send(path, method="GET")) == (404, "InvalidAction")


def test_ping_answers_everybody(wire: Wire) -> None:
    assert done(wire.http.get("/api/vikingdb/Ping")) == {}
    assert done(wire.http.post("/api/vikingdb/Ping")) == {}
    assert done(wire.http.post("/api/vikingdb/Ping", content=b"{", headers={"content-type": JSON})) == {}
    assert wire.http.head("/api/vikingdb/Ping").status_code == 200


def test_a_body_may_be_packed(wire: Wire) -> None:
    packed = gzip.compress(json.dumps({**IN_ROWS, "ids": [1]}).encode())
    assert done(wire.ask("fetch_in_collection", packed, headers={"content-encoding": "gzip"}))
    assert refused(wire.ask("upsert", packed, headers={"content-encoding": "br"})) == (415, "UnsupportedEncoding")
    assert refused(wire.ask("upsert", packed[:-9], headers={"content-encoding": "gzip"})) == (400, "InvalidParameter")


def test_a_body_may_not_be_too_large() -> None:
    settings = Settings(
        service=Service(http_port=0, grpc_port=None, max_depth=5), vikingdb=VikingDB(max_request_size_mb=1)
    )
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server, Wire(server.url) as wire:
        large = (413, "RequestTooLarge")
        assert refused(wire.ask("upsert", b" " * (1 << 20) + b"{}")) == large
        assert refused(wire.http.post("/api/vikingdb/data/upsert", content=iter([b" " * 999999] * 2))) == large
        bomb = gzip.compress(b" " * (1 << 21))
        assert refused(wire.ask("upsert", bomb, headers={"content-encoding": "gzip"})) == large
        assert refused(wire.action("get_collection", b" " * (1 << 20) + b"{}")) == large
        assert refused(wire.ask("upsert", b'{"a":' + b"[" * 5 + b"]" * 5 + b"}")) == (400, "InvalidParameter")


def test_a_body_that_does_not_come(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = "POST /api/vikingdb/data/upsert HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"
        connection.sendall(head.encode())
        told = connection.recv(9999).decode()
    assert told.startswith("HTTP/1.1 408")
    assert "RequestTimeout" in told


class Failing:
    """A backend that fails in some way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def call(self, *_: Any, **__: Any) -> Any:
        if self.error.__cause__ is not None:
            raise self.error from self.error.__cause__
        raise self.error

    def close(self) -> None:
        """Nothing is open."""


def caused(code: str, cause: Exception) -> Exception:
    error = failure(code, "told")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failure("OperationDenied.VikingdbIndex", "m"), (403, "OperationDenied.VikingdbIndex")),
        (KeyError("a secret"), (500, "InternalError")),
        (RecursionError(), (400, "InvalidParameter")),
        (caused("InternalError", StorageError("damaged", path="p")), (500, "InternalError")),
        (caused("TooManyRequests", RateLimitedError("slow", retry_after=2.5)), (429, "TooManyRequests")),
    ],
)
def test_failures_of_the_backend(
    server: Server, wire: Wire, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: tuple[int, str]
) -> None:
    monkeypatch.setattr(server.vikingdb, "_backend", Failing(error))
    answer = wire.ask("search_by_random", IN_INDEX)
    assert refused(answer) == expected
    assert refused(wire.action("get_index")) == expected
    assert "secret" not in answer.text
    assert answer.headers.get("retry-after") == ("3" if expected[0] == 429 else None)


def test_answers_are_counted_under_their_names(server: Server, wire: Wire) -> None:
    wire.ask("search_by_random", IN_INDEX)
    wire.action("get_collection", {"CollectionName": "rows"})
    text = wire.http.get("/metrics").text
    for endpoint in ("/api/vikingdb/data/search/random", "/?Action=GetVikingdbCollection"):
        assert f'vikingdb_responses_total{{method="POST",endpoint="{endpoint}",status="200"}}' in text
