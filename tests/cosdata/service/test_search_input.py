"""Searches that are wrong say so with the documented sentence and status, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cosdata_model import Collection

from quiverdb.cosdata.errors import NotFoundError, ValidationError
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase

NAN, INFINITE = float("nan"), float("inf")
VECTOR = [1.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def call() -> Iterator[Any]:
    with EngineDatabase.open(":memory:") as database:
        yield Service.of(database).call


@pytest.fixture(scope="module")
def full(call: Any) -> Collection:
    made = Collection(call, "full", 3)
    made.index_all()
    made.upsert({"id": "a", "dense_values": VECTOR, "sparse_indices": [1], "sparse_values": [1.0], "text": "red"})
    return made


@pytest.fixture(scope="module")
def bare(call: Any) -> Collection:
    made = Collection(call, "bare", 3)
    made.upsert({"id": "a", "dense_values": VECTOR})
    return made


VALID: dict[str, dict[str, Any]] = {
    "search_dense": {"query_vector": VECTOR},
    "search_sparse": {"query_terms": [[1, 1.0]]},
    "search_text": {"query": "red"},
    "search_hybrid": {"query_vector": VECTOR, "query_text": "red"},
    "batch_search_dense": {"queries": [{"vector": VECTOR}]},
    "batch_search_sparse": {"query_terms_list": [[[1, 1.0]]]},
    "batch_search_text": {"queries": ["red"]},
    "batch_search_hybrid": {"queries": [{"query_terms": [[1, 1]], "query_text": "red"}]},
}


@pytest.mark.parametrize("operation", VALID)
def test_valid(full: Collection, operation: str) -> None:
    assert full.ask(operation, **VALID[operation])


@pytest.mark.parametrize("operation", VALID)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"top_k": 0}, "top_k must be an integer of at least 1, got 0"),
        ({"top_k": -1}, "top_k must be"),
        ({"top_k": 2.0}, "top_k must be"),
        ({"top_k": "3"}, "top_k must be"),
        ({"top_k": True}, "top_k must be"),
        ({"return_raw_text": 1}, "return_raw_text must be true or false"),
        ({"return_raw_text": "yes"}, "return_raw_text must be true or false"),
        ({"nn_count": 5}, "unknown field `nn_count`, expected one of"),
    ],
    ids=str,
)
def test_what_all_searches_refuse(full: Collection, operation: str, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        full.ask(operation, **{**VALID[operation], **wrong})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("operation", "body", "words"),
    [
        ("search_dense", {}, "missing field `query_vector`"),
        ("search_dense", {"query_vector": None}, "missing field `query_vector`"),
        ("search_dense", {"query_vector": [1.0, 2.0]}, "^Expected dimension of dense vector to be 3, found 2$"),
        ("search_dense", {"query_vector": []}, "^Expected dimension of dense vector to be 3, found 0$"),
        ("search_dense", {"query_vector": [1.0, 2.0, NAN]}, "finite"),
        ("search_dense", {"query_vector": [1.0, 2.0, INFINITE]}, "finite"),
        ("search_dense", {"query_vector": [1.0, 2.0, 1e300]}, "finite"),
        ("search_dense", {"query_vector": "abc"}, "list of numbers"),
        ("search_dense", {"query_vector": ["1", "2", "3"]}, "list of numbers"),
        ("search_dense", {"query_vector": [[1.0, 2.0, 3.0]]}, "list of numbers"),
        ("search_dense", {"query_vector": {"a": 1}}, "list of numbers"),
        ("search_dense", {"query_vector": VECTOR, "filter": {"Is": {}}}, "no metadata_schema"),
        ("search_sparse", {}, "missing field `query_terms`"),
        ("search_sparse", {"query_terms": "1"}, "sparse terms are"),
        ("search_sparse", {"query_terms": [[1, NAN]]}, "finite"),
        ("search_sparse", {"query_terms": [[-1, 1.0]]}, "0 to 2"),
        ("search_sparse", {"query_terms": [[1, 1.0]], "early_terminate_threshold": 1.5}, "between 0.0 and 1.0"),
        ("search_sparse", {"query_terms": [[1, 1.0]], "early_terminate_threshold": -0.1}, "between 0.0 and 1.0"),
        ("search_sparse", {"query_terms": [[1, 1.0]], "early_terminate_threshold": "0"}, "finite number"),
        ("search_sparse", {"query_terms": [[1, 1.0]], "early_terminate_threshold": NAN}, "finite number"),
        ("search_text", {}, "missing field `query`"),
        ("search_text", {"query": 3}, "query must be a string"),
        ("search_text", {"query": ["red"]}, "query must be a string"),
        ("search_hybrid", {}, "did not match any variant"),
        ("search_hybrid", {"query_vector": VECTOR}, "did not match any variant"),
        ("search_hybrid", {"dense_query": VECTOR}, "unknown field `dense_query`"),
        ("search_hybrid", {"query_vector": VECTOR, "query_text": 3}, "query_text must be a string"),
        ("search_hybrid", {"query_vector": [1.0], "query_text": "red"}, "found 1"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": 0}, "greater than 0"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": -60}, "greater than 0"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": 1e-320}, "greater than 0"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": NAN}, "finite number"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": "60"}, "finite number"),
        ("search_hybrid", {**VALID["search_hybrid"], "fusion_constant_k": 10**400}, "finite number"),
        ("search_hybrid", {**VALID["search_hybrid"], "sparse_early_terminate_threshold": 2}, "between 0.0 and 1.0"),
        ("batch_search_dense", {}, "missing field `queries`"),
        ("batch_search_dense", {"queries": {"vector": VECTOR}}, "queries must be a list"),
        ("batch_search_dense", {"queries": "abc"}, "queries must be a list"),
        ("batch_search_dense", {"queries": [VECTOR]}, r"is no object .* \(in queries\[0\]\)"),
        ("batch_search_dense", {"queries": [{"query_vector": VECTOR}]}, "unknown field `query_vector`"),
        ("batch_search_dense", {"queries": [{}]}, "missing field `vector`"),
        (
            "batch_search_dense",
            {"queries": [{"vector": VECTOR}, {"vector": [1.0]}]},
            r"^Expected dimension of dense vector to be 3, found 1 \(in queries\[1\]\)$",
        ),
        ("batch_search_dense", {"queries": [{"vector": VECTOR, "top_k": 0}]}, "top_k must be"),
        ("batch_search_sparse", {"query_terms_list": [[[1, 1.0]], 7]}, r"\(in query_terms_list\[1\]\)"),
        ("batch_search_sparse", {"query_terms_list": [], "early_terminate_threshold": 7}, None),
        ("batch_search_text", {"queries": ["red", 3]}, r"query must be a string, got 3 \(in queries\[1\]\)"),
        ("batch_search_hybrid", {"queries": [{"query_text": "red"}]}, "did not match any variant"),
        ("batch_search_hybrid", {"queries": [{**VALID["search_hybrid"], "version": 1}]}, "unknown field `version`"),
        ("vector_neighbors", {}, "missing field `id`"),
        ("vector_neighbors", {"id": 1.0}, "an id is"),
        ("vector_neighbors", {"id": True}, "an id is"),
    ],
    ids=str,
)
def test_wrong_bodies(full: Collection, operation: str, body: dict[str, Any], words: str | None) -> None:
    if words is None:  # nothing that would be read is wrong
        assert full.ask(operation, **body) == {"responses": []}
        return
    with pytest.raises(ValidationError, match=words) as caught:
        full.ask(operation, **body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("operation", "label"),
    [
        ("search_dense", "HNSW"),
        ("batch_search_dense", "HNSW"),
        ("search_sparse", "Sparse"),
        ("batch_search_sparse", "Sparse"),
        ("search_text", "TF-IDF"),
        ("batch_search_text", "TF-IDF"),
        ("search_hybrid", "HNSW"),
        ("batch_search_hybrid", "Sparse"),
    ],
)
def test_without_an_index(bare: Collection, operation: str, label: str) -> None:
    with pytest.raises(
        NotFoundError, match=rf"^Required index not found: {label} index for collection 'bare'"
    ) as caught:
        bare.ask(operation, **VALID[operation])
    assert caught.value.status == 400


def test_neighbors_need_an_index(bare: Collection) -> None:
    with pytest.raises(NotFoundError, match=r"^Required index not found: HNSW"):
        bare.ask("vector_neighbors", id="a")


@pytest.mark.parametrize("operation", VALID)
def test_unknown_collection(call: Any, operation: str) -> None:
    with pytest.raises(NotFoundError, match=r"^Collection 'nowhere' not found") as caught:
        call(operation, {"collection": "nowhere", **VALID[operation]})
    assert caught.value.status == 404


@pytest.mark.parametrize("operation", VALID)
@pytest.mark.parametrize("version", [77, "77", -1, "x", "", 1.5, [1], True])
def test_unknown_version(full: Collection, operation: str, version: Any) -> None:
    with pytest.raises(NotFoundError, match=r"^Version Not Found!"):
        full.ask(operation, **VALID[operation], version=version)


def test_a_state_that_nobody_named_is_gone_once_it_changed(call: Any) -> None:
    made = Collection(call, "changing", 3)
    made.index_dense()
    made.upsert({"id": "a", "dense_values": VECTOR})
    assert made.ask("search_dense", query_vector=VECTOR, version=1)["results"]
    assert made.ask("search_dense", query_vector=VECTOR, version="1")["results"]
    made.upsert({"id": "b", "dense_values": VECTOR})
    assert len(made.ask("search_dense", query_vector=VECTOR, version=2)["results"]) == 2
    with pytest.raises(NotFoundError, match="Version Not Found"):
        made.ask("search_dense", query_vector=VECTOR, version=1)


def test_thresholds_are_accepted(full: Collection) -> None:
    for threshold in (None, 0, 0.0, 0.5, 1):
        body = {"query_terms": [[1, 1.0]], "early_terminate_threshold": threshold}
        assert full.ask("search_sparse", **body) == full.ask("search_sparse", query_terms=[[1, 1.0]])
