from __future__ import annotations

from pathlib import Path

import pytest
from commands import run

from quiverdb.qdrant import QdrantClient, models


@pytest.fixture
def folder(tmp_path) -> Path:
    with QdrantClient(path=tmp_path / "db") as client:
        for name in ("books", "films"):
            client.create_collection(name, models.VectorParams(size=2, distance=models.Distance.DOT))
            client.upsert(name, [models.PointStruct(id=i, vector=[i, 1]) for i in range(1200)])
    return tmp_path / "db"


def test_a_collection_there_and_back(folder, tmp_path):
    *_, path = run("snapshot", "create", folder, "--collection", "books").split("\n")[:-1]
    listed = run("snapshot", "list", folder, "-c", "books")
    assert Path(path).name in listed
    assert "kB" in listed
    checksum = Path(f"{path}.checksum").read_text()
    assert checksum[:16] in listed
    assert run("snapshot", "recover", tmp_path / "new", path, "-c", "copies", "--checksum", checksum) == (
        "copies: 1,200 points\n"
    )
    assert "checksum" in run("snapshot", "recover", folder, path, "-c", "books", "--checksum", "0", code=1)
    assert run("snapshot", "delete", folder, Path(path).name, "-c", "books") == ""
    assert Path(path).name not in run("snapshot", "list", folder, "-c", "books")
    assert "not found" in run("snapshot", "delete", folder, Path(path).name, "-c", "books", code=1)


def test_everything_there_and_back(folder, tmp_path):
    *_, path = run("snapshot", "create", folder).split("\n")[:-1]
    assert Path(path).name in run("snapshot", "list", folder)
    told = run("snapshot", "recover", tmp_path / "new", path)
    assert told == "books: 1,200 points\nfilms: 1,200 points\n"


def test_errors_in_one_line(folder, tmp_path):
    for arguments in (
        ("create", tmp_path / "no"),
        ("list", tmp_path / "no"),
        ("create", folder, "-c", "no"),
        ("recover", folder, "no.snapshot", "-c", "books"),
        ("recover", folder, "http://x/y", "-c", "books"),
    ):
        assert run("snapshot", *arguments, code=1).count("\n") == 1
    assert not (tmp_path / "no").exists()
