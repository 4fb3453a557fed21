"""What the server tells of itself, to whom, and what it takes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from qdrant_client.http import models as official
from qdrant_client.http.api_client import SyncApis

from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import CorruptionError
from quiverdb.server import quotas
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings

DOCS = {"vectors": {"size": 2, "distance": "Dot"}, "sparse_vectors": {"s": {}}}


@pytest.fixture(autouse=True)
def docs(http: httpx.Client) -> None:
    http.put("/quotas", json={"enabled": False})
    http.delete("/collections/docs")
    http.put("/collections/docs", json=DOCS).raise_for_status()


@pytest.fixture(scope="module")
def apis(server: Server) -> Iterator[SyncApis]:
    apis = SyncApis(server.url, timeout=30)
    yield apis
    apis.close()


def test_clients_learn_the_version(http: httpx.Client) -> None:
    told = http.get("/").json()
    assert told["title"] == "qdrant - vector search engine"
    assert told["version"] == "1.20.0"
    assert "result" not in told


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/healthz", "healthz check passed"),
        ("/livez", "healthz check passed"),
        ("/readyz", "all shards are ready"),
    ],
)
def test_health(http: httpx.Client, path: str, text: str) -> None:
    answer = http.get(path)
    assert answer.text == text
    assert answer.headers["content-type"].startswith("text/plain")


def test_metrics_count_answers_by_route(http: httpx.Client) -> None:
    http.get("/collections/docs")
    http.get("/collections/none")
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    route = 'method="GET",endpoint="/collections/{collection_name}"'
    assert any(line.startswith(f'rest_responses_total{{{route},status="200"}}') for line in lines)
    assert any(line.startswith(f'rest_responses_total{{{route},status="404"}}') for line in lines)
    assert "collections_total 1" in lines


def test_the_official_client_reads_the_telemetry(apis: SyncApis) -> None:
    for level in (0, 1, 3):
        told = apis.service_api.telemetry(details_level=level).result
        assert told.app.version == "1.20.0"
        assert told.collections.number_of_collections == 1
        assert bool(told.collections.collections) == (level > 0)
        assert told.requests.rest.responses
    assert told.collections.collections[0].params.vectors.size == 2


def test_details_must_be_a_number(http: httpx.Client) -> None:
    answer = http.get("/telemetry?details_level=much")
    assert answer.status_code == 400
    assert "details_level" in answer.json()["status"]["error"]


def test_there_are_no_issues(apis: SyncApis) -> None:
    assert apis.beta_api.get_issues() == {"issues": []}
    assert apis.beta_api.clear_issues().result is True


def test_the_official_client_sets_quotas(apis: SyncApis, http: httpx.Client) -> None:
    assert apis.service_api is not None
    config = official.QuotaConfig(enabled=True, max_resident_memory_percent=100, max_disk_usage_percent=100)
    assert http.put("/quotas", json=config.model_dump(exclude_none=True)).json()["result"] is True
    status = official.QuotaStatus(**http.get("/quotas").json()["result"])
    assert status.config.max_resident_memory_percent == 100
    assert 0 <= status.usage.resident_memory_percent <= 100


def test_an_exceeded_quota_stops_what_grows_and_nothing_else(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = [80]
    monkeypatch.setattr(quotas, "resident_percent", lambda: used[0])
    monkeypatch.setattr(quotas, "_FRESH", 0.0)
    limits = {"enabled": True, "max_resident_memory_percent": 70, "release_margin_percent": 10}
    http.put("/quotas", json=limits).raise_for_status()
    point = {"points": [{"id": 1, "vector": {}}]}

    def statuses() -> list[int]:
        return [
            http.put("/collections/docs/points?wait=true", json=point).status_code,
            http.post("/collections/docs/points/delete", json={"points": [1]}).status_code,
            http.post("/collections/docs/points/count", json={}).status_code,
        ]

    assert statuses() == [507, 200, 200]
    assert http.get("/telemetry").json()["result"]["quota"]["exceeded"]["resident_memory"] is True
    used[0] = 65
    assert statuses() == [507, 200, 200]  # not yet less by the margin
    used[0] = 60
    assert statuses() == [200, 200, 200]
    used[0] = 69
    assert statuses() == [200, 200, 200]


@pytest.mark.parametrize("config", [{"max_disk_usage_percent": 101}, {"enabled": "no way"}, {"other": 1}, [], None])
def test_senseless_quotas_are_refused(http: httpx.Client, config: object) -> None:
    assert http.put("/quotas", json=config).status_code in (400, 422)
    assert http.get("/quotas").json()["result"]["config"] == {"enabled": False}


def test_quotas_of_a_folder_outlive_the_server(tmp_path: object) -> None:
    limits = {"enabled": True, "max_disk_usage_percent": 99}
    for _ in range(2):
        with EngineDatabase.open(str(tmp_path)) as database, serving(database) as server:
            if _ == 0:
                httpx.put(f"{server.url}/quotas", json=limits).raise_for_status()
            told = httpx.get(f"{server.url}/quotas").json()["result"]
            assert told["config"] == limits
            assert told["usage"]["disk_usage_percent"] > 0


@pytest.fixture(scope="module")
def locked() -> Iterator[httpx.Client]:
    """A server with keys, and a client that has none."""
    settings = Settings(service=Service(http_port=0, grpc_port=None, api_key="whole", read_only_api_key="reader"))
    with (
        EngineDatabase.open(":memory:") as database,
        serving(database, settings) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        client.put("/collections/docs", json=DOCS, headers={"api-key": "whole"}).raise_for_status()
        yield client


@pytest.mark.parametrize(
    ("method", "path", "without", "reader", "whole"),
    [
        ("GET", "/", 200, 200, 200),
        ("GET", "/healthz", 200, 200, 200),
        ("GET", "/collections", 401, 200, 200),
        ("POST", "/collections/docs/points/count", 401, 200, 200),
        ("POST", "/collections/docs/points/delete", 401, 403, 200),
        ("PUT", "/collections/docs/index", 401, 403, 400),
        ("GET", "/metrics", 401, 200, 200),
        ("GET", "/openapi.json", 401, 200, 200),
        ("PUT", "/quotas", 401, 403, 200),
        ("GET", "/nowhere", 401, 404, 404),
        ("PATCH", "/collections", 401, 405, 405),
        ("POST", "/collections/docs/snapshots/upload", 401, 403, 400),
        ("GET", "/snapshots/x.snapshot", 401, 404, 404),
    ],
)
def test_keys_open_routes(locked: httpx.Client, method: str, path: str, without: int, reader: int, whole: int) -> None:
    body = {"points": []} if path.endswith("delete") else {}
    statuses = [
        locked.request(method, path, json=body, headers=headers).status_code
        for headers in ({}, {"api-key": "reader"}, {"authorization": "Bearer whole"})
    ]
    assert statuses == [without, reader, whole]


def test_who_is_not_let_in_is_told_in_plain_text(locked: httpx.Client) -> None:
    answer = locked.get("/collections")
    assert answer.text == "Must provide an API key or an Authorization bearer token"
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path", [f"/telemetry?details_level={'9' * 5000}", f"/collections/none/points/{'9' * 5000}"]
)  # fmt: skip
def test_numbers_without_end_are_wrong_input(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in (400, 404)
    assert "error" in answer.json()["status"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"enabled": "perhaps"}'])
def test_damaged_quotas_are_told_of_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "quotas.json").write_bytes(content)
    with pytest.raises(CorruptionError, match=r"quotas\.json holds no quotas"):
        quotas.Quotas(tmp_path)
