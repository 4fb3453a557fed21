"""A server of ours at the other end: what its service answers arrives, results and errors alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from quiverdb.cosdata.operations import OPERATIONS
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase
from quiverdb.errors import QuiverError
from quiverdb.server.serving import serving

Open = Callable[..., Any]

C = {"collection": "a b+%23ü"}
D = {"collection": "d"}
TEXTS = {"sparse_vector": {"enabled": True}, "tf_idf_options": {"enabled": True}, "store_raw_text": True}
SCHEMA = {
    "fields": [{"name": "color", "values": ["red", "blue"]}, {"name": "year", "values": [1999, 2000]}],
    "supported_conditions": [{"op": "and", "field_names": ["color", "year"]}],
}
GOOD = {
    "id": "x/y?z#ä",
    "document_id": "doc",
    "dense_values": [1.0, 0.5, 0.25],
    "metadata": {"color": "red", "year": 1999},
    "sparse_indices": [7, 3],
    "sparse_values": [1.5, 0.5],
    "text": "the quick brown fox",
}
MANY = [
    {
        "id": number,
        "values": np.array([number, 1, -number], np.float32),
        "metadata": {"color": "blue", "year": 2000},
        "sparse_indices": np.array([number]),
        "sparse_values": np.array([1.0]),
        "text": f"fox number {number}",
    }
    for number in range(1, 6)
]
QUERY = np.array([1, 1, 0.1], np.float32)
RED = {"Is": {"field_name": "color", "field_value": "red", "operator": "Equal"}}
T = {"transaction_id": "of the last one"}
"""What is put in its place is known when a transaction was created."""

SCRIPT: list[tuple[str, dict[str, Any]]] = [
    ("list_collections", {}),
    (
        "create_collection",
        {
            "name": C["collection"],
            "dense_vector": {"enabled": True, "dimension": 3},
            "metadata_schema": SCHEMA,
            **TEXTS,
        },
    ),
    ("create_collection", {"name": C["collection"], "dense_vector": {"enabled": True, "dimension": 3}}),
    ("create_collection", {"name": D["collection"], "dense_vector": {"enabled": True, "dimension": 2}}),
    ("create_collection", {"name": "bad", "dense_vector": {"enabled": True, "dimension": 2}, "metadata_schema": 5}),
    ("list_collections", {}),
    ("get_collection", C),
    ("get_collection", {"collection": "none"}),
    ("load_collection", C),
    ("loaded_collections", {}),
    ("unload_collection", C),
    ("indexing_status", C),
    ("search_dense", {**C, "query_vector": QUERY}),
    ("create_dense_index", {**C, "distance_metric_type": "cosine"}),
    ("create_dense_index", C),
    ("create_sparse_index", C),
    ("create_tf_idf_index", {**C, "name": "t"}),
    ("create_dense_index", {**D, "distance_metric_type": "strange"}),
    ("list_indexes", C),
    ("list_indexes", {"collection": "none"}),
    ("create_transaction", C),
    ("create_transaction", C),
    ("upsert_in_transaction", {**C, **T, "vectors": [GOOD, *MANY]}),
    ("upsert_in_transaction", {**C, **T, "vectors": [{"id": "a", "values": [1.0]}]}),
    ("upsert_in_transaction", {**C, **T, "vectors": [{"id": "a", "strange": 1}]}),
    ("upsert_in_transaction", {**C, **T, "vectors": [{"id": "a", "metadata": {"color": "green"}}]}),
    ("add_to_transaction", {**C, **T, "vector": {"id": 9, "values": [0.0, 0.0, 1.0]}}),
    ("delete_in_transaction", {**C, **T, "id": 9}),
    ("transaction_status", {**C, **T}),
    ("commit", {**C, "transaction_id": "0xFFFFFFFF"}),
    ("commit", {**C, **T}),
    ("commit", {**C, **T}),
    ("transaction_status", {**C, **T}),
    ("get_vector", {**C, "id": GOOD["id"]}),
    ("get_vector", {**C, "id": 3}),
    ("get_vector", {**C, "id": "9"}),
    ("find_vectors", {**C, "document_id": "doc"}),
    ("find_vectors", {**C, "document_id": "none"}),
    ("vector_exists", {**C, "id": GOOD["id"]}),
    ("vector_exists", {**C, "id": "none"}),
    ("vector_exists", {"collection": "none", "id": 1}),
    ("vector_neighbors", {**C, "id": 1}),
    ("search_dense", {**C, "query_vector": QUERY, "top_k": 3}),
    ("search_dense", {**C, "query_vector": QUERY.tolist(), "filter": RED, "return_raw_text": True}),
    ("search_dense", {**C, "query_vector": [1.0]}),
    ("search_dense", {"collection": "none", "query_vector": [1.0]}),
    ("batch_search_dense", {**C, "queries": [{"vector": QUERY}, {"vector": QUERY, "filter": RED}], "top_k": 2}),
    ("search_sparse", {**C, "query_terms": {"3": 1.0, 7: 0.5}}),
    ("batch_search_sparse", {**C, "query_terms_list": [[[3, 1.0]], [{"index": 7, "value": 0.5}]]}),
    ("search_text", {**C, "query": "foxes", "return_raw_text": True, "top_k": 2}),
    ("batch_search_text", {**C, "queries": ["quick", "none"]}),
    ("search_hybrid", {**C, "query_vector": QUERY, "query_text": "fox", "top_k": 4}),
    ("search_hybrid", {**C, "query_vector": QUERY}),
    ("batch_search_hybrid", {**C, "queries": [{"query_terms": [[3, 1.0]], "query_text": "fox"}]}),
    ("create_version", {**C, "description": "first"}),
    ("stream_upsert", {**C, "vectors": [{**GOOD, "text": "lazy dog"}]}),
    ("stream_delete", {**C, "id": 3}),
    ("stream_delete", {**C, "id": "none"}),
    ("list_versions", C),
    ("current_version", C),
    ("get_version", {**C, "version": 1}),
    ("get_version", {**C, "version": 99}),
    ("get_vector", {**C, "id": 3, "version": 1}),
    ("find_vectors", {**C, "document_id": "doc", "version": "1"}),
    ("search_dense", {**C, "query_vector": QUERY, "version": 1}),
    ("search_text", {**C, "query": "fox", "version": "1"}),
    ("search_text", {**C, "query": "fox"}),
    ("search_text", {**C, "query": "fox", "version": 77}),
    ("set_current_version", {**C, "version": "1"}),
    ("get_vector", {**C, "id": 3}),
    ("delete_version", {**C, "version": 1}),
    ("delete_version", {**C, "version": 1}),
    ("create_transaction", C),
    ("abort", {**C, **T}),
    ("abort", {**C, **T}),
    ("create_transaction", D),
    ("upsert_in_transaction", {**D, **T, "vectors": [{"id": "..", "values": [1.0, 2.0]}]}),
    ("commit_together", {"transactions": [{**D, **T}, {**D, **T}]}),
    ("commit_together", {"transactions": [{**D, **T}]}),
    ("get_vector", {**D, "id": ".."}),
    ("delete_index", {**C, "index_type": "tf_idf"}),
    ("delete_index", {**C, "index_type": "tf_idf"}),
    ("search_text", {**C, "query": "fox"}),
    ("delete_collection", C),
    ("delete_collection", C),
    ("list_collections", {}),
]

OF_THE_MOMENT = {
    "created_at",
    "last_updated",
    "started_at",
    "last_synced",
    "timestamp",
    "transaction_id",
    "processing_time_seconds",
    "average_throughput",
    "average_rate_per_second_completed",
}


def lasting(value: Any) -> Any:
    """Return a result without what differs from run to run."""
    if isinstance(value, dict):
        return {key: "…" if key in OF_THE_MOMENT and inner else lasting(inner) for key, inner in value.items()}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def outcomes(call: Callable[[str, dict[str, Any]], Any]) -> Iterator[Any]:
    """Run the script, and return what each of its lines comes to."""
    last = ""

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: placed(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [placed(inner) for inner in value]
        return last if value is T["transaction_id"] else value

    for operation, arguments in SCRIPT:
        try:
            result = call(operation, placed(arguments))
        except QuiverError as error:
            # The answer to HEAD has no room for a sentence.
            message = "" if operation == "vector_exists" else str(error).replace(last or "…", "…")
            yield operation, type(error), getattr(error, "status", None), message
            continue
        if operation == "create_transaction":
            last = result["transaction_id"]
        yield operation, lasting(result)


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    with EngineDatabase.open(":memory:") as database:
        return list(outcomes(Service.of(database).call))


def test_a_server_answers_what_its_service_does(expected: list[Any], open_backend: Open) -> None:
    with EngineDatabase.open(":memory:") as database, serving(database) as server:
        for ours, theirs in zip(outcomes(open_backend(server.url, password="admin").call), expected, strict=True):
            assert ours == theirs


def test_the_script_does_all_there_is(expected: list[Any]) -> None:
    assert {operation for operation, _ in SCRIPT} == OPERATIONS.keys() - {"create_session"}
    done = {operation for operation, *outcome in expected if len(outcome) == 1}
    assert done == {operation for operation, _ in SCRIPT}
