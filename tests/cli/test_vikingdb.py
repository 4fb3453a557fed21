"""``quiverdb vikingdb``: prepare what guides assume."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run
from typer.testing import CliRunner

from quiverdb.cli.app import app
from quiverdb.vikingdb.vector import VikingDB


def seed(*arguments: object) -> list[str]:
    """Return what the command says; that a built-in model stands in for others is logged besides."""
    result = CliRunner().invoke(app, ["vikingdb", "seed-guides", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AK", "SK", "API_KEY", "REGION", "PROJECT"):
        monkeypatch.delenv(f"VIKINGDB_{name}", raising=False)


def test_a_folder_is_prepared_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first, again = seed("--data", folder), seed("--data", folder)
    assert first[0] == "created the collection 'text'"
    assert first[-1] == "put rows of the paragraph -1 into 'text': 2"
    assert again[-1] == "rows of the paragraph -1 in 'text' are there"
    with VikingDB(path=folder) as client:
        index = client.index(collection_name="text", index_name="text_index")
        assert index.aggregate(op="count", field="paragraph", cond={"gt": 1}).result.agg == {"-1": 2}


def test_a_project_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIKINGDB_PROJECT", "school")
    seed("--data", tmp_path / "data")
    with VikingDB(path=tmp_path / "data") as client:
        assert client.list_collections(project_name="school").result["TotalCount"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give either --data, a folder, or --url, a server"),
        (["--data", "a", "--url", "http://127.0.0.1:1"], "give either --data"),
        (["--url", "http://127.0.0.1:1", "--ak", "key"], "secret_key"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(arguments: list[str], told: str) -> None:
    error = run("vikingdb", "seed-guides", *arguments, code=1)
    assert told in error
    assert error.count("\n") == 1


def test_what_is_there_and_does_not_fit_is_told_in_one_line(tmp_path: Path) -> None:
    with VikingDB(path=tmp_path) as client:
        client.create_collection(collection_name="text", fields=[{"FieldName": "title", "FieldType": "string"}])
    error = run("vikingdb", "seed-guides", "--data", tmp_path, code=1)
    assert (
        error
        == "error: the collection 'text' is not what the guides need: its field 'paragraph' is missing, not int64\n"
    )
