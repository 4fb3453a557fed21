"""Every route and every remote procedure asks who is there: all are tried by all whom none or few may let in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import httpx
import jwt
import pytest
from rest_routes import NAMES, ROUTES

from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings
from quiverdb.wire.messages import SERVICES

KEY = "k" * 32
ELSEWHERE = jwt.encode({"access": [{"collection": "other", "access": "rw"}]}, KEY, "HS256")
"""A token for a collection that no request is about."""
READER_HERE = jwt.encode({"access": [{"collection": "docs", "access": "r"}]}, KEY, "HS256")

OPEN_PATHS = {"/", "/healthz", "/livez", "/readyz"}
FOR_ALL_PATHS = {"/collections", "/aliases", "/telemetry", "/cluster/telemetry", "/issues", "/openapi.json"}
"""What whoever has a key or token may read."""
READING_POSTS = (
    "/points", "/scroll", "/count", "/facet", "/query", "/batch", "/groups", "/pairs", "/offsets", "/search",
    "/recommend", "/discover",
)  # fmt: skip
FOR_WRITERS = {"/points/batch", "/collections/{collection_name}/shards/{shard_id}/snapshot"}
"""Paths that look like those that only read."""

OPEN_METHODS = {"/qdrant.Qdrant/HealthCheck", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}
READING_METHODS = (
    "Get", "List", "Scroll", "Count", "Query", "Facet", "Search", "Recommend", "Discover", "CollectionExists",
    "CollectionClusterInfo", "ServerReflectionInfo",
)  # fmt: skip


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    service = Service(http_port=0, grpc_port=0, api_key=KEY, read_only_api_key="reader", jwt_rbac=True)
    with EngineDatabase.open(":memory:") as database, serving(database, Settings(service=service)) as server:
        client = httpx.Client(base_url=server.url, headers={"api-key": KEY})
        for name in ("docs", "other", "secret"):
            client.put(f"/collections/{name}", json={"vectors": {"size": 1, "distance": "Dot"}}).raise_for_status()
        client.close()
        yield server


def reads(method: str, path: str) -> bool:
    """Tell by its look whether a route changes nothing."""
    if any(path.endswith(one) for one in FOR_WRITERS):
        return False
    return method == "GET" or (method == "POST" and path.endswith(READING_POSTS))


def status(server: Server, method: str, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, server.url + path.format_map(NAMES), headers=named, json={}).status_code


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_is_left_unlocked(locked: Server, method: str, path: str) -> None:
    if path in OPEN_PATHS:
        assert status(locked, method, path) == 200
        return
    assert status(locked, method, path) == 401
    assert status(locked, method, path, api_key="guess") == 401
    assert status(locked, method, path, authorization=f"Bearer {ELSEWHERE[:-4]}AAAA") in (401, 403)
    reader = status(locked, method, path, api_key="reader")
    assert (reader not in (401, 403)) if reads(method, path) else (reader == 403)
    stranger = status(locked, method, path, api_key=ELSEWHERE)
    assert (stranger == 200) if method == "GET" and path in FOR_ALL_PATHS else (stranger == 403)
    if not reads(method, path):
        assert status(locked, method, path, api_key=READER_HERE) == 403


def test_all_routes_are_tried(locked: Server) -> None:
    steps, served = [locked.qdrant.router._root], set()
    while steps:
        step = steps.pop()
        steps += step.steps.values()
        served |= {(method, route.path) for method, (route, _) in step.ends.items()}
    assert served - set(ROUTES) == {("GET", "/openapi.json")}
    assert status(locked, "GET", "/openapi.json") == 401
    assert status(locked, "GET", "/openapi.json", api_key=ELSEWHERE) == 200


PROCEDURES = [
    f"/{service if '.' in service else f'qdrant.{service}'}/{method}"
    for service, methods in SERVICES.items()
    for method in methods
]
FOR_ALL_PROCEDURES = {
    "/qdrant.Collections/List", "/qdrant.Collections/ListAliases",
    *(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")),
}  # fmt: skip


def code(server: Server, path: str, **metadata: str) -> grpc.StatusCode:
    """Call a procedure with a message that holds the name of a collection and nothing else."""
    _, service, method = path.split("/")
    message = SERVICES[service.removeprefix("qdrant.")][method].request()
    with suppress(AttributeError):
        message.collection_name = "docs"
    pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
    with grpc.insecure_channel(server.grpc_target) as channel:
        raw = message.SerializeToString()
        try:
            if "reflection" in service:
                list(channel.stream_stream(path)(iter([raw]), metadata=pairs, timeout=20))
            elif method == "Watch":
                next(iter(channel.unary_stream(path)(raw, metadata=pairs, timeout=20)))
            else:
                channel.unary_unary(path)(raw, metadata=pairs, timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("path", PROCEDURES)
def test_no_procedure_is_left_unlocked(locked: Server, path: str) -> None:
    if path in OPEN_METHODS:
        assert code(locked, path) == grpc.StatusCode.OK
        return
    refused = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
    assert code(locked, path) == grpc.StatusCode.UNAUTHENTICATED
    assert code(locked, path, api_key="guess") == grpc.StatusCode.UNAUTHENTICATED
    reader = code(locked, path, api_key="reader")
    if path.split("/")[2].startswith(READING_METHODS):
        assert reader not in refused
    else:
        assert reader == grpc.StatusCode.PERMISSION_DENIED
        assert code(locked, path, api_key=READER_HERE) == grpc.StatusCode.PERMISSION_DENIED
    stranger = code(locked, path, api_key=ELSEWHERE)
    assert stranger == (grpc.StatusCode.OK if path in FOR_ALL_PROCEDURES else grpc.StatusCode.PERMISSION_DENIED)


# --- other collections, by whatever way a request names them


SECRET = {"lookup_from": {"collection": "secret"}, "query": 1}
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("query", SECRET),
    ("query", {"prefetch": SECRET, "query": {"fusion": "rrf"}}),
    ("query", {"prefetch": [{"prefetch": [{"prefetch": SECRET}]}], "query": [1.0]}),
    ("query/batch", {"searches": [{"query": [1.0]}, SECRET]}),
    ("query/groups", {"group_by": "a", "query": [1.0], "with_lookup": "secret"}),
    ("query/groups", {"group_by": "a", "query": [1.0], "with_lookup": {"collection": "secret"}}),
    ("query/groups", {"group_by": "a", **SECRET}),
    ("search/groups", {"group_by": "a", "vector": [1.0], "limit": 1, "group_size": 1, "with_lookup": "secret"}),
    ("recommend", {"positive": [1], "limit": 1, "lookup_from": {"collection": "secret"}}),
    ("recommend/batch", {"searches": [{"positive": [1], "limit": 1, "lookup_from": {"collection": "secret"}}]}),
    ("recommend/groups", {
        "positive": [1], "limit": 1, "group_by": "a", "group_size": 1, "lookup_from": {"collection": "secret"}
    }),
    ("discover", {"target": 1, "limit": 1, "lookup_from": {"collection": "secret"}}),
    ("discover/batch", {"searches": [{"target": 1, "limit": 1, "lookup_from": {"collection": "secret"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), NAMING, ids=lambda value: value if isinstance(value, str) else "")
def test_no_request_looks_things_up_where_its_token_does_not_reach(
    locked: Server, path: str, body: dict[str, Any]
) -> None:
    url = f"{locked.url}/collections/other/points/{path}"
    answer = httpx.post(url, json=body, headers={"api-key": ELSEWHERE})
    assert (answer.status_code, answer.json()["status"]["error"]) == (
        403, "Forbidden: Access to collection secret is required"
    )  # fmt: skip
    for key in (KEY, "reader"):
        assert httpx.post(url, json=body, headers={"api-key": key}).status_code != 403


def test_no_message_looks_things_up_where_its_token_does_not_reach(locked: Server) -> None:
    points = SERVICES["Points"]
    lookup: dict[str, Any] = {"collection_name": "secret"}
    nearest = {"nearest": {"id": {"num": 1}}}
    one = {"collection_name": "other", "query": nearest, "lookup_from": lookup}
    inner = {"query": nearest, "lookup_from": lookup}
    groups = {"collection_name": "other", "group_by": "a", "limit": 1, "group_size": 1}
    liked = {"collection_name": "other", "positive": [{"num": 1}], "limit": 1, "lookup_from": lookup}
    for method, fields in (
        ("Query", one),
        ("Query", {"collection_name": "other", "prefetch": [{"prefetch": [inner]}]}),
        ("QueryBatch", {"collection_name": "other", "query_points": [one]}),
        ("QueryGroups", {**groups, "query": nearest, "with_lookup": {"collection": "secret"}}),
        ("QueryGroups", {**groups, "query": nearest, "lookup_from": lookup}),
        ("QueryGroups", {**groups, "prefetch": [inner]}),
        ("SearchGroups", {**groups, "vector": [1.0], "with_lookup": {"collection": "secret"}}),
        ("Recommend", liked),
        ("RecommendBatch", {"collection_name": "other", "recommend_points": [liked]}),
        ("RecommendGroups", {**groups, **liked}),
        ("Discover", {"collection_name": "other", "limit": 1, "lookup_from": lookup, "target": {
            "single": {"id": {"num": 1}}
        }}),
    ):  # fmt: skip
        raw = points[method].request(**fields).SerializeToString()
        with grpc.insecure_channel(locked.grpc_target) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/qdrant.Points/{method}")(raw, metadata=[("api-key", ELSEWHERE)], timeout=20)
        assert (caught.value.code(), caught.value.details()) == (
            grpc.StatusCode.PERMISSION_DENIED, "Forbidden: Access to collection secret is required"
        ), method  # fmt: skip


def test_a_batch_is_about_the_collection_of_the_whole(locked: Server) -> None:
    """What the requests in a batch say of their collection is none of the question, as at Qdrant."""
    inside = {"collection_name": "secret", "query": {"nearest": {"dense": {"data": [1.0]}}}}
    kind = SERVICES["Points"]["QueryBatch"]
    httpx.put(
        f"{locked.url}/collections/secret/points?wait=true",
        json={"points": [{"id": 77, "vector": [1.0]}]}, headers={"api-key": KEY},
    ).raise_for_status()  # fmt: skip
    raw = kind.request(
        collection_name="other", query_points=[{**inside, "query": {"nearest": {"dense": {"data": [1.0]}}}}]
    )
    with grpc.insecure_channel(locked.grpc_target) as channel:
        call = channel.unary_unary("/qdrant.Points/QueryBatch", response_deserializer=kind.reply.FromString)
        reply = call(raw.SerializeToString(), metadata=[("api-key", ELSEWHERE)], timeout=20)
    assert [len(batch.result) for batch in reply.result] == [0]
