"""What searches refuse: every limit at its edge and past it, wrong types, and what an index is not made for."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from viking_world import COUNT, DIM, METRICS, VectorIndex, World, best, dense_scores, many_things, schema_of

from quiverdb.engine.database import EngineDatabase
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.layout import Vectorizer

VECTOR = [1.0, 0.5, -1.0, 0.0, 2.0, 0.25, -0.5, 1.0]
PACKED = base64.b64encode(np.array(VECTOR, "<f4").tobytes()).decode()
HALF = "a\ud800"


@pytest.fixture(scope="module")
def things() -> World:
    return many_things(EngineDatabase.open(":memory:"))


@pytest.fixture(scope="module")
def texts() -> World:
    world = World(
        EngineDatabase.open(":memory:"),
        schema_of(
            "texts",
            {"id": "int64", "text": "text"},
            {"main": VectorIndex(quant="float")},
            dense=Vectorizer(model_name="bge-m3", text_field="text"),
        ),
    )
    world.add([{"id": 1, "text": "wine"}])
    return world


def vector(**more: Any) -> tuple[str, dict[str, Any]]:
    return "search_by_vector", {"dense_vector": VECTOR, **more}


def words(**more: Any) -> tuple[str, dict[str, Any]]:
    return "search_by_keywords", {"keywords": ["red"], **more}


def text(**more: Any) -> tuple[str, dict[str, Any]]:
    return "search_by_multi_modal", {"text": "red", **more}


def advance(**more: Any) -> tuple[str, dict[str, Any]]:
    return vector(advance=more)


GOOD = [
    vector(limit=1),
    vector(limit=100_000),
    vector(limit=5.0),
    vector(limit=np.int64(5)),
    vector(offset=0),
    vector(offset=10**12),
    vector(limit=None, offset=None, filter=None, advance=None, output_fields=None, partition=None),
    vector(partition="anything"),
    vector(partition=7),
    vector(filter={}),
    vector(dense_vector=tuple(VECTOR)),
    vector(dense_vector=np.array(VECTOR)),
    vector(dense_vector=np.array(VECTOR, np.float16)),
    vector(dense_vector=[np.float32(x) for x in VECTOR]),
    vector(dense_vector=[1] * DIM),
    vector(dense_vector=PACKED),
    vector(dense_vector=base64.b64encode(np.array(VECTOR, "<f8").tobytes()).decode()),
    vector(sparse_vector={}),
    vector(sparse_vector={"a": 1}),
    advance(dense_weight=0.2),
    advance(dense_weight=1),
    advance(scale_k=0.1),
    advance(scale_k=100),
    advance(filter_pre_ann_limit=1000, filter_pre_ann_ratio=0.25),
    advance(post_process_input_limit=10),
    advance(post_process_input_limit=100_000),
    advance(post_process_ops=[]),
    advance(dense_weight=None, ids_in=None),
    words(keywords=["r"] * 10),
    words(keywords=["r" * 512]),
    words(keywords=["界" * 170, "ab"]),
    ("search_by_keywords", {"query": "r" * 512}),
    ("search_by_keywords", {"query": " red  wine "}),
    words(bm25_k1=0.001, bm25_b=0),
    words(bm25_b=1),
    words(fields_weights={"body": 0}),
    words(fields=["body"], case_sensitive=True),
    ("search_by_id", {"id": 300}),
    ("search_by_id", {"id": "300"}),
    ("search_by_scalar", {"field": "number", "order": None}),
]


@pytest.mark.parametrize(("operation", "payload"), GOOD)
def test_what_is_allowed_is_answered_in_plain_data(things: World, operation: str, payload: dict[str, Any]) -> None:
    result = things.ask(operation, "ip", **payload)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["total_return_count"] == len(result["data"])
    assert all(value is not None for value in result.values())


BAD: list[tuple[tuple[str, dict[str, Any]], str]] = [
    (vector(limit=0), "limit must lie between 1 and 100000"),
    (vector(limit=100_001), "limit must lie between 1 and 100000"),
    (vector(limit="10"), "limit must be an integer"),
    (vector(limit=True), "limit must be an integer"),
    (vector(limit=1.5), "limit must be an integer"),
    (vector(offset=-1), "offset must lie between"),
    (vector(limits=5), "no key 'limits'"),
    (vector(output_fields="name"), "output_fields must be a list"),
    (vector(output_fields=[1]), r"output_fields\[0\] must be a string"),
    (vector(output_fields=["_pk"]), "no field '_pk'"),
    (vector(partition=[1]), "partition must be a string"),
    (vector(return_schema="yes"), "return_schema must be true or false"),
    (vector(ignore_unknown_fields=1, output_fields=["x"]), "ignore_unknown_fields must be true or false"),
    (vector(advance=[]), "advance must be an object"),
    (vector(advance={"ids": [1]}), "advance has no key 'ids'"),
    (vector(dense_vector=None), "dense_vector is missing"),
    (vector(dense_vector=None, sparse_vector={}), "dense_vector is missing"),
    (vector(dense_vector=VECTOR[1:]), "a vector of 8 numbers, got 7"),
    (vector(dense_vector=[]), "a vector of 8 numbers, got 0"),
    (vector(dense_vector=[VECTOR]), "dense_vector"),
    (vector(dense_vector=np.array([VECTOR])), "got 1 x 8"),
    (vector(dense_vector=[math.nan, *VECTOR[1:]]), "finite numbers"),
    (vector(dense_vector=[math.inf, *VECTOR[1:]]), "finite numbers"),
    (vector(dense_vector=[1e39, *VECTOR[1:]]), "finite numbers"),
    (vector(dense_vector=[10**400, *VECTOR[1:]]), "finite numbers"),
    (vector(dense_vector=["1", *VECTOR[1:]]), r"dense_vector\[0\] must be a number"),
    (vector(dense_vector=[True, *VECTOR[1:]]), r"dense_vector\[0\] must be a number"),
    (vector(dense_vector=[None, *VECTOR[1:]]), r"dense_vector\[0\] is missing"),
    (vector(dense_vector=np.array(["1"] * DIM)), "array of numbers"),
    (vector(dense_vector={"0": 1.0}), "a list of numbers"),
    (vector(dense_vector=3), "a list of numbers"),
    (vector(dense_vector="?" + PACKED[1:]), "neither a list of numbers nor base64"),
    (vector(dense_vector=PACKED[:-8]), "got that of"),
    (vector(dense_vector=base64.b64encode(np.full(DIM, np.nan, "<f4").tobytes()).decode()), "finite numbers"),
    (vector(sparse_vector=[1.0]), "sparse_vector must be an object"),
    (vector(sparse_vector={"a": "1"}), "must be a number"),
    (vector(sparse_vector={"a": math.nan}), "must not be NaN"),
    (vector(sparse_vector={"a": math.inf}), "finite numbers"),
    (vector(sparse_vector={"a": 1e39}), "finite numbers"),
    (vector(sparse_vector={1: 1.0}), "a token of sparse_vector must be a string"),
    (vector(sparse_vector={"": 1.0}), "must not be empty"),
    (vector(filter=[]), "filter must be an object"),
    (vector(filter={"op": "must", "field": "colour", "conds": [1]}), "no field 'colour'"),
    (vector(filter={"op": "must", "field": "name", "conds": [HALF]}), "half a character"),
    (vector(filter={"op": "prefix", "field": "name", "prefix": HALF}), "half a character"),
    (vector(filter={"op": "contains", "field": "name", "substring": HALF}), "half a character"),
    (vector(filter={"op": "regex", "field": "name", "pattern": HALF}), "half a character"),
    (vector(sparse_vector={HALF: 1}), "half a character"),
    (words(keywords=[HALF]), "half a character"),
    (vector(tensor_rerank={"tensor": [[1.0] * 4], "input_limit": 5}), "no field of type tensor"),
    (vector(rerank={}), "no key 'rerank'"),
    (advance(dense_weight=0.19), "dense_weight must lie between 0.2 and 1.0"),
    (advance(dense_weight=1.01), "dense_weight must lie between 0.2 and 1.0"),
    (advance(dense_weight=math.nan), "must not be NaN"),
    (advance(scale_k=0.09), "scale_k must lie between 0.1 and 100.0"),
    (advance(scale_k=100.1), "scale_k must lie between 0.1 and 100.0"),
    (advance(filter_pre_ann_limit=-1), "filter_pre_ann_limit must lie between"),
    (advance(post_process_input_limit=9), "at least the limit 10"),
    (advance(post_process_input_limit=100_001), "must lie between"),
    (advance(post_process_ops={}), "post_process_ops must be a list"),
    (advance(post_process_ops=[{"op": "shuffle"}]), "op must be one of"),
    (advance(ids_in=5), "ids_in must be a list"),
    (advance(ids_in=[0]), "ids_in|primary key"),
    (advance(ids_in=["a"]), "integer|int64"),
    (advance(ids_not_in=[1.5]), "integer|int64"),
    (words(keywords=None), "keywords or query is missing"),
    (words(keywords=[]), "at least 1 element"),
    (words(keywords=["r"] * 11), "at most 10 elements"),
    (words(keywords=["red", ""]), r"keywords\[1\] must not be empty"),
    (words(keywords=["r" * 513]), "at most 512 bytes"),
    (words(keywords=["界" * 170, "abc"]), "at most 512 bytes, got 513"),
    (words(keywords="red"), "keywords must be a list"),
    (words(keywords=[1]), r"keywords\[0\] must be a string"),
    (words(query="red"), "cannot both be given"),
    (words(keywords=None, query=""), "query must not be empty"),
    (words(keywords=None, query="   "), "query must not be empty"),
    (words(keywords=None, query="r" * 513), "at most 512 bytes"),
    (words(mode="bm26"), "mode must be one of"),
    (words(mode="semantic_then_match"), "needs a collection with Vectorize"),
    (words(case_sensitive="no"), "case_sensitive must be true or false"),
    (words(fields=["name"]), "no field with FullText"),
    (words(fields=[]), "at least 1 element"),
    (words(fields_weights={"name": 1}), "no field with FullText"),
    (words(fields_weights={"body": -1}), "must lie between"),
    (words(fields_weights={"body": math.inf}), "must be finite"),
    (words(bm25_k1=0), "above 0"),
    (words(bm25_k1=math.inf), "above 0 and finite"),
    (words(bm25_b=-0.1), "bm25_b must lie between"),
    (words(bm25_b=1.1), "bm25_b must lie between"),
    (words(highlight=True), "highlight must be an object"),
    (words(highlight={"enable": 1}), "highlight.enable must be true or false"),
    (words(highlight={"on": True}), "no key 'on'"),
    (text(), "needs a collection with Vectorize"),
    (("search_by_id", {}), "id is missing"),
    (("search_by_id", {"id": "a"}), "integer|int64"),
    (("search_by_scalar", {}), "field is missing"),
    (("search_by_scalar", {"field": "name"}), "type string"),
    (("search_by_scalar", {"field": "day"}), "type date_time"),
    (("search_by_scalar", {"field": "price", "order": "up"}), "order must be one of"),
    (("search_by_random", {"dense_vector": VECTOR}), "no key 'dense_vector'"),
    (("sort", {"ids": [1]}), "query_vector is missing"),
    (("sort", {"query_vector": VECTOR}), "ids is missing"),
    (("sort", {"ids": [], "query_vector": VECTOR}), "at least 1 element"),
    (("sort", {"ids": [1], "query_vector": VECTOR[1:]}), "a vector of 8 numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "message"), BAD)
def test_what_is_wrong_is_refused_and_told_why(
    things: World, request_: tuple[str, dict[str, Any]], message: str
) -> None:
    operation, payload = request_
    with pytest.raises(VikingException, match=message) as raised:
        things.ask(operation, "ip", **payload)
    assert raised.value.code in ("InvalidParameter", "MissingParameter")
    assert raised.value.status_code == 400


RERANK = {"model_name": "m", "model_version": "1"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"text": None}, "text is missing"),
        ({"text": ""}, "text must not be empty"),
        ({"text": 3}, "text must be a string"),
        ({"image": "tos://bucket/a.jpg"}, "image: no model"),
        ({"text": None, "video": {"value": "tos://bucket/a.mp4"}}, "video: no model"),
        ({"instruction": True}, "instruction must be an object"),
        ({"instruction": {"auto_fill": 1}}, "auto_fill must be true or false"),
        ({"instruction": {"fill": True}}, "no key 'fill'"),
        ({"need_instruction": "no"}, "need_instruction must be true or false"),
        ({"tensor_rerank": {"input_limit": 10}}, "makes a tensor of the text"),
        ({"rerank": {"model_name": "m"}}, "rerank.model_version is missing"),
        ({"rerank": {"model_version": "1"}}, "rerank.model_name is missing"),
        ({"rerank": RERANK | {"input_limit": 9}}, "input_limit must lie between 10 and 100"),
        ({"rerank": RERANK | {"input_limit": 101}}, "input_limit must lie between 10 and 100"),
        ({"rerank": RERANK, "limit": 101}, "limit of the search must be at most 100"),
        ({"rerank": RERANK | {"fail_strategy": "hope"}}, "fail_strategy must be one of"),
        ({"rerank": RERANK | {"score_threshold": "high"}}, "score_threshold must be a number"),
        ({"rerank": RERANK | {"timeout_ms": 0}}, "timeout_ms must lie between"),
        ({"rerank": RERANK | {"query": "a"}}, "no key 'query'"),
    ],
)
def test_wrong_searches_for_texts(texts: World, payload: dict[str, Any], message: str) -> None:
    with pytest.raises(VikingException, match=message) as raised:
        texts.ask(*text(**payload)[:1], **text(**payload)[1])
    assert raised.value.status_code == 400


@pytest.mark.parametrize("more", [{}, {"input_limit": 10}, {"input_limit": 100}, {"fail_strategy": "fail_fast"}])
def test_good_rerankings(texts: World, more: dict[str, Any]) -> None:
    assert texts.ask("search_by_multi_modal", text="wine", rerank=RERANK | more)["total_return_count"] == 1


@pytest.mark.parametrize("shape", [(0, 4), (2, 3), (2, 5)])
def test_wrong_tensors(shape: tuple[int, int]) -> None:
    schema = schema_of("ten", {"id": "int64", "vec": 4, "ten": (2, 4)}, {"main": VectorIndex(quant="float")})
    world = World(EngineDatabase.open(":memory:"), schema)
    asked = {"tensor": np.ones(shape).tolist(), "input_limit": 10}
    with pytest.raises(VikingException, match=r"tensor_rerank\.tensor"):
        world.ask("search_by_vector", dense_vector=[1.0] * 4, tensor_rerank=asked)
    for limit in (0, 1001, None):
        asked = {"tensor": [[1.0] * 4], "input_limit": limit}
        with pytest.raises(VikingException, match="input_limit"):
            world.ask("search_by_vector", dense_vector=[1.0] * 4, tensor_rerank=asked)
    for limit in (1, 1000):
        asked = {"tensor": [[1.0] * 4], "input_limit": limit}
        assert world.ask("search_by_vector", dense_vector=[1.0] * 4, tensor_rerank=asked)["data"] == []


def test_sparse_vectors_need_a_hybrid_index(things: World) -> None:
    with pytest.raises(VikingException, match="hnsw_hybrid") as raised:
        things.ask("search_by_vector", "int8", dense_vector=VECTOR, sparse_vector={"red": 1.0})
    assert raised.value.code == "InvalidParameter"


def test_fields_must_be_in_the_scalar_index(things: World) -> None:
    for operation, payload in (
        ("search_by_scalar", {"field": "price"}),
        ("search_by_random", {"filter": {"op": "range", "field": "price", "gt": 1}}),
        ("search_by_random", {"filter": {"op": "must", "field": "id", "conds": [1]}}),
    ):
        with pytest.raises(VikingException, match="not in the ScalarIndex") as raised:
            things.ask(operation, "some", **payload)
        assert raised.value.code == "InvalidParameter"


def test_a_disabled_index_is_not_searched(things: World) -> None:
    for operation, payload in (
        vector(),
        ("search_by_random", {}),
        words(),
        ("sort", {"ids": [1], "query_vector": VECTOR}),
    ):
        with pytest.raises(VikingException, match="disabled") as raised:
            things.ask(operation, "off", **payload)
        assert (raised.value.code, raised.value.status_code) == ("OperationDenied.VikingdbIndex", 403)


def test_a_row_that_is_not_there(things: World) -> None:
    with pytest.raises(VikingException, match="no row") as raised:
        things.ask("search_by_id", id=4711)
    assert raised.value.status_code == 404


@pytest.mark.parametrize("metric", METRICS)
def test_packed_vectors_find_what_lists_find(things: World, metric: str) -> None:
    for given in (VECTOR, PACKED, np.array(VECTOR, np.float32)):
        result = things.ask("search_by_vector", metric, dense_vector=given, limit=COUNT)
        expected = best(dense_scores(metric, things, np.array(VECTOR)), COUNT)
        assert [item["id"] for item in result["data"]] == [key for key, _ in expected]


def test_a_search_that_fails_says_which_request_it_was(things: World) -> None:
    with pytest.raises(VikingException) as raised:
        things.ask("search_by_vector", dense_vector=[])
    assert raised.value.request_id != "unknown"
