"""What becomes of requests before operations begin, and of their results and errors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from quiverdb.cosdata.errors import (
    ConflictError,
    ConnectionFailedError,
    CosdataError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    ValidationError,
)
from quiverdb.cosdata.operations import LEGACY_PATHS, OPERATIONS, Operation
from quiverdb.errors import (
    AlreadyExistsError,
    ClosedError,
    InvalidInputError,
    LimitError,
    RateLimitedError,
    RemoteError,
    StorageError,
    UnsupportedError,
)
from quiverdb.errors import NotFoundError as MissingError
from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.server.cosdata.fields import REQUIRED, schema_of
from quiverdb.server.serving import Server
from quiverdb.wire.rest import path_arguments

ROWS = [row for row in OPERATIONS.values() if row.name != "create_session"]
WITH_BODY = [row for row in ROWS if row.body or row.whole]
STEPS = {"collection": "c", "transaction_id": "0x0000000A", "id": "v", "version": "3", "index_type": "dense"}
SENTENCE = "text/html; charset=utf-8"


class Recorder:
    """A backend that remembers what it is asked and answers what it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.result: Any = {"some": "result"}
        self.error: Exception | None = None

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((operation, arguments))
        if self.error is not None:
            raise self.error
        return self.result

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def backend(server: Server) -> Iterator[Recorder]:
    former, recorder = server.cosdata._backend, Recorder()
    server.cosdata._backend = recorder
    yield recorder
    server.cosdata._backend = former


def path_of(row: Operation, **steps: str) -> str:
    path = row.path.format_map({**STEPS, **steps})
    return f"{path}?document_id=d" if row.name == "find_vectors" else path


def body_of(row: Operation) -> dict[str, Any] | None:
    if row.whole:
        return {"id": "v"}
    return {name: f"some {name}" for name in row.body} if row.body else None


def ask(http: httpx.Client, row: Operation, **others: Any) -> httpx.Response:
    others.setdefault("json", body_of(row))
    return http.request(row.method, path_of(row), **others)


def shown(row: Operation) -> Any:
    """A result from which nothing is cut."""
    return {"list_collections": {"collections": []}, "loaded_collections": []}.get(row.name, {"some": "result"})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_arguments_arrive_and_results_leave(http: httpx.Client, backend: Recorder, row: Operation) -> None:
    backend.result = shown(row)
    answer = ask(http, row)
    [(operation, arguments)] = backend.asked
    assert operation == row.name
    expected = {name: STEPS[name] for name in path_arguments(row.path)} | (body_of(row) or {})
    if row.whole:
        expected = {name: STEPS[name] for name in path_arguments(row.path)} | {row.whole: {"id": "v"}}
    if row.name == "find_vectors":
        expected["document_id"] = "d"
    assert arguments == expected
    assert answer.status_code == row.status
    if row.empty or row.method == "HEAD":
        assert answer.content == b""
        assert "content-type" not in answer.headers
        assert ("content-length" in answer.headers) == (row.status != 204)
    else:
        assert answer.json() == shown(row)
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("row", WITH_BODY, ids=lambda row: row.name)
def test_unknown_fields_are_passed_over_and_those_that_were_not_given_left_out(
    http: httpx.Client, backend: Recorder, row: Operation
) -> None:
    if row.whole:
        given: dict[str, Any] = {"id": 1, "unknown": 2}
        expected: dict[str, Any] = {row.whole: given}
    else:
        expected = dict.fromkeys(REQUIRED.get(row.name, ()))
        given = {**expected, "unknown": 2, "collection": "another", "transaction_id": "0x00000001"}
    assert ask(http, row, json=given).status_code == row.status
    [(_, arguments)] = backend.asked
    assert arguments == {name: STEPS[name] for name in path_arguments(row.path)} | expected


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_what_is_missing_is_told(http: httpx.Client, backend: Recorder, name: str) -> None:
    row = OPERATIONS[name]
    for field in REQUIRED[name]:
        body = {one: "x" for one in row.body if one != field} if row.body else None
        answer = http.request(row.method, row.path.format_map(STEPS), json=body)
        kind = "Query" if field in row.query else "Json"
        assert (answer.status_code, answer.text) == (400, f"{kind} deserialize error: missing field `{field}`")
        assert answer.headers["content-type"] == SENTENCE
    assert not backend.asked


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "expected an object, got an array"),
        (b"null", "expected an object, got null"),
        (b"1", "expected an object, got a number"),
        (b"true", "expected an object, got a boolean"),
        (b'"x"', "expected an object, got a string"),
        (b"{'a': 1}", "malformed"),
        (b'{"a": NaN}', "malformed"),
        (b'{"a": "\xff"}', ""),
        (b'{"a": "\\ud800"}', ""),
        (b'{"a":' * 129 + b"1" + b"}" * 129, "recursion limit exceeded: more than 128 levels"),
        (b"[" * 60_000, "recursion limit exceeded"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
@pytest.mark.parametrize("name", ["upsert_in_transaction", "search_dense", "create_session"])
def test_bodies_that_cannot_be_read(http: httpx.Client, backend: Recorder, name: str, body: bytes, told: str) -> None:
    answer = ask(http, OPERATIONS[name], json=None, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.text.startswith("Json deserialize error: ")
    assert told in answer.text or (not body and "missing field" in answer.text)
    assert answer.headers["content-type"] == SENTENCE
    assert not backend.asked


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {"content-type": ""}])
def test_a_body_without_its_type_is_refused(http: httpx.Client, backend: Recorder, headers: dict[str, str]) -> None:
    for row in (*WITH_BODY, OPERATIONS["create_session"]):
        body = json.dumps(body_of(row)).encode()
        answer = ask(http, row, json=None, content=body, headers=headers)
        assert answer.status_code == 400, row.name
        assert answer.text.startswith("Content type error")
        assert answer.headers["content-type"] == SENTENCE
    assert not backend.asked


def test_the_type_may_say_more(http: httpx.Client, backend: Recorder) -> None:
    kind = {"content-type": "application/json; charset=utf-8"}
    answer = http.post(path_of(OPERATIONS["search_text"]), content=b'{"query": "x"}', headers=kind)
    assert answer.status_code == 200


def test_where_no_body_is_asked_for_anything_may_come(http: httpx.Client, backend: Recorder) -> None:
    for row in ROWS:
        if row.body or row.whole or row.method in ("GET", "HEAD"):
            continue
        for content, headers in (
            (b"", {"content-type": "application/json"}),
            (b'{"index_type": "dense"}', {"content-type": "application/json"}),
            (b"{{{", {}),
        ):
            assert ask(http, row, content=content, headers=headers).status_code == row.status


def test_bodies_may_be_packed(http: httpx.Client, backend: Recorder) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    packed = gzip.compress(b'{"query": "x"}')
    assert ask(http, OPERATIONS["search_text"], json=None, content=packed, headers=headers).status_code == 200
    assert backend.asked[0][1]["query"] == "x"


def test_a_body_may_have_eight_megabytes_and_no_more(http: httpx.Client, backend: Recorder) -> None:
    limit = 8 * 1024 * 1024
    kind = {"content-type": "application/json"}
    for row in (OPERATIONS["upsert_in_transaction"], OPERATIONS["batch_search_dense"]):
        frame = b'{"%b": ""}' % row.body[0].encode()
        whole = frame.replace(b'""', b'"' + b"x" * (limit - len(frame)) + b'"')
        assert len(whole) == limit
        assert ask(http, row, json=None, content=whole, headers=kind).status_code == row.status
        answer = ask(http, row, json=None, content=whole + b" ", headers=kind)
        assert answer.status_code == 413
        assert "limit: 8388608 bytes" in answer.text
        chunked = ask(http, row, json=None, content=iter([whole, b" "]), headers=kind)
        assert chunked.status_code == 413
        bomb = gzip.compress(whole + b" ")
        packed = ask(http, row, json=None, content=bomb, headers={**kind, "content-encoding": "gzip"})
        assert packed.status_code == 413
    assert len(backend.asked) == 2


@pytest.mark.parametrize("name", ["vector_exists", "get_vector", "delete_in_transaction", "stream_delete"])
@pytest.mark.parametrize("id", ["a/b", "a?b", "a#b", "ü ñ", "%2F", "..", "{}", " ", "\0", "x" * 2000])
def test_any_letters_can_stand_in_an_id(http: httpx.Client, backend: Recorder, name: str, id: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in id.encode())
    row = OPERATIONS[name]
    path = row.path.format_map({**STEPS, "id": quoted, "collection": quoted}).encode()
    answer = http.request(row.method, http.base_url.copy_with(raw_path=path))
    assert answer.status_code == row.status
    [(_, arguments)] = backend.asked
    assert (arguments["id"], arguments["collection"]) == (id, id)


@pytest.mark.parametrize(
    "text", ["1", "0x1", "0x0000000", "0x000000001", "0X00000001", "0x0000000g", "0x" + "\u0661" * 8, "x"]
)
def test_a_transaction_id_that_is_none_is_not_found(http: httpx.Client, backend: Recorder, text: str) -> None:
    for row in ROWS:
        if "transaction_id" in path_arguments(row.path):
            answer = http.request(row.method, path_of(row, transaction_id=text), json=body_of(row))
            assert answer.status_code == 404
            assert answer.text.startswith("Path deserialize error: ")
    assert not backend.asked


def test_small_letters_in_a_transaction_id_are_as_good(http: httpx.Client, backend: Recorder) -> None:
    http.post(path_of(OPERATIONS["commit"], transaction_id="0x0000abcd"))
    assert backend.asked[0][1]["transaction_id"] == "0x0000ABCD"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/vectordb"), ("GET", "/vectordb/"), ("GET", "/vectordb/nowhere"), ("PATCH", "/vectordb/collections"),
        ("DELETE", "/vectordb/collections"), ("GET", "/vectordb/collections/"), ("GET", "/vectordb/collections//"),
        ("GET", "/vectordb/collections/c/"), ("GET", "/vectordb/collections/c/vectors/"), ("POST", "/vectordb/search"),
        ("DELETE", "/vectordb/collections/c/vectors/v"), ("PUT", "/vectordb/collections/c"), ("GET", "/auth"),
        ("GET", "/auth/create-session"), ("POST", "/auth/create-session/"), ("GET", "/api-docs"),
        ("POST", "/vectordb/collections/c/streaming/delete/v"), ("OPTIONS", "/vectordb/collections"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_not_found_and_the_answer_is_empty(
    http: httpx.Client, backend: Recorder, method: str, path: str
) -> None:
    answer = http.request(method, http.base_url.copy_with(raw_path=path.encode()), json={})
    assert (answer.status_code, answer.content) == (404, b"")
    assert not backend.asked


def test_a_path_that_is_no_text_is_not_found(http: httpx.Client) -> None:
    answer = http.get(http.base_url.copy_with(raw_path=b"/vectordb/collections/%ff"))
    assert (answer.status_code, answer.text) == (404, "Path deserialize error: it is not UTF-8")
    answer = http.get(http.base_url.copy_with(raw_path=b"/vectordb/collections/c/vectors?document_id=%ff"))
    assert (answer.status_code, answer.text) == (400, "Query deserialize error: it is not UTF-8")


def test_whether_a_vector_exists_is_told_by_the_status_alone(http: httpx.Client, backend: Recorder) -> None:
    path = path_of(OPERATIONS["vector_exists"])
    for result, status in ((True, 200), (False, 404)):
        backend.result = result
        answer = http.head(path)
        assert (answer.status_code, answer.content) == (status, b"")
    backend.error = NotFoundError("Collection Not Found!", status=400)
    answer = http.head(path)
    assert (answer.status_code, answer.content) == (400, b"")


def test_head_is_get_without_a_body_elsewhere(http: httpx.Client, backend: Recorder) -> None:
    answer = http.head("/vectordb/collections/c")
    assert (answer.status_code, answer.content) == (200, b"")
    assert backend.asked[0][0] == "get_collection"


def test_former_paths_are_known(http: httpx.Client, backend: Recorder) -> None:
    assert LEGACY_PATHS == {
        ("POST", "/vectordb/collections/{collection}/search/batch-text"): (
            "batch_search_text", {"query_texts": "queries"}
        )
    }  # fmt: skip
    body = {"query_texts": ["a"], "top_k": 3}
    assert http.post("/vectordb/collections/c/search/batch-text", json=body).status_code == 200
    assert backend.asked == [("batch_search_text", {"collection": "c", "queries": ["a"], "top_k": 3})]
    assert http.post("/vectordb/collections/c/search/batch-text", json={"queries": ["b"]}).status_code == 200
    assert backend.asked[1][1]["queries"] == ["b"]
    refused = http.post("/vectordb/collections/c/search/batch-text", json={})
    assert (refused.status_code, refused.text) == (400, "Json deserialize error: missing field `queries`")


def test_the_query_is_an_argument(http: httpx.Client, backend: Recorder) -> None:
    http.get("/vectordb/collections/c/vectors", params={"document_id": "a/b ü", "version": "3", "x": "y"})
    assert backend.asked == [("find_vectors", {"collection": "c", "document_id": "a/b ü", "version": "3"})]


ERRORS: list[tuple[Exception, int, str]] = [
    (ValidationError("wrong"), 400, "wrong"),
    (NotFoundError("Collection Not Found!", status=400), 400, "Collection Not Found!"),
    (NotFoundError("no such index"), 404, "no such index"),
    (ConflictError("There is an on-going transaction!"), 409, "There is an on-going transaction!"),
    (ServerError("it broke"), 500, "it broke"),
    (ConnectionFailedError("far"), 503, "far"),
    (RequestTimeoutError("late"), 503, "late"),
    (CosdataError("nameless"), 400, "nameless"),
    (InvalidInputError("not a number"), 400, "not a number"),
    (LimitError("too many", limit="max_points"), 400, "too many"),
    (MissingError("no point", kind="point", name="1"), 404, "no point"),
    (AlreadyExistsError("taken", kind="collection", name="c"), 409, "taken"),
    (UnsupportedError("It", "this"), 501, "Not implemented: It is not supported by this."),
    (ClosedError("closed"), 503, "Service unavailable: closed"),
    (StorageError("disk", path="/"), 500, "Service internal error: disk"),
    (RemoteError("far", status=502, url="u"), 502, "far"),
    (RemoteError("far", status=None, url="u"), 503, "far"),
    (TransportError("away"), 503, "Service unavailable: away"),
    (ResponseError(418, "x", b'{"status": {"error": "tea"}}', {}), 418, "tea"),
    (RateLimitedError("slower", retry_after=2.5), 429, "slower"),
    (RuntimeError("secret"), 500, "Service internal error: RuntimeError"),
]


@pytest.mark.parametrize(("error", "status", "told"), ERRORS, ids=lambda value: type(value).__name__)
def test_errors_have_the_form_of_their_route(
    http: httpx.Client, backend: Recorder, error: Exception, status: int, told: str
) -> None:
    backend.error = error
    plain = ask(http, OPERATIONS["get_collection"])
    assert (plain.status_code, plain.text, plain.headers["content-type"]) == (status, told, SENTENCE)
    structured = ask(http, OPERATIONS["search_dense"])
    assert structured.status_code == status
    assert structured.headers["content-type"] == "application/json"
    body = structured.json()
    assert (body["code"], body["message"]) == (status, told)
    assert list(body) == ["error", "code", "message"]
    if status == 404:
        assert body["error"] == "Not Found"
    if status == 429:
        assert plain.headers["retry-after"] == structured.headers["retry-after"] == "3"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_form_of_errors_is_that_of_the_table(http: httpx.Client, backend: Recorder, row: Operation) -> None:
    backend.error = NotFoundError("nothing there")
    answer = ask(http, row)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == ("application/json" if row.json_errors else SENTENCE)


def test_a_bare_list_can_be_had(http: httpx.Client, server: Server, backend: Recorder) -> None:
    backend.result = {"collections": [{"name": "c", "description": None}]}
    assert http.get("/vectordb/collections").json() == backend.result
    former = server.cosdata._settings
    server.cosdata._settings = type(former)(bare_list=True)
    assert http.get("/vectordb/collections").json() == backend.result["collections"]
    server.cosdata._settings = former


def test_arrays_become_lists_and_long_answers_are_packed(http: httpx.Client, backend: Recorder) -> None:
    backend.result = {"results": [{"id": "a", "score": np.float32(0.5)}], "dense": np.zeros(50_000, "f4")}
    answer = ask(http, OPERATIONS["search_dense"])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == {"results": [{"id": "a", "score": 0.5}], "dense": [0.0] * 50_000}
    plain = ask(http, OPERATIONS["search_dense"], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_every_field_is_described() -> None:
    for row in OPERATIONS.values():
        for name in (*row.body, *([row.whole] if row.whole else [])):
            assert schema_of(row.name, name)
        assert set(REQUIRED.get(row.name, ())) <= {*row.body, *row.query}
