"""A server in front of another: what goes through it is answered as the other answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import httpx
import pytest
from qdrant_client import QdrantClient, models

import quiverdb
from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, Storage

POINTS = {"points": [{"id": i, "vector": [i, 1], "payload": {"n": i % 3}} for i in range(9)]}
CALLS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("PUT", "/collections/docs", {"vectors": {"size": 2, "distance": "Dot"}}),
    ("PUT", "/collections/docs", {"vectors": {"size": 2, "distance": "Dot"}}),
    ("PUT", "/collections/docs/points?wait=true", POINTS),
    ("PUT", "/collections/docs/points?wait=true", {"points": [{"id": 1, "vector": [1, 2, 3]}]}),
    ("PUT", "/collections/docs/index?wait=true", {"field_name": "n", "field_schema": "integer"}),
    ("POST", "/collections/aliases", {
        "actions": [{"create_alias": {"collection_name": "docs", "alias_name": "papers"}}]
    }),
    ("GET", "/aliases", None),
    ("POST", "/collections/papers/points/query", {"query": [1, 0], "limit": 2, "with_payload": True}),
    ("POST", "/collections/docs/points/query/batch", {"searches": [{"query": [1, 0]}, {"query": [0, 1], "limit": 1}]}),
    ("POST", "/collections/docs/points/query/groups", {"query": [1, 0], "group_by": "n", "group_size": 1}),
    ("POST", "/collections/docs/points/search", {"vector": [1, 0], "limit": 1}),
    ("POST", "/collections/docs/points/recommend", {"positive": [1], "limit": 1}),
    ("POST", "/collections/none/points/query", {"query": [1, 0]}),
    ("POST", "/collections/docs/points/query", {"query": [1, 0, 0]}),
    ("POST", "/collections/docs/points/query", {"query": [1, 0], "limit": 0}),
    ("POST", "/collections/docs/points/scroll", {"limit": 2}),
    ("POST", "/collections/docs/points/count", {"filter": {"must": [{"key": "n", "match": {"value": 1}}]}}),
    ("POST", "/collections/docs/facet", {"key": "n"}),
    ("POST", "/collections/docs/points", {"ids": [1, 99]}),
    ("GET", "/collections/docs/points/1", None),
    ("GET", "/collections/docs/points/99", None),
    ("POST", "/collections/docs/points/payload?wait=true", {"points": [1], "payload": {"n": 7}}),
    ("POST", "/collections/docs/points/delete?wait=true", {"points": [2]}),
    ("GET", "/collections/docs", None),
    ("GET", "/collections/docs/exists", None),
    ("GET", "/collections/docs/cluster", None),
    ("PUT", "/collections/docs/shards", {"shard_key": "a"}),
    ("GET", "/cluster", None),
    ("GET", "/collections/docs/snapshots", None),
    ("DELETE", "/collections/docs/snapshots/none.snapshot", None),
    ("DELETE", "/collections/docs", None),
    ("DELETE", "/collections/docs", None),
)  # fmt: skip


@pytest.fixture
def behind() -> Iterator[Server]:
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        yield server


@pytest.fixture
def gateway(behind: Server) -> Iterator[httpx.Client]:
    settings = Settings(service=Service(http_port=0, grpc_port=None), storage=Storage(backend=behind.url))
    with (
        quiverdb.open(f"qdrant://127.0.0.1:{behind.port}") as database,
        serving(database, settings) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Return what an answer says, besides how long it took, and when and by whom a collection was made."""
    body = {name: value for name, value in answer.json().items() if name != "time"}
    if isinstance(result := body.get("result"), dict):
        for name in ("peer_id", "created_at"):
            result.pop(name, None)
    return answer.status_code, body


def test_all_calls_go_through(gateway: httpx.Client) -> None:
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database) as alone,
        httpx.Client(base_url=alone.url, timeout=30) as direct,
    ):
        for method, path, body in CALLS:
            found, wanted = (told(client.request(method, path, json=body)) for client in (gateway, direct))
            assert found == wanted, (method, path)


def test_files_are_not_carried_through(gateway: httpx.Client) -> None:
    gateway.put("/collections/docs", json=CALLS[0][2]).raise_for_status()
    name = gateway.post("/collections/docs/snapshots").json()["result"]["name"]
    path = f"/collections/docs/snapshots/{name}"
    assert gateway.get(path).status_code == 501
    assert gateway.post("/collections/docs/snapshots/upload", files={"snapshot": b"x"}).status_code == 501
    assert gateway.delete(path).json()["result"] is True


def test_a_gateway_is_ready_while_the_server_behind_is() -> None:
    with ExitStack() as front, EngineDatabase.open(":memory:") as database:
        with serving(database) as behind:
            settings = Settings(service=Service(http_port=0, grpc_port=None), storage=Storage(backend=behind.url))
            remote = front.enter_context(quiverdb.open(f"qdrant://127.0.0.1:{behind.port}"))
            server = front.enter_context(serving(remote, settings))
            assert httpx.get(f"{server.url}/readyz").status_code == 200
        answer = httpx.get(f"{server.url}/readyz", timeout=30)
        assert (answer.status_code, answer.text) == (503, "the backend is not ready")
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert httpx.get(f"{server.url}/collections", timeout=30).status_code == 503


@pytest.mark.parametrize("prefer_grpc", ["true", "false"])
def test_calls_over_grpc_go_through(prefer_grpc: str) -> None:
    both = Settings(service=Service(http_port=0, grpc_port=0))
    with EngineDatabase.open(":memory:") as database, serving(database, both) as behind:
        place = f"qdrant://127.0.0.1:{behind.port}?grpc_port={behind.ports['grpc']}&prefer_grpc={prefer_grpc}"
        with quiverdb.open(place) as remote, serving(remote, both) as server:
            assert server.grpc_target == f"127.0.0.1:{server.ports['grpc']}"
            client = QdrantClient(
                url=server.url, grpc_port=server.ports["grpc"], prefer_grpc=True, check_compatibility=False
            )
            client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
            client.upsert("docs", [models.PointStruct(id=i, vector=[i, 1], payload={"n": None}) for i in range(5)])
            [found] = client.query_points("docs", [1.0, 0.0], limit=1).points
            assert (found.id, found.score, found.payload) == (4, 4.0, {"n": None})
            with pytest.raises(grpc.RpcError) as caught:
                client.query_points("none", [1.0, 0.0])
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
            assert caught.value.details() == "Not found: Collection `none` doesn't exist!"
            client.close()
