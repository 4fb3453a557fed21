"""A VikingDB service on a database, for tests: what is asked, what it answers, and all that the database holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from quiverdb.database import Database, ScrollRequest
from quiverdb.engine.database import EngineDatabase
from quiverdb.model.point import SparseVector
from quiverdb.vikingdb.exceptions import VikingException
from quiverdb.vikingdb.service.service import Service

NAME, INDEX = "rows", "main"

ALL_TYPES: tuple[dict[str, Any], ...] = (
    {"FieldName": "id", "FieldType": "int64", "IsPrimaryKey": True},
    {"FieldName": "number", "FieldType": "int64"},
    {"FieldName": "price", "FieldType": "float32"},
    {"FieldName": "city", "FieldType": "string"},
    {"FieldName": "open", "FieldType": "bool"},
    {"FieldName": "tags", "FieldType": "list<string>"},
    {"FieldName": "codes", "FieldType": "list<int64>"},
    {"FieldName": "vector", "FieldType": "vector", "Dim": 4},
    {"FieldName": "terms", "FieldType": "sparse_vector"},
    {"FieldName": "tensor", "FieldType": "tensor", "Shape": [2, 4]},
    {"FieldName": "text", "FieldType": "text"},
    {"FieldName": "image", "FieldType": "image"},
    {"FieldName": "video", "FieldType": "video"},
    {"FieldName": "at", "FieldType": "date_time"},
    {"FieldName": "place", "FieldType": "geo_point"},
)
FLAT = {"IndexType": "flat", "Distance": "ip", "Quant": "float"}


def full_row(key: int, **changes: Any) -> dict[str, Any]:
    """Return a row that has a value of every type."""
    row = {
        "id": key,
        "number": key * 10,
        "price": 92.65,
        "city": "bath",
        "open": True,
        "tags": ["a", "b"],
        "codes": [1, 2],
        "vector": [float(key), 1.0, 2.0, 3.0],
        "terms": {"wine": 0.1},
        "tensor": [[0.5, 1.0, 1.5, 2.0], [1.0, 0.0, 0.0, 0.0]],
        "text": "red wine",
        "image": "tos://bucket/picture.png",
        "video": {"value": "https://example.com/film.mp4", "fps": 1.5},
        "at": "2025-08-12T11:33:56+08:00",
        "place": "116.408108,39.915023",
    }
    return {**row, **changes}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Place:
    """Ask a service; ``clock`` is its clock."""

    def __init__(self, database: Database | None = None, clock: Callable[[], float] | None = None) -> None:
        self.database = database or EngineDatabase.open(":memory:")
        self.clock = clock or Clock()
        self.service = Service(self.database, clock=self.clock)

    def ask(self, operation: str, **payload: Any) -> Any:
        """Return the result of an operation on the collection ``rows`` and its index, unless others are named."""
        return self.service.call(operation, {"collection_name": NAME, **payload})["result"]

    def ask_index(self, operation: str, **payload: Any) -> Any:
        return self.ask(operation, **{"index_name": INDEX, **payload})

    def control(self, operation: str, **body: Any) -> Any:
        return self.service.call(operation, {"CollectionName": NAME, **body})["result"]

    def refused(self, code: str, operation: str, payload: Mapping[str, Any]) -> VikingException:
        """Check that an operation fails with a code and changes nothing, and return the error."""
        before = self.everything()
        with pytest.raises(VikingException) as caught:
            self.service.call(operation, payload)
        assert caught.value.code == code, caught.value
        assert self.everything() == before
        return caught.value

    def create(self, *fields: Mapping[str, Any], index: Mapping[str, Any] | None = FLAT, **body: Any) -> None:
        """Create the collection and, unless told otherwise, its index."""
        self.control("create_collection", Fields=list(fields or ALL_TYPES), **body)
        if index is not None:
            self.control("create_index", IndexName=INDEX, VectorIndex=dict(index))

    def fields(self, *keys: Any) -> dict[Any, dict[str, Any]]:
        """Return the fields of rows by their keys."""
        return {row["id"]: row["fields"] for row in self.ask("fetch_in_collection", ids=list(keys))["fetch"]}

    def everything(self) -> dict[str, Any]:
        """Return all that the database holds."""
        return {name: self._of(name) for name in self.database.collection_names()}

    def _of(self, name: str) -> Any:
        info = self.database.info(name)
        points, start = {}, None
        while True:
            page = self.database.scroll(name, ScrollRequest(None, 1000, start, with_payload=True, with_vectors=True))
            for record in page.records:
                vectors = {key: _plain(vector) for key, vector in (record.vectors or {}).items()}
                points[record.id] = (record.payload, vectors)
            start = page.next
            if start is None:
                return msgspec.to_builtins(info.spec), sorted(info.payload_schema), points


def _plain(vector: Any) -> Any:
    if isinstance(vector, SparseVector):
        return vector.indices.tolist(), vector.values.tolist()
    return np.asarray(vector).tolist()
