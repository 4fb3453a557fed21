"""Collections and indexes: what may be created, what is told of it, and what each change leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from viking_place import ALL_TYPES, FLAT, INDEX, NAME, Clock, Place, full_row

from quiverdb.model.collection import CollectionSpec, Datatype, Distance, HnswSpec, Product, Scalar
from quiverdb.model.write import CreateVector, UpdateVectors, WriteOperation
from quiverdb.vikingdb.service import control
from quiverdb.vikingdb.service.layout import VectorIndex
from quiverdb.vikingdb.service.state import load_schema
from quiverdb.vikingdb.service.vectors import vector_spec

TEXT = {"FieldName": "text", "FieldType": "text"}
TITLE = {"FieldName": "title", "FieldType": "string"}
MODEL = {"ModelName": "bge-m3", "TextField": "text"}


@pytest.fixture
def place() -> Place:
    return Place()


def field(name: str = "f", kind: str = "int64", **more: Any) -> dict[str, Any]:
    return {"FieldName": name, "FieldType": kind, **more}


@pytest.mark.parametrize(
    "body",
    [
        {"CollectionName": "a" * 128},
        {"CollectionName": "A_9"},
        {"ProjectName": "shop-2"},
        {"Fields": [field(f"f{n}") for n in range(200)]},
        {"Fields": [field("f" * 128)]},
        {"Fields": [field(kind="vector", Dim=4)]},
        {"Fields": [field(kind="vector", Dim=4096)]},
        {"Fields": [field(kind="tensor", Shape=[2, 4])]},
        {"Fields": [field(kind="tensor", NDim=2, Shape=[64, 2048])]},
        {"Fields": [field(kind="string", IsPrimaryKey=True)]},
        {"Fields": [field(Dim=0)]},
        {"Fields": [field(DefaultValue=7), field("g", "list<string>", DefaultValue=["x"])]},
        {"Fields": [field(kind="date_time", DefaultValue="2025-01-01T00:00Z")]},
        {"Fields": [TEXT], "Vectorize": {"Dense": MODEL}},
        {"Fields": [TEXT], "Vectorize": {"Dense": MODEL, "Sparse": {"ModelName": "bge-m3"}}},
        {"Fields": [TEXT, field(kind="sparse_vector")], "Vectorize": {"Dense": MODEL}},
        {"Fields": [TEXT, field(kind="vector", Dim=8)], "Vectorize": {"Sparse": MODEL}},
        {"Fields": [TEXT, field("t", "text")], "FullText": [{"Field": "text"}, {"Field": "t"}]},
        {"Fields": [TEXT], "FullText": [{"Field": "text", "Analyzer": {"Tokenizer": "zh"}}]},
    ],
    ids=lambda body: str(body)[:60],
)
def test_what_can_be_created(place: Place, body: dict[str, Any]) -> None:
    whole = {"CollectionName": "c", "Fields": [field()], "Description": "words", **body}
    answer = place.control("create_collection", **whole)
    assert answer["Message"] == "success"
    described = place.control("get_collection", CollectionName=None, ResourceId=answer["ResourceId"])
    assert described["CollectionName"] == whole["CollectionName"]
    assert [each["FieldName"] for each in described["Fields"]] == [each["FieldName"] for each in whole["Fields"]]


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("MissingParameter", {"CollectionName": ""}),
        ("MissingParameter", {"Fields": None}),
        ("MissingParameter", {"Fields": [field("")]}),
        ("MissingParameter", {"Fields": [{"FieldName": "f"}]}),
        ("MissingParameter", {"Fields": [field(kind="vector")]}),
        ("MissingParameter", {"Fields": [TEXT], "Vectorize": {"Dense": {"TextField": "text"}}}),
        ("MissingParameter", {"Fields": [TEXT], "Vectorize": {"Dense": {"ModelName": "bge-m3"}}}),
        ("MissingParameter", {"Fields": [TEXT], "Vectorize": {"Sparse": {"ModelName": "bge-m3"}}}),
        *[
            ("InvalidParameter", body)
            for body in (
                {"CollectionName": "a" * 129},
                {"CollectionName": "9a"},
                {"CollectionName": "_a"},
                {"CollectionName": "a-b"},
                {"CollectionName": "a.b"},
                {"CollectionName": 5},
                {"CollectionName": "a\n"},
                {"ProjectName": "a.b"},
                {"ProjectName": "a" * 65},
                {"Colour": "red"},
                {"Description": 5},
                {"Fields": []},
                {"Fields": {}},
                {"Fields": ["title"]},
                {"Fields": [field(f"f{n}") for n in range(201)]},
                {"Fields": [field("f" * 129)]},
                {"Fields": [field("_f")]},
                {"Fields": [field("__AUTO_ID__")]},
                {"Fields": [field(), field()]},
                {"Fields": [field(kind="int32")]},
                {"Fields": [field(Colour="red")]},
                {"Fields": [field(IsPrimaryKey=1)]},
                {"Fields": [field(IsPrimaryKey=True), field("g", IsPrimaryKey=True)]},
                {"Fields": [field(kind="float32", IsPrimaryKey=True)]},
                {"Fields": [field(kind="vector", Dim=6)]},
                {"Fields": [field(kind="vector", Dim=4100)]},
                {"Fields": [field(kind="vector", Dim=-4)]},
                {"Fields": [field(kind="vector", Dim="4")]},
                {"Fields": [field(kind="vector", Dim=4), field("g", "vector", Dim=4)]},
                {"Fields": [field(kind="sparse_vector"), field("g", "sparse_vector")]},
                {"Fields": [field(Dim=4)]},
                {"Fields": [field(Shape=[2, 4])]},
                {"Fields": [field(kind="tensor")]},
                {"Fields": [field(kind="tensor", Shape=[1, 4])]},
                {"Fields": [field(kind="tensor", Shape=[65, 4])]},
                {"Fields": [field(kind="tensor", Shape=[2, 3])]},
                {"Fields": [field(kind="tensor", Shape=[2, 2049])]},
                {"Fields": [field(kind="tensor", Shape=[2])]},
                {"Fields": [field(kind="tensor", NDim=3, Shape=[2, 4])]},
                {"Fields": [field(DefaultValue="7")]},
                {"Fields": [field(kind="text", DefaultValue="a")]},
                {"Fields": [field(kind="vector", Dim=4, DefaultValue=[1, 2, 3, 4])]},
                {"Fields": [field(IsPrimaryKey=True, DefaultValue=7)]},
                {"Fields": [TEXT, field(kind="vector", Dim=8)], "Vectorize": {"Dense": MODEL}},
                {"Fields": [TEXT, field(kind="sparse_vector")], "Vectorize": {"Dense": MODEL, "Sparse": MODEL}},
                {"Fields": [TEXT], "Vectorize": {"Dense": {**MODEL, "Dim": 6}}},
                {"Fields": [TEXT], "Vectorize": {"Dense": {**MODEL, "TextField": "title"}}},
                {"Fields": [TITLE], "Vectorize": {"Dense": {**MODEL, "TextField": "title"}}},
                {"Fields": [field("i", "image")], "Vectorize": {"Dense": {"ModelName": "bge-m3", "ImageField": "i"}}},
                {"Fields": [TEXT], "Vectorize": {"Dense": {"ModelName": "unheard-of", "TextField": "text"}}},
                {"Fields": [TEXT], "Vectorize": {"Sparse": {"ModelName": "bge-large-zh", "TextField": "text"}}},
                {"Fields": [TEXT], "Vectorize": {"Dense": MODEL, "Tensor": MODEL}},
                {"Fields": [TEXT], "Vectorize": {"Thick": MODEL}},
                {"Fields": [TEXT], "Vectorize": [MODEL]},
                {"Fields": [TEXT], "FullText": [{"Field": "title"}]},
                {"Fields": [TITLE], "FullText": [{"Field": "title"}]},
                {"Fields": [TEXT], "FullText": [{"Field": "text"}, {"Field": "text"}]},
                {"Fields": [TEXT], "FullText": [{"Field": "text", "Analyzer": {"Tokenizer": "icu"}}]},
                {"Fields": [TEXT], "FullText": [{"Field": "text", "Analyzer": {"Stemmer": "en"}}]},
                {
                    "Fields": [field(f, "text") for f in "abc"],
                    "FullText": [{"Field": "a"}, {"Field": "b"}, {"Field": "c"}],
                },
            )
        ],
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_created(place: Place, code: str, body: dict[str, Any]) -> None:
    place.refused(code, "create_collection", {"CollectionName": "c", "Fields": [field()], **body})


def test_a_name_is_taken_once_in_each_project(place: Place) -> None:
    place.create()
    place.refused(
        "AlreadyExists.VikingdbCollection", "create_collection", {"CollectionName": NAME, "Fields": [field()]}
    )
    place.control("create_collection", ProjectName="shop", Fields=[field()])
    assert len(place.control("get_collection", ProjectName="shop")["Fields"]) == 1
    assert len(place.control("get_collection")["Fields"]) == len(ALL_TYPES)
    place.refused("NotFound.VikingdbCollection", "get_collection", {"CollectionName": "shop.rows"})


def test_collections_of_other_apis_are_no_collections_here(place: Place) -> None:
    place.database.create_collection("points", CollectionSpec())
    place.refused("NotFound.VikingdbCollection", "get_collection", {"CollectionName": "points"})
    place.refused(
        "AlreadyExists.VikingdbCollection", "create_collection", {"CollectionName": "points", "Fields": [field()]}
    )
    assert place.control("list_collections", CollectionName=None)["TotalCount"] == 0


def test_a_creation_that_a_crash_cut_short_can_be_done_again(place: Place) -> None:
    place.database.create_collection(NAME, CollectionSpec(metadata={"vikingdb_unfinished": True}))
    place.refused("NotFound.VikingdbCollection", "get_collection", {"CollectionName": NAME})
    place.create()
    place.ask("upsert", data=[full_row(1)])
    place.refused(
        "AlreadyExists.VikingdbCollection", "create_collection", {"CollectionName": NAME, "Fields": [field()]}
    )


def test_how_many_collections_there_can_be(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert control.MOST_COLLECTIONS == control.MOST_INDEXES == 200
    monkeypatch.setattr(control, "MOST_COLLECTIONS", 2)
    for name in "ab":
        place.control("create_collection", CollectionName=name, Fields=[field()])
    place.refused(
        "OperationDenied.VikingdbCollection", "create_collection", {"CollectionName": "c", "Fields": [field()]}
    )


def test_how_many_indexes_there_can_be(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MOST_INDEXES", 2)
    for name in "ab":
        place.control("create_collection", CollectionName=name, Fields=[field()])
        place.control("create_index", CollectionName=name, IndexName="i")
    place.refused("OperationDenied.VikingdbIndex", "create_index", {"CollectionName": "a", "IndexName": "j"})


def test_a_collection_holds_as_many_indexes_as_it_has_room_for_vectors(place: Place) -> None:
    place.create(index=None)
    for number in range(control.MOST_INDEXES_OF_ONE):
        place.control("create_index", IndexName=f"i{number}", VectorIndex=FLAT, ScalarIndex=[])
    place.refused(
        "OperationDenied.VikingdbIndex",
        "create_index",
        {"CollectionName": NAME, "IndexName": "more", "VectorIndex": FLAT},
    )
    place.ask("upsert", data=[full_row(1)])
    assert place.ask("fetch_in_index", index_name="i59", ids=[1])["fetch"][0]["dense_dim"] == 4


def test_what_is_told_of_a_collection() -> None:
    clock = Clock(1_750_000_000.0)
    place = Place(clock=clock)
    place.create(
        TEXT, field("n", DefaultValue=3), Vectorize={"Dense": MODEL}, FullText=[{"Field": "text"}], Description="d"
    )
    place.ask("upsert", data=[{"text": "hello"}])
    clock.now += 60
    place.control("update_collection", Description="new")
    described = place.control("get_collection")
    assert described.pop("ResourceId").startswith("vdb-")
    assert described == {
        "ProjectName": "default",
        "CollectionName": NAME,
        "Description": "new",
        "Fields": [
            {"FieldName": "text", "FieldType": "text", "IsPrimaryKey": False},
            {"FieldName": "n", "FieldType": "int64", "IsPrimaryKey": False, "DefaultValue": 3},
        ],
        "Vectorize": {"Dense": {"ModelName": "bge-m3", "TextField": "text", "Dim": 1024}},
        "FullText": [{"Field": "text", "Analyzer": {}}],
        "CollectionStats": {"DataCount": 1},
        "IndexNames": [INDEX],
        "IndexCount": 1,
        "CreateTime": "2025-06-15T15:06:40Z",
        "UpdateTime": "2025-06-15T15:07:40Z",
    }


def test_what_is_told_of_an_index(place: Place) -> None:
    place.create(index=None)
    place.control(
        "create_index", IndexName=INDEX, VectorIndex={}, ScalarIndex=["city", "price"], CpuQuota=2, ShardPolicy="auto"
    )
    described = place.control("get_index", IndexName=INDEX)
    assert described["VectorIndex"] == {
        "IndexType": "hnsw",
        "Distance": "ip",
        "Quant": "int8",
        "HnswM": 20,
        "HnswCef": 400,
        "HnswSef": 400,
    }
    assert described["ScalarIndex"] == [
        {"FieldName": "price", "FieldType": "float32", "DefaultValue": 0.0},
        {"FieldName": "city", "FieldType": "string", "DefaultValue": "default"},
    ]
    assert (described["Status"], described["CpuQuota"], described["ShardPolicy"]) == ("READY", 2, "auto")


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("MissingParameter", {"IndexName": ""}),
        ("MissingParameter", {"VectorIndex": None}),
        ("NotFound.VikingdbCollection", {"CollectionName": "none"}),
        *[
            ("InvalidParameter", body)
            for body in (
                {"IndexName": "i" * 129},
                {"IndexName": "1"},
                {"Colour": 1},
                {"VectorIndex": {"IndexType": "ivf"}},
                {"VectorIndex": {"Distance": "dot"}},
                {"VectorIndex": {"Quant": "int4"}},
                {"VectorIndex": {"HnswM": 0}},
                {"VectorIndex": {"HnswM": 10_001}},
                {"VectorIndex": {"HnswCef": "400"}},
                {"VectorIndex": {"Colour": "red"}},
                {"VectorIndex": "hnsw"},
                {"ScalarIndex": ["none"]},
                {"ScalarIndex": ["vector"]},
                {"ScalarIndex": ["text"]},
                {"ScalarIndex": "city"},
                {"ScalarIndex": [5]},
                {"CpuQuota": 0},
                {"CpuQuota": "2"},
                {"ShardCount": 0},
                {"ShardPolicy": "random"},
            )
        ],
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_index_cannot_be_created(place: Place, code: str, body: dict[str, Any]) -> None:
    place.create(index=None)
    whole = {"CollectionName": NAME, "IndexName": "i", "VectorIndex": FLAT, **body}
    place.refused(code, "create_index", whole)


def test_hybrid_indexes_take_sparse_vectors(place: Place) -> None:
    place.create(field(kind="vector", Dim=4), index=None)
    hybrid = {"IndexType": "hnsw_hybrid"}
    place.refused("InvalidParameter", "create_index", {"CollectionName": NAME, "IndexName": "i", "VectorIndex": hybrid})


def test_an_index_has_the_rows_that_are_there_and_those_that_come(place: Place) -> None:
    place.create(index=None)
    for start in range(1, 2301, 100):
        place.ask("upsert", data=[full_row(key) for key in range(start, start + 100)])
    place.control("create_index", IndexName="i", VectorIndex={**FLAT, "Distance": "cosine"})
    place.refused(
        "AlreadyExists.VikingdbIndex", "create_index", {"CollectionName": NAME, "IndexName": "i", "VectorIndex": FLAT}
    )
    place.ask("upsert", data=[full_row(5000)])
    found = place.ask("fetch_in_index", index_name="i", ids=[1, 1001, 2300, 5000], output_fields=[])["fetch"]
    for row in found:
        raw = [row["id"], 1.0, 2.0, 3.0]
        norm = sum(x * x for x in raw) ** 0.5
        assert row["dense_vector"] == pytest.approx([x / norm for x in raw], rel=1e-6)


def test_what_a_crash_left_of_an_index_is_swept_away(place: Place) -> None:
    place.create(index=None)
    left = vector_spec(VectorIndex(distance="l2"), 4)
    place.database.write(NAME, [CreateVector("dense.i", left)])
    place.ask("upsert", data=[full_row(1)])
    place.control("create_index", IndexName="i", VectorIndex=FLAT)
    assert place.database.info(NAME).spec.vectors["dense.i"].distance is Distance.DOT
    assert place.ask("fetch_in_index", index_name="i", ids=[1])["fetch"][0]["dense_vector"] == [1.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (VectorIndex(), {"distance": Distance.DOT, "hnsw": HnswSpec(20, 400), "quantization": Scalar()}),
        (VectorIndex(index_type="flat", quant="int8"), {"hnsw": HnswSpec(m=0), "quantization": None}),
        (VectorIndex(distance="cosine", quant="float"), {"distance": Distance.COSINE, "quantization": None}),
        (VectorIndex(distance="l2", quant="fix16"), {"distance": Distance.EUCLID, "datatype": Datatype.FLOAT16}),
        (VectorIndex(quant="pq", hnsw_m=8, hnsw_cef=2), {"hnsw": HnswSpec(8, 4), "quantization": Product("x16")}),
        (VectorIndex(index_type="diskann", diskann_m=32, diskann_cef=90), {"hnsw": HnswSpec(32, 90)}),
    ],
)
def test_how_vectors_of_an_index_are_stored(index: VectorIndex, expected: dict[str, Any]) -> None:
    spec = vector_spec(index, 16)
    assert {name: getattr(spec, name) for name in expected} == expected


@pytest.mark.parametrize("quant", ["int8", "float", "fix16", "pq"])
@pytest.mark.parametrize("kind", ["hnsw", "hnsw_hybrid", "flat", "diskann"])
def test_every_kind_of_index_can_be_created(place: Place, kind: str, quant: str) -> None:
    place.create(index={"IndexType": kind, "Quant": quant})
    place.ask("upsert", data=[full_row(1)])
    assert place.ask_index("fetch_in_index", ids=[1])["fetch"][0]["dense_vector"] == [1.0, 1.0, 2.0, 3.0]


def test_scalar_fields_are_indexed_as_long_as_an_index_filters_by_them(place: Place) -> None:
    place.create(index=None)

    def declared() -> set[str]:
        return set(place.database.info(NAME).payload_schema) - {"_expires"}

    place.control("create_index", IndexName="a", VectorIndex=FLAT, ScalarIndex=["city", "at", "place"])
    assert declared() == {"city", "_time.at", "_geo.place"}
    place.control("create_index", IndexName="b", VectorIndex=FLAT, ScalarIndex=["city", "price"])
    place.control("delete_index", IndexName="a")
    assert declared() == {"city", "price"}
    place.control("update_index", IndexName="b", ScalarIndex=["number"])
    assert declared() == {"number"}
    place.control("delete_index", IndexName="b")
    assert declared() == set()
    assert set(place.database.info(NAME).spec.vectors) == {"raw"}


def test_an_index_is_changed_in_what_can_be_changed(place: Place) -> None:
    place.create()
    place.control(
        "update_index", IndexName=INDEX, Description="new", ScalarIndex=[], ShardPolicy="custom", ShardCount=3
    )
    described = place.control("get_index", IndexName=INDEX)
    assert (described["Description"], described["ScalarIndex"], described["ShardCount"]) == ("new", [], 3)
    for body in ({"VectorIndex": FLAT}, {"ScalarIndex": ["text"]}, {"ShardCount": 0}):
        place.refused("InvalidParameter", "update_index", {"CollectionName": NAME, "IndexName": INDEX, **body})
    place.refused("NotFound.VikingdbIndex", "update_index", {"CollectionName": NAME, "IndexName": "none"})


def test_a_disabled_index_answers_nothing_until_it_is_enabled(place: Place) -> None:
    place.create()
    place.ask("upsert", data=[full_row(1)])
    place.control("disable_index", IndexName=INDEX)
    assert place.control("get_index", IndexName=INDEX)["Status"] == "DISABLED"
    place.ask("upsert", data=[full_row(2)])
    for operation, more in (("fetch_in_index", {"ids": [1]}), ("aggregate", {"op": "count"}), ("search_by_random", {})):
        payload = {"collection_name": NAME, "index_name": INDEX, **more}
        place.refused("OperationDenied.VikingdbIndex", operation, payload)
    for _ in range(2):  # the second time changes nothing
        place.control("enable_index", IndexName=INDEX)
        found = place.ask_index("fetch_in_index", ids=[1, 2])["fetch"]
        assert [row["dense_vector"][0] for row in found] == [1.0, 2.0]


def test_a_collection_is_deleted_once_its_indexes_are(place: Place) -> None:
    place.create()
    place.refused("OperationDenied.VikingdbCollection", "delete_collection", {"CollectionName": NAME})
    place.control("delete_index", IndexName=INDEX)
    place.refused("NotFound.VikingdbIndex", "delete_index", {"CollectionName": NAME, "IndexName": INDEX})
    assert place.control("delete_collection") == {"Message": "success"}
    place.refused("NotFound.VikingdbCollection", "delete_collection", {"CollectionName": NAME})
    assert place.database.collection_names() == []


def test_an_update_adds_scalar_fields_and_rows_get_their_defaults(place: Place) -> None:
    place.create()
    place.ask("upsert", data=[full_row(1)])
    new = [
        field("year", DefaultValue=2000),
        field("name", "string"),
        field("since", "date_time", DefaultValue="2020-01-01T00:00Z"),
        field("where", "geo_point", DefaultValue="1,2"),
        field("until", "date_time"),
    ]
    place.control("update_collection", Fields=[*ALL_TYPES, *new])
    added = {"year": 2000, "name": "default", "since": "2020-01-01T00:00Z", "where": "1,2"}
    assert place.fields(1)[1] == full_row(1, **added)
    payload = place.database.retrieve(NAME, [1])[0].payload
    assert payload is not None
    assert payload["_time"] == {"at": 1754969636000000, "since": 1577836800000000}
    assert payload["_geo"]["where"] == {"lon": 1.0, "lat": 2.0}
    place.refused("MissingParameter", "upsert", {"collection_name": NAME, "data": [full_row(2)]})
    place.ask("upsert", data=[full_row(2, until="2021-01-01T00:00Z", year=1)])
    assert place.fields(2)[2] == full_row(2, **added | {"until": "2021-01-01T00:00Z", "year": 1})
    assert {"year", "_time.since"} <= set(place.database.info(NAME).payload_schema)


@pytest.mark.parametrize(
    "new",
    [
        [field("v", "text")],
        [field("v", "vector", Dim=4)],
        [field("v", IsPrimaryKey=True)],
        [field("number", "string")],
        [field("number", DefaultValue=1)],
        [field("v"), field("v")],
        [field(f"v{n}") for n in range(186)],
        [field("v", DefaultValue="a")],
        "v",
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_update_adds_nothing_else(place: Place, new: Any) -> None:
    place.create()
    place.ask("upsert", data=[full_row(1)])
    place.refused("InvalidParameter", "update_collection", {"CollectionName": NAME, "Fields": new})


def test_lists_come_in_pages(place: Place) -> None:
    for name in ("pear", "peach", "apple"):
        place.control("create_collection", CollectionName=name, Fields=[field()])
    place.control("create_collection", CollectionName="other", ProjectName="shop", Fields=[field()])

    def listed(**body: Any) -> list[str]:
        answer = place.control("list_collections", CollectionName=None, **body)
        return [each["CollectionName"] for each in answer["Collections"]]

    assert listed() == ["apple", "peach", "pear"]
    assert listed(PageSize=2) == ["apple", "peach"]
    assert listed(PageSize=2, PageNumber=2) == ["pear"]
    assert listed(PageNumber=9) == []
    assert listed(Filter={"CollectionNameKeyword": "pea"}) == ["peach", "pear"]
    assert listed(Filter={"CollectionNameKeyword": ["app", "ach"]}) == ["apple", "peach"]
    assert listed(ProjectName="shop") == ["other"]
    assert place.control("list_collections", CollectionName=None, PageSize=1)["TotalCount"] == 3
    for wrong in ({"PageSize": 0}, {"PageSize": 101}, {"PageNumber": 0}, {"PageSize": "2"}, {"Filter": {"Name": "a"}}):
        place.refused("InvalidParameter", "list_collections", wrong)


def test_indexes_are_listed_of_a_collection_or_of_all(place: Place) -> None:
    for name in ("a", "b"):
        place.control("create_collection", CollectionName=name, Fields=[field()])
        place.control("create_index", CollectionName=name, IndexName=f"{name}_1")

    def listed(**body: Any) -> list[str]:
        return [each["IndexName"] for each in place.control("list_indexes", **body)["Indexes"]]

    assert listed(CollectionName="") == ["a_1", "b_1"]
    assert listed(CollectionName="b") == ["b_1"]
    assert listed(CollectionName="b", Filter={"IndexNameKeyword": "2"}) == []
    assert listed(CollectionName="", Filter={"CollectionName": ["b", "c"]}) == ["b_1"]
    assert listed(CollectionName="", Filter={"CollectionName": [], "IndexNameKeyword": "_1"}) == ["a_1", "b_1"]
    place.control("disable_index", CollectionName="a", IndexName="a_1")
    assert listed(CollectionName="", Filter={"Status": ["READY"]}) == ["b_1"]
    assert listed(CollectionName="", Filter={"Status": ["DISABLED", "READY"]}) == ["a_1", "b_1"]
    place.refused("InvalidParameter", "list_indexes", {"CollectionName": "", "Filter": {"Status": [1]}})


def test_a_schema_is_found_by_name_or_resource_id(place: Place) -> None:
    place.create()
    schema = load_schema(place.database, None, NAME)
    assert load_schema(place.database, "default", "", schema.resource_id) == schema
    place.ask("upsert", collection_name="", resource_id=schema.resource_id, data=[full_row(1)])
    for payload in (
        {"resource_id": "vdb-0"},
        {"collection_name": NAME, "resource_id": "vdb-0"},
        {"collection_name": NAME, "project_name": "shop"},
        {"collection_name": "rows/../rows"},
    ):
        place.refused("NotFound.VikingdbCollection", "upsert", {**payload, "data": [full_row(1)]})
    for payload in ({}, {"collection_name": ""}, {"collection_name": None, "resource_id": None}):
        place.refused("MissingParameter", "upsert", {**payload, "data": [full_row(1)]})
    place.refused("InvalidParameter", "upsert", {"collection_name": 5, "data": [full_row(1)]})
    place.refused("MissingParameter", "fetch_in_index", {"collection_name": NAME, "ids": [1]})
    place.refused("NotFound.VikingdbIndex", "fetch_in_index", {"collection_name": NAME, "index_name": "x", "ids": [1]})


def test_an_index_is_filled_in_steps_that_a_server_takes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True}
    place.create(key, {"FieldName": "v", "FieldType": "vector", "Dim": 4096}, index=None)
    for start in (1, 101, 201):
        place.ask("upsert", data=[{"id": id, "v": np.full(4096, id)} for id in range(start, start + 100)])
    numbers: list[int] = []
    write = place.database.write

    def noted(name: str, operations: Sequence[WriteOperation], **options: Any) -> Any:
        numbers.extend(
            len(operation.points.ids) * 4096 for operation in operations if isinstance(operation, UpdateVectors)
        )
        return write(name, operations, **options)

    monkeypatch.setattr(place.database, "write", noted)
    place.control("create_index", IndexName="i", VectorIndex=FLAT)
    assert sum(numbers) == 300 * 4096
    assert max(numbers) <= 1 << 20
    rows = place.ask("fetch_in_index", index_name="i", ids=[1, 150, 300])["fetch"]
    assert [row["dense_vector"][0] for row in rows] == [1.0, 150.0, 300.0]


def test_an_index_can_be_made_anew_as_often_as_one_likes(place: Place) -> None:
    place.create()
    place.ask("upsert", data=[full_row(1)])
    for _ in range(70):
        place.control("delete_index", IndexName=INDEX)
        place.control("create_index", IndexName=INDEX, VectorIndex=FLAT)
    [hit] = place.ask_index("search_by_vector", dense_vector=[1, 0, 0, 0])["data"]
    assert (hit["id"], hit["score"]) == (1, 1.0)
