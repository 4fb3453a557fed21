"""Collections of VikingDB, put into a database as ``layout`` says, and what their rows hold."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from quiverdb.database import Database
from quiverdb.model.collection import (
    CollectionSpec,
    Datatype,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    Product,
    Scalar,
    SparseVectorSpec,
    VectorSpec,
)
from quiverdb.model.point import DenseColumn, Points
from quiverdb.model.write import CreateFieldIndex, Upsert
from quiverdb.vikingdb.service.layout import (
    EXPIRES,
    GEO,
    MARK,
    PK,
    RAW,
    SPARSE,
    TIME,
    TOKENS,
    Field,
    FullText,
    Index,
    Schema,
    VectorIndex,
    dense_name,
    point_id,
)
from quiverdb.vikingdb.service.service import Service
from quiverdb.vikingdb.service.state import encode, stored_name
from quiverdb.vikingdb.service.tokens import tokens_of
from quiverdb.vikingdb.service.units import moment, place
from quiverdb.vikingdb.service.vectorize import dense, dim_of, sparse, sparse_vector

DISTANCES = {"ip": Distance.DOT, "cosine": Distance.COSINE, "l2": Distance.EUCLID}
QUANTS: dict[str, Any] = {"int8": Scalar(), "pq": Product("x8")}
INDEXED = {
    "int64": FieldType.INTEGER,
    "float32": FieldType.FLOAT,
    "string": FieldType.KEYWORD,
    "list<string>": FieldType.KEYWORD,
    "list<int64>": FieldType.INTEGER,
    "bool": FieldType.BOOL,
}


def schema_of(name: str, fields: Mapping[str, Any], indexes: Mapping[str, VectorIndex | Index], **more: Any) -> Schema:
    """Describe a collection; the field ``id`` is the primary key, a number for a type is the size of a vector."""
    described = tuple(_field(field, kind) for field, kind in fields.items())
    named = {
        index: about if isinstance(about, Index) else Index(index_name=index, vector_index=about)
        for index, about in indexes.items()
    }
    return Schema(
        project_name="default", collection_name=name, resource_id=f"r-{name}", fields=described, indexes=named, **more
    )


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
        self.database = database
        self.schema = schema
        self.name = stored_name(schema)
        self.rows: dict[Any, dict[str, Any]] = {}
        database.create_collection(self.name, self._spec())
        declared = {
            field.field_name: INDEXED[field.field_type] for field in schema.fields if field.field_type in INDEXED
        }
        for field in schema.fields:
            if field.field_type == "date_time":
                declared[f"{TIME}.{field.field_name}"] = FieldType.INTEGER
            if field.field_type == "geo_point":
                declared[f"{GEO}.{field.field_name}"] = FieldType.GEO
        operations = [CreateFieldIndex(key, FieldIndex(kind)) for key, kind in declared.items()]
        for full_text in schema.full_text:
            text = FieldIndex(FieldType.TEXT, tokenizer="whitespace", lowercase=False, scoring=True)
            operations.append(CreateFieldIndex(f"{TOKENS}.{full_text.field}", text))
        for operation in operations:
            database.write(self.name, [operation])

    @property
    def dim(self) -> int | None:
        found = next((field.dim for field in self.schema.fields if field.field_type == "vector"), None)
        return dim_of(self.schema.dense) if found is None and self.schema.dense is not None else found

    def _spec(self) -> CollectionSpec:
        vectors: dict[str, VectorSpec] = {}
        if self.dim is not None:
            vectors[RAW] = VectorSpec(self.dim, Distance.DOT, hnsw=HnswSpec(m=0))
            for name, index in self.schema.indexes.items():
                about = index.vector_index
                flat = about.index_type == "flat"
                vectors[dense_name(name)] = VectorSpec(
                    self.dim,
                    DISTANCES[about.distance],
                    datatype=Datatype.FLOAT16 if about.quant == "fix16" else None,
                    hnsw=HnswSpec(m=0) if flat else HnswSpec(m=about.hnsw_m, ef_construct=about.hnsw_cef),
                    quantization=None if flat else QUANTS.get(about.quant),
                )
        return CollectionSpec(
            vectors=vectors, sparse_vectors={SPARSE: SparseVectorSpec()}, metadata={MARK: encode(self.schema)[MARK]}
        )

    def add(self, rows: Sequence[dict[str, Any]], *, expires: float | None = None) -> None:
        """Store rows; what they hold is kept for comparison."""
        for row in rows:
            self.rows[row["id"]] = row
        payloads = [self._payload(row, expires) for row in rows]
        vectors: dict[str, Any] = {SPARSE: [self._sparse(row) for row in rows]}
        if self.dim is not None:
            raw = DenseColumn(np.array([self._dense(row) for row in rows], np.float32))
            vectors |= {RAW: raw} | {dense_name(name): raw for name in self.schema.indexes}
        self.database.write(self.name, [Upsert(Points([point_id(row["id"]) for row in rows], vectors, payloads))])

    def _payload(self, row: dict[str, Any], expires: float | None) -> dict[str, Any]:
        kinds = {field.field_name: field.field_type for field in self.schema.fields}
        payload = {name: value for name, value in row.items() if kinds[name] != "vector"}
        payload |= {PK: row["id"], TIME: {}, GEO: {}, TOKENS: {}}
        for name, value in row.items():
            if kinds[name] == "date_time":
                payload[TIME][name] = moment(value)
            if kinds[name] == "geo_point" and (where := place(value)) is not None:
                payload[GEO][name] = {"lon": where.lon, "lat": where.lat}
        for full_text in self.schema.full_text:
            payload[TOKENS][full_text.field] = " ".join(tokens_of(full_text, row[full_text.field]))
        if expires is not None:
            payload[EXPIRES] = expires
        return payload

    def _dense(self, row: dict[str, Any]) -> Any:
        field = next((field.field_name for field in self.schema.fields if field.field_type == "vector"), None)
        if field is not None:
            return row[field]
        assert self.schema.dense is not None
        return dense(self.schema.dense, [row[self.schema.dense.text_field or ""]])[0]

    def _sparse(self, row: dict[str, Any]) -> Any:
        field = next((field.field_name for field in self.schema.fields if field.field_type == "sparse_vector"), None)
        if field is not None:
            return sparse_vector(row[field]) if row.get(field) else None
        if self.schema.sparse is None:
            return None
        weights = sparse(self.schema.sparse, [row[self.schema.sparse.text_field or ""]])[0]
        return sparse_vector(weights) if weights else None

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
