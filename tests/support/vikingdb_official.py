"""The official SDK of VikingDB, and calls that it and ours have in common."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

from tests.support.small_servers import Answer, HttpServer, Seen

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from volcengine.auth.SignerV4 import SignerV4

    import vikingdb
    from vikingdb import auth as official_auth
    from vikingdb import vector as official

from quiverdb import vikingdb as own_root
from quiverdb.vikingdb import vector as own

__all__ = [
    "CALLS",
    "SIDES",
    "Call",
    "Side",
    "clients_of",
    "close",
    "envelope",
    "official",
    "own",
    "recording",
]

SECONDS = 1735787045.0
"""The moment at which requests are signed."""


class Call(NamedTuple):
    """A call that both have: the client, its method, and what makes the request of the models of one side."""

    client: str
    method: str
    request: Callable[[Any], Any]


def _search(**own_fields: Any) -> Mapping[str, Any]:
    return {
        "filter": {"op": "and", "conds": [{"op": "must", "field": "f", "conds": ["北京", 1, True]}]},
        "partition": "p",
        "output_fields": ["a", "b"],
        "limit": 7,
        "offset": 2,
        "return_schema": True,
        "return_detail_info": False,
        "ignore_unknown_fields": True,
        "unheard_of": {"kept": None},
        **own_fields,
    }


def _advanced(models: Any, **own_fields: Any) -> Mapping[str, Any]:
    ops = ({"op": "enum_freq_limiter", "field": "a", "threshold": 1},)
    advance = models.SearchAdvance(dense_weight=1, ids_in=[1, "2"], post_process_ops=ops, scale_k=1.5, other="kept")
    return _search(advance=advance, **own_fields)


def _vector(m: Any) -> Any:
    tensor = m.TensorRerank(tensor=[[1, 2], (0.5, 4)], input_limit=3)
    sparse = {"a": 1, "b": 0.5}
    return m.SearchByVectorRequest(
        dense_vector=[1, 0.25, -3], sparse_vector=sparse, tensor_rerank=tensor, **_advanced(m)
    )


def _multi_modal(m: Any) -> Any:
    rerank = m.ModelRerank(model_name="r", model_version="1", score_threshold=0, fail_strategy="fallback")
    instruction = m.Instruction(auto_fill=False)
    return m.SearchByMultiModalRequest(
        text='你好 "quoted" \n\t/ \x7f\u2028', image={"url": "i"}, need_instruction=False, instruction=instruction,
        rerank=rerank, **_advanced(m),
    )  # fmt: skip


def _keywords(m: Any) -> Any:
    return m.SearchByKeywordsRequest(
        keywords=("a", "b"), mode="bm25", fields=["t"], fields_weights={"t": 2}, highlight=m.Highlight(enable=True),
        bm25_k1=1, bm25_b=0.75, case_sensitive=False, **_search(),
    )  # fmt: skip


def _embedding(m: Any) -> Any:
    parts = [m.FullModalData(text="a"), {"image": "base64://"}]
    return m.EmbeddingRequest(
        data=[m.EmbeddingData(text="a"), m.EmbeddingData(full_modal_seq=parts), {"text": "b"}],
        dense_model=m.EmbeddingModelOpt(name="bge-m3", version="default", dim=1024),
        sparse_model={"name": "bge-m3"},
        project_name="p",
    )


def _rerank(m: Any) -> Any:
    data, query = [[m.FullModalData(text="a")], [{"text": "b"}]], [m.FullModalData(text="q")]
    return m.RerankRequest(model_name="r", data=data, query=query, return_origin_data=True)


ROWS = [{"title": "演示", "score": 42.5, "tags": ["a"], "none": None}, {"title": "b", "score": 1}]

CALLS = {
    "upsert": Call("collection", "upsert", lambda m: m.UpsertDataRequest(data=ROWS, ttl=5, async_write=True, more=1)),
    "upsert plain": Call(
        "collection", "upsert", lambda m: {"data": ROWS, "ttl": None, "async": False, "more": {"a": None}}
    ),
    "update": Call("collection", "update", lambda m: m.UpdateDataRequest(data=tuple(ROWS), ignore_unknown_fields=True)),
    "update plain": Call("collection", "update", lambda m: {"data": ROWS, "collection_name": "other"}),
    "delete": Call("collection", "delete", lambda m: m.DeleteDataRequest(ids=[1, "b"], async_write=False)),
    "delete all": Call("collection", "delete", lambda m: m.DeleteDataRequest(delete_all=True)),
    "delete plain": Call("collection", "delete", lambda m: {"del_all": True}),
    "fetch": Call(
        "collection", "fetch", lambda m: m.FetchDataInCollectionRequest(ids=(1, 2), return_download_url=True)
    ),
    "fetch plain": Call("collection", "fetch", lambda m: {"ids": [1]}),
    "fetch in index": Call(
        "index", "fetch", lambda m: m.FetchDataInIndexRequest(ids=[1], partition="p", output_fields=[])
    ),
    "by vector": Call("index", "search_by_vector", _vector),
    "by vector plain": Call("index", "search_by_vector", lambda m: {"dense_vector": [1, 0.5, 1.5e15, 123456789.125]}),
    "by multi modal": Call("index", "search_by_multi_modal", _multi_modal),
    "by id": Call("index", "search_by_id", lambda m: m.SearchByIDRequest(id="7", **_search())),
    "by scalar": Call("index", "search_by_scalar", lambda m: m.SearchByScalarRequest(field="f", order="desc", limit=1)),
    "by keywords": Call("index", "search_by_keywords", _keywords),
    "by keywords plain": Call("index", "search_by_keywords", lambda m: {"query": "a b", "highlight": {"enable": True}}),
    "by random": Call("index", "search_by_random", lambda m: m.SearchByRandomRequest(limit=1)),
    "by random, unasked": Call("index", "search_by_random", lambda m: None),
    "aggregate": Call(
        "index", "aggregate", lambda m: m.AggRequest(op="count", field="f", cond={"gt": 1}, weights=[1, 2.5])
    ),
    "aggregate plain": Call("index", "aggregate", lambda m: {"op": "count", "filter": {}}),
    "embedding": Call("embedding", "embedding", _embedding),
    "embedding plain": Call(
        "embedding", "embedding", lambda m: {"data": [{"text": "a"}], "dense_model": {"name": "m"}}
    ),
    "rerank": Call("rerank", "rerank", _rerank),
}


class Side(NamedTuple):
    """One of the two SDKs: its classes of models, options and credentials."""

    models: ModuleType
    options: Any
    auth: Mapping[str, Callable[[], Any]]


SIDES = {
    "official": Side(
        official,
        vikingdb.RequestOptions,
        {
            "IAM": lambda: vikingdb.IAM(ak="AK", sk="SK=="),
            "APIKey": lambda: vikingdb.APIKey(api_key="key"),
            "HeaderAuth": lambda: official_auth.HeaderAuth({"X-Top-Account-Id": "1", "X-Top-Role-Id": "data"}),
        },
    ),
    "own": Side(
        own,
        own_root.RequestOptions,
        {
            "IAM": lambda: own_root.IAM(ak="AK", sk="SK==", clock=lambda: SECONDS),
            "APIKey": lambda: own_root.APIKey(api_key="key"),
            "HeaderAuth": lambda: own_root.HeaderAuth({"X-Top-Account-Id": "1", "X-Top-Role-Id": "data"}),
        },
    ),
}


@contextmanager
def recording(answer: Callable[[Seen], Answer]) -> Iterator[HttpServer]:
    """Run a server that says that it is there, and otherwise answers as a function says; its requests are signed at
    one moment."""

    def with_ping(seen: Seen) -> Answer:
        return (200, {}, b"pong") if seen.target.endswith("/Ping") else answer(seen)

    stamped = mock.patch.object(SignerV4, "get_current_format_date", staticmethod(lambda: "20250102T030405Z"))
    with HttpServer(with_ping) as server, stamped:
        yield server


def close(service: Any) -> None:
    """Release the connections of a client of either side."""
    getattr(service, "session", service).close()


def clients_of(service: Any) -> dict[str, Any]:
    """Return the clients that a service makes."""
    named = {"collection_name": "c", "project_name": "p"}
    return {
        "collection": service.collection(**named),
        "index": service.index(**named, index_name="i"),
        "embedding": service.embedding(),
        "rerank": service.rerank(),
    }


def envelope(result: Any, **other: Any) -> Answer:
    """Answer as a server does when all went well."""
    body = {"code": "Success", "message": "fine", "request_id": "r-1", "result": result, **other}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()
