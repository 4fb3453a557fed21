"""What the guides assume, and the guides themselves: our own as they are, and what the official ones do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.vikingdb_guides import FLOWS, Sdk, forgetful_cloud, run_guides

import quiverdb
from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb import RequestOptions, RetryConfig, vector
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.guides import TEXT, VECTOR, seed
from quiverdb.vikingdb.service.service import Service
from quiverdb.vikingdb.vector import VikingDB


@pytest.fixture
def client() -> Iterator[VikingDB]:
    with VikingDB(":memory:") as made:
        yield made


def rows(client: VikingDB, collection: str = "text") -> int:
    """How many rows a collection has."""
    index = client.index(collection_name=collection, index_name=f"{collection}_index")
    return index.aggregate(op="count").result.agg["__TOTAL__"]


def test_what_the_guides_assume_is_created_once(client: VikingDB) -> None:
    first = seed(client)
    assert [line for line in first if not line.startswith(("created", "put rows"))] == []
    again = seed(client)
    assert len(again) == len(first)
    assert all(line.endswith(("is there", "are there")) for line in again)
    assert (rows(client), rows(client, "vector")) == (2, 0)
    text = client.get_collection(collection_name="text").result
    assert {field["FieldName"]: field["FieldType"] for field in text["Fields"]} == {
        "title": "string", "paragraph": "int64", "score": "float32", "text": "text"
    }  # fmt: skip
    assert text["Vectorize"]["Dense"] == {"ModelName": "bge-m3", "TextField": "text", "Dim": 1024}
    own = client.get_collection(collection_name="vector").result
    assert own["Vectorize"] == {}
    assert {"FieldName": "vector", "FieldType": "vector", "Dim": 1024}.items() <= own["Fields"][-1].items()
    for name in ("text", "vector"):
        index = client.get_index(collection_name=name, index_name=f"{name}_index").result
        assert {field["FieldName"] for field in index["ScalarIndex"]} == {"title", "paragraph", "score"}


def test_a_project_has_its_own(client: VikingDB) -> None:
    seed(client, project_name="school")
    with pytest.raises(VikingException, match="text"):
        client.get_collection(collection_name="text")
    assert client.list_collections(project_name="school").result["TotalCount"] == 3
    assert seed(client)[0] == "created the collection 'text'"


def test_what_an_interruption_left_is_completed(client: VikingDB) -> None:
    seed(client)
    client.delete_index(collection_name="vector", index_name="vector_index")
    hits = client.index(collection_name="text", index_name="text_index").search_by_scalar(field="score").result.data
    assert [hit.score for hit in hits] == [2.0, 1.0]
    client.collection(collection_name="text").delete(ids=[hits[0].id])
    changed = [line for line in seed(client) if not line.endswith("there")]
    assert changed == ["created the index 'vector_index'", "put rows of the paragraph -1 into 'text': 1"]
    assert rows(client) == 2


def fields(**changed: Any) -> list[dict[str, Any]]:
    kinds = {**VECTOR.fields, **changed}
    return [
        {"FieldName": name, "FieldType": kind, **({"Dim": 1024} if kind == "vector" else {})}
        for name, kind in kinds.items()
        if kind
    ]


KEYED = [*fields(), {"FieldName": "key", "FieldType": "int64", "IsPrimaryKey": True}]
SHORT = [{**field, "Dim": 4} if field["FieldType"] == "vector" else field for field in fields()]


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("vector", fields(paragraph="string"), "its field 'paragraph' is string, not int64"),
        ("vector", fields(score=None), "its field 'score' is missing, not float32"),
        ("vector", SHORT, "its field 'vector' has 4 dimensions, not 1024"),
        ("vector", KEYED, "it has a primary key"),
        ("text", fields(vector=None), "it has no model"),
    ],
)
def test_a_collection_of_another_shape_is_refused(
    client: VikingDB, name: str, given: list[dict[str, Any]], told: str
) -> None:
    client.create_collection(collection_name=name, fields=given)
    with pytest.raises(InvalidInputError, match=f"the collection '{name}' is not what the guides need: {told}"):
        seed(client)
    assert client.get_collection(collection_name=name).result["Fields"]


def test_an_index_without_what_guides_filter_by_is_refused(client: VikingDB) -> None:
    seed(client)
    where = {"collection_name": TEXT.collection, "index_name": TEXT.index}
    client.update_index(**where, scalar_index=["paragraph"])
    with pytest.raises(InvalidInputError, match="cannot be filtered by 'score'"):
        seed(client)


def test_other_failures_than_that_nothing_is_there_are_told() -> None:
    once = RetryConfig(max_attempts=1)
    with (
        VikingDB("http://127.0.0.1:1", retry=once) as client,
        pytest.raises(VikingException, match="cannot be reached"),
    ):
        seed(client)


@pytest.fixture(scope="module")
def embedded() -> Iterator[Sdk]:
    with VikingDB(":memory:") as client:
        seed(client)
        yield Sdk(client, vector, RequestOptions)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_what_the_official_guides_do_works_in_this_process(embedded: Sdk, flow: Callable[[Sdk], None]) -> None:
    flow(embedded)
    flow(embedded)  # rows of former runs are no hindrance


def test_our_guides_run_in_memory(tmp_path: Path) -> None:
    assert "VikingDB: :memory:" in run_guides(tmp_path)


def test_our_guides_leave_nothing_in_a_folder(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    run_guides(tmp_path, f"# where the guides run\n\nVIKINGDB_PATH='{data}'\nexport VIKINGDB_PROJECT=school\n")
    with VikingDB(path=data) as client:
        counts = [collection["CollectionStats"] for collection in listed(client, "school")]
    assert counts == [{"DataCount": 0}, {"DataCount": 2}, {"DataCount": 0}]


def listed(client: VikingDB, project: str) -> list[dict[str, Any]]:
    found = client.list_collections(project_name=project).result["Collections"]
    return sorted(found, key=lambda collection: collection["CollectionName"])


def test_our_guides_leave_nothing_on_a_service_that_does_not_tell_ids(tmp_path: Path) -> None:
    with quiverdb.open(":memory:") as database, VikingDB(database=database) as client:
        seed(client)
        with forgetful_cloud(Service.of(database)) as cloud:
            printed = run_guides(
                tmp_path, "VIKINGDB_AK=AKLT\nVIKINGDB_HOST=elsewhere", ENDPOINT=cloud.url, SK="secret", PATIENCE="5"
            )
        assert f"VikingDB: {cloud.url}" in printed
        assert len([seen for seen in cloud.seen if seen.target.endswith("/upsert")]) == 13
        assert (rows(client), rows(client, "vector")) == (2, 0)
