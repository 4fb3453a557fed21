"""Importing the dialect loads little; what is heavy waits until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

ALWAYS_LATE = {"faiss", "httpx", "httpx2", "grpc", "rich", "typer", "qdrant_client", "sqlite3"}


def loaded(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    ("statement", "late"),
    [
        ("import quiverdb.qdrant", ALWAYS_LATE | {"numpy", "pydantic", "msgspec"}),
        (
            "from quiverdb.qdrant import models; models.Filter(must=[models.HasIdCondition(has_id=[1])])",
            ALWAYS_LATE | {"numpy", "msgspec", "quiverdb.qdrant._cluster_models"},
        ),
        (
            "from quiverdb.qdrant import QdrantClient, models",
            ALWAYS_LATE | {"quiverdb.engine", "quiverdb.qdrant._cluster_models"},
        ),
        ("import quiverdb.qdrant.http.models, quiverdb.qdrant.http.exceptions", ALWAYS_LATE | {"numpy"}),
    ],
)
def test_heavy_modules_are_loaded_late(statement: str, late: set[str]) -> None:
    assert not loaded(statement) & late


def test_names_are_found_from_a_fresh_start() -> None:
    code = (
        "import quiverdb.qdrant as q\n"
        "assert q.http.exceptions.UnexpectedResponse and q.models.PointStruct and q.QdrantClient\n"
        "assert dir(q) == q.__all__\n"
        "from quiverdb.qdrant.models import TelemetryData\n"
        "from quiverdb.qdrant.http.models import *\n"
        "assert QuotaStatus and PointStruct\n"
        "try:\n    q.nothing\nexcept AttributeError:\n    pass\nelse:\n    raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
