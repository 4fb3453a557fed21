"""Rows are stored, changed and removed: whole requests or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from viking_place import NAME, Place, full_row

from quiverdb.vikingdb.service.layout import Vectorizer
from quiverdb.vikingdb.service.vectorize import dense, sparse

AUTO = (
    {"FieldName": "text", "FieldType": "text"},
    {"FieldName": "title", "FieldType": "string", "DefaultValue": "untitled"},
    {"FieldName": "score", "FieldType": "float32"},
)
MODEL = {"ModelName": "bge-m3", "TextField": "text", "Dim": 1024}
LARGEST = 2**63 - 1


@pytest.fixture
def place() -> Place:
    made = Place()
    made.create()
    return made


@pytest.fixture
def auto() -> Place:
    made = Place()
    made.create(
        *AUTO, Vectorize={"Dense": MODEL, "Sparse": {"ModelName": "bge-m3"}}, index={"IndexType": "hnsw_hybrid"}
    )
    return made


def test_an_upsert_replaces_the_whole_row(place: Place) -> None:
    place.ask("upsert", data=[full_row(1, number=5, codes=[7])])
    row = full_row(1)
    for name in ("number", "price", "city", "open", "tags", "codes"):
        del row[name]
    assert place.ask("upsert", data=[row]) == {"token_usage": {}, "ids": [1]}
    defaults = {"number": 0, "price": 0.0, "city": "default", "open": False, "tags": ["default"], "codes": [0]}
    assert place.fields(1) == {1: {**row, **defaults}}


def test_null_stands_for_a_field_that_is_not_there(place: Place) -> None:
    place.ask("upsert", data=[full_row(1, number=None)])
    assert place.fields(1)[1]["number"] == 0
    place.ask("update", data=[{"id": 1, "price": None, "number": 4}])
    assert place.fields(1) == {1: full_row(1, number=4)}


@pytest.mark.parametrize("name", ["id", "vector", "terms", "tensor", "text", "image", "video", "at", "place"])
def test_fields_without_a_default_must_be_given(place: Place, name: str) -> None:
    row = full_row(2)
    del row[name]
    error = place.refused("MissingParameter", "upsert", {"collection_name": NAME, "data": [full_row(1), row]})
    assert f"data[1].{name}" in error.message


def test_of_two_rows_with_one_key_the_last_is_stored(place: Place) -> None:
    answer = place.ask("upsert", data=[full_row(1, number=1), full_row(2), full_row("1", number=2)])
    assert answer["ids"] == [1, 2, 1]
    assert place.fields(1, 2) == {1: full_row(1, number=2), 2: full_row(2)}


def test_a_key_may_stand_twice_beside_rows_that_get_one() -> None:
    numbered = Place()
    numbered.create({"FieldName": "title", "FieldType": "string"}, index=None)
    rows = [{"__AUTO_ID__": 5, "title": "a"}, {"__AUTO_ID__": 5, "title": "b"}, {"title": "c"}]
    first, second, new = numbered.ask("upsert", data=rows)["ids"]
    assert (first, second) == (5, 5)
    assert numbered.fields(5, new) == {5: {"title": "b"}, new: {"title": "c"}}


def test_keys_of_any_sign_and_kind_stay_apart() -> None:
    numbers, words = Place(), Place()
    vector = {"FieldName": "v", "FieldType": "vector", "Dim": 4}
    numbers.create({"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True}, vector)
    words.create({"FieldName": "id", "FieldType": "string", "IsPrimaryKey": True}, vector)
    keys = [1, -1, 2**63 - 1, -(2**63)]
    numbers.ask("upsert", data=[{"id": key, "v": [1, 2, 3, 4]} for key in keys])
    assert list(numbers.fields(*map(str, keys))) == keys
    words.ask("upsert", data=[{"id": key, "v": [1, 2, 3, 4]} for key in ("1", "-1", "a", "é" * 128)])
    assert list(words.fields("é" * 128, "1", "a", "-1", "b")) == ["é" * 128, "1", "a", "-1"]


@pytest.mark.parametrize("operation", ["upsert", "update"])
def test_a_hundred_rows_are_the_most(place: Place, operation: str) -> None:
    rows = [full_row(key) for key in range(1, 102)]
    place.refused("InvalidParameter", operation, {"collection_name": NAME, "data": rows})
    place.refused("InvalidParameter", operation, {"collection_name": NAME, "data": []})
    place.refused("MissingParameter", operation, {"collection_name": NAME})
    place.refused("InvalidParameter", operation, {"collection_name": NAME, "data": {"id": 1}})
    place.refused("InvalidParameter", operation, {"collection_name": NAME, "data": [5]})
    place.ask("upsert", data=rows[:100])
    assert place.ask(operation, data=rows[:100])["ids"] == list(range(1, 101))


def test_one_row_is_the_most_where_a_model_reads_it(auto: Place) -> None:
    rows = [{"text": "a"}, {"text": "b"}]
    auto.refused("InvalidParameter", "upsert", {"collection_name": NAME, "data": rows})
    key = auto.ask("upsert", data=rows[:1])["ids"][0]
    change = {"__AUTO_ID__": key, "score": 1}
    auto.refused("InvalidParameter", "update", {"collection_name": NAME, "data": [change, change]})


def test_fields_that_are_not_there_are_refused_or_ignored(place: Place) -> None:
    row = full_row(1, colour="red")
    for operation in ("upsert", "update"):
        error = place.refused("InvalidParameter", operation, {"collection_name": NAME, "data": [full_row(2), row]})
        assert "colour" in error.message
        place.ask("upsert", data=[full_row(1)])
        place.ask(operation, data=[row], ignore_unknown_fields=True)
        assert place.fields(1) == {1: full_row(1)}


@pytest.mark.parametrize(
    ("operation", "wrong"),
    [
        ("upsert", {"ignore_unknown_fields": 1}),
        ("upsert", {"async": "yes"}),
        ("upsert", {"async_write": True}),
        ("upsert", {"ttl": -1}),
        ("upsert", {"ttl": 1.5}),
        ("upsert", {"ttl": True}),
        ("upsert", {"ttl": "60"}),
        ("update", {"ttl": -1}),
        ("update", {"async": True}),
        ("delete", {"ids": None}),
        ("delete", {"ids": []}),
        ("delete", {"ids": [0]}),
        ("delete", {"ids": ["x"]}),
        ("delete", {"ids": 1}),
        ("delete", {"ids": list(range(1, 102))}),
        ("delete", {"del_all": "yes"}),
        ("delete", {"delete_all": True}),
        ("delete", {"del_all": True, "ids": [1]}),
        ("fetch_in_collection", {"ids": []}),
        ("fetch_in_collection", {"ids": [1.5]}),
        ("fetch_in_collection", {"ids": list(range(1, 102))}),
        ("fetch_in_collection", {"ids": [1], "limit": 1}),
        ("fetch_in_collection", {"ids": [1], "return_download_url": "yes"}),
    ],
    ids=str,
)
def test_what_requests_must_not_say(place: Place, operation: str, wrong: dict[str, Any]) -> None:
    place.ask("upsert", data=[full_row(1)])
    data = {} if operation in ("delete", "fetch_in_collection") else {"data": [full_row(1, number=77)]}
    code = "MissingParameter" if wrong == {"ids": None} else "InvalidParameter"
    place.refused(code, operation, {"collection_name": NAME, **data, **wrong})


def test_asynchronous_writes_are_there_at_once(place: Place) -> None:
    place.ask("upsert", data=[full_row(1)], **{"async": True})
    assert place.fields(1) == {1: full_row(1)}
    place.ask("delete", ids=[1], **{"async": True})
    assert place.fields(1) == {}


def test_an_update_changes_what_it_names(place: Place) -> None:
    place.ask("upsert", data=[full_row(1), full_row(2)])
    vectors = place.everything()[NAME][2]
    changes = {"price": 1.5, "at": "1999-01-01T00:00Z", "place": "1,1", "terms": {"beer": 2.0}, "video": "tos://b/o"}
    assert place.ask("update", data=[{"id": "1", **changes}])["ids"] == [1]
    assert place.fields(1, 2) == {1: full_row(1, **changes), 2: full_row(2)}
    payload, after = place.everything()[NAME][2][1]
    assert payload["_time"] == {"at": 915148800000000}
    assert payload["_geo"] == {"place": {"lon": 1.0, "lat": 1.0}}
    assert {name: after[name] for name in ("raw", "dense.main")} == {
        name: vectors[1][1][name] for name in ("raw", "dense.main")
    }
    assert after["sparse"][1] == [2.0]


def test_an_update_of_the_vector_reaches_every_index(place: Place) -> None:
    place.ask("upsert", data=[full_row(1), full_row(2)])
    place.ask("update", data=[{"id": 1, "city": "york"}, {"id": 2, "vector": np.array([9, 8, 7, 6])}])
    found = place.ask_index("fetch_in_index", ids=[1, 2], output_fields=["city", "vector"])["fetch"]
    assert [row["dense_vector"] for row in found] == [[1.0, 1.0, 2.0, 3.0], [9.0, 8.0, 7.0, 6.0]]
    assert [row["fields"] for row in found] == [
        {"city": "york", "vector": [1.0, 1.0, 2.0, 3.0]},
        {"city": "bath", "vector": [9.0, 8.0, 7.0, 6.0]},
    ]


def test_updates_of_one_row_add_up(place: Place) -> None:
    place.ask("upsert", data=[full_row(1)])
    place.ask("update", data=[{"id": 1, "number": 3}, {"id": 1, "city": "york"}, {"id": 1, "number": 4}])
    assert place.fields(1) == {1: full_row(1, number=4, city="york")}


def test_an_update_takes_rows_that_exist(place: Place) -> None:
    place.ask("upsert", data=[full_row(1)])
    rows = [{"id": 1, "number": 3}, {"id": 2, "number": 3}]
    place.refused("NotFound.VikingdbData", "update", {"collection_name": NAME, "data": rows})
    place.refused("MissingParameter", "update", {"collection_name": NAME, "data": [{"number": 3}]})


def test_deletes_name_rows_or_mean_all(place: Place) -> None:
    place.ask("upsert", data=[full_row(key) for key in range(1, 10)])
    assert place.ask("delete", ids=[1, "2", 77, 1]) is None
    assert sorted(place.fields(*range(1, 10))) == list(range(3, 10))
    assert place.ask("delete", del_all=True, ids=[]) is None
    assert place.fields(*range(1, 10)) == {}
    place.ask("delete", ids=[1], del_all=False)


def test_rows_without_a_key_get_numbers(auto: Place) -> None:
    keys = [auto.ask("upsert", data=[{"text": "same", "score": 92.65}])["ids"][0] for _ in range(20)]
    assert len(set(keys)) == 20
    assert all(type(key) is int and 0 < key <= LARGEST for key in keys)
    row = {"text": "same", "title": "untitled", "score": 92.65}
    assert auto.fields(*map(str, keys)) == dict.fromkeys(keys, row)
    auto.ask("update", data=[{"__AUTO_ID__": str(keys[0]), "score": 1}])
    assert auto.fields(keys[0])[keys[0]]["score"] == 1.0
    auto.ask("upsert", data=[{"__AUTO_ID__": keys[0], "text": "other"}])
    assert auto.fields(keys[0])[keys[0]] == {"text": "other", "title": "untitled", "score": 0.0}
    auto.ask("delete", ids=keys[:2])
    assert len(auto.fields(*keys)) == 18
    auto.refused("InvalidParameter", "upsert", {"collection_name": NAME, "data": [{"__AUTO_ID__": 0, "text": "a"}]})


def test_numbers_that_are_taken_are_not_given_out(auto: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([6, 6, 6, 8])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    first, second = (auto.ask("upsert", data=[{"text": text}])["ids"] for text in "ab")
    assert (first, second) == ([7], [9])
    assert [row["text"] for row in auto.fields(7, 9).values()] == ["a", "b"]


def test_texts_become_vectors_and_only_changed_ones_do_again(auto: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = auto.ask("upsert", data=[{"text": "red wine"}])
    assert answer["token_usage"]["bge-m3__default"]["prompt_tokens"] == 2
    key = answer["ids"][0]

    def stored() -> tuple[Any, Any]:
        row = auto.ask_index("fetch_in_index", ids=[key])["fetch"][0]
        return row["dense_vector"], row["sparse_vector"]

    def made(text: str) -> tuple[Any, Any]:
        return [float(str(number)) for number in dense(model, [text])[0]], sparse(model, [text])[0]

    model = Vectorizer(model_name="bge-m3", text_field="text", dim=1024)
    for text in ("red wine", "white wine"):
        auto.ask("update", data=[{"__AUTO_ID__": key, "text": text, "score": 3}])
        assert stored() == made(text)
    monkeypatch.setattr("quiverdb.vikingdb.service.encoding.dense", None)  # from here on none must be asked for
    assert auto.ask("update", data=[{"__AUTO_ID__": key, "text": "white wine", "title": "new"}])["token_usage"] == {}
    assert stored() == made("white wine")


def test_texts_that_a_model_reads_must_not_be_empty(auto: Place) -> None:
    for row in ({"text": ""}, {"title": "a"}, {"text": None}):
        auto.refused("InvalidParameter", "upsert", {"collection_name": NAME, "data": [row]})
    key = auto.ask("upsert", data=[{"text": "a"}])["ids"][0]
    auto.refused("InvalidParameter", "update", {"collection_name": NAME, "data": [{"__AUTO_ID__": key, "text": ""}]})


def test_pictures_are_refused_where_a_model_would_have_to_look_at_them() -> None:
    place = Place()
    image = {"FieldName": "image", "FieldType": "image"}
    place.create(*AUTO, image, Vectorize={"Dense": {**MODEL, "ImageField": "image"}})
    place.refused(
        "InvalidParameter", "upsert", {"collection_name": NAME, "data": [{"text": "a", "image": "tos://b/o"}]}
    )
    assert len(place.ask("upsert", data=[{"text": "a"}])["ids"]) == 1


def test_tokens_of_full_text_fields_follow_the_text() -> None:
    place = Place()
    place.create(
        {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
        {"FieldName": "text", "FieldType": "text"},
        FullText=[{"Field": "text", "Analyzer": {"Tokenizer": "standard"}}],
    )
    for operation, text in (("upsert", "Red Wine"), ("update", "White wine!")):
        place.ask(operation, data=[{"id": 1, "text": text}])
        payload = place.database.retrieve(NAME, [1])[0].payload
        assert payload is not None
        assert payload["_tokens"] == {"text": " ".join(text.strip("!").lower().split())}
    assert place.fields(1) == {1: {"id": 1, "text": "White wine!"}}


def test_rows_need_no_vectors_where_the_collection_has_none() -> None:
    place = Place()
    place.create({"FieldName": "n", "FieldType": "int64"}, index={})
    key = place.ask("upsert", data=[{"n": 5}, {}])["ids"][0]
    assert place.ask_index("fetch_in_index", ids=[key, 5]) == {
        "fetch": [{"id": key, "fields": {"n": 5}}],
        "ids_not_exist": [5],
    }


def test_fetches_follow_the_order_of_the_keys(place: Place) -> None:
    place.ask("upsert", data=[full_row(key) for key in (1, 2, 3)])
    answer = place.ask("fetch_in_collection", ids=["3", 9, 1, 3, "8"])
    assert [row["id"] for row in answer["fetch"]] == [3, 1]
    assert answer["ids_not_exist"] == [9, "8"]
    answer = place.ask_index("fetch_in_index", ids=[2, 9], partition="default")
    assert answer["ids_not_exist"] == [9]
    row = full_row(2)
    shown = {name: row[name] for name in row if name not in ("vector", "terms", "tensor")}
    assert answer["fetch"] == [{"id": 2, "fields": shown, "dense_dim": 4, "dense_vector": [2.0, 1.0, 2.0, 3.0]}]
    assert place.ask_index("fetch_in_index", ids=[2], output_fields=[])["fetch"][0]["fields"] == {}
    payload = {"collection_name": NAME, "index_name": "main", "ids": [2]}
    for wrong in (["none"], "city", [5]):
        place.refused("InvalidParameter", "fetch_in_index", {**payload, "output_fields": wrong})
