"""Collections of VikingDB that were made and filled by the service, and what their rows hold."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from quiverdb.database import Database
from quiverdb.vikingdb.service.layout import Field, FullText, Index, Schema, VectorIndex
from quiverdb.vikingdb.service.service import Service


def schema_of(name: str, fields: Mapping[str, Any], indexes: Mapping[str, VectorIndex | Index], **more: Any) -> Schema:
    """Describe a collection; the field ``id`` is the primary key, a number for a type is the size of a vector."""
    described = tuple(_field(field, kind) for field, kind in fields.items())
    named = {
        index: about if isinstance(about, Index) else Index(index_name=index, vector_index=about)
        for index, about in indexes.items()
    }
    return Schema(project_name="default", collection_name=name, resource_id="", fields=described, indexes=named, **more)


def _field(name: str, kind: Any) -> Field:
    if isinstance(kind, int):
        return Field(field_name=name, field_type="vector", dim=kind)
    if isinstance(kind, tuple):
        return Field(field_name=name, field_type="tensor", shape=kind)
    return Field(field_name=name, field_type=kind, is_primary_key=name == "id")


class World:
    """A collection in a database, its rows, and the service that is asked."""

    def __init__(self, database: Database, schema: Schema, *, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.service = Service(database, clock=lambda: self.now)
        self.schema = schema
        self.rows: dict[Any, dict[str, Any]] = {}
        plain = msgspec.to_builtins(schema)
        vectorize = {kind: plain[kind] for kind in ("Dense", "Sparse") if kind in plain}
        body = {key: plain[key] for key in ("CollectionName", "Fields", "FullText") if key in plain}
        self.service.call("create_collection", body | ({"Vectorize": vectorize} if vectorize else {}))
        for index in schema.indexes.values():
            self._create(index)

    def _create(self, index: Index) -> None:
        named = {"CollectionName": self.schema.collection_name, "IndexName": index.index_name}
        body: dict[str, Any] = {"VectorIndex": msgspec.to_builtins(index.vector_index)}
        if index.scalar_index is not None:
            body["ScalarIndex"] = list(index.scalar_index)
        self.service.call("create_index", named | body)
        if not index.enabled:
            self.service.call("disable_index", named)

    def add(self, rows: Sequence[dict[str, Any]], *, ttl: int = 0) -> None:
        """Store rows; what they hold is kept for comparison."""
        at_once = 100 if self.schema.dense is None else 1
        for start in range(0, len(rows), at_once):
            located = {"collection_name": self.schema.collection_name, "ttl": ttl}
            self.service.call("upsert", located | {"data": rows[start : start + at_once]})
        self.rows |= {row["id"]: row for row in rows}

    def ask(self, operation: str, index: str | None = None, **payload: Any) -> dict[str, Any]:
        """Carry out an operation on an index, the first one unless it is named, and return its result."""
        named = next(iter(self.schema.indexes)) if index is None else index
        located = {"collection_name": self.schema.collection_name, "index_name": named}
        return dict(self.service.call(operation, located | payload)["result"])


DIM = 8
COUNT = 300
METRICS = ("ip", "cosine", "l2")
WORDS = ["red", "wine", "white", "glass", "forest", "lake"]
FIELDS: dict[str, Any] = {
    "id": "int64", "name": "string", "number": "int64", "price": "float32", "day": "date_time", "spot": "geo_point",
    "flag": "bool", "body": "text", "title": "text", "sv": "sparse_vector", "vec": DIM,
}  # fmt: skip
_names = itertools.count()


def fresh(name: str) -> str:
    """Return a name that no collection has; the server is shared."""
    return f"{name}{next(_names)}"


def vectors(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)


def thing(number: int, vector: np.ndarray) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    chosen = rng.choice(WORDS, 3, replace=False)
    return {
        "id": number + 1,
        "name": f"n{number % 7}",
        "number": number % 10,
        "price": float(number) / 4,
        "day": f"2025-01-{number % 28 + 1:02}T00:00:00Z",
        "spot": f"{number / 10},{number / 20}",
        "flag": number % 3 == 0,
        "body": " ".join(rng.choice(WORDS, number % 9 + 1)),
        "title": " ".join(rng.choice(WORDS, number % 4 + 1)),
        "sv": {str(word): round(float(weight), 3) for word, weight in zip(chosen, rng.uniform(-1, 3, 3), strict=True)},
        "vec": vector.tolist(),
    }


def many_things(database: Database) -> World:
    """Return a collection with an index of every kind."""
    indexes: dict[str, Any] = {
        metric: VectorIndex(index_type="hnsw_hybrid", distance=metric, quant="float") for metric in METRICS
    }
    indexes["flat"] = VectorIndex(index_type="flat", distance="ip", quant="float")
    indexes["int8"] = VectorIndex(index_type="hnsw", distance="cosine", quant="int8")
    indexes["fix16"] = VectorIndex(index_type="hnsw", distance="l2", quant="fix16")
    indexes["pq"] = VectorIndex(index_type="hnsw", distance="ip", quant="pq")
    indexes["some"] = Index(index_name="some", scalar_index=("number",))
    indexes["off"] = Index(index_name="off", enabled=False)
    full_text = (FullText(field="body"), FullText(field="title", analyzer={"Tokenizer": "whitespace"}))
    made = World(database, schema_of(fresh("things"), FIELDS, indexes, full_text=full_text))
    made.add([thing(number, vector) for number, vector in enumerate(vectors(COUNT))])
    return made


def dense_scores(metric: str, world: World, query: np.ndarray) -> dict[int, float]:
    """Return the score of each row, in double precision."""
    ids, rows = list(world.rows), np.array([row["vec"] for row in world.rows.values()], np.float64)
    query = query.astype(np.float64)
    if metric == "l2":
        scores = 1 - ((rows - query) ** 2).sum(1)
    else:
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query) if metric == "cosine" else 1.0
        scores = rows @ query / lengths
    return dict(zip(ids, scores.tolist(), strict=True))


def sparse_scores(world: World, query: Mapping[str, float]) -> dict[int, float]:
    return {
        key: sum(weight * query.get(token, 0.0) for token, weight in row["sv"].items())
        for key, row in world.rows.items()
    }


def best(scores: Mapping[int, float], count: int) -> list[tuple[int, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:count]


def assert_found(result: Mapping[str, Any], expected: list[tuple[int, float]], tolerance: float = 1e-5) -> None:
    found = [(item["id"], item["score"]) for item in result["data"]]
    assert [key for key, _ in found] == [key for key, _ in expected]
    scores = [score for _, score in expected]
    assert [score for _, score in found] == pytest.approx(scores, rel=tolerance, abs=tolerance)
    assert result["total_return_count"] == len(expected)
