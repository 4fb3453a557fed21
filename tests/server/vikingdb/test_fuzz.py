"""Requests that are almost right: the answer is JSON, in the envelope, and nothing breaks.

``QUIVERDB_EXAMPLES`` sets how many of each kind are tried.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import bytes_changed, changed, written
from serving import Served, served
from vikingdb_rows import ROWS, ROWS_INDEX, ROWS_SCHEMA
from vikingdb_wire import Wire

from quiverdb.vikingdb.exceptions import STATUSES
from quiverdb.vikingdb.operations import OPERATIONS

EXAMPLES = int(os.environ.get("QUIVERDB_EXAMPLES", "60"))
IN_ROWS = {"collection_name": "rows"}
IN_INDEX = {"collection_name": "rows", "index_name": "rows_index"}
FILTER = {
    "op": "and",
    "conds": [
        {"op": "must", "field": "title", "conds": ["a", "演示"]},
        {"op": "or", "conds": [{"op": "range", "field": "score", "gt": 1.5}]},
        {"op": "must_not", "field": "tags", "conds": ["b"]},
    ],
}
ADVANCE = {
    "dense_weight": 0.5, "ids_in": [1, 2], "scale_k": 2, "post_process_input_limit": 20,
    "post_process_ops": [
        {"op": "string_contain", "field": "title", "pattern": "o"},
        {"op": "enum_freq_limiter", "field": "paragraph", "threshold": 1},
    ],
}  # fmt: skip
SEARCH = {**IN_INDEX, "filter": FILTER, "limit": 3, "offset": 1, "output_fields": ["title"], "advance": ADVANCE}
ASKED: dict[str, Any] = {
    "upsert": {**IN_ROWS, "data": list(ROWS), "ttl": 100, "async": False, "ignore_unknown_fields": True},
    "update": {**IN_ROWS, "data": [{"id": 1, "score": 2.5, "tags": ["z"], "vector": [1, 2, 3, 4]}]},
    "delete": {**IN_ROWS, "ids": [99], "del_all": False},
    "fetch_in_collection": {**IN_ROWS, "ids": [1, "2", -3]},
    "fetch_in_index": {**IN_INDEX, "ids": [1, 2], "partition": "", "output_fields": ["title", "vector"]},
    "search_by_vector": {**SEARCH, "dense_vector": [1, 0, 0.5, 2], "sparse_vector": {"signal": 1}},
    "search_by_multi_modal": {"collection_name": "texts", "index_name": "texts_index", "text": "a", "limit": 1},
    "search_by_id": {**SEARCH, "id": 1},
    "search_by_scalar": {**SEARCH, "field": "score", "order": "asc"},
    "search_by_keywords": {**SEARCH, "keywords": ["signal"], "mode": "bm25", "bm25_k1": 1.0, "fields": ["text"]},
    "search_by_random": SEARCH,
    "aggregate": {**IN_INDEX, "op": "count", "field": "paragraph", "filter": FILTER, "cond": {"gt": 0}, "order": "asc"},
    "sort": {**IN_INDEX, "ids": [1, 2], "query_vector": [1, 2, 3, 4]},
    "embedding": {"data": [{"text": "a"}], "dense_model": {"name": "bge-m3"}, "sparse_model": {"name": "bge-m3"}},
    "rerank": {"model_name": "m", "data": [[{"text": "a"}], [{"text": "b"}]], "query": [{"text": "a"}]},
    "create_collection": {**ROWS_SCHEMA, "CollectionName": "other", "Vectorize": {}},
    "get_collection": {"CollectionName": "rows", "ProjectName": "default"},
    "list_collections": {"PageNumber": 1, "PageSize": 10, "Filter": {"CollectionNameKeyword": ["r"]}},
    "update_collection": {"CollectionName": "other", "Fields": [{"FieldName": "new", "FieldType": "int64"}]},
    "delete_collection": {"CollectionName": "other"},
    "create_index": {**ROWS_INDEX, "CollectionName": "other", "IndexName": "i", "ScalarIndex": ["title"]},
    "get_index": {"CollectionName": "rows", "IndexName": "rows_index"},
    "list_indexes": {"CollectionName": "rows"},
    "update_index": {"CollectionName": "other", "IndexName": "i", "ScalarIndex": ["title", "score"]},
    "delete_index": {"CollectionName": "other", "IndexName": "i"},
    "enable_index": {"CollectionName": "other", "IndexName": "i"},
    "disable_index": {"CollectionName": "other", "IndexName": "i"},
}
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**32).map(random.Random)
names = st.sampled_from(sorted(ASKED))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with served(tmp_path_factory.mktemp("attacked")) as server, Wire(server.url) as wire:
        wire.make()
        wire.ask("upsert", ASKED["upsert"]).raise_for_status()
        yield wire
        check_log(server)


def check_log(server: Served) -> None:
    assert server.process.poll() is None, "the server ended"
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


def check(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.content, parse_constant=pytest.fail)
    if "ResponseMetadata" in body:
        code = body["ResponseMetadata"].get("Error", {}).get("Code", "Success")
        assert body["ResponseMetadata"]["RequestId"]
    else:
        code = body["code"]
        assert body["request_id"]
    assert answer.status_code < 500, answer.text
    assert STATUSES.get(code.partition(".")[0], 200) == answer.status_code


def test_every_operation_is_asked_for() -> None:
    assert ASKED.keys() == OPERATIONS.keys()


def ways(wire: Wire, name: str) -> list[Any]:
    return [wire.ask, wire.action] if OPERATIONS[name].action else [wire.ask]


@fuzzed
@given(name=names, seed=seeds, times=st.integers(1, 4), way=st.integers(0, 1))
def test_json_that_is_almost_right(attacked: Wire, name: str, seed: random.Random, times: int, way: int) -> None:
    body = written(changed(json.loads(json.dumps(ASKED[name])), seed, times))
    check(ways(attacked, name)[-way](name, body))


@fuzzed
@given(name=names, seed=seeds)
def test_bodies_with_other_bytes(attacked: Wire, name: str, seed: random.Random) -> None:
    check(attacked.ask(name, bytes_changed(json.dumps(ASKED[name]).encode(), seed)))


@fuzzed
@given(name=names, body=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10,
))  # fmt: skip
def test_json_of_any_kind(attacked: Wire, name: str, body: Any) -> None:
    check(attacked.ask(name, json.dumps(body).encode("utf-8", "surrogatepass")))


@fuzzed
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40), query=st.text(max_size=20))
def test_paths_and_actions_of_any_kind(attacked: Wire, path: str, query: str) -> None:
    path = path.replace("#", "").replace("?", "").lstrip("/")
    check(attacked.send(f"/api/{path}", {}))
    check(attacked.send("/", {}, query={"Action": query, "Version": path}))


@fuzzed
@given(
    text=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80), seed=seeds
)
def test_headers_of_any_kind(attacked: Wire, text: str, seed: random.Random) -> None:
    names = ("authorization", "x-date", "x-content-sha256", "x-tt-logid", "content-encoding", "content-type")
    headers = {seed.choice(names): text.strip().encode("latin-1")}
    check(attacked.ask("search_by_random", ASKED["search_by_random"], headers=headers))


def test_what_was_asked_right_is_answered(attacked: Wire) -> None:
    """The requests that the others are made of are right themselves, so that they reach the depths of the server."""
    last = ("delete_index", "delete_collection")
    for name in last:  # what is left of the others
        attacked.ask(name, ASKED[name])
    for name in (*(name for name in ASKED if name not in last), *last):
        answer = attacked.ask(name, ASKED[name])
        assert answer.status_code == 200, answer.text
