"""The vectors that an index compares: how they are stored, and how they come to be when an index is created.

An index that is there has a named vector, which every row has. It is made before the index is entered in the schema and
dropped after the index was taken from it, so what a crash leaves is a vector that no schema knows of; the next index of
this name drops it.
"""

from __future__ import annotations

from quiverdb import derived
from quiverdb.database import Database, ScrollRequest, pages
from quiverdb.model.collection import (
    Datatype,
    Distance,
    FieldIndex,
    FieldType,
    HnswSpec,
    Product,
    Quantization,
    Scalar,
    VectorSpec,
)
from quiverdb.model.filter import Filter, HasVector
from quiverdb.model.write import CreateFieldIndex, DeleteFieldIndex
from quiverdb.vikingdb.service.definitions import SCALARS
from quiverdb.vikingdb.service.layout import GEO, RAW, TIME, Field, Index, Schema, VectorIndex, dense_name
from quiverdb.vikingdb.service.rows import dense_size
from quiverdb.vikingdb.service.state import stored_name

__all__ = ["FLAT", "add_vectors", "declare_fields", "drop_vectors", "vector_spec"]

FLAT = HnswSpec(m=0)
"""No graph: all vectors are compared."""

_LISTED = 10_000
_NUMBERS = 1 << 20
"""How many numbers are copied at once: as a request to a server they take less than such take."""
_DISTANCES = {"ip": Distance.DOT, "cosine": Distance.COSINE, "l2": Distance.EUCLID}
_INDEXED: dict[str, tuple[str, FieldType]] = {
    "int64": ("", FieldType.INTEGER),
    "float32": ("", FieldType.FLOAT),
    "string": ("", FieldType.KEYWORD),
    "bool": ("", FieldType.BOOL),
    "list<string>": ("", FieldType.KEYWORD),
    "list<int64>": ("", FieldType.INTEGER),
    "date_time": (f"{TIME}.", FieldType.INTEGER),
    "geo_point": (f"{GEO}.", FieldType.GEO),
}
"""Under which key the values of a type lie that are filtered by, and how they are indexed."""


def vector_spec(index: VectorIndex, size: int) -> VectorSpec:
    """Return how the vectors of an index are stored.

    >>> vector_spec(VectorIndex(distance="cosine", quant="float"), 8).distance
    <Distance.COSINE: 'cosine'>
    """
    return VectorSpec(
        size=size,
        distance=_DISTANCES[index.distance],
        datatype=Datatype.FLOAT16 if index.quant == "fix16" else None,
        hnsw=_graph(index),
        quantization=_quantization(index),
    )


def add_vectors(database: Database, schema: Schema, index: Index) -> None:
    """Store what an index compares, of every row."""
    size = dense_size(schema)
    if size is None:
        return
    name, vector = stored_name(schema), dense_name(index.index_name)
    drop_vectors(database, schema, index)
    derived.create(database, name, [vector], vector_spec(index.vector_index, size))
    listing = ScrollRequest(Filter(must=(HasVector(RAW),)), _LISTED, with_payload=False)
    ids = [record.id for page in pages(database, name, listing) for record in page]
    derived.fill(database, name, ids, RAW, vector, at_once=max(1, _NUMBERS // size))


def drop_vectors(database: Database, schema: Schema, index: Index) -> None:
    """Remove what an index compares, if it is there."""
    derived.drop(database, stored_name(schema), [dense_name(index.index_name)])


def declare_fields(database: Database, schema: Schema) -> None:
    """Declare indexes of the fields that an index of the collection filters by, and drop those of other fields."""
    name = stored_name(schema)
    wanted = dict(
        _key(field) for field in schema.fields if any(_filters_by(index, field) for index in schema.indexes.values())
    )
    possible = {_key(field)[0] for field in schema.fields if field.field_type in SCALARS}
    declared = database.info(name).payload_schema
    for key, kind in wanted.items():
        if key not in declared:
            database.write(name, [CreateFieldIndex(key, FieldIndex(kind, bare=True))])
    for key in declared:
        if key in possible - wanted.keys():
            database.write(name, [DeleteFieldIndex(key)])


def _filters_by(index: Index, field: Field) -> bool:
    known = index.scalar_index is None or field.field_name in index.scalar_index
    return known and field.field_type in SCALARS


def _key(field: Field) -> tuple[str, FieldType]:
    prefix, kind = _INDEXED[field.field_type]
    return f"{prefix}{field.field_name}", kind


def _graph(index: VectorIndex) -> HnswSpec:
    if index.index_type == "flat":
        return FLAT
    if index.index_type == "diskann":
        return HnswSpec(m=index.diskann_m or index.hnsw_m, ef_construct=_depth(index.diskann_cef or index.hnsw_cef))
    return HnswSpec(m=index.hnsw_m, ef_construct=_depth(index.hnsw_cef))


def _depth(given: int) -> int:
    return max(4, given)


def _quantization(index: VectorIndex) -> Quantization | None:
    if index.index_type == "flat" or index.quant in ("float", "fix16"):
        return None
    if index.quant == "int8":
        return Scalar()
    return Product("x8" if (index.pq_code_ratio or 0) > 0.09 else "x16" if (index.pq_code_ratio or 1) > 0.04 else "x32")
