"""The quick start of the SDK's documentation, on a folder that the command line prepared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.vikingdb_quickstart import IMPORTS, run_quickstart

from quiverdb.vikingdb.guides import seed
from quiverdb.vikingdb.vector import VikingDB

RUN = ("-m", "quiverdb", "run")


@pytest.mark.parametrize(
    ("imports", "launcher"), [("from quiverdb.vikingdb", ()), (IMPORTS, RUN)], ids=["own imports", "as printed"]
)
def test_the_quick_start_runs_on_a_folder(tmp_path: Path, imports: str, launcher: tuple[str, ...]) -> None:
    data = tmp_path / "data"
    with VikingDB(path=data) as client:
        seed(client)
    written, found = run_quickstart(tmp_path, f"path={str(data)!r}", *launcher, imports=imports)
    assert re.fullmatch(r"request_id: \S+ result: token_usage=\{.*} ids=\[\d+]", written)
    assert found == "search hits: 1"
    with VikingDB(path=data) as client:
        index = client.index(collection_name="demo_collection", index_name="demo_index")
        (hit,) = index.search_by_random().result.data
    assert hit.fields == {"title": "Demo Chapter", "paragraph": 1, "score": 42.0, "text": "hello vikingdb"}
