"""The official SDK, as it comes from PyPI and in a process of its own, in front of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vikingdb_rows
from serving import Served, served
from vikingdb_wire import Wire

FLOW = Path(__file__).parents[2] / "support" / "vikingdb_flow.py"
KEYS = [
    {"access_key": "AK", "secret_key": "SK=="},
    {"access_key": "LENT", "secret_key": "lent", "session_token": "STSTOKEN"},
    {"api_key": "key"},
]
WAYS = {
    "iam": ("iam", "AK", "SK=="),
    "sts": ("iam", "LENT", "lent", "STSTOKEN"),
    "api key": ("key", "key"),
}
ROWS = {row["id"]: {"tags": ["default"], **row} for row in vikingdb_rows.ROWS}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    flags = ("--vikingdb-port", "0", "--set", f"vikingdb.keys={json.dumps(KEYS)}")
    with served(tmp_path_factory.mktemp("served"), *flags) as server:
        with Wire(server.url, "AK", "SK==") as wire:
            wire.make()
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def flow(scheme: str, port: int | None, *who: str, once: bool = False, **variables: str) -> dict[str, Any]:
    command = [sys.executable, str(FLOW), "once" if once else "all", scheme, f"localhost:{port}", *who]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def hits(answer: dict[str, Any]) -> list[tuple[int, Any]]:
    return [(hit["id"], hit["score"]) for hit in answer["result"]["data"]]


def shown(*ids: int, without: tuple[str, ...] = ("vector", "terms")) -> list[dict[str, Any]]:
    return [{name: value for name, value in ROWS[number].items() if name not in without} for number in ids]


def check(told: dict[str, Any]) -> None:
    """Compare what came back with what the rows say."""
    assert told["upsert"]["request_id"] == "flow-1"
    assert told["upsert"]["result"] == {"token_usage": {}, "ids": [1, 2, -3]}
    assert told["update"]["result"]["ids"] == [1]
    first = {**ROWS[1], "score": 73.25}
    assert told["fetch"]["result"] == {
        "items": [{"id": 1, "fields": first}, {"id": -3, "fields": ROWS[-3]}],
        "ids_not_exist": [99],
    }
    found = told["fetch in index"]["result"]["items"]
    assert found == [{
        "id": 2, "fields": {"title": "演示"}, "dense_dim": 4, "dense_vector": [0.0, 1.0, 0.0, 0.0],
        "sparse_vector": {"signal": 0.5},
    }]  # fmt: skip
    assert hits(told["vector"]) == [(1, 1.0), (2, 0.5)]
    assert [hit["fields"]["title"] for hit in told["vector"]["result"]["data"]] == ["orientation", "演示"]
    assert hits(told["filtered"]) == [(2, 0.5), (-3, 0.25)]
    assert [hit["fields"] for hit in told["filtered"]["result"]["data"]] == [{"title": "演示"}, {"title": "tuning"}]
    assert hits(told["hybrid"]) == [(-3, 0.5 * 1 + 0.5 * 2), (2, 0.5 * 1), (1, 0.0)]
    assert [hit["id"] for hit in told["id"]["result"]["data"]] == [2]
    assert hits(told["scalar"]) == [(1, 73.25), (2, 88.4), (-3, 92.65)]
    assert len(hits(told["random"])) == 2
    assert {number for number, _ in hits(told["random, unasked"])} == {1, 2, -3}
    assert [hit["fields"] for hit in told["keywords"]["result"]["data"]] == [
        {"text": "tune signal and signal"}, {"text": "retrieve the signal"},
    ]  # fmt: skip
    assert told["aggregate"]["result"] == {"op": "count", "field": "paragraph", "agg": {"7": 2}}
    assert told["total"]["result"]["agg"] == {"__TOTAL__": 3}
    ids = [told[f"text {number}"]["result"]["ids"][0] for number in range(3)]
    assert len(set(ids)) == 3
    assert [number for number, _ in hits(told["multi modal"])] == [ids[1]]
    assert {number for number, _ in hits(told["semantic"])} == set(ids[:2])
    embedded = told["embedding"]["result"]["data"][0]
    assert (len(embedded["dense"]), bool(embedded["sparse"])) == (1024, True)
    assert told["rerank"]["result"]["data"][0]["id"] == 2
    refused = {name: (answer["status"], answer["error"]) for name, answer in told.items() if "error" in answer}
    assert refused == {
        "no collection": (404, "NotFound.VikingdbCollection"),
        "no index": (404, "NotFound.VikingdbIndex"),
        "bad vector": (400, "InvalidParameter"),
        "unknown field": (400, "InvalidParameter"),
        "not a number": (400, "InvalidParameter"),
    }
    assert told["after failures"]["result"]["items"] == [{"id": 1, "fields": first}]
    assert told["deleted"]["result"]["ids_not_exist"] == [1]
    assert (told["empty"]["result"]["data"], told["empty"]["result"]["total_return_count"]) == ([], 0)


@pytest.mark.parametrize("way", WAYS)
def test_every_method(running: Served, way: str) -> None:
    check(flow("http", running.port if way == "iam" else running.vikingdb_port, *WAYS[way]))


def test_wrong_secrets_are_told_of(running: Served) -> None:
    for who in (("iam", "AK", "guess"), ("key", "guess")):
        told = flow("http", running.port, *who, once=True)["once"]
        assert told["status"] == 401
        assert told["error"] in ("SignatureDoesNotMatch", "InvalidCredential")


def test_over_tls(tmp_path: Path) -> None:
    """The SDK trusts what ``REQUESTS_CA_BUNDLE`` names, and nothing else."""
    folder = tmp_path / "tls"
    with served(tmp_path, "--tls-self-signed", str(folder)) as server:
        bundle = {"REQUESTS_CA_BUNDLE": str(folder / "ca.pem")}
        with Wire(f"https://localhost:{server.port}", authority=str(folder / "ca.pem")) as wire:
            wire.make()
        check(flow("https", server.port, "iam", "any", "any", **bundle))
        with pytest.raises(AssertionError, match="CERTIFICATE_VERIFY_FAILED"):
            flow("https", server.port, "iam", "any", "any")


def test_the_control_plane_of_the_cloud(running: Served) -> None:
    command = [sys.executable, str(FLOW.with_name("vikingdb_console.py")), f"127.0.0.1:{running.port}", "AK", "SK=="]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    resource = told["create"]["resource_id"]
    assert told["create again"]["Code"] == "AlreadyExists.VikingdbCollection"
    got = told["get"]
    assert (got["description"], got["index_names"], got["resource_id"]) == ("made", ["by_console"], resource)
    assert [(one["field_name"], one["field_type"], one["default_value"], one["dim"]) for one in got["fields"]] == [
        ("id", "int64", None, None), ("price", "float32", 1.5, None), ("vector", "vector", None, 8),
    ]  # fmt: skip
    assert [one["resource_id"] for one in told["list"]["collections"]] == [resource]
    index = told["get index"]
    assert [one["field_name"] for one in index["scalar_index"]] == ["price"]
    assert {name: index["vector_index"][name] for name in ("distance", "quant", "hnsw_m")} == {
        "distance": "cosine", "quant": "int8", "hnsw_m": 16,
    }  # fmt: skip
    assert [one["index_name"] for one in told["list indexes"]["indexes"]] == ["by_console"]
    for name in ("create index", "update", "update index", "disable", "enable", "delete index", "delete"):
        assert told[name]["message"] == "success", name
    assert (told["delete too early"]["status"], told["delete too early"]["Code"]) == (
        403, "OperationDenied.VikingdbCollection",
    )  # fmt: skip
    assert (told["get deleted"]["status"], told["get deleted"]["Code"]) == (404, "NotFound.VikingdbCollection")
