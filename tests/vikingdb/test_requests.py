"""What the arguments of methods become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from quiverdb.errors import InvalidInputError
from quiverdb.vikingdb.request_options import RequestOptions
from quiverdb.vikingdb.vector import Field, VectorIndex, Vectorizer, filters, models, post_process
from quiverdb.vikingdb.vector._requests import batches, body, may_repeat, payload


@pytest.mark.parametrize(
    "request_",
    [
        models.UpsertDataRequest(data=[{"a": None}], async_write=True, ttl=None),
        models.UpsertDataRequest(**{"data": [{"a": None}], "async": True}),
        {"data": [{"a": None}], "async": True, "ttl": None},
        {"data": [{"a": None}], "async_write": True},
    ],
)
def test_models_mappings_and_names_mean_the_same(request_: Any) -> None:
    expected = {"data": [{"a": None}], "async": True}
    assert body(models.UpsertDataRequest, request_, {}) == expected
    assert body(models.UpsertDataRequest, request_, {"ttl": 5}) == {**expected, "ttl": 5}
    assert body(models.UpsertDataRequest, request_, {"async_write": False}) == {**expected, "async": False}
    assert body(models.UpsertDataRequest, None, expected) == expected


def test_the_name_of_the_wire_goes_before_that_of_the_model() -> None:
    assert body(models.DeleteDataRequest, {"del_all": True, "delete_all": False}, {})["del_all"] is True
    assert body(models.DeleteDataRequest, {"delete_all": True}, {}) == {"del_all": True}


def test_a_search_by_a_sparse_vector_needs_no_dense_one() -> None:
    asked = models.SearchByVectorRequest(sparse_vector={"wine": 1.0})
    assert body(models.SearchByVectorRequest, asked, {}) == {"sparse_vector": {"wine": 1.0}}


def test_keywords_that_the_model_lacks_are_refused_and_keys_of_mappings_are_not() -> None:
    with pytest.raises(TypeError, match="SearchByVectorRequest has no field 'limits'"):
        body(models.SearchByVectorRequest, None, {"dense_vector": [1], "limits": 5})
    assert body(models.SearchByVectorRequest, {"limits": 5}, {}) == {"limits": 5}
    assert body(models.SearchByVectorRequest, None, {"project_name": "p"}) == {"project_name": "p"}


@pytest.mark.parametrize("wrong", [5, "text", [{"a": 1}], object()])
def test_what_is_no_request_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a request is a UpsertDataRequest or a mapping"):
        body(models.UpsertDataRequest, wrong, {})


def test_models_may_be_parts_of_mappings_and_keywords() -> None:
    advance = models.SearchAdvance(ids_in=[1], unheard=2)
    data = [models.EmbeddingData(text="a"), {"text": "b"}]
    assert body(models.SearchByIDRequest, {"advance": advance}, {}) == {"advance": {"ids_in": [1], "unheard": 2}}
    assert body(models.EmbeddingRequest, None, {"data": data}) == {"data": [{"text": "a"}, {"text": "b"}]}


def test_arrays_stay_as_they_are() -> None:
    vector = np.zeros(3, "f4")
    for request in (models.SearchByVectorRequest(dense_vector=vector), {"dense_vector": vector}):
        assert body(models.SearchByVectorRequest, request, {})["dense_vector"] is vector
    row = models.UpsertDataRequest(data=[{"v": vector}])
    assert body(models.UpsertDataRequest, row, {})["data"][0]["v"] is vector


@pytest.mark.parametrize("vector", ["text", 5, [1, "x"], {"a": 1}])
def test_models_refuse_what_is_no_vector(vector: Any) -> None:
    with pytest.raises(ValueError, match="dense_vector"):
        models.SearchByVectorRequest(dense_vector=vector)


@pytest.mark.parametrize(
    ("primary_key", "rows", "given", "expected"),
    [
        (None, [{"id": 1}], None, None),
        ("id", [{"id": 1}, {"id": "b"}], None, True),
        ("id", [{"id": 0}], None, True),
        ("id", [{"id": 1}, {}], None, None),
        ("id", [{"id": None}], None, None),
        ("id", "rows", None, None),
        ("id", [{"id": 1}], False, False),
        ("id", [{}], True, True),
    ],
)
def test_rows_with_their_primary_key_may_be_sent_again(
    primary_key: str | None, rows: Any, given: bool | None, expected: bool | None
) -> None:
    options = RequestOptions(request_id="r", repeatable=given)
    found = may_repeat(primary_key, rows, options)
    assert found is not None
    assert (found.repeatable, found.request_id) == (expected, "r")
    assert options.repeatable is given


def test_rows_are_split() -> None:
    assert [len(batch) for batch in batches(({} for _ in range(205)), 100)] == [100, 100, 5]
    assert list(batches([], 1)) == []
    for size in (0, -1, 1.5, True):
        with pytest.raises(InvalidInputError, match="batch_size"):
            next(batches([{}], size))  # type: ignore[arg-type]


def test_parts_of_a_schema_are_written_as_the_cloud_has_them() -> None:
    found = payload({
        "self": None,
        "request": {"CollectionName": "replaced", "Custom": {"a": VectorIndex()}},
        "collection_name": "c",
        "fields": (Field("v", "vector", dim=4), {"FieldName": "raw"}),
        "vectorize": {"Dense": Vectorizer("m", text_field="t")},
        "vector_index": VectorIndex("flat", "l2", "float"),
        "scalar_index": [],
        "cpu_quota": 2,
        "description": None,
        "request_options": RequestOptions(),
        "other": {"shard_count": 3, "PascalCase": 1},
    })  # fmt: skip
    assert found == {
        "CollectionName": "c",
        "Custom": {"a": {"IndexType": "hnsw", "Distance": "ip", "Quant": "int8"}},
        "Fields": [{"FieldName": "v", "FieldType": "vector", "Dim": 4}, {"FieldName": "raw"}],
        "Vectorize": {"Dense": {"ModelName": "m", "TextField": "t"}},
        "VectorIndex": {"IndexType": "flat", "Distance": "l2", "Quant": "float"},
        "ScalarIndex": [],
        "CpuQuota": 2,
        "ShardCount": 3,
        "PascalCase": 1,
    }


# --- filters and post-processing


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (filters.must("f", 1, 2), {"op": "must", "field": "f", "conds": [1, 2]}),
        (filters.must("f", [1, 2]), {"op": "must", "field": "f", "conds": [1, 2]}),
        (filters.must_not("f", "a"), {"op": "must_not", "field": "f", "conds": ["a"]}),
        (filters.range_("f", gt=0, lte=2.5), {"op": "range", "field": "f", "gt": 0, "lte": 2.5}),
        (filters.range_out("f", gte=5, lt=1), {"op": "range_out", "field": "f", "gte": 5, "lt": 1}),
        (
            filters.time_range("t", gte=datetime(2025, 8, 12, tzinfo=UTC), lt="2025-08-13T00:00:00Z"),
            {"op": "time_range", "field": "t", "gte": "2025-08-12T00:00:00+00:00", "lt": "2025-08-13T00:00:00Z"},
        ),
        (
            filters.geo_range("g", "1.5,2", "3km"),
            {"op": "geo_range", "field": "g", "center": "1.5,2", "radius": "3km"},
        ),
        (
            filters.and_(filters.must("a", 1), filters.or_(filters.must("b", 2), filters.must("c", 3))),
            {
                "op": "and",
                "conds": [
                    {"op": "must", "field": "a", "conds": [1]},
                    {
                        "op": "or",
                        "conds": [
                            {"op": "must", "field": "b", "conds": [2]},
                            {"op": "must", "field": "c", "conds": [3]},
                        ],
                    },
                ],
            },
        ),
        (
            post_process.score_fusion(
                post_process.scalar("likes", factor=2.0),
                post_process.decay("at", "linear", scale="9d", offset="1d", decay=0.3),
                fusion_by="add",
                addition_score_weight=0.5,
                normalize_for_origin_score=post_process.arctan(factor=1, offset=0),
                normalize_for_addition_score=post_process.min_max(),
            ),
            {
                "op": "score_fusion",
                "fusion_by": "add",
                "addition_score_weight": 0.5,
                "addition_score": [
                    {"base_value_from": "scalar_field", "field": "likes", "factor": 2.0},
                    {
                        "base_value_from": "decay_func",
                        "field": "at",
                        "factor": 1.0,
                        "func": "linear",
                        "offset": "1d",
                        "scale": "9d",
                        "decay": 0.3,
                    },
                ],
                "normalize_for_origin_score": {
                    "enable": True,
                    "func": "arctan",
                    "arctan_factor": 1,
                    "arctan_offset": 0,
                },
                "normalize_for_addition_score": {"enable": True, "func": "min_max"},
            },
        ),
    ],
)
def test_helpers_write_what_the_api_reads(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert found == expected


def test_helpers_refuse_what_means_nothing() -> None:
    with pytest.raises(InvalidInputError, match="a range has a bound"):
        filters.range_("f")
    with pytest.raises(InvalidInputError, match="time zone"):
        filters.time_range("t", gt=datetime(2025, 8, 12))
