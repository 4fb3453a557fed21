"""The operations that return rows by their primary keys: from a collection, and as an index has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from quiverdb.model.result import Record
from quiverdb.packing import shortest
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.layout import RAW, WEIGHTS, Field, Index, Schema, dense_name
from quiverdb.vikingdb.service.reading import check_keys, flag, invalid, listing, text
from quiverdb.vikingdb.service.rows import dense_size, field_of_type, fields_of, key_of, living_rows, read_key
from quiverdb.vikingdb.service.state import LOCATORS
from quiverdb.vikingdb.service.writes import MOST_ROWS

__all__ = ["fetch_in_collection", "fetch_in_index"]

_VECTORS = ("vector", "sparse_vector", "tensor")


def fetch_in_collection(context: Context, schema: Schema, payload: Payload) -> dict[str, Any]:
    """Return rows with all of their fields, and the keys that no row has."""
    check_keys(payload, LOCATORS | {"ids", "return_download_url", "return_analyzed_result"}, "the request")
    for name in ("return_download_url", "return_analyzed_result"):
        flag(payload.get(name) or False, name)
    names = tuple(field.field_name for field in schema.fields)
    vector = field_of_type(schema, "vector")
    vectors = () if vector is None else (RAW,)
    return _fetched(context, schema, payload, vectors, lambda row: {"fields": _fields(row, names, vector)})


def fetch_in_index(context: Context, schema: Schema, index: Index, payload: Payload) -> dict[str, Any]:
    """Return rows with the vectors that an index compares, and the keys that no row has."""
    check_keys(payload, LOCATORS | {"index_name", "ids", "partition", "output_fields"}, "the request")
    names = _output(schema, payload.get("output_fields"))
    vector, weights = field_of_type(schema, "vector"), field_of_type(schema, "sparse_vector")
    shown = vector if vector is not None and vector.field_name in names else None
    compared = dense_name(index.index_name)
    vectors = () if dense_size(schema) is None else (compared,) if shown is None else (RAW, compared)
    hybrid = index.vector_index.index_type == "hnsw_hybrid"

    def item(row: Record) -> dict[str, Any]:
        found: dict[str, Any] = {"fields": _fields(row, names, shown)}
        dense = _dense(row, compared)
        if dense is not None:
            found |= {"dense_dim": len(dense), "dense_vector": dense}
        sparse = (row.payload or {}).get(WEIGHTS if weights is None else weights.field_name)
        if hybrid and sparse is not None:
            found["sparse_vector"] = sparse
        return found

    return _fetched(context, schema, payload, vectors, item)


def _fetched(
    context: Context,
    schema: Schema,
    payload: Payload,
    vectors: tuple[str, ...],
    item: Callable[[Record], Mapping[str, Any]],
) -> dict[str, Any]:
    given = listing(payload.get("ids"), "ids", least=1, most=MOST_ROWS)
    keys = {read_key(schema, key, f"ids[{at}]"): key for at, key in enumerate(given)}
    rows = living_rows(context, schema, keys, vectors, now=context.clock())
    return {
        "fetch": [{"id": key_of(rows[key].payload or {}), **item(rows[key])} for key in keys if key in rows],
        "ids_not_exist": [given for key, given in keys.items() if key not in rows],
    }


def _fields(row: Record, names: Sequence[str], vector: Field | None) -> dict[str, Any]:
    found = fields_of(row.payload or {}, names)
    raw = None if vector is None else _dense(row, RAW)
    return found if vector is None or raw is None else {**found, vector.field_name: raw}


def _dense(row: Record, name: str) -> list[float] | None:
    vector = (row.vectors or {}).get(name)
    return shortest(vector) if isinstance(vector, np.ndarray) else None


def _output(schema: Schema, given: Any) -> tuple[str, ...]:
    """Return the fields that are asked for, or all that are no vectors."""
    if given is None:
        return tuple(field.field_name for field in schema.fields if field.field_type not in _VECTORS)
    known = {field.field_name for field in schema.fields}
    names = [text(name, f"output_fields[{at}]") for at, name in enumerate(listing(given, "output_fields"))]
    for name in names:
        if name not in known:
            raise invalid(f"output_fields: the collection has no field {name!r}; it has {', '.join(sorted(known))}")
    return tuple(dict.fromkeys(names))
