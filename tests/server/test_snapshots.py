"""Snapshots over REST: made, listed, downloaded, uploaded, recovered; and what may not be done with them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_servers import HttpServer

from quiverdb.engine.database import EngineDatabase
from quiverdb.server.serving import Server, serving
from quiverdb.server.settings import Service, Settings, Storage

COUNT = 50


@pytest.fixture(scope="module", params=["memory", "disk"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    where = ":memory:" if request.param == "memory" else tmp_path_factory.mktemp("data")
    with EngineDatabase.open(where) as database, serving(database) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for found in client.get("/collections").json()["result"]["collections"]:
            client.delete(f"/collections/{found['name']}")
        client.put("/collections/docs", json={"vectors": {"size": 2, "distance": "Dot"}}).raise_for_status()
        points = [{"id": i, "vector": [i, 1.0]} for i in range(COUNT)]
        client.put("/collections/docs/points?wait=true", json={"points": points}).raise_for_status()
        yield client


def count(http: httpx.Client, collection: str = "docs") -> int:
    return int(http.post(f"/collections/{collection}/points/count", json={}).json()["result"]["count"])


def exists(http: httpx.Client, collection: str) -> bool:
    return bool(http.get(f"/collections/{collection}/exists").json()["result"]["exists"])


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def empty(http: httpx.Client) -> None:
    http.post("/collections/docs/points/delete?wait=true", json={"filter": {}}).raise_for_status()
    assert count(http) == 0


def made(http: httpx.Client, owner: str) -> dict[str, Any]:
    return dict(http.post(f"{owner}/snapshots").json()["result"])


OWNERS = ["/collections/docs", "/collections/docs/shards/0", ""]


def form(content: Any, field: str = "snapshot") -> dict[str, Any]:
    return {field: ("any.snapshot", content, "application/octet-stream")}


@pytest.mark.parametrize("owner", OWNERS)
def test_a_snapshot_is_downloaded_whole_and_in_parts(http: httpx.Client, owner: str) -> None:
    snapshot = made(http, owner)
    path = f"{owner}/snapshots/{snapshot['name']}"
    whole = http.get(path)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"] == f'attachment; filename="{snapshot["name"]}"'
    assert len(whole.content) == snapshot["size"] == int(whole.headers["content-length"])
    assert hashlib.sha256(whole.content).hexdigest() == snapshot["checksum"]
    part = http.get(path, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{snapshot['size']}"
    assert http.get(path, headers={"range": "bytes=-5"}).content == whole.content[-5:]
    assert http.get(path, headers={"range": f"bytes={snapshot['size']}-"}).status_code == 416
    head = http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == snapshot["size"]
    assert http.delete(path).json()["result"] is True
    assert http.get(path).status_code == 404


@pytest.mark.parametrize("owner", OWNERS[:2])
@pytest.mark.parametrize("options", ["", "?wait=true&priority=snapshot", "?checksum={checksum}"])
def test_what_was_downloaded_is_uploaded_and_recovered(http: httpx.Client, owner: str, options: str) -> None:
    snapshot = made(http, owner)
    content = http.get(f"{owner}/snapshots/{snapshot['name']}").content
    empty(http)
    path = f"{owner}/snapshots/upload{options.format(**snapshot)}"
    answer = http.post(path, files=form(content))
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] is True
    assert count(http) == COUNT


def test_an_upload_may_create_its_collection(http: httpx.Client) -> None:
    snapshot = made(http, "/collections/docs")
    content = http.get(f"/collections/docs/snapshots/{snapshot['name']}").content
    assert http.post("/collections/copy/snapshots/upload", files=form(content)).status_code == 200
    assert count(http, "copy") == COUNT


def test_an_upload_that_nobody_waits_for_is_accepted_and_recovered_later(http: httpx.Client) -> None:
    snapshot = made(http, "/collections/docs")
    content = http.get(f"/collections/docs/snapshots/{snapshot['name']}").content
    answer = http.post("/collections/later/snapshots/upload?wait=false", files=form(content))
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    wait_for(lambda: exists(http, "later"))
    assert count(http, "later") == COUNT


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/collections/docs/snapshots?wait=false", 202),
        ("/collections/docs/shards/0/snapshots?wait=false", 202),
        ("/snapshots?wait=false", 202),
        ("/snapshots?wait=true", 200),
        ("/collections/docs/shards/1/snapshots", 404),
        ("/collections/none/snapshots", 404),
    ],
)
def test_who_does_not_wait_is_told_so(http: httpx.Client, path: str, status: int) -> None:
    answer = http.post(path)
    assert answer.status_code == status
    if status == 202:
        assert answer.json().keys() == {"status", "time"}


def test_the_snapshot_of_a_shard_is_streamed_and_not_kept(http: httpx.Client) -> None:
    before = http.get("/collections/docs/shards/0/snapshots").json()["result"]
    content = http.get("/collections/docs/shards/0/snapshot").content
    wait_for(lambda: http.get("/collections/docs/shards/0/snapshots").json()["result"] == before)
    empty(http)
    assert http.post("/collections/docs/shards/0/snapshots/upload", files=form(content)).status_code == 200
    assert count(http) == COUNT


def leftovers(server: Server) -> list[Path]:
    folder = getattr(server.core.database, "folder", None)
    return [] if folder is None else [path for path in Path(folder).rglob("*.new") if "upload" in path.name]


@pytest.mark.parametrize(
    ("files", "options", "error"),
    [
        (form(b"no snapshot"), "", ""),
        (form(b""), "", ""),
        (form(b"x", "file"), "", "no field 'snapshot'"),
        (form(None), "?checksum=" + "0" * 64, "checksum"),
        (form(None), "?priority=best", "priority"),
        (form(None), "?wait=perhaps", "wait must be"),
    ],
)
def test_a_wrong_upload_changes_nothing_and_leaves_nothing(
    server: Server, http: httpx.Client, files: dict[str, Any], options: str, error: str
) -> None:
    if (name := "snapshot") in files and files[name][1] is None:
        snapshot = made(http, "/collections/docs")
        files = form(http.get(f"/collections/docs/snapshots/{snapshot['name']}").content)
    answer = http.post(f"/collections/docs/snapshots/upload{options}", files=files)
    assert answer.status_code == 400, answer.text
    assert error.lower() in answer.json()["status"]["error"].lower()
    assert count(http) == COUNT
    assert leftovers(server) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="snapshot"\r\n\r\nabc'),
        ("multipart/form-data; boundary=" + "x" * 500, b""),
    ],
)
def test_what_is_no_form_is_refused(server: Server, http: httpx.Client, kind: str, body: bytes) -> None:
    answer = http.post("/collections/docs/snapshots/upload", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert leftovers(server) == []


def test_too_large_an_upload_is_refused() -> None:
    settings = Settings(service=Service(http_port=0, grpc_port=None), storage=Storage(max_snapshot_size_mb=1))
    with EngineDatabase.open(":memory:") as database, serving(database, settings) as server:
        answer = httpx.post(f"{server.url}/collections/a/snapshots/upload", files=form(bytes(2 << 20)))
        assert answer.status_code == 413


@pytest.mark.parametrize("name", ["..%2f..%2fmanifest.json", "manifest.json", "%2fetc%2fpasswd", "x.snapshot"])
@pytest.mark.parametrize("owner", OWNERS)
def test_names_of_snapshots_lead_nowhere_else(http: httpx.Client, owner: str, name: str) -> None:
    for method in ("GET", "DELETE"):
        assert http.request(method, f"{owner}/snapshots/{name}").status_code in (400, 404)


def test_a_snapshot_is_recovered_by_its_name(http: httpx.Client) -> None:
    snapshot = made(http, "/collections/docs")
    empty(http)
    answer = http.put("/collections/docs/snapshots/recover", json={"location": snapshot["name"]})
    assert answer.json()["result"] is True
    assert count(http) == COUNT


@pytest.mark.parametrize(
    ("location", "status"),
    [("/etc/passwd", 400), ("file:///etc/passwd", 403), ("http://127.0.0.1:1/x", 403), ("s3://bucket/x", 400)],
)
@pytest.mark.parametrize("wait", ["true", "false"])
def test_snapshots_are_not_recovered_from_anywhere(http: httpx.Client, location: str, status: int, wait: str) -> None:
    answer = http.put(f"/collections/docs/snapshots/recover?wait={wait}", json={"location": location})
    assert answer.status_code == status, answer.text
    assert count(http) == COUNT


@pytest.mark.parametrize("wait", ["true", "false"])
def test_a_snapshot_is_fetched_from_a_host_that_is_allowed(http: httpx.Client, wait: str) -> None:
    snapshot = made(http, "/collections/docs")
    content = http.get(f"/collections/docs/snapshots/{snapshot['name']}").content
    with HttpServer(lambda _: (200, {}, content)) as host, EngineDatabase.open(":memory:") as database:
        settings = Settings(
            service=Service(http_port=0, grpc_port=None),
            storage=Storage(recover_hosts=(host.url.removeprefix("http://"),)),
        )
        with serving(database, settings) as server, httpx.Client(base_url=server.url) as other:
            location = {"location": f"{host.url}/some.snapshot", "api_key": "secret", "checksum": snapshot["checksum"]}
            answer = other.put(f"/collections/copy/snapshots/recover?wait={wait}", json=location)
            assert answer.status_code == (200 if wait == "true" else 202), answer.text
            wait_for(lambda: exists(other, "copy"))
            assert count(other, "copy") == COUNT
        assert host.seen[0].headers["api-key"] == "secret"


def test_a_damaged_upload_tells_nothing_of_folders(tmp_path: Path) -> None:
    with EngineDatabase.open(tmp_path / "data") as database, serving(database) as server:
        answer = httpx.post(f"{server.url}/collections/new/snapshots/upload", files={"snapshot": b"x" * 9000})
        assert answer.status_code == 400
        assert "is damaged: nothing was changed" in answer.json()["status"]["error"]
        assert str(tmp_path) not in answer.text
        assert not any((tmp_path / "data/snapshots").iterdir())
