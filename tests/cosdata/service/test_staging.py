"""What vectors may look like, and what happens to those that are wrong: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cosdata_world import World, as_float32, contents, creation, shown

from quiverdb.cosdata.errors import ValidationError

SCHEMA = {"fields": [{"name": "lang", "values": ["de", "en"]}], "supported_conditions": []}
GOOD = {"id": "good", "dense_values": [1.0, 2.0, 3.0]}


@pytest.fixture(scope="module", params=["memory", "remote"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(request.param)
    made.service.call("create_collection", creation("schema", metadata_schema=SCHEMA))
    made.service.call("create_collection", {"name": "texts", "dense_vector": {"enabled": False, "dimension": 0}})
    yield made
    made.close()


@pytest.mark.parametrize(
    "vector",
    [
        {"id": "a"},
        {"id": "1", "dense_values": [1, 2.5, 3]},
        {"id": "a", "dense_values": (1.0, 2.0, 3.0)},
        {"id": "a", "dense_values": np.array([1.0, 2.0, 3.0])},
        {"id": "a", "dense_values": np.array([1, 2, 3], np.int8)},
        {"id": "a", "dense_values": [np.float32(1), np.float64(2), np.int64(3)]},
        {"id": "a", "dense_values": [0.1, 1e38, -1e-40]},
        {"id": "a", "sparse_indices": [4, 2], "sparse_values": [1.0, 2.0]},
        {"id": "a", "sparse_indices": np.array([4, 2]), "sparse_values": np.array([1.0, 2.0])},
        {"id": "a", "sparse_indices": [], "sparse_values": []},
        {"id": "a", "metadata": {}},
        {"id": "a", "metadata": {"k": "v", "n": -(2**31), "a.b": "c", "": "empty", "[0]": 1}},
        {"id": "a", "text": "Foxes"},
        {"id": "a", "text": ""},
        {"id": "a", "document_id": "d", "dense_values": [1, 2, 3], "metadata": {"k": 1}, "text": "t"},
        *(
            {"id": id, "values": [1, 2, 3]}
            for id in ("a/b", "a?b#c", " ", "ä\u0000", "%2F", "..", "x" * 5000, "0", "-1")
        ),
    ],
)
def test_vectors_come_back_as_they_were_given(world: World, vector: dict[str, Any]) -> None:
    world.ask("stream_upsert", vectors=[vector])
    assert world.ask("get_vector", id=vector["id"]) == shown(vector)
    world.ask("stream_delete", id=vector["id"])
    assert not world.ask("vector_exists", id=vector["id"])


def test_integers_and_their_digits_are_one_id(world: World) -> None:
    world.ask("stream_upsert", vectors=[{"id": 17, "values": [1, 2, 3]}])
    for id in (17, "17", np.int64(17)):
        assert world.ask("get_vector", id=id)["id"] == "17"
    world.ask("stream_upsert", vectors=[{"id": "17", "values": [3, 2, 1], "document_id": 4}])
    assert world.ask("get_vector", id=17)["dense_values"] == [3, 2, 1]
    assert [vector["id"] for vector in world.ask("find_vectors", document_id=4)] == ["17"]
    world.ask("stream_delete", id=17)


@pytest.mark.parametrize("terms", [[[4, 1.0], [2, 2.0]], {4: 1.0, "2": 2.0}, [{"index": 4, "value": 1}, (2, 2)]])
def test_sparse_values_alone_are_terms(world: World, terms: Any) -> None:
    world.ask("stream_upsert", vectors=[{"id": "a", "sparse_values": terms}])
    vector = world.ask("get_vector", id="a")
    assert (vector["sparse_indices"], vector["sparse_values"]) == ([2, 4], [2.0, 1.0])
    world.ask("stream_delete", id="a")


def test_lists_and_arrays_and_mixtures_of_them_are_the_same(world: World) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for mix in (
        lambda number: rows[number],
        lambda number: rows[number].tolist(),
        lambda number: rows[number].tolist() if number % 2 else rows[number],
        lambda number: rows[number].astype("f8") if number % 3 else rows[number],
    ):
        vectors = [{"id": n, "values": mix(n)} if n % 7 else {"id": n} for n in range(50)]
        world.ask("stream_upsert", vectors=vectors)
        for number in range(50):
            found = world.ask("get_vector", id=number)["dense_values"]
            assert found == (as_float32(rows[number]) if number % 7 else None)
    for number in range(50):
        world.ask("stream_delete", id=number)


def test_arrays_that_change_later_do_not_change_what_was_staged(world: World) -> None:
    row = np.array([1, 2, 3], np.float32)
    metadata = {"k": "old"}
    transaction = world.stage([{"id": "a", "values": row, "metadata": metadata}])
    row[:] = 9
    metadata["k"] = "new"
    world.ask("commit", transaction_id=transaction)
    vector = world.ask("get_vector", id="a")
    assert (vector["dense_values"], vector["metadata"]) == ([1, 2, 3], {"k": "old"})
    world.ask("stream_delete", id="a")


def test_metadata_may_hold_numbers_and_texts_of_numpy(world: World) -> None:
    metadata = {"n": np.int64(3), np.str_("word"): np.str_("two"), "big": np.uint32(7)}
    world.ask("stream_upsert", vectors=[{"id": "a", "metadata": metadata}])
    found = world.ask("get_vector", id="a")["metadata"]
    assert found == {"n": 3, "word": "two", "big": 7}
    assert {*map(type, [*found, *found.values()])} == {str, int}


BAD: list[tuple[Any, str]] = [
    ({"id": "a", "dense_values": [1.0, 2.0]}, "Expected dimension of dense vector to be 3, found 2"),
    ({"id": "a", "dense_values": []}, "found 0"),
    ({"id": "a", "dense_values": [1, 2, "3"]}, "must be a list of numbers"),
    ({"id": "a", "dense_values": [1, 2, None]}, "must be a list of numbers"),
    ({"id": "a", "dense_values": "abc"}, "must be a list of numbers"),
    ({"id": "a", "dense_values": [[1, 2, 3]]}, "must be a list of numbers"),
    ({"id": "a", "dense_values": [1, 2, float("nan")]}, "finite"),
    ({"id": "a", "dense_values": [1, 2, float("inf")]}, "finite"),
    ({"id": "a", "dense_values": [1, 2, 1e39]}, "finite"),
    ({"id": "a", "dense_values": np.array([1, 2, np.nan])}, "finite"),
    ({"id": "a", "dense_values": np.zeros((1, 3))}, "must be a list of numbers"),
    ({"id": "a", "dense_values": [1, 2, 3], "values": [1, 2, 3]}, "either `dense_values` or `values`"),
    ({"id": "a", "vector": [1, 2, 3]}, "unknown field `vector`, expected one of `id`"),
    ({"dense_values": [1, 2, 3]}, "an id is a string or an integer"),
    ({"id": None}, "an id is a string or an integer"),
    ({"id": True}, "an id is a string or an integer"),
    ({"id": 1.5}, "an id is a string or an integer"),
    ({"id": ""}, "at least one character"),
    ({"id": "\ud800"}, "an id is"),
    ({"id": "a", "document_id": 1.5}, "an id is a string or an integer"),
    ({"id": "a", "metadata": {"k": 1.5}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": True}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": None}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": ["v"]}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": np.bool_(True)}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": np.float64(1)}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": np.array([1])}}, "strings or integers"),
    ({"id": "a", "metadata": {1: "v"}}, "strings or integers"),
    ({"id": "a", "metadata": {"k": 2**31}}, "32 bits"),
    ({"id": "a", "metadata": {"k": "\udfff"}}, "UTF-8"),
    ({"id": "a", "metadata": ["k"]}, "metadata is an object"),
    ({"id": "a", "sparse_indices": [1, 2], "sparse_values": [1.0]}, "differ in length: 2 and 1"),
    ({"id": "a", "sparse_indices": [1, 1], "sparse_values": [1.0, 2.0]}, "twice"),
    ({"id": "a", "sparse_indices": [-1], "sparse_values": [1.0]}, "sparse indices are integers"),
    ({"id": "a", "sparse_indices": [2**32], "sparse_values": [1.0]}, "sparse indices are integers"),
    ({"id": "a", "sparse_indices": [1], "sparse_values": [float("inf")]}, "finite"),
    ({"id": "a", "sparse_indices": [1]}, "need `sparse_values`"),
    ({"id": "a", "sparse_values": [1.0]}, "sparse terms"),
    ({"id": "a", "text": 5}, "`text` is a string"),
    ({"id": "a", "text": "\ud800"}, "`text` is a string"),
    ("a", "a vector is an object"),
    (None, "a vector is an object"),
]


@pytest.mark.parametrize(("vector", "words"), BAD)
def test_a_wrong_vector_leaves_no_trace(world: World, vector: Any, words: str) -> None:
    before = contents(world.database)
    transaction = world.ask("create_transaction")["transaction_id"]
    for operation, arguments in (
        ("stream_upsert", {"vectors": [GOOD, vector]}),
        ("upsert_in_transaction", {"transaction_id": transaction, "vectors": [GOOD, vector]}),
        ("add_to_transaction", {"transaction_id": transaction, "vector": vector}),
    ):
        if operation == "add_to_transaction" and vector is None:
            words = "missing field `vector`"
        with pytest.raises(ValidationError) as caught:
            world.ask(operation, **arguments)
        assert words in str(caught.value)
        assert caught.value.status == 400
    assert world.ask("transaction_status", transaction_id=transaction)["status"] == "not_started"
    world.ask("commit", transaction_id=transaction)
    assert contents(world.database) == before, "the good one of the same request is not there either"


@pytest.mark.parametrize("vectors", ["abc", 5, {"id": "a"}, b"abc"])
def test_vectors_are_a_list(world: World, vectors: Any) -> None:
    with pytest.raises(ValidationError, match="`vectors` is a list"):
        world.ask("stream_upsert", vectors=vectors)


def test_values_that_the_schema_lacks(world: World) -> None:
    for metadata in ({"lang": "fr"}, {"lang": 1}):
        with pytest.raises(ValidationError, match=r"Invalid value .* for field lang"):
            world.ask("stream_upsert", collection="schema", vectors=[{"id": "a", "metadata": metadata}])
    assert world.ask("get_collection", collection="schema")["vectors_count"] == 0
    world.ask("stream_upsert", collection="schema", vectors=[{"id": "a", "metadata": {"lang": "de", "other": 1}}])


def test_dense_values_where_there_are_none(world: World) -> None:
    with pytest.raises(ValidationError, match="no dense vectors"):
        world.ask("stream_upsert", collection="texts", vectors=[GOOD])
    world.ask("stream_upsert", collection="texts", vectors=[{"id": "a", "text": "t", "sparse_values": {1: 1.0}}])
    assert world.ask("get_vector", collection="texts", id="a") == {
        "id": "a",
        "document_id": None,
        "dense_values": None,
        "metadata": None,
        "sparse_indices": [1],
        "sparse_values": [1.0],
        "text": None,
    }


def test_numbers_that_an_index_of_16_bits_cannot_hold(world: World) -> None:
    world.service.call("create_collection", creation("half"))
    quantization = {"type": "scalar", "properties": {"data_type": "f16", "range": {"min": -1, "max": 1}}}
    arguments = {"collection": "half", "quantization": quantization}
    world.ask("create_dense_index", **arguments, distance_metric_type="euclidean")
    with pytest.raises(ValidationError, match="up to 65504"):
        world.ask("stream_upsert", collection="half", vectors=[{"id": "a", "values": [1, 2, 65505]}])
    world.ask("stream_upsert", collection="half", vectors=[{"id": "a", "values": [1, 2, 65504]}])
    world.ask("delete_index", collection="half", index_type="dense")
    world.ask("create_dense_index", **arguments, distance_metric_type="cosine")
    world.ask("stream_upsert", collection="half", vectors=[{"id": "a", "values": [1, 2, 1e10]}])
    found = world.ask("search_dense", collection="half", query_vector=[0, 0, 1])["results"]
    assert found[0]["score"] == pytest.approx(1.0)
