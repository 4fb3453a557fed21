"""The official JavaScript client in front of ``quiverdb serve``.

It is installed with npm into ``.cache`` in the checkout, once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serving import served

PACKAGE = "@qdrant/js-client-rest"
CACHE = Path(__file__).parents[2] / ".cache" / "javascript"
UUID = "550e8400-e29b-41d4-a716-446655440000"


def run(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the client got, flow by flow."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are needed to run the JavaScript client; neither belongs to Python's packages")
    if not (CACHE / "node_modules" / PACKAGE).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        run(npm, "install", "--prefix", CACHE, "--no-audit", "--no-fund", "--no-save", PACKAGE)
    with served(tmp_path_factory.mktemp("served")) as server:
        return json.loads(run(node, Path(__file__).with_name("flows.cjs"), CACHE, server.url))


def test_the_version_is_one_that_the_client_works_with(told: Any) -> None:
    assert told["version"] == "1.20.0"


def test_collections(told: Any) -> None:
    assert told["collection"] == {
        "before": False,
        "created": True,
        "index": "completed",
        "after": True,
        "vectors": {"size": 2, "distance": "Dot"},
        "schema": ["n"],
        "listed": ["from javascript"],
    }


def test_upsert(told: Any) -> None:
    assert told["upsert"] == {"statuses": ["completed", "completed"], "count": 7}


def test_query(told: Any) -> None:
    vectors = {n: {"": [n, 1], "words": {"indices": [n, 9], "values": [1, 0.5]}} for n in (4, 3, 2)}
    nearest = [{"id": n, "score": n, "payload": {"n": n}, "vector": vector} for n, vector in vectors.items()]
    assert told["query"] == {
        "nearest": nearest,
        "fused": [2],
        "groups": [["blue", [4]], ["red", [3]], ["green", [UUID]]],
        "batch": [[4], [10]],
        "legacy": [4, 3],
        "recommended": [4, 3],
    }


def test_scroll(told: Any) -> None:
    assert told["scroll"] == {"pages": [[1, 2, 3], [4, 10, 11], [UUID]], "ordered": [[4, 4], [3, 3]]}


def test_filters(told: Any) -> None:
    assert told["filter"] == {
        "red": [1, 3, 10],
        "range": [2, 3],
        "any": [2, 4],
        "not": [2, 4],
        "geo": [1, 2],
        "ids": [1, UUID],
        "facet": [{"value": n, "count": 1} for n in (1, 2, 3, 4)],
    }


def test_changes(told: Any) -> None:
    assert told["change"]["one"] == {"n": 1, "colour": "red", "seen": True}
    assert told["change"]["two"] == {"only": 1}
    assert told["change"]["three"][""] == [7, 7]
    assert told["change"]["three"]["words"] == {"indices": [3, 9], "values": [1, 0.5]}


def test_deletions(told: Any) -> None:
    assert told["delete"] == {"left": [2, 4, 11], "aliased": 3, "deleted": True, "again": False}


@pytest.mark.parametrize(
    ("flow", "status", "text"),
    [
        ("missing", 404, "Not found: Collection `no such thing` doesn't exist!"),
        ("size", 400, "Vector dimension error: expected dim: 2, got 3"),
        ("id", 400, "-1"),
        ("twice", 409, "`small` already exists"),
        ("point", 404, "No point with id 5"),
    ],
)
def test_errors(told: Any, flow: str, status: int, text: str) -> None:
    assert told["errors"][flow]["status"] == status
    assert text in told["errors"][flow]["told"]
