"""What ours sends and what it makes of answers, against the official SDK."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from tests.support.small_servers import HttpServer, Seen
from tests.support.vikingdb_official import CALLS, SIDES, clients_of, close, envelope, official, own, recording

OF_THE_CLIENT = {"user-agent", "accept-encoding", "connection"}
"""Headers in which libraries may differ; none is signed."""

EXTRAS = [
    {},
    {"request_id": "req-1"},
    {"headers": {"X-Trace": "a b", "Accept": "text/plain"}, "query": {"b": "x y/z", "a": "1~2", "c": "北京"}},
    {"headers": {"X-Tt-Logid": "header"}, "request_id": "option"},
]


OPEN: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        close(OPEN.pop())


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with recording(lambda seen: envelope(None)) as running:
        yield running


def made(server: HttpServer, side: str, auth: str = "IAM", **options: Any) -> dict[str, Any]:
    """Return the clients of one side, in front of a server."""
    given = SIDES[side]
    where = {"host": server.url.removeprefix("http://"), "scheme": "http", "region": "cn-beijing", **options}
    service = given.models.VikingDB(auth=given.auth[auth](), **where)
    OPEN.append(service)
    server.seen.clear()
    return clients_of(service)


def sent(server: HttpServer, clients: dict[str, Any], side: str, name: str, **extra: Any) -> Seen:
    """Return what a call sends."""
    call, given = CALLS[name], SIDES[side]
    options = {"request_options": given.options(**extra)} if extra else {}
    server.seen.clear()
    getattr(clients[call.client], call.method)(call.request(given.models), **options)
    (seen,) = server.seen
    return seen


def comparable(seen: Seen) -> dict[str, Any]:
    parts = urlsplit(seen.target)
    headers = {name: value for name, value in seen.headers.items() if name not in OF_THE_CLIENT}
    return {
        "method": seen.method,
        "path": parts.path,
        "query": sorted(parse_qsl(parts.query)),
        "headers": headers,
        "body": seen.body.decode(),
    }


@pytest.mark.parametrize("auth", ["IAM", "APIKey", "HeaderAuth"])
def test_requests_are_the_same_to_the_byte(server: HttpServer, auth: str) -> None:
    clients = {side: made(server, side, auth) for side in SIDES}
    for name in CALLS:
        expected, found = (comparable(sent(server, clients[side], side, name)) for side in SIDES)
        assert found == expected, name
        assert ("Signature=" in found["headers"].get("authorization", "")) == (auth == "IAM")


@pytest.mark.parametrize("extra", EXTRAS, ids=str)
@pytest.mark.parametrize("token", ["", "STS"])
def test_options_of_a_request_are_the_same(server: HttpServer, extra: dict[str, Any], token: str) -> None:
    found = {}
    for side in SIDES:
        clients = made(server, side, sts_token=token)
        found[side] = comparable(sent(server, clients, side, "by vector", **extra))
    assert found["own"] == found["official"]
    assert ("x-security-token" in found["own"]["headers"]) == bool(token)


def test_every_method_of_the_official_clients_is_compared() -> None:
    methods = {
        (name, method)
        for name, client in {"collection": official.CollectionClient, "index": official.IndexClient}.items()
        for method, _ in inspect.getmembers(client, inspect.isfunction)
        if not method.startswith("_")
    }
    assert methods <= {(call.client, call.method) for call in CALLS.values()}


def test_tiny_numbers_are_written_otherwise_and_mean_the_same(server: HttpServer) -> None:
    vector = [1e-05, 1e22, 5e-324, 1.7976931348623157e308, -0.0, 1e16]
    for side in SIDES:
        server.seen.clear()
        made(server, side)["index"].search_by_vector({"dense_vector": vector})
        assert json.loads(server.seen[-1].body)["dense_vector"] == vector


def test_arrays_go_where_lists_do(server: HttpServer) -> None:
    clients = made(server, "own")
    dense, ids = np.array([1, 0.25, -3], "f4"), np.array([1, 2])
    advance = own.SearchAdvance(ids_in=ids)
    rerank = own.TensorRerank(tensor=[dense])
    for request in (
        own.SearchByVectorRequest(dense_vector=dense, advance=advance, tensor_rerank=rerank),
        {"dense_vector": dense, "advance": {"ids_in": ids}, "tensor_rerank": {"tensor": dense[None]}},
        {"dense_vector": dense, "advance": advance, "tensor_rerank": rerank},
    ):
        clients["index"].search_by_vector(request)
        body = json.loads(server.seen[-1].body)
        assert body["dense_vector"] == [1.0, 0.25, -3.0]
        assert (body["advance"], body["tensor_rerank"]) == ({"ids_in": [1, 2]}, {"tensor": [[1.0, 0.25, -3.0]]})
    clients["collection"].upsert(own.UpsertDataRequest(data=[{"v": dense, "n": np.float32(0.5), "i": np.int64(3)}]))
    assert json.loads(server.seen[-1].body)["data"] == [{"v": [1.0, 0.25, -3.0], "n": 0.5, "i": 3}]
    clients["collection"].delete(own.DeleteDataRequest(ids=ids))
    assert json.loads(server.seen[-1].body)["ids"] == [1, 2]


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.array([math.nan]), np.float32("nan"), {"deep": [math.nan]}])
def test_numbers_that_json_lacks_are_refused(server: HttpServer, bad: Any) -> None:
    clients = made(server, "own")
    with pytest.raises(own.VikingVectorException, match="NaN") as caught:
        clients["collection"].upsert(data=[{"a": bad, "b": None}], request_options=SIDES["own"].options(request_id="r"))
    assert (caught.value.code, caught.value.status_code, caught.value.request_id) == ("InvalidParameter", 400, "r")
    assert not server.seen


HIT = {"id": 1, "fields": {"a": [1]}, "score": 0.5, "ann_score": 1, "origin_score": 2.0, "addition_score": 3.0}
SEARCH = {
    "data": [HIT, {"id": "b"}],
    "filter_matched_count": 3,
    "total_return_count": 2,
    "real_text_query": "q",
    "effective_keywords": {"f": ["k"]},
    "token_usage": {"m": {"total_tokens": 3}},
    "schema": {"a": "b"},
    "recall_time_cost_ms": 4,
    "unheard_of": {"kept": None},
}
RESULTS: dict[str, list[Any]] = {
    "upsert": [None, {}, {"token_usage": {"m": {"total_tokens": 1}}}],
    "update": [None, {"token_usage": {}}],
    "delete": [None, {"any": 1}],
    "fetch": [{"fetch": [{"id": 1, "fields": {"a": None}}, {"id": "x"}], "ids_not_exist": [2]}, {}],
    "fetch in index": [
        {"fetch": [{"id": 1, "fields": {}, "dense_dim": 2, "dense_vector": [1, 2.5], "sparse_vector": {"a": 1}}]}
    ],
    "by vector": [SEARCH, {}, None],
    "by keywords": [{"data": [{**HIT, "highlight": {"title": {"word": [1, 2]}}}], "rerank_error": "e"}],
    "aggregate": [
        {"op": "count", "field": "f", "agg": {"a": 1}},
        {"vector_weighted_sum": {"vector": [1], "found_ids": [1]}},
    ],
    "embedding": [{"data": [{"dense": [1, 2], "sparse": {"a": 1}, "tensor": [[1]]}], "token_usage": {"m": 1}}],
    "rerank": [{"data": [{"id": 0, "score": 1, "origin_data": [{"text": "a"}]}], "token_usage": {}}],
}


def fields(model: Any, like: Any) -> Any:
    """Return what a model holds, as far as another one has the same fields."""
    if isinstance(like, list | tuple):
        return [fields(part, other) for part, other in zip(model, like, strict=True)]
    if not hasattr(type(like), "model_fields"):
        return model
    names = [*type(like).model_fields, *(like.model_extra or {})]
    return {name: fields(getattr(model, name), getattr(like, name)) for name in names}


@pytest.mark.parametrize("name", RESULTS)
def test_answers_are_read_as_the_official_models_read_them(name: str) -> None:
    for result in RESULTS[name]:
        with recording(lambda seen, result=result: envelope(result, api="a", extra=1)) as server:
            call, found = CALLS[name], {}
            for side in SIDES:
                client = made(server, side)[call.client]
                found[side] = getattr(client, call.method)(call.request(SIDES[side].models))
            expected = fields(found["official"], found["official"])
            assert fields(found["own"], found["official"]) == expected


def test_null_stands_for_nothing() -> None:
    null = {
        "fetch": {"fetch": None, "ids_not_exist": None},
        "by vector": {"data": None, "token_usage": None, "schema": None},
        "by random": {"data": [{"id": 1, "fields": None}]},
        "aggregate": {"agg": None, "vector_weighted_sum": {"vector": None, "found_ids": None}},
        "embedding": {"data": None, "token_usage": None},
        "upsert": {"token_usage": None, "ids": None},
    }
    read = {}
    for name, result in null.items():
        with recording(lambda seen, result=result: envelope(result)) as server:
            call = CALLS[name]
            read[name] = getattr(made(server, "own")[call.client], call.method)(call.request(own)).result
    assert (read["fetch"].items, read["fetch"].ids_not_exist) == ([], [])
    assert (read["by vector"].data, read["by vector"].token_usage) == ([], {})
    assert read["by random"].data[0].fields == {}
    assert (read["aggregate"].agg, read["aggregate"].vector_weighted_sum.vector) == ({}, [])
    assert (read["upsert"].token_usage, read["upsert"].ids) == ({}, [])
