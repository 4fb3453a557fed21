"""What a server refuses becomes the error that the engine raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from loopback import GatewayClient

from quiverdb.errors import (
    AlreadyExistsError,
    Fault,
    InvalidInputError,
    LimitError,
    NotFoundError,
    QuiverError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    UnsupportedError,
)
from quiverdb.model.query import Query
from quiverdb.qdrant import QdrantClient, models
from quiverdb.qdrant.errors import unexpected_response
from quiverdb.qdrant.http.exceptions import UnexpectedResponse
from quiverdb.remote.database import RemoteDatabase
from quiverdb.remote.protocol import ResponseError, TransportError

URL = "qdrant://there"
GREEN = {"status": "green", "segments_count": 1, "config": {}}


class Failing:
    """Raise instead of asking anyone."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def call(self, operation: str, arguments: Any) -> Any:
        raise self.error

    def close(self) -> None:
        pass


def told(error: str) -> bytes:
    return json.dumps({"status": {"error": error}, "time": 0.0}).encode()


def raised(error: Exception, ask: Callable[[RemoteDatabase], Any] = lambda database: database.count("docs")) -> Any:
    with pytest.raises(QuiverError) as caught:
        ask(RemoteDatabase(Failing(error), url=URL))
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    ("message", "kind", "name"),
    [
        ("Collection `a b` doesn't exist!", "collection", "a b"),
        ("Alias old does not exist!", "alias", "old"),
        ("No point with id 7 found", "point", "7"),
        ("Snapshot a-1.snapshot not found", "snapshot", "a-1.snapshot"),
        ("Shard 3 not found", "shard", "3"),
        ("Not existing vector name error: title", "vector", ""),
        ("Gone", "resource", ""),
    ],
)
def test_missing_things(message: str, kind: str, name: str) -> None:
    error = raised(ResponseError(404, "Not Found", told(f"Not found: {message}"), {}))
    assert isinstance(error, NotFoundError)
    assert (str(error), error.kind, error.name) == (message, kind, name)


def test_taken_names() -> None:
    error = raised(ResponseError(409, "Conflict", told("Wrong input: Collection `a` already exists!"), {}))
    assert isinstance(error, AlreadyExistsError)
    assert (str(error), error.kind, error.name) == ("Collection `a` already exists!", "collection", "a")


@pytest.mark.parametrize("status", [400, 422])
def test_wrong_requests(status: int) -> None:
    error = raised(ResponseError(status, "", told("Wrong input: Vector dimension error: expected dim: 4, got 3"), {}))
    assert type(error) is InvalidInputError
    assert str(error) == "Vector dimension error: expected dim: 4, got 3"


@pytest.mark.parametrize("fault", ["meaning", "range", "body", "query", "path"])
def test_wrong_requests_keep_what_is_wrong_with_them(fault: Fault) -> None:
    """The server's text is put on again, and not twice, when the error becomes an answer once more."""
    first = unexpected_response(InvalidInputError("limit [0]\nis wrong", fault=fault))
    assert first is not None
    error = raised(ResponseError(first.status_code or 0, "", first.content, {}))
    assert (type(error), str(error), error.fault) == (InvalidInputError, "limit [0]\nis wrong", fault)
    again = unexpected_response(error)
    assert again is not None
    assert (again.status_code, again.content) == (first.status_code, first.content)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"retry-after": "1.5"}, 1.5), ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None), ({}, None)],
)
def test_too_many_requests(headers: dict[str, str], wait: float | None) -> None:
    error = raised(ResponseError(429, "", told("Rate limiting exceeded: Read rate limit"), headers))
    assert isinstance(error, RateLimitedError)
    assert (str(error), error.retry_after) == ("Read rate limit", wait)


@pytest.mark.parametrize("status", [401, 403])
def test_closed_doors(status: int) -> None:
    error = raised(ResponseError(status, "", b"Invalid API key or JWT", {}))
    assert isinstance(error, RefusedError)
    assert (error.status, error.plain, str(error)) == (status, True, "Invalid API key or JWT")
    error = raised(ResponseError(status, "", told("Forbidden: Write access is required"), {}))
    assert (error.status, error.plain, str(error)) == (status, False, "Forbidden: Write access is required")


@pytest.mark.parametrize("status", [408, 500, 503, 507])
def test_failing_servers(status: int) -> None:
    error = raised(ResponseError(status, "Oh", b"", {}))
    assert isinstance(error, RemoteError)
    assert (error.status, error.url) == (status, URL)
    assert URL in str(error)
    response = unexpected_response(error)
    assert response is not None
    assert response.status_code == status


def test_absent_servers() -> None:
    error = raised(TransportError("connection refused"))
    assert isinstance(error, RemoteError)
    assert (error.status, error.url) == (None, URL)
    assert "connection refused" in str(error)
    response = unexpected_response(error)
    assert response is not None
    assert response.status_code == 503


def test_statuses_without_a_meaning() -> None:
    response = unexpected_response(raised(ResponseError(599, "", b"", {})))
    assert response is not None
    assert response.status_code == 503


def test_what_servers_cannot_do() -> None:
    standalone = ResponseError(405, "", told("Qdrant is running in standalone mode"), {})
    error = raised(standalone, lambda database: database.create_shard_key("docs", "a"))
    assert isinstance(error, UnsupportedError)
    assert (error.feature, error.backend) == ("The operation create_shard_key", URL)
    assert "standalone" in str(error)
    assert isinstance(raised(ResponseError(404, "Not Found", b"", {})), UnsupportedError)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda database: database.count("docs"), {"number": 3}),
        (lambda database: database.count("docs"), None),
        (lambda database: database.info("docs"), {**GREEN, "status": "blue"}),
        (
            lambda database: database.info("docs"),
            {"status": "green", "segments_count": 1, "config": {"hnsw_config": 3}},
        ),
        (lambda database: database.query("docs", [Query()]), {"points": [{"id": 3}]}),
        (lambda database: database.retrieve("docs", [1]), [{"id": 2}]),
    ],
)
def test_answers_that_make_no_sense(ask: Callable[[RemoteDatabase], Any], answer: Any) -> None:
    class Odd:
        def call(self, operation: str, arguments: Any) -> Any:
            return answer

        def close(self) -> None:
            pass

    with pytest.raises(RemoteError, match="cannot read") as caught:
        ask(RemoteDatabase(Odd(), url=URL))
    assert caught.value.url == URL


def test_refusals_pass_through_the_client() -> None:
    refused = Failing(ResponseError(403, "Forbidden", b"Invalid API key or JWT", {}))
    client = QdrantClient(database=RemoteDatabase(refused))
    with pytest.raises(UnexpectedResponse) as caught:
        client.count("docs")
    assert (caught.value.status_code, caught.value.content) == (403, b"Invalid API key or JWT")


LOW = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=4))])
SUBSTRING = models.Filter(must=[models.FieldCondition(key="k", match=models.MatchSubstring(substring="a"))])
EXACT = models.SearchParams(exact=True)
CODES = models.SearchParams(quantization=models.QuantizationSearchParams(oversampling=9.0))
POINTS = [models.PointStruct(id=n, vector={"": [0.5, 0.5], "m": [[1.0], [2.0]]}) for n in range(3)]
LIMITS: list[tuple[dict[str, Any], Callable[[QdrantClient], Any]]] = [
    ({"max_query_limit": 3}, lambda client: client.scroll("c", limit=4)),
    ({"max_timeout": 3}, lambda client: client.scroll("c", timeout=4)),
    ({"search_max_hnsw_ef": 3}, lambda client: client.query_points("c", [1.0, 2.0], search_params={"hnsw_ef": 4})),
    ({"search_max_oversampling": 3.0}, lambda client: client.query_points("c", [1.0, 2.0], search_params=CODES)),
    ({"search_max_batchsize": 1}, lambda client: client.query_batch_points("c", [models.QueryRequest(query=1)] * 2)),
    ({"upsert_max_batchsize": 2}, lambda client: client.upsert("c", POINTS)),
    ({"unindexed_filtering_retrieve": False}, lambda client: client.scroll("c", LOW)),
    ({"unindexed_filtering_update": False}, lambda client: client.delete("c", LOW)),
    ({"search_allow_exact": False}, lambda client: client.query_points("c", [1.0, 2.0], search_params=EXACT)),
    ({"max_points_count": 1}, lambda client: client.upsert("c", POINTS)),
    ({"max_collection_vector_size_bytes": 1}, lambda client: client.upsert("c", POINTS)),
    ({"max_collection_payload_size_bytes": 1}, lambda client: client.set_payload("c", {"a": 1}, [0])),
    ({"filter_max_conditions": 0}, lambda client: client.scroll("c", LOW)),
    ({"condition_max_size": 0}, lambda client: client.scroll("c", models.Filter(must=[{"has_id": [1]}]))),
    ({"multivector_config": {"m": {"max_vectors": 1}}}, lambda client: client.upsert("c", POINTS)),
    ({"max_payload_index_count": 0}, lambda client: client.create_payload_index("c", "n", "integer")),
    ({"max_resident_memory_percent": 1}, lambda client: client.upsert("c", POINTS)),
    ({"enabled": True}, lambda client: client.scroll("c", SUBSTRING)),
]


@pytest.mark.parametrize(("limits", "ask"), LIMITS, ids=lambda value: next(iter(value)) if type(value) is dict else "")
def test_limits(limits: dict[str, Any], ask: Callable[[QdrantClient], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit that the engine names is recognised in what the server says."""
    monkeypatch.setattr("quiverdb.engine.strict.resident_percent", lambda: 50)
    multi = models.VectorParams(
        size=1, distance="Dot", multivector_config=models.MultiVectorConfig(comparator="max_sim")
    )
    client = GatewayClient()
    errors = []
    client.create_collection("c", {"": models.VectorParams(size=2, distance="Dot"), "m": multi})
    client.upsert("c", POINTS)
    client.set_payload("c", {"n": 1}, [0])
    client.update_collection("c", strict_mode_config=models.StrictModeConfig(**{"enabled": True, **limits}))
    for database in (client.gateway, client.gateway.engine):
        with pytest.raises(UnexpectedResponse) as caught:
            ask(QdrantClient(database=database))
        errors.append(caught.value.__cause__)
    client.close()
    remote, local = errors
    assert isinstance(remote, LimitError)
    assert isinstance(local, LimitError)
    assert (remote.limit, str(remote)) == (local.limit, str(local))
