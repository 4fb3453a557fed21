"""A backend that writes down what a Cosdata client asks for, and answers what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import patch

from quiverdb.cosdata import AsyncClient, Client
from quiverdb.cosdata._connection import AsyncConnection, Connection
from quiverdb.cosdata.operations import OPERATIONS

VERSION = {"hash": 4, "version_number": 4, "timestamp": 1700000000, "vector_count": 7, "id": "4", "description": None}
COLLECTION = {
    "name": "docs",
    "description": None,
    "dense_vector": {"enabled": True, "dimension": 2},
    "sparse_vector": {"enabled": False},
    "tf_idf_options": {"enabled": False},
    "config": {"max_vectors": None, "replication_factor": None},
    "metadata_schema": None,
    "store_raw_text": False,
    "vectors_count": 7,
    "dimension": 2,
}
VECTOR = {
    "id": "a",
    "document_id": None,
    "dense_values": [1.0, 2.0],
    "metadata": {"n": 1},
    "sparse_indices": None,
    "sparse_values": None,
    "text": None,
}
DENSE = {"type": "dense", "name": "docs", "algorithm": "HNSW"}
RESULTS = {"results": [{"id": "a", "document_id": None, "score": 1.0, "text": None}]}
ANSWERS: Mapping[str, Any] = {
    "create_collection": {"id": "docs", "name": "docs", "description": None},
    "list_collections": {"collections": [COLLECTION]},
    "loaded_collections": ["docs"],
    "get_collection": COLLECTION,
    "load_collection": COLLECTION,
    "unload_collection": "Collection 'docs' successfully unloaded",
    "indexing_status": {"collection_name": "docs"},
    "list_indexes": {"collection_name": "docs", "indexes": [DENSE]},
    "transaction_status": {"status": "complete"},
    "get_vector": VECTOR,
    "find_vectors": [VECTOR],
    "vector_exists": False,
    "vector_neighbors": [{"id": "b", "score": 0.5}],
    "list_versions": {"versions": [VERSION], "current_version": 4, "current_hash": 4},
    **dict.fromkeys(("current_version", "get_version", "create_version", "set_current_version"), VERSION),
    **{name: RESULTS for name in OPERATIONS if name.startswith("search_")},
    **{name: {"responses": [RESULTS]} for name in OPERATIONS if name.startswith("batch_search_")},
}


class Recorder:
    """Answer by a table, in which an exception is raised, and a function called with the arguments."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {**ANSWERS, **answers}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.closed = 0
        self._begun = 0
        self._lock = threading.Lock()

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        with self._lock:
            self.calls.append((operation, arguments))
            answer = self.answers.get(operation)
            if operation == "create_transaction" and answer is None:
                self._begun += 1
                answer = {"transaction_id": f"0x{self._begun:08X}", "created_at": "2026-01-01T00:00:00Z"}
        if callable(answer):
            answer = answer(arguments)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1

    def token(self, *, renew: bool = False) -> str:
        return "another token" if renew else "a token"

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


def turns(*answers: Any) -> Callable[[Any], Any]:
    """Return what gives answers one after the other; the last stays."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class AsyncRecorder:
    """The same for an asynchronous client."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        return self._recorder.call(operation, arguments)

    async def token(self, *, renew: bool = False) -> str:
        return self._recorder.token(renew=renew)

    async def close(self) -> None:
        self._recorder.close()


def recorded(recorder: Recorder, *, embedded: bool = False) -> Client:
    """Return a client that asks a recorder, as if that were a server or this process."""
    with patch.object(Connection, "_remote", return_value=recorder):
        client = Client("http://recorder")
    client._connection.embedded = embedded
    return client


def async_recorded(recorder: Recorder) -> AsyncClient:
    """Return an asynchronous client that asks a recorder."""
    with patch.object(AsyncConnection, "_remote", return_value=AsyncRecorder(recorder)):
        return AsyncClient("http://recorder")
