"""Readers beside others who write: what is answered is true of the state that was asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cosdata_interference import Interfering
from cosdata_world import creation

from quiverdb.cosdata.errors import ConflictError, NotFoundError, ValidationError
from quiverdb.cosdata.service.service import Service
from quiverdb.engine.database import EngineDatabase

COLLECTION = {"collection": "docs"}
OLD = {"id": "a", "document_id": "d", "dense_values": [1.0, 0.0, 0.0], "sparse_values": {1: 1.0}, "text": "red fox"}
NEW = {"id": "a", "document_id": "d", "dense_values": [0.0, 1.0, 0.0], "sparse_values": {1: 2.0}, "text": "blue bird"}


@pytest.fixture
def database() -> Iterator[EngineDatabase]:
    with EngineDatabase.open(":memory:") as opened:
        service = Service.of(opened)
        service.call("create_collection", creation("docs", store_raw_text=True))
        for kind in ("dense", "sparse", "tf_idf"):
            service.call(f"create_{kind}_index", COLLECTION)
        service.call("stream_upsert", {**COLLECTION, "vectors": [OLD]})
        yield opened


def write(database: EngineDatabase) -> None:
    Service.of(database).call("stream_upsert", {**COLLECTION, "vectors": [NEW]})


def hits(answer: dict[str, Any]) -> list[tuple[str, float]]:
    return [(hit["id"], round(hit["score"], 5)) for hit in answer["results"]]


READS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "get_vector": ({"id": "a"}, lambda vector: vector["text"]),
    "find_vectors": ({"document_id": "d"}, lambda vectors: [vector["text"] for vector in vectors]),
    "search_dense": ({"query_vector": [1.0, 0.0, 0.0]}, hits),
    "search_sparse": ({"query_terms": [[1, 1.0]]}, hits),
    "search_text": ({"query": "red"}, hits),
}


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_version_that_is_present_is_read_as_it_was(database: EngineDatabase, operation: str, times: int) -> None:
    arguments, shown = READS[operation]
    version = Service.of(database).call("create_version", COLLECTION)["version_number"]
    asked = {**COLLECTION, **arguments, "version": version}
    expected = shown(Service.of(database).call(operation, asked))
    disturbed = Service(Interfering(database, lambda: write(database), times))  # type: ignore[arg-type]
    assert shown(disturbed.call(operation, asked)) == expected
    assert expected


@pytest.mark.parametrize("operation", READS)
def test_a_state_without_a_name_is_gone_once_something_is_written(database: EngineDatabase, operation: str) -> None:
    arguments, _ = READS[operation]
    present = Service.of(database).call("current_version", COLLECTION)["version_number"]
    disturbed = Service(Interfering(database, lambda: write(database)))  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="Version Not Found"):
        disturbed.call(operation, {**COLLECTION, **arguments, "version": present})


@pytest.mark.parametrize("operation", READS)
def test_writers_who_never_pause_wait_for_a_reader(database: EngineDatabase, operation: str) -> None:
    arguments, shown = READS[operation]
    version = Service.of(database).call("create_version", COLLECTION)["version_number"]
    writers: list[threading.Thread] = []

    def meanwhile() -> None:
        if threading.current_thread() is threading.main_thread():
            upsert = {**COLLECTION, "vectors": [NEW]}
            writers.append(threading.Thread(target=service.call, args=("stream_upsert", upsert)))
            writers[-1].start()
            writers[-1].join(0.2)

    interfering = Interfering(database, meanwhile, 1000)
    service = Service(interfering)  # type: ignore[arg-type]
    asked = {**COLLECTION, **arguments, "version": version}
    found = shown(service.call(operation, asked))
    interfering.times = 0
    for writer in writers:
        writer.join()
    assert len(writers) > 3
    assert found == shown(Service.of(database).call(operation, asked))


@pytest.mark.parametrize(
    ("operation", "counts"),
    [
        ("get_collection", lambda answer: [answer["vectors_count"]]),
        ("load_collection", lambda answer: [answer["vectors_count"]]),
        ("list_collections", lambda answer: [one["vectors_count"] for one in answer["collections"]]),
        ("current_version", lambda answer: [answer["vector_count"]]),
        ("list_versions", lambda answer: [one["vector_count"] for one in answer["versions"]]),
    ],
)
def test_vectors_are_counted_as_of_one_state(
    database: EngineDatabase, operation: str, counts: Callable[[Any], list[int]]
) -> None:
    service = Service.of(database)

    def keep_and_write() -> None:
        service.call("create_version", COLLECTION)
        write(database)

    keep_and_write()
    disturbed = Service(Interfering(database, keep_and_write))  # type: ignore[arg-type]
    assert set(counts(disturbed.call(operation, COLLECTION))) == {1}


def test_a_reader_gives_up_when_others_never_pause(database: EngineDatabase) -> None:
    version = Service.of(database).call("create_version", COLLECTION)["version_number"]
    disturbed = Service(Interfering(database, lambda: write(database), 10_000))  # type: ignore[arg-type]
    with pytest.raises(ConflictError, match="without a pause"):
        disturbed.call("search_text", {**COLLECTION, "query": "red", "version": version})


@pytest.mark.parametrize(
    ("operation", "arguments", "kind", "label"),
    [
        ("search_dense", {"query_vector": [1.0, 0.0, 0.0]}, "dense", "HNSW"),
        ("vector_neighbors", {"id": "a"}, "dense", "HNSW"),
        ("search_text", {"query": "red"}, "tf_idf", "TF-IDF"),
        ("search_hybrid", {"query_vector": [1.0, 0.0, 0.0], "query_text": "red"}, "dense", "HNSW"),
        ("batch_search_text", {"queries": ["red"]}, "tf_idf", "TF-IDF"),
    ],
)
def test_an_index_that_is_deleted_meanwhile_is_missed(
    database: EngineDatabase, operation: str, arguments: dict[str, Any], kind: str, label: str
) -> None:
    delete = lambda: Service.of(database).call("delete_index", {**COLLECTION, "index_type": kind})  # noqa: E731
    disturbed = Service(Interfering(database, delete))  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match=f"Required index not found: {label} index"):
        disturbed.call(operation, {**COLLECTION, **arguments})


def test_what_is_wrong_with_a_search_is_told_as_ever(database: EngineDatabase) -> None:
    with pytest.raises(ValidationError, match="dimension"):
        Service.of(database).call("search_dense", {**COLLECTION, "query_vector": [1.0]})
