"""``quiverdb serve``: settings from flags, files and the environment; what is wrong is told in one line."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from cosdata_calls import token
from serving import served
from typer.testing import CliRunner

from quiverdb.cli.app import app

DOCS = {"vectors": {"size": 2, "distance": "Dot"}}


def refusal(*arguments: str) -> str:
    """What the command says when it does not even begin."""
    result = CliRunner().invoke(app, ["serve", "--data", ":memory:", *arguments])
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "service.api_key"),
        (["--set", "service.enable_cors"], "--set takes KEY=VALUE"),
        (["--set", "service.enable_corse=true"], "did you mean service.enable_cors?"),
        (["--set", "service.enable_cors=perhaps"], "service.enable_cors has a wrong value"),
        (["--config", "/nowhere.toml"], "cannot be read"),
        (["--tls-cert", "/nowhere.pem"], "tls.key must name a file"),
        (["--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.pem"], "cannot be read"),
        (["--port", "99999"], "service.http_port has a wrong value"),
        (["--port", "7000", "--cosdata-port", "7000"], "cosdata.port is 7000, which service.http_port is too"),
        (["--set", "cluster.enabled=true"], "not supported by this server"),
    ],
)
def test_wrong_settings_are_told_in_one_line(arguments: list[str], told: str) -> None:
    assert told in refusal(*arguments)


def test_a_taken_port_and_a_taken_folder_are_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert "in use" in refusal("--port", str(other.getsockname()[1]), "--grpc-port", "0")
    with served(tmp_path, data=tmp_path / "data"):
        assert "another process" in refusal("--data", str(tmp_path / "data"), "--port", "0", "--grpc-port", "0")


def test_flags_go_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[service]\napi_key = "of the file"\nread_only_api_key = "reader"\nmetrics_prefix = "file_"\n')
    monkeypatch.setenv("QDRANT__SERVICE__API_KEY", "of the environment")
    monkeypatch.setenv("QUIVERDB__SERVICE__METRICS_PREFIX", "ours_")
    with served(tmp_path, "--config", str(file), "--api-key", "of the flag") as server:
        for key, status in {"of the file": 401, "of the environment": 401, "reader": 200, "of the flag": 200}.items():
            assert httpx.get(f"{server.url}/collections", headers={"api-key": key}).status_code == status
        text = httpx.get(f"{server.url}/metrics", headers={"api-key": "reader"}).text
        assert "ours_collections_total 0" in text
        assert server.stop() == 0
        assert "of the flag" not in server.log.read_text()
        assert server.url in server.log.read_text()


def test_cosdata_may_have_a_port_of_its_own(tmp_path: Path) -> None:
    with served(tmp_path, "--cosdata-port", "0", "--set", "cosdata.password=asdfg") as server:
        alone = f"http://127.0.0.1:{server.cosdata_port}"
        assert f"{server.url} and 127.0.0.1:{server.grpc_port} and {alone};" in server.log.read_text()
        headers = {"authorization": f"Bearer {token(alone, 'asdfg')}"}  # good for both
        for url in (alone, server.url):
            assert httpx.get(f"{url}/vectordb/nowhere", headers=headers).status_code == 404
            assert httpx.get(f"{url}/vectordb/nowhere").status_code == 401
        for path in ("/", "/healthz", "/collections", "/metrics"):
            answer = httpx.get(f"{alone}{path}")
            assert (answer.status_code, answer.content) == (404, b"")
            assert httpx.get(f"{server.url}{path}").status_code == 200
        assert 'cosdata_responses_total{method="POST",endpoint="/auth/create-session",status="200"} 1' in (
            httpx.get(f"{server.url}/metrics").text
        )
        assert server.stop() == 0
        assert "asdfg" not in server.log.read_text()
    with served(tmp_path) as server:
        assert server.cosdata_port is None


def test_a_taken_port_for_cosdata_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"{port}: " in refusal("--port", "0", "--grpc-port", "0", "--cosdata-port", port)


def test_it_speaks_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    mine = ca.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.private_key_pem.write_to_path(key)
    for part in mine.cert_chain_pems:
        part.write_to_path(cert, append=True)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    with served(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key), "--cosdata-port", "0") as server:
        about = f"https://127.0.0.1:{server.cosdata_port}/api-docs/openapi.json"
        assert httpx.get(about, verify=trusting).status_code == 200
        assert httpx.get(f"https://127.0.0.1:{server.port}/healthz", verify=trusting).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://127.0.0.1:{server.port}/healthz")
        assert f"https://127.0.0.1:{server.port}" in server.log.read_text()


def test_a_server_can_stand_before_another(tmp_path: Path) -> None:
    """What is asked of a gateway is done by the server behind it, and its refusals are passed on."""
    (tmp_path / "gateway").mkdir()
    with (
        served(tmp_path) as behind,
        served(tmp_path / "gateway", "--backend", behind.url) as gateway,
        httpx.Client(base_url=gateway.url, timeout=30) as http,
    ):
        http.put("/collections/docs", json=DOCS).raise_for_status()
        points = [{"id": i, "vector": [i, 1.0], "payload": {"n": i}} for i in range(5)]
        http.put("/collections/docs/points?wait=true", json={"points": points}).raise_for_status()
        body = {"query": [1, 0], "limit": 2, "with_payload": True}
        answers = [
            httpx.post(f"{url}/collections/docs/points/query", json=body).json()["result"]
            for url in (gateway.url, behind.url)
        ]
        assert answers[0] == answers[1]
        assert [point["id"] for point in answers[0]["points"]] == [4, 3]
        refused = http.post("/collections/docs/points/query", json={"query": [1.0]})
        assert refused.status_code == 400
        assert refused.json()["status"]["error"] == "Wrong input: Vector dimension error: expected dim: 2, got 1"
        assert http.post("/collections/none/points/count", json={}).status_code == 404
        assert behind.stop() == 0
        assert http.get("/healthz").status_code == 200
        assert http.post("/collections/docs/points/count", json={}).status_code == 503
