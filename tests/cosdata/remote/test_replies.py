"""Answers of every release mean the same results, and every failure the same errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cosdata_stub import ABSENT, Stub, rows, said, serving, told

from quiverdb.cosdata.errors import (
    AuthError,
    ConflictError,
    ConnectionFailedError,
    CosdataError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    ValidationError,
)
from quiverdb.errors import UnsupportedError
from quiverdb.wire.rest import path_arguments

Open = Callable[..., Any]

C = {"collection": "c"}
T = {**C, "transaction_id": "0x0000002A"}
DENSE = {"enabled": True, "dimension": 3}
OFF = {"enabled": False}
SUMMARY = {
    "name": "c",
    "description": "d",
    "dense_vector": DENSE,
    "sparse_vector": OFF,
    "tf_idf_options": OFF,
    "vectors_count": 5,
    "dimension": 3,
}
DETAILS = {**SUMMARY, "config": {"max_vectors": None}, "metadata_schema": None, "store_raw_text": False}
VECTOR = {
    "id": "a",
    "document_id": "doc",
    "dense_values": [1.0, 0.5],
    "metadata": {"x": 1},
    "sparse_indices": [3, 1],
    "sparse_values": [0.5, 2.0],
    "text": None,
}
NO_VECTOR = {**dict.fromkeys(VECTOR), "id": "7"}
HIT = {"id": "a", "document_id": None, "score": 0.5, "text": None}
FOUND = {"results": [HIT]}
STATS = {"records_upserted": 3, "percentage_complete": 100.0}
TIMES = {"started_at": "2025-01-01T00:00:00Z", "last_updated": "2025-01-01T00:00:01Z"}
INDEX = {"type": "dense", "name": "c", "algorithm": "HNSW"}


def version(number: int, **known: Any) -> dict[str, Any]:
    return {
        "hash": number,
        "version_number": number,
        "timestamp": None,
        "vector_count": None,
        "id": str(number),
        "description": None,
        **known,
    }


def without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


OURS, TODAY, FORMER, DOCUMENTED = "QuiverDB", "today", "former", "documented"

CASES: list[tuple[str, str, dict[str, Any], Any, Any]] = [
    # operation, whose answer, arguments, body (bytes as they are), result
    ("create_collection", TODAY, {"name": "c"}, {"id": "c", "name": "c", "description": None}, None),
    (
        "create_collection",
        FORMER,
        {"name": "c", "description": "d"},
        b"",
        {"id": "c", "name": "c", "description": "d"},
    ),
    ("list_collections", OURS, {}, {"collections": [SUMMARY]}, None),
    ("list_collections", OURS, {}, {"collections": []}, None),
    ("list_collections", TODAY, {}, [], {"collections": []}),
    (
        "list_collections",
        FORMER,
        {},
        {"collections": [{"name": "c", "description": None, "dense_vector": DENSE}]},
        {"collections": [{**dict.fromkeys(SUMMARY), "name": "c", "dense_vector": DENSE, "dimension": 3}]},
    ),
    ("loaded_collections", TODAY, {}, ["c", "d"], None),
    ("get_collection", OURS, C, DETAILS, None),
    ("get_collection", TODAY, C, without(DETAILS, "metadata_schema", "dimension"), DETAILS),
    ("load_collection", TODAY, C, without(DETAILS, "vectors_count"), {**DETAILS, "vectors_count": None}),
    ("load_collection", FORMER, C, b"", {**dict.fromkeys(DETAILS), "name": "c"}),
    ("unload_collection", TODAY, C, "Collection 'c' successfully unloaded", None),
    ("unload_collection", FORMER, C, b"", "Collection 'c' successfully unloaded"),
    (
        "indexing_status",
        TODAY,
        C,
        {"collection_name": "c", "total_transactions": 2, "average_rate_per_second_completed": None},
        {
            "collection_name": "c",
            "total_transactions": 2,
            "completed_transactions": None,
            "in_progress_transactions": None,
            "not_started_transactions": None,
            "total_records_indexed_completed": None,
            "average_rate_per_second_completed": None,
            "last_synced": None,
        },
    ),
    ("create_dense_index", TODAY, C, {"message": "Dense index created successfully"}, None),
    ("create_dense_index", DOCUMENTED, C, {}, {"message": "Dense index created successfully"}),
    ("create_sparse_index", DOCUMENTED, C, b"", {"message": "Sparse index created successfully"}),
    ("create_tf_idf_index", DOCUMENTED, C, {}, {"message": "TF-IDF index created successfully"}),
    ("list_indexes", TODAY, C, {"collection_name": "c", "indexes": [INDEX]}, None),
    (
        "list_indexes",
        DOCUMENTED,
        C,
        {"dense": {"k": 1}, "tf-idf": {"name": "t"}, "sparse": None},
        {
            "collection_name": "c",
            "indexes": [{"type": "dense", "name": "c", "k": 1}, {"type": "tf_idf", "name": "t"}],
        },
    ),
    ("delete_index", TODAY, {**C, "index_type": "dense"}, b"", None),
    ("create_transaction", TODAY, C, {"transaction_id": "0x01", "created_at": "2025-01-01T00:00:00Z"}, None),
    ("create_transaction", FORMER, C, {"transaction_id": "0x01"}, {"transaction_id": "0x01", "created_at": None}),
    ("upsert_in_transaction", TODAY, {**T, "vectors": []}, b"", None),
    ("upsert_in_transaction", FORMER, {**T, "vectors": []}, b"{}", "nothing"),
    ("transaction_status", TODAY, T, {"status": "complete", "stats": STATS, **TIMES}, None),
    ("transaction_status", TODAY, T, {"status": "not_started", "message": "m", "last_updated": "t"}, None),
    (
        "transaction_status",
        DOCUMENTED,
        T,
        {"status": {"Complete": {"stats": STATS, **TIMES}}},
        {"status": "complete", "stats": STATS, **TIMES},
    ),
    (
        "transaction_status",
        DOCUMENTED,
        T,
        {"status": {"IndexingInProgress": {"stats": STATS}}, "last_updated": "t"},
        {"status": "indexing_in_progress", "last_updated": "t", "stats": STATS},
    ),
    ("transaction_status", DOCUMENTED, T, {"status": "NotStarted"}, {"status": "not_started"}),
    ("get_vector", OURS, {**C, "id": "a"}, VECTOR, None),
    (
        "get_vector",
        TODAY,
        {**C, "id": "a"},
        {**without(VECTOR, "sparse_indices"), "sparse_values": [[3, 0.5], [1, 2]]},
        VECTOR,
    ),
    ("get_vector", TODAY, {**C, "id": "a"}, {"id": "7", "dense_values": None, "sparse_values": None}, NO_VECTOR),
    (
        "get_vector",
        TODAY,
        {**C, "id": "a"},
        {"id": "7", "sparse_values": []},
        {**NO_VECTOR, "sparse_indices": [], "sparse_values": []},
    ),
    ("get_vector", FORMER, {**C, "id": 7}, {"id": 7}, NO_VECTOR),
    ("find_vectors", OURS, {**C, "document_id": "doc"}, [VECTOR, VECTOR], None),
    ("find_vectors", TODAY, {**C, "document_id": "doc"}, [], None),
    ("vector_neighbors", OURS, {**C, "id": "a"}, [{"id": "b", "score": 0.5}], None),
    (
        "list_versions",
        OURS,
        C,
        {"versions": [version(1, timestamp=5, description="d")], "current_version": 1, "current_hash": 1},
        None,
    ),
    (
        "list_versions",
        TODAY,
        C,
        {
            "versions": [{"version_number": 0, "vector_count": 0}, {"version_number": 1, "vector_count": 2}],
            "current_version": 1,
        },
        {
            "versions": [version(0, vector_count=0), version(1, vector_count=2)],
            "current_version": 1,
            "current_hash": 1,
        },
    ),
    (
        "list_versions",
        FORMER,
        C,
        {
            "versions": [
                {"hash": 12345, "version_number": 0, "timestamp": 9, "vector_count": 0},
                {"hash": 54321, "version_number": 1, "timestamp": 10, "vector_count": 2},
            ],
            "current_hash": 54321,
        },
        {
            "versions": [
                version(0, hash=12345, timestamp=9, vector_count=0),
                version(1, hash=54321, timestamp=10, vector_count=2),
            ],
            "current_version": 1,
            "current_hash": 54321,
        },
    ),
    ("current_version", TODAY, C, {"version_number": 1, "vector_count": 2}, version(1, vector_count=2)),
    (
        "current_version",
        FORMER,
        C,
        {"hash": 54321, "version_number": 1, "timestamp": 10, "vector_count": 2},
        version(1, hash=54321, timestamp=10, vector_count=2),
    ),
    ("get_version", OURS, {**C, "version": 1}, version(1, timestamp=3, vector_count=2), None),
    ("create_version", OURS, C, version(1, timestamp=3, vector_count=2, description="d"), None),
    ("set_current_version", OURS, {**C, "version": "1"}, version(1, timestamp=3, vector_count=2), None),
    ("delete_version", OURS, {**C, "version": "1"}, b"", None),
    ("search_dense", OURS, C, {"results": [HIT]}, None),
    ("search_dense", TODAY, C, {"results": [HIT], "warning": "indexing"}, None),
    ("search_dense", TODAY, C, {**FOUND, "warning": None}, FOUND),
    ("search_sparse", FORMER, C, {"results": [{"id": 5, "score": 0.5}]}, {"results": [{**HIT, "id": "5"}]}),
    ("search_text", TODAY, C, {"results": [{**HIT, "text": "t"}]}, None),
    ("search_hybrid", TODAY, C, {"results": []}, None),
    ("batch_search_dense", TODAY, C, {"responses": [{"results": [HIT]}, {"results": []}]}, None),
    ("batch_search_sparse", TODAY, C, {"responses": [{"results": [HIT]}], "warning": "w"}, None),
    ("batch_search_text", FORMER, C, {"responses": [{"results": [without(HIT, "text")]}]}, {"responses": [FOUND]}),
    ("batch_search_hybrid", TODAY, C, {"responses": []}, None),
]  # fmt: skip
"""Without a result of its own, a body is the result."""


def result_in(body: Any, result: Any) -> Any:
    if result == "nothing":
        return None
    return body if result is None and not isinstance(body, bytes) else result


@pytest.mark.parametrize(
    ("operation", "arguments", "body", "result"),
    [(operation, arguments, body, result) for operation, _, arguments, body, result in CASES],
    ids=[f"{operation}-{whose}" for operation, whose, *_ in CASES],
)
def test_answers_mean(
    operation: str, arguments: dict[str, Any], body: Any, result: Any, stub: Stub, open_backend: Open
) -> None:
    stub.answers[operation] = (200, {}, body) if isinstance(body, bytes) else told(body)
    given = open_backend(stub.url).call(operation, arguments)
    assert stub.operations == ["create_session", operation]
    expected = result_in(body, result)
    assert given == expected
    assert json.loads(json.dumps(given)) == given  # plain data


def test_every_operation_has_an_answer() -> None:
    silent = {row.name for row in rows() if row.empty or row.method == "HEAD"}
    assert {row.name for row in rows()} == silent | {operation for operation, *_ in CASES}


def test_numbers_of_vectors_and_scores_are_floats(open_backend: Open) -> None:
    answers = {
        "get_vector": told({"id": "a", "dense_values": [1, 2], "sparse_values": [[1, 2]]}),
        "search_dense": told({"results": [{"id": "a", "score": 1}]}),
    }
    with serving(answers) as stub:
        backend = open_backend(stub.url)
        vector = backend.do("get_vector", collection="c", id="a")
        found = backend.do("search_dense", collection="c")
    numbers = [*vector["dense_values"], *vector["sparse_values"], found["results"][0]["score"]]
    assert [type(number) for number in numbers] == [float] * 4


def test_a_session_is_told(open_backend: Open) -> None:
    with serving() as stub:
        session = open_backend(stub.url).do("create_session")
        assert session["access_token"] in stub.tokens
        assert session["expires_at"] - session["created_at"] == 3600


@pytest.mark.parametrize(("status", "expected"), [(200, True), (204, True), (404, False)])
def test_whether_a_vector_exists(status: int, expected: bool, open_backend: Open) -> None:
    with serving({"vector_exists": (status, {}, b"")}) as stub:
        assert open_backend(stub.url).do("vector_exists", collection="c", id="a") is expected


@pytest.mark.parametrize(
    ("status", "kind"), [(400, NotFoundError), (401, AuthError), (500, ServerError), (403, ValidationError)]
)
def test_whether_a_vector_exists_may_not_be_known(status: int, kind: type[CosdataError], open_backend: Open) -> None:
    with serving({"vector_exists": (status, {}, b"")}) as stub, pytest.raises(kind) as caught:
        open_backend(stub.url).do("vector_exists", collection="c", id="a")
    assert caught.value.status == status
    assert str(caught.value)


# --- what is no answer


GARBAGE = [b"<html>", b"{", b"null", b"5", b'"x"', b"[5]", b"\xff\xfe", b"[" * 99_999]
STRANGE = [b"", b"{}", b'{"results": 5}']
LENIENT = {"create_collection", "load_collection", "indexing_status", "list_indexes"}
"""Of these some release answers little or nothing; but so do those that create indexes."""


@pytest.mark.parametrize("body", [*GARBAGE, *STRANGE], ids=lambda body: repr(body)[:15])
def test_what_is_no_answer_is_an_error(body: bytes, open_backend: Open) -> None:
    reading = [row for row in rows() if not row.empty and row.method != "HEAD" and row.name != "unload_collection"]
    strict = [row for row in reading if row.name not in LENIENT and not row.name.endswith("_index")]
    with serving({row.name: (200, {}, body) for row in reading}) as stub:
        backend = open_backend(stub.url)
        for row in strict if body in STRANGE else reading:
            arguments = {**dict.fromkeys(path_arguments(row.path), "x"), "name": "c"}
            with pytest.raises(ConnectionFailedError, match="not what Cosdata answers") as caught:
                backend.call(row.name, arguments)
            assert caught.value.status == 200


# --- errors

COLLECTION_GONE = "Failed to create transaction due to Cache error: Collection 'x' not found Not Found!"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (said("Collection Not Found!", 400), NotFoundError, "Collection Not Found!"),
        (said(COLLECTION_GONE, 400), NotFoundError, COLLECTION_GONE),
        (said("Database error: Collection not found", 500), NotFoundError, "Database error: Collection not found"),
        (said("Collection with name 'x' already exists", 409), ConflictError, "already exists"),
        (said("Json deserialize error: unknown field `values`", 400), ValidationError, "unknown field `values`"),
        (said("LMDB database error: InvalidParams", 500), ServerError, "LMDB"),
        (
            told({"error": "Not Found", "code": 404, "message": "Collection 'x' not found"}, 404),
            NotFoundError,
            "Collection 'x' not found",
        ),
        (
            told({"error": "Conflict", "code": 409, "message": "Delete it first."}, 409),
            ConflictError,
            "Delete it first.",
        ),
        (told({"error": "only this"}, 400), ValidationError, "only this"),
        (told("a sentence in quotes", 400), ValidationError, "a sentence in quotes"),
        (told({"strange": 1}, 400), ValidationError, '{"strange": 1}'),
        ((413, {}, b""), ValidationError, "413"),
        ((500, {}, b""), ServerError, "500"),
        ((500, {}, b"\xff"), ServerError, "\ufffd"),
        ((408, {}, b""), RequestTimeoutError, "408"),
        ((301, {"location": "/"}, b""), ValidationError, "301"),
    ],
)
def test_failures_mean(answer: Any, kind: type[CosdataError], message: str, stub: Stub, open_backend: Open) -> None:
    stub.answers["commit"] = answer
    with pytest.raises(kind) as caught:
        open_backend(stub.url).call("commit", T)
    error = caught.value
    assert type(error) is kind
    assert message in str(error)
    assert error.status == answer[0]
    assert error.body == answer[2].decode(errors="replace")


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize(
    ("operation", "arguments", "feature"),
    [
        ("create_version", {"description": "d"}, "Creating versions"),
        ("delete_version", {"version": "1"}, "Deleting versions"),
        ("set_current_version", {"version": "1"}, "Making a former version current"),
        ("stream_upsert", {"vectors": []}, "Stream upsert"),
    ],
)
def test_what_a_server_lacks_is_unsupported(
    operation: str, arguments: dict[str, Any], feature: str, status: int, stub: Stub, open_backend: Open
) -> None:
    stub.answers[operation] = (status, {}, b"")
    with pytest.raises(UnsupportedError) as caught:
        open_backend(stub.url).call(operation, {**C, **arguments})
    assert caught.value.feature == feature
    assert caught.value.backend == "this Cosdata server"
    assert "QuiverDB" in str(caught.value)


def test_what_a_server_has_not_found_is_not_unsupported(open_backend: Open) -> None:
    with serving({"delete_version": said("Version 9 Not Found!", 404)}) as stub, pytest.raises(NotFoundError):
        open_backend(stub.url).call("delete_version", {**C, "version": 9})


def test_a_server_of_something_else_is_told(open_backend: Open) -> None:
    with serving({"create_session": ABSENT}) as stub, pytest.raises(NotFoundError, match="Cosdata server"):
        open_backend(stub.url).call("list_collections", {})


def test_an_operation_that_is_none_is_refused(open_backend: Open) -> None:
    with serving() as stub, pytest.raises(ValidationError, match="'count'"):
        open_backend(stub.url).call("count", {})
    assert not stub.operations
