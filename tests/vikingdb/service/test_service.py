"""The service as a whole: its envelope, who shares it, many threads, and a Qdrant server in its place."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from serving import served
from viking_place import ALL_TYPES, FLAT, INDEX, NAME, Clock, Place, full_row

from quiverdb.database import Database
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import ClosedError
from quiverdb.model.collection import CollectionSpec
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.write import DeletePayload, Upsert
from quiverdb.remote.database import RemoteDatabase
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.operations import OPERATIONS
from quiverdb.vikingdb.service import service as module
from quiverdb.vikingdb.service.service import Service


def test_an_answer_comes_in_an_envelope() -> None:
    place = Place()
    place.create()
    payload = {"collection_name": NAME, "ids": [1]}
    answer = place.service.call("fetch_in_collection", payload, SimpleNamespace(request_id="r-1"))
    assert answer == {
        "api": "/api/vikingdb/data/fetch_in_collection",
        "code": "Success",
        "message": "The API call was executed successfully.",
        "request_id": "r-1",
        "result": {"fetch": [], "ids_not_exist": [1]},
    }
    made = [place.service.call("fetch_in_collection", payload)["request_id"] for _ in range(2)]
    assert all(made)
    assert made[0] != made[1]


def test_an_error_carries_the_id_of_the_request() -> None:
    place = Place()
    with pytest.raises(VikingException) as caught:
        place.service.call("upsert", {"collection_name": "none"}, SimpleNamespace(request_id="r-2"))
    assert (caught.value.request_id, caught.value.status_code) == ("r-2", 404)
    for payload in (5, None, []):
        with pytest.raises(VikingException) as caught:
            place.service.call("upsert", payload)  # type: ignore[arg-type]
        assert caught.value.code in ("InvalidParameter", "MissingParameter")


def test_errors_of_the_database_become_those_of_the_api() -> None:
    place = Place()
    place.create()
    place.database.close()
    with pytest.raises(VikingException) as caught:
        place.ask("fetch_in_collection", ids=[1])
    assert (caught.value.code, caught.value.status_code) == ("InternalError", 500)
    assert isinstance(caught.value.__cause__, ClosedError)


def test_users_of_a_database_share_one_service_and_closing_it_closes_nothing() -> None:
    database = EngineDatabase.open(":memory:")
    service = Service.of(database)
    assert Service.of(database) is service
    service.close()
    assert database.collection_names() == []
    assert Service.of(EngineDatabase.open(":memory:")) is not service
    kept = weakref.ref(service)
    del service
    gc.collect()
    assert kept() is None


def test_every_operation_is_carried_out_by_a_function() -> None:
    tables = (module._ON_NOTHING, module._ON_COLLECTION, module._ON_INDEX)
    assert sorted(name for table in tables for name in table) == sorted(OPERATIONS)


def test_threads_leave_no_half_requests() -> None:
    place = Place()
    place.create()
    keys = range(1, 101)
    place.ask("upsert", data=[full_row(key, number=0) for key in keys])
    seen: list[set[int]] = []

    def write(number: int) -> None:
        place.ask("upsert", data=[full_row(key, number=number, vector=[number] * 4) for key in keys])

    def change(number: int) -> None:
        place.ask("update", data=[{"id": key, "codes": [number]} for key in keys])

    def read(_: int) -> None:
        rows = place.ask_index("fetch_in_index", ids=list(keys))["fetch"]
        seen.append({row["fields"]["number"] for row in rows} | {int(row["dense_vector"][0]) for row in rows[1:2]})
        assert len(rows) == 100

    def manage(number: int) -> None:
        place.control("create_index", IndexName=f"i{number}", VectorIndex=FLAT)
        rows = place.ask("fetch_in_index", index_name=f"i{number}", ids=list(keys))["fetch"]
        assert all("dense_vector" in row for row in rows)
        place.control("delete_index", IndexName=f"i{number}")

    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(work, n) for n in range(1, 11) for work in (write, change, read, read, manage)]
        for task in tasks:
            task.result()
    assert all(len(numbers) == 1 or numbers == {0, 2} for numbers in seen)
    assert len({tuple(row["codes"]) for row in place.fields(*keys).values()}) <= 2


def test_updates_of_many_threads_are_not_lost() -> None:
    place = Place()
    place.create()
    names = ["number", "price", "city", "open", "tags", "codes", "text", "image"]
    row = full_row(2)
    place.ask(
        "upsert", data=[full_row(1, number=-1, price=-1, city="x", tags=["x"], codes=[9], text="x", image="tos://x/x")]
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: place.ask("update", data=[{"id": 1, name: row[name]}]), names))
    assert place.fields(1)[1] == {**row, "id": 1, "vector": [1.0, 1.0, 2.0, 3.0]}


def test_a_collection_may_vanish_under_its_users() -> None:
    place = Place()
    place.create(index=None)
    place.database.delete_collection(NAME)
    place.refused("NotFound.VikingdbCollection", "upsert", {"collection_name": NAME, "data": [full_row(1)]})
    place.create()
    place.ask("upsert", data=[full_row(1)])


@pytest.mark.parametrize(
    ("change", "code"),
    [("delete_index", "NotFound.VikingdbIndex"), ("disable_index", "OperationDenied.VikingdbIndex"), (None, None)],
)
def test_an_index_may_vanish_or_be_made_anew_while_it_is_searched(
    change: str | None, code: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place()
    place.create()
    place.ask("upsert", data=[full_row(1)])
    query = place.database.query

    def late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        place.control(change or "delete_index", IndexName=INDEX)
        try:
            return query(*arguments, **options)
        finally:
            if change is None:
                place.clock.now += 1  # type: ignore[attr-defined]
                place.control("create_index", IndexName=INDEX, VectorIndex={**FLAT, "Distance": "l2"})

    monkeypatch.setattr(place.database, "query", late)
    if code is None:
        [hit] = place.ask_index("search_by_vector", dense_vector=full_row(1)["vector"])["data"]
        assert hit["score"] == 1.0
        return
    with pytest.raises(VikingException) as caught:
        place.ask_index("search_by_vector", dense_vector=[1, 2, 3, 4])
    assert caught.value.code == code


def test_points_of_another_api_are_no_rows() -> None:
    place = Place()
    place.create()
    place.ask("upsert", data=[full_row(1), full_row(2)])
    column = DenseColumn(np.ones((1, 4), np.float32))
    stranger = Points([77], {"raw": column, f"dense.{INDEX}": column}, [{"number": 5}])
    place.database.write(NAME, [Upsert(stranger), DeletePayload((2,), ("number",))])
    assert place.ask("fetch_in_collection", ids=[77]) == {"fetch": [], "ids_not_exist": [77]}
    assert place.ask_index("fetch_in_index", ids=[77]) == {"fetch": [], "ids_not_exist": [77]}
    for operation, asked in (
        ("search_by_vector", {"dense_vector": [1, 1, 1, 1]}),
        ("search_by_random", {"output_fields": []}),
        (
            "search_by_random",
            {"advance": {"post_process_ops": [{"op": "enum_freq_limiter", "field": "city", "threshold": 9}]}},
        ),
    ):
        found = place.ask_index(operation, **asked)
        assert sorted(hit["id"] for hit in found["data"]) == [1, 2]
    assert [hit["id"] for hit in place.ask_index("search_by_scalar", field="number")["data"]] == [1]
    added = place.ask_index("aggregate", op="sum", calc_value_on="number", group_by="city")["agg"]
    assert added == {"bath": 10}
    weighted = place.ask_index("aggregate", op="vector_weighted_sum", ids=[1, 77])["vector_weighted_sum"]
    assert weighted["found_ids"] == [1]
    place.refused("NotFound.VikingdbData", "update", {"collection_name": NAME, "data": [{"id": 77, "number": 1}]})
    place.ask("upsert", data=[full_row(77)])
    assert place.fields(77) == {77: full_row(77)}


def test_metadata_of_another_api_makes_no_collection() -> None:
    place = Place()
    place.database.create_collection("strange", CollectionSpec(metadata={"vikingdb": {"x": 1}}))
    place.create()
    assert place.control("list_collections", CollectionName=None)["TotalCount"] == 1
    place.refused("NotFound.VikingdbCollection", "get_collection", {"CollectionName": "strange"})
    new = {"CollectionName": "strange", "Fields": list(ALL_TYPES)}
    place.refused("AlreadyExists.VikingdbCollection", "create_collection", new)


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[RemoteDatabase]:
    with served(tmp_path) as server, RemoteDatabase.open(f"qdrant://127.0.0.1:{server.port}") as database:
        yield database


def _story(database: Database) -> list[Any]:
    """Ask one thing after another and return all answers, and the codes of all errors."""
    clock = Clock()
    service = Service(database, clock=clock)
    told: list[Any] = []

    def ask(operation: str, **payload: Any) -> None:
        try:
            result = service.call(operation, payload)["result"]
        except VikingException as error:
            told.append((operation, error.code, error.message))
        else:
            told.append((operation, result))

    index = {"collection_name": NAME, "index_name": INDEX}
    rows, texts = {"CollectionName": NAME}, {"CollectionName": "t", "ProjectName": "p"}
    key = {"FieldName": "id", "FieldType": "string", "IsPrimaryKey": True}
    since = {"FieldName": "since", "FieldType": "date_time", "DefaultValue": "2020-01-01T00:00Z"}
    hybrid = {"IndexType": "hnsw_hybrid", "Distance": "l2"}
    changes = [{"id": 1, "city": "york", "vector": [4, 3, 2, 1]}, {"id": 2, "terms": {"a": 2}}]
    fields, dense = [key, {"FieldName": "text", "FieldType": "text"}], {"ModelName": "bge-m3", "TextField": "text"}
    models = {"Dense": dense, "Sparse": dense}
    ask("create_collection", **rows, Fields=list(ALL_TYPES))
    ask("create_collection", **rows, Fields=list(ALL_TYPES))
    ask("upsert", collection_name=NAME, data=[full_row(key) for key in (1, 2, -3)])
    ask("create_index", **rows, IndexName=INDEX, VectorIndex=hybrid)
    ask("upsert", collection_name=NAME, data=[full_row(4, terms={})], ttl=10)
    ask("update", collection_name=NAME, data=changes)
    ask("update", collection_name=NAME, data=[{"id": 77, "city": "york"}])
    ask("fetch_in_collection", collection_name=NAME, ids=[1, 2, -3, 4, 5])
    ask("fetch_in_index", **index, ids=[1, 2, -3, 4, 5])
    ask("aggregate", **index, op="count", field="city")
    ask("aggregate", **index, op="avg", calc_value_on="price", group_by="open", order="asc", cond={"gt": 1})
    ask("aggregate", **index, op="vector_weighted_sum", ids=[1, 2, 9], weights=[1, -1, 1])
    clock.now += 10
    ask("fetch_in_collection", collection_name=NAME, ids=[4])
    ask("aggregate", **index, op="count")
    ask("update_collection", **rows, Fields=[since])
    ask("disable_index", **rows, IndexName=INDEX)
    ask("fetch_in_index", **index, ids=[1])
    ask("delete", collection_name=NAME, ids=[1])
    ask("enable_index", **rows, IndexName=INDEX)
    ask("fetch_in_index", **index, ids=[1, 2])
    ask("get_collection", **rows)
    ask("get_index", **rows, IndexName=INDEX)
    ask("create_collection", **texts, Fields=fields, Vectorize=models, FullText=[{"Field": "text"}])
    ask("create_index", **texts, IndexName="i", VectorIndex={**hybrid, "Distance": "cosine"})
    for text in ("red wine", "white wine"):
        ask("upsert", collection_name="t", project_name="p", data=[{"id": text[0], "text": text}])
    ask("fetch_in_index", collection_name="t", project_name="p", index_name="i", ids=["r", "w"])
    ask("list_collections")
    ask("list_indexes")
    ask("delete", collection_name=NAME, del_all=True)
    ask("aggregate", **index, op="count", field="city")
    ask("delete_collection", **rows)
    ask("delete_index", **rows, IndexName=INDEX)
    ask("delete_collection", **rows)
    ask("list_collections")
    return told


def test_a_qdrant_server_answers_as_the_engine_does(qdrant: RemoteDatabase) -> None:
    here, there = _story(EngineDatabase.open(":memory:")), _story(qdrant)
    for wanted, found in zip(_without_ids(here), _without_ids(there), strict=True):
        assert found == wanted


def _without_ids(value: Any) -> Any:
    """Leave out what is drawn at random."""
    if isinstance(value, dict):
        return {key: _without_ids(each) for key, each in value.items() if key != "ResourceId"}
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-6)
    return [_without_ids(each) for each in value] if isinstance(value, list | tuple) else value
