"""The raw REST API: every route is asked as the official client asks it, and its answer read as there."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import qdrant_client.http as their_http
from examples import Examples
from serving import served
from small_servers import Answer, HttpServer, Seen
from wire_sides import fields, made_of

from quiverdb.errors import ClosedError
from quiverdb.qdrant import AsyncQdrantClient, QdrantClient, models
from quiverdb.qdrant.common.client_exceptions import ResourceExhaustedResponse
from quiverdb.qdrant.http import ApiClient, AsyncApiClient, AsyncApis, SyncApis
from quiverdb.qdrant.http.exceptions import ResponseHandlingException, UnexpectedResponse
from quiverdb.wire.routes import ROUTES

ALL = [(group, name) for group, routes in ROUTES.items() for name in routes]


class Server(HttpServer):
    """Answer everything with what is set."""

    def __init__(self) -> None:
        self.answer: Answer = (200, {}, b"{}")
        super().__init__(lambda _: self.answer)

    def taken(self) -> Seen:
        (seen,) = self.seen
        self.seen.clear()
        return seen


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def theirs(server: Server) -> Iterator[Any]:
    apis = their_http.SyncApis(server.url)
    yield apis
    apis.close()


@pytest.fixture(scope="module")
def ours(server: Server) -> Iterator[QdrantClient]:
    with QdrantClient(url=server.url, check_compatibility=False) as client:
        yield client


def method(apis: Any, group: str, name: str) -> Any:
    return getattr(getattr(apis, group), name)


def examples(group: str, name: str, seed: int) -> dict[str, Any]:
    """Make arguments for an official function, every other time all of them."""
    made = Examples(seed)
    function = getattr(getattr(their_http.api_client, f"Sync{group.title().replace('_', '')}"), name)
    hints = inspect.get_annotations(function, eval_str=True)
    found = {}
    for parameter, hint in hints.items():
        if parameter == "return":
            continue
        needed = f"{{{parameter}}}" in ROUTES[group][name].path
        if parameter == "snapshot":
            found[parameter] = io.BytesIO(b"a snapshot")
        elif parameter == "timeout":
            found[parameter] = 7
        elif parameter in ("ordering", "consistency", "priority") or needed or seed % 2 or "_" in parameter:
            found[parameter] = (made.make(hint) or "x") if needed else made.make(hint)
    return {parameter: value for parameter, value in found.items() if value is not None}


def plain(seen: Seen) -> Any:
    """Return what counts of a request: of a form, the file in it."""
    parts = urlsplit(seen.target)
    kind = seen.headers.get("content-type", "").partition(";")[0]
    if kind == "multipart/form-data":
        body: Any = re.search(rb'name="(\w+)".*?\r\n\r\n(.*?)\r\n--', seen.body, re.DOTALL).groups()
    else:
        body = fields(json.loads(seen.body)) if seen.body else None
    return seen.method, parts.path, sorted(parse_qsl(parts.query)), kind, body


@pytest.mark.parametrize(("group", "name"), ALL, ids=[name for _, name in ALL])
def test_both_ask_the_same_and_read_the_same(server: Server, theirs: Any, ours: Any, group: str, name: str) -> None:
    their, our = method(theirs, group, name), method(ours.http, group, name)
    assert list(inspect.signature(our).parameters) == list(inspect.signature(their).parameters)
    for seed in range(6):
        server.answer = (200, {}, body_of(group, name, seed))
        wanted = their(**examples(group, name, seed))
        asked = plain(server.taken())
        found = our(**examples(group, name, seed))
        assert plain(server.taken()) == asked
        if ROUTES[group][name].result not in ("str", "bytes"):
            assert made_of(found) == made_of(wanted)


def body_of(group: str, name: str, seed: int) -> bytes:
    """Make an answer; those that are no JSON the official client reads as if they were."""
    result = ROUTES[group][name].result
    if result == "str":
        return b'"text"'
    if result in ("Any", "bytes"):
        return b"null"
    example = Examples(seed).make(getattr(their_http.models, result))
    return example.model_dump_json(by_alias=True).encode()


def test_the_asynchronous_functions_do_the_same(server: Server, ours: QdrantClient) -> None:
    async def ask(group: str, name: str) -> Any:
        async with AsyncQdrantClient(url=server.url, check_compatibility=False) as client:
            return await method(client.http, group, name)(**examples(group, name, 1))

    for group, name in ALL:
        server.answer = (200, {}, body_of(group, name, 1))
        wanted, asked = method(ours.http, group, name)(**examples(group, name, 1)), plain(server.taken())
        assert asyncio.run(ask(group, name)) == wanted
        assert plain(server.taken()) == asked
        assert inspect.iscoroutinefunction(method(AsyncApis(server.url), group, name))


def test_text_and_files_come_as_they_are(server: Server, ours: QdrantClient) -> None:
    server.answer = (200, {"Content-Type": "text/plain"}, "größe".encode())
    assert ours.http.service_api.metrics() == "größe"
    assert ours.http.snapshots_api.get_snapshot("a", "b") == "größe".encode()
    server.seen.clear()


def test_bodies_may_be_plain_data_and_snapshots_bytes(server: Server, ours: QdrantClient) -> None:
    server.answer = (200, {}, b'{"result": {"count": 3}}')
    assert ours.http.points_api.count_points("a", count_request={"exact": True}).result.count == 3
    assert json.loads(server.taken().body) == {"exact": True}
    server.answer = (200, {}, b'{"result": true}')
    assert ours.http.snapshots_api.recover_from_uploaded_snapshot("a", snapshot=b"a snapshot").result is True
    assert plain(server.taken())[-1] == (b"snapshot", b"a snapshot")


FAILURES = [
    ((404, {}, b'{"status": {"error": "Not found"}}'), UnexpectedResponse),
    ((429, {}, b'{"status": {"error": "later"}}'), UnexpectedResponse),
    ((429, {"Retry-After": "2"}, b'{"status": {"error": "later"}}'), ResourceExhaustedResponse),
    ((200, {}, b"no JSON"), ResponseHandlingException),
    ((200, {}, b'{"result": {"count": "many"}}'), ResponseHandlingException),
]


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_failures(server: Server, ours: QdrantClient, answer: Answer, kind: type[Exception]) -> None:
    server.answer = answer
    with pytest.raises(kind) as failed:
        ours.http.points_api.count_points("a", count_request=models.CountRequest())
    server.taken()
    if kind is UnexpectedResponse:
        assert failed.value.status_code == answer[0]

    async def ask() -> None:
        apis = AsyncApis(server.url)
        try:
            await apis.points_api.count_points("a")
        finally:
            await apis.aclose()

    with pytest.raises(kind):
        asyncio.run(ask())
    server.taken()


@pytest.mark.parametrize("arguments", [{}, {"collection_name": ""}, {"collection_name": ".."}])
def test_what_cannot_be_asked_is_not(server: Server, ours: QdrantClient, arguments: dict[str, Any]) -> None:
    with pytest.raises((TypeError, UnexpectedResponse)):
        ours.http.collections_api.get_collection(**arguments)
    with pytest.raises(TypeError):
        ours.http.collections_api.get_collections(1)
    with pytest.raises(UnexpectedResponse, match="snapshot must be a file"):
        ours.http.snapshots_api.recover_from_uploaded_snapshot("a")
    assert server.seen == []


def test_any_request_can_be_made(server: Server) -> None:
    server.answer = (200, {}, b'{"result": true}')
    terms: dict[str, Any] = {
        "method": "PUT",
        "url": "/a/{b}/c",
        "path_params": {"b": "d/e"},
        "params": {"wait": "true"},
        "headers": {"X-Custom": "1"},
        "content": '{"f": [1.0]}',
    }
    theirs = their_http.ApiClient(server.url)
    wanted = theirs.request(type_=their_http.models.InlineResponse2001, **terms)
    asked = server.taken()
    theirs.close()
    client = ApiClient(server.url)
    assert client.request(type_=models.InlineResponse2001, **terms).result is wanted.result is True
    seen = server.taken()
    assert (seen.method, seen.target, seen.headers["x-custom"]) == ("PUT", "/a/d%2Fe/c?wait=true", "1")
    assert (asked.method, asked.target, asked.headers["x-custom"]) == (seen.method, seen.target, "1")
    assert json.loads(seen.body) == json.loads(asked.body)
    assert client.request(type_=None, method="GET", url="a") is None
    assert server.taken().target == "/a"
    client.close()

    async def ask() -> Any:
        made = AsyncApiClient(server.url, headers={"api-key": "secret"})
        answer = await made.request(type_=models.InlineResponse2001, **terms)
        await made.aclose()
        return answer.result

    assert asyncio.run(ask()) is True
    assert server.taken().headers["api-key"] == "secret"


def test_options_are_those_of_a_connection(server: Server) -> None:
    apis = SyncApis(server.url + "/prefix", headers={"api-key": "secret"}, timeout=3)
    server.answer = (200, {}, b"{}")
    apis.collections_api.get_collections()
    seen = server.taken()
    assert (seen.target, seen.headers["api-key"]) == ("/prefix/collections", "secret")
    assert apis.client.host == server.url + "/prefix"
    apis.close()
    apis.close()
    with pytest.raises(ClosedError):
        apis.collections_api.get_collections()


# --- middleware


def test_middleware_sees_every_request_and_answer(server: Server) -> None:
    told: list[str] = []

    def outer(request: Any, call_next: Any) -> Any:
        request.headers["X-Custom"] = "1"
        response = call_next(request)
        told.append(f"outer {request.method} {request.url.path} {response.json()['result']}")
        return response

    def inner(request: Any, call_next: Any) -> Any:
        told.append(f"inner {request.headers['x-custom']} {request.content!r}")
        return call_next(request)

    with QdrantClient(url=server.url, check_compatibility=False) as client:
        for function in (inner, outer):
            client.http.client.add_middleware(function)
        server.answer = (200, {}, b'{"result": {"count": 3}}')
        assert client.count("docs").count == 3
    seen = server.taken()
    assert seen.headers["x-custom"] == "1"
    assert seen.body == b'{"exact":true}'
    assert told == ["inner 1 b'{\"exact\":true}'", "outer POST /collections/docs/points/count {'count': 3}"]


def test_middleware_may_answer_itself_and_send_something_else(server: Server) -> None:
    import httpx2

    def function(request: Any, call_next: Any) -> Any:
        if request.url.path.endswith("/count"):
            other = httpx2.Request("POST", request.url.copy_with(path="/elsewhere"), content=b"{}")
            return call_next(other)
        return httpx2.Response(418, content=b"tea")

    with QdrantClient(url=server.url, check_compatibility=False) as client:
        client.http.client.add_middleware(function)
        server.answer = (200, {}, b'{"result": {"count": 3}}')
        assert client.count("docs").count == 3
        assert server.taken().target == "/elsewhere"
        with pytest.raises(UnexpectedResponse) as failed:
            client.get_collections()
    assert (failed.value.status_code, failed.value.content) == (418, b"tea")
    assert server.seen == []


def test_asynchronous_middleware(server: Server) -> None:
    statuses = []

    async def function(request: Any, call_next: Any) -> Any:
        request.headers["X-Custom"] = "1"
        response = await call_next(request)
        statuses.append(response.status_code)
        return response

    async def main() -> Any:
        async with AsyncQdrantClient(url=server.url, check_compatibility=False) as client:
            client.http.client.add_middleware(function)
            return await client.count("docs")

    server.answer = (200, {}, b'{"result": {"count": 3}}')
    assert asyncio.run(main()).count == 3
    assert statuses == [200]
    assert server.taken().headers["x-custom"] == "1"


# --- where there is nothing to ask


def test_an_embedded_database_has_no_raw_api() -> None:
    with QdrantClient(":memory:") as client:
        for name in ("http", "grpc_points", "grpc_collections"):
            with pytest.raises(NotImplementedError, match="embedded database"):
                getattr(client, name)
    twin = AsyncQdrantClient(":memory:")
    with pytest.raises(NotImplementedError, match="embedded database"):
        _ = twin.http
    asyncio.run(twin.close())


def test_a_closed_client_has_none(server: Server) -> None:
    client = QdrantClient(url=server.url, check_compatibility=False)
    apis = client.http
    client.close()
    with pytest.raises(ClosedError):
        _ = client.http
    with pytest.raises(ClosedError):
        apis.collections_api.get_collections()
    twin = AsyncQdrantClient(url=server.url, check_compatibility=False)
    asyncio.run(twin.close())
    with pytest.raises(ClosedError):
        _ = twin.http


def test_a_real_server(tmp_path: Any) -> None:
    with served(tmp_path) as server, QdrantClient(url=server.url) as client:
        http = client.http
        config = models.CreateCollection(vectors=models.VectorParams(size=2, distance=models.Distance.DOT))
        assert http.collections_api.create_collection("docs", create_collection=config).result is True
        points = models.PointsList(points=[models.PointStruct(id=1, vector=[1.0, 2.0], payload={"a": 1})])
        stored = http.points_api.upsert_points("docs", wait=True, point_insert_operations=points)
        assert stored.result.status == models.UpdateStatus.COMPLETED
        assert http.points_api.get_point("docs", 1).result.payload == {"a": 1}
        found = http.search_api.query_points("docs", query_request=models.QueryRequest(query=[1.0, 0.0]))
        assert [point.score for point in found.result.points] == [1.0]
        assert http.service_api.healthz() == "healthz check passed"
        assert http.service_api.telemetry().result.app.version == client.info().version
        snapshot = http.snapshots_api.create_snapshot("docs", wait=True).result
        content = http.snapshots_api.get_snapshot("docs", snapshot.name)
        assert len(content) == snapshot.size
        assert http.snapshots_api.recover_from_uploaded_snapshot("copy", wait=True, snapshot=content).result is True
        assert client.count("copy").count == 1
