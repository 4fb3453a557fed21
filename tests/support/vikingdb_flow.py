"""Works through every method of the official SDK of VikingDB, in a process of its own, and prints what came back.

Arguments: ``all`` or ``once``, scheme, host with port, and ``iam ACCESS_KEY SECRET_KEY [TOKEN]`` or ``key API_KEY``.
The server holds what ``vikingdb_wire.Wire.make`` made. Every answer is printed under a name, or the code and status of
the error.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

warnings.simplefilter("ignore")

from vikingdb.vector import (  # noqa: E402
    AggRequest,
    DeleteDataRequest,
    EmbeddingData,
    EmbeddingModelOpt,
    EmbeddingRequest,
    FetchDataInCollectionRequest,
    FetchDataInIndexRequest,
    FullModalData,
    RerankRequest,
    SearchAdvance,
    SearchByIDRequest,
    SearchByKeywordsRequest,
    SearchByMultiModalRequest,
    SearchByRandomRequest,
    SearchByScalarRequest,
    SearchByVectorRequest,
    UpdateDataRequest,
    UpsertDataRequest,
)
from vikingdb_rows import ROWS, TEXTS  # noqa: E402

from vikingdb import IAM, APIKey, RequestOptions, VikingDB  # noqa: E402


def credentials(kind: str, *secrets: str) -> tuple[Any, str]:
    """Return what proves who asks, and the token that goes with it."""
    if kind == "key":
        return APIKey(api_key=secrets[0]), ""
    return IAM(ak=secrets[0], sk=secrets[1]), "".join(secrets[2:])


def work(client: Any, tell: Callable[..., Any]) -> None:
    """Call everything."""
    rows, texts = client.collection(collection_name="rows"), client.collection(collection_name="texts")
    index = client.index(collection_name="rows", index_name="rows_index")
    by_text = client.index(collection_name="texts", index_name="texts_index")

    tell("upsert", rows.upsert, UpsertDataRequest(data=ROWS), request_options=RequestOptions(request_id="flow-1"))
    tell("update", rows.update, UpdateDataRequest(data=[{"id": 1, "score": 73.25}]))
    tell("fetch", rows.fetch, FetchDataInCollectionRequest(ids=["1", -3, 99]))
    tell("fetch in index", index.fetch, FetchDataInIndexRequest(ids=[2], output_fields=["title"]))
    within = {
        "op": "and",
        "conds": [{"op": "range", "field": "score", "gt": 80}, {"op": "must", "field": "paragraph", "conds": [7, 8]}],
    }
    tell("vector", index.search_by_vector, SearchByVectorRequest(dense_vector=[1, 0.5, 0.25, 0], limit=2))
    tell(
        "filtered",
        index.search_by_vector,
        SearchByVectorRequest(dense_vector=[1, 0.5, 0.25, 0], filter=within, output_fields=["title"]),
    )
    tell("hybrid", index.search_by_vector, SearchByVectorRequest(
        dense_vector=[0, 0, 1, 0], sparse_vector={"signal": 2.0}, advance=SearchAdvance(dense_weight=0.5)
    ))  # fmt: skip
    tell("id", index.search_by_id, SearchByIDRequest(id="2", limit=1, output_fields=[]))
    tell("scalar", index.search_by_scalar, SearchByScalarRequest(field="score", order="asc", output_fields=["score"]))
    tell("random", index.search_by_random, SearchByRandomRequest(limit=2))
    tell("random, unasked", index.search_by_random)
    tell("keywords", index.search_by_keywords, SearchByKeywordsRequest(keywords=["signal"], output_fields=["text"]))
    tell("aggregate", index.aggregate, AggRequest(op="count", field="paragraph", cond={"gt": 1}))
    tell("total", index.aggregate, {"op": "count"})

    for number, text in enumerate(TEXTS):
        tell(f"text {number}", texts.upsert, {"data": [{"text": text}]})
    tell("multi modal", by_text.search_by_multi_modal, SearchByMultiModalRequest(
        text=TEXTS[1], need_instruction=False, limit=1
    ))  # fmt: skip
    tell("semantic", by_text.search_by_keywords, {"query": "lamp", "mode": "semantic_then_match", "limit": 2})
    tell("embedding", client.embedding().embedding, EmbeddingRequest(
        data=[EmbeddingData(text="a lamp")],
        dense_model=EmbeddingModelOpt(name="bge-m3", dim=1024),
        sparse_model=EmbeddingModelOpt(name="bge-m3"),
    ))  # fmt: skip
    tell("rerank", client.rerank().rerank, RerankRequest(
        model_name="doubao-seed-rerank", data=[[FullModalData(text=text)] for text in TEXTS],
        query=[FullModalData(text="rain")],
    ))  # fmt: skip

    once = RequestOptions(max_attempts=1)
    tell("no collection", client.collection(collection_name="none").fetch, {"ids": [1]}, request_options=once)
    tell("no index", client.index(collection_name="rows", index_name="none").search_by_random, {}, request_options=once)
    tell("bad vector", index.search_by_vector, {"dense_vector": [1, 2]}, request_options=once)
    tell("unknown field", rows.upsert, {"data": [{**ROWS[0], "unheard": 1}]}, request_options=once)
    tell("not a number", index.search_by_vector, {"dense_vector": [float("nan"), 0, 0, 0]}, request_options=once)
    tell("after failures", rows.fetch, {"ids": [1]})

    tell("delete", rows.delete, DeleteDataRequest(ids=[1]))
    tell("deleted", rows.fetch, {"ids": [1, 2]})
    tell("delete all", rows.delete, DeleteDataRequest(delete_all=True))
    tell("empty", index.search_by_random, {"limit": 1})
    tell("delete texts", texts.delete, {"del_all": True})


def ask_once(client: Any, tell: Callable[..., Any]) -> None:
    """Ask for something, without another try."""
    once = RequestOptions(max_attempts=1)
    tell("once", client.collection(collection_name="rows").fetch, {"ids": [1]}, request_options=once)


def main(what: str, scheme: str, host: str, *who: str) -> None:
    auth, token = credentials(*who)
    told: dict[str, Any] = {}

    def tell(name: str, method: Callable[..., Any], *arguments: Any, **others: Any) -> None:
        try:
            answer = method(*arguments, **others)
            told[name] = dict(answer) if isinstance(answer, Mapping) else answer.model_dump(exclude_none=True)
        except Exception as error:
            told[name] = {"error": getattr(error, "code", type(error).__name__), "message": str(error)}
            told[name]["status"] = getattr(error, "status_code", None)

    program = work if what == "all" else ask_once
    program(VikingDB(host=host, region="cn-beijing", scheme=scheme, auth=auth, sts_token=token), tell)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
