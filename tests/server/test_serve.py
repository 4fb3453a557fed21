"""``quiverdb serve`` in a process of its own, asked by the official client."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
import qdrant_client
from qdrant_client import models
from serving import served


def test_the_official_client_finds_what_it_stored(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        client = qdrant_client.QdrantClient(url=server.url, check_compatibility=False)
        client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("docs", [models.PointStruct(id=i, vector=[i, 1.0], payload={"n": i}) for i in range(5)])
        found = client.query_points("docs", [1.0, 0.0], limit=2).points
        assert [(point.id, point.score, point.payload) for point in found] == [(4, 4.0, {"n": 4}), (3, 3.0, {"n": 3})]
        client.close()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_everything_acknowledged_is_kept(tmp_path: Path, sign: int) -> None:
    data = tmp_path / "data"
    with served(tmp_path, data=data) as server:
        body = {"vectors": {"size": 2, "distance": "Dot"}}
        httpx.put(f"{server.url}/collections/docs", json=body).raise_for_status()
        points = [{"id": i, "vector": [i, 1]} for i in range(100)]
        httpx.put(f"{server.url}/collections/docs/points", json={"points": points}).raise_for_status()
        assert server.stop(sign) == 0
    with served(tmp_path, data=data) as server:
        answer = httpx.post(f"{server.url}/collections/docs/points/count", json={}).json()
        assert answer["result"] == {"count": 100}
