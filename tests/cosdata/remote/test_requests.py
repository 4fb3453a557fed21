"""Arguments become requests, or are refused before anything travels."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from cosdata_stub import rows
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quiverdb.cosdata.errors import ValidationError
from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.cosdata.remote.requests import identifier, request_of
from quiverdb.wire.http_message import Request
from quiverdb.wire.rest import path_arguments

VECTORS = {"collection": "c", "transaction_id": "0x1"}


def asked(operation: str, **arguments: Any) -> Request:
    return request_of(OPERATIONS[operation], arguments)


def body(operation: str, **arguments: Any) -> Any:
    return json.loads(asked(operation, **arguments).body or b"null")


@given(collection=st.text(min_size=1), vector_id=st.text(min_size=1))
def test_any_name_is_one_step_of_the_path(collection: str, vector_id: str) -> None:
    path = asked("get_vector", collection=collection, id=vector_id).path
    assert not set(path) & set("?# ")
    assert path.isascii()
    steps = path.split("/")
    assert "." not in steps
    assert ".." not in steps
    assert [unquote(step) for step in steps] == ["", "vectordb", "collections", collection, "vectors", vector_id]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_nothing_in_a_path_may_be_missing(row: Any) -> None:
    for name in path_arguments(row.path):
        given = {**dict.fromkeys(path_arguments(row.path), "x"), row.whole or "vector": {}}
        for bad in (None, "", 1.5, True, ["a"], "\ud800"):
            with pytest.raises(ValidationError, match=name):
                request_of(row, {**given, name: bad})


@pytest.mark.parametrize("value", [1, "1", np.int32(1), np.uint64(1)])
def test_one_and_its_text_are_one_id(value: Any) -> None:
    assert identifier(value) == "1"
    assert asked("get_vector", collection="c", id=value).path.endswith("/vectors/1")
    assert body("stream_upsert", collection="c", vectors=[{"id": value}]) == {"vectors": [{"id": "1"}]}
    assert body("add_to_transaction", **VECTORS, vector={"id": value, "values": [1.0]}) == {
        "id": "1",
        "dense_values": [1.0],
    }


@pytest.mark.parametrize("operation", ["get_vector", "find_vectors"])
def test_a_version_travels_only_if_given(operation: str) -> None:
    arguments = {"collection": "c", "id": "a", "document_id": "d"}
    without = asked(operation, **arguments)
    assert "version" not in dict(without.query)
    assert asked(operation, **arguments, version=None) == without
    assert dict(asked(operation, **arguments, version=3).query)["version"] == "3"


@pytest.mark.parametrize("row", [row for row in rows() if "version" in row.body], ids=lambda row: row.name)
def test_a_version_stands_in_the_body_only_if_given(row: Any) -> None:
    assert "version" not in json.loads(request_of(row, {"collection": "c", "version": None}).body or b"")
    assert json.loads(request_of(row, {"collection": "c", "version": 3}).body or b"")["version"] == 3


def test_what_a_server_wants_to_see_is_there() -> None:
    created = body("create_collection", name="c", dense_vector={"enabled": True, "dimension": 2}, config=None)
    assert created["config"] == {"max_vectors": None, "replication_factor": None}
    assert created["sparse_vector"] == created["tf_idf_options"] == {"enabled": False}
    assert "metadata_schema" not in created
    index = body("create_dense_index", collection="c")
    assert index["name"] == "c_index"
    assert index["quantization"] == {"type": "auto", "properties": {"sample_threshold": 100}}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("stream_upsert", {"vectors": {"id": "a"}}),
        ("stream_upsert", {"vectors": "ab"}),
        ("stream_upsert", {"vectors": 5}),
        ("stream_upsert", {"vectors": ["a"]}),
        ("stream_upsert", {"vectors": [{"id": 1.5}]}),
        ("stream_upsert", {"vectors": [{"id": True}]}),
        ("stream_upsert", {"vectors": [{"id": "a", "values": [1.0], "dense_values": [1.0]}]}),
        ("stream_upsert", {"vectors": [{"id": "a", "metadata": {"x": object()}}]}),
        ("stream_upsert", {"vectors": [{"id": "a", "text": "\ud800"}]}),
        ("add_to_transaction", {"transaction_id": "t"}),
        ("search_sparse", {"query_terms": [5]}),
        ("search_sparse", {"query_terms": [[5]]}),
        ("search_sparse", {"query_terms": [[1.5, 1.0]]}),
        ("search_sparse", {"query_terms": [[None, 1.0]]}),
        ("search_sparse", {"query_terms": {"x": 1.0}}),
        ("search_sparse", {"query_terms": "ab"}),
        ("batch_search_sparse", {"query_terms_list": {1: 1.0}}),
        ("batch_search_dense", {"queries": 5}),
    ],
)
def test_what_has_no_form_is_refused(operation: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        asked(operation, collection="c", **arguments)
    assert caught.value.status == 400


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda numbers: np.array(numbers, np.float32)])
def test_numbers_that_json_lacks_are_refused(number: float, kind: Any) -> None:
    for place in (0, 2):
        numbers = [1.0, 2.0, 3.0]
        numbers[place] = number
        with pytest.raises(ValidationError, match="NaN"):
            asked("search_dense", collection="c", query_vector=kind(numbers))
        with pytest.raises(ValidationError, match="NaN"):
            asked("stream_upsert", collection="c", vectors=[{"id": "a", "text": None, "values": kind(numbers)}])


def test_nothing_is_taken_for_a_number_that_json_lacks() -> None:
    vector = {"id": "a", "text": "null", "document_id": None, "dense_values": [1e308, 1e308], "metadata": {"n": 2**53}}
    assert body("stream_upsert", collection="c", vectors=[vector]) == {"vectors": [vector]}


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(values=arrays.arrays(np.float32, st.integers(0, 20), elements=finite))
def test_numbers_of_single_precision_arrive_exactly(values: Any) -> None:
    numbers = body("search_dense", collection="c", query_vector=values)["query_vector"]
    assert np.array_equal(np.array(numbers, np.float32), values)


@given(values=arrays.arrays(np.float32, 20, elements=st.floats(2**-10, 1024, width=32)))
def test_usual_numbers_take_few_digits(values: Any) -> None:
    written = asked("search_dense", collection="c", query_vector=values).body or b""
    texts = written.decode().partition("[")[2].partition("]")[0].split(",")
    assert max(map(len, texts)) <= 13  # ten digits, a point, and zeros before the first


@given(values=arrays.arrays(np.float64, 10, elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_of_double_precision_arrive_exactly(values: Any) -> None:
    assert body("search_dense", collection="c", query_vector=values)["query_vector"] == values.tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int64, np.uint32])
def test_other_arrays_travel_as_their_numbers(dtype: Any) -> None:
    values = np.array([[1, 2], [3, 4]], dtype).T[0]  # not in one piece
    assert body("search_dense", collection="c", query_vector=values)["query_vector"] == [1, 3]


def test_a_batch_of_arrays_is_written_no_slower_than_lists_by_the_standard_library() -> None:
    import time

    matrix = np.random.default_rng(0).normal(size=(200, 768)).astype(np.float32)
    vectors = [{"id": str(number), "dense_values": row} for number, row in enumerate(matrix)]
    lists = [{"id": str(number), "dense_values": row.tolist()} for number, row in enumerate(matrix)]

    def fastest(work: Any) -> float:
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            work()
            times.append(time.perf_counter() - begin)
        return min(times)

    ours = fastest(lambda: asked("upsert_in_transaction", **VECTORS, vectors=vectors))
    assert ours < fastest(lambda: json.dumps({"vectors": lists}).encode())
    assert len(asked("upsert_in_transaction", **VECTORS, vectors=vectors).body or b"") < 2_000_000
