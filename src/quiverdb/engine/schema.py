"""Changes of a collection's settings, as pure functions."""

from __future__ import annotations

from typing import Any

import msgspec

from quiverdb.engine.filter.paths import parse
from quiverdb.engine.settings import merged
from quiverdb.engine.storage.rows import Schema
from quiverdb.engine.validate import (
    MAX_SLOTS,
    check_settings,
    check_vector_name,
    check_vector_spec,
    normal_metadata,
    unknown_vector,
)
from quiverdb.engine.view import View
from quiverdb.errors import AlreadyExistsError, InvalidInputError
from quiverdb.model.collection import CollectionPatch, CollectionSpec, VectorSpec
from quiverdb.model.write import (
    CreateFieldIndex,
    CreateVector,
    DeleteFieldIndex,
    DeleteVector,
    SchemaOperation,
)

__all__ = [
    "change_schema",
    "indexed",
    "new_schema",
    "patched",
]


def new_schema(spec: CollectionSpec, created_at: float) -> Schema:
    """Give every vector of a new collection its slot; its metadata must be JSON."""
    names = [*spec.vectors, *spec.sparse_vectors]
    return _storable(
        Schema(
            spec=msgspec.structs.replace(spec, metadata=normal_metadata(spec.metadata)),
            slots={name: slot for slot, name in enumerate(names)},
            next_slot=len(names),
            fields={},
            created_at=created_at,
        )
    )


def _storable(schema: Schema) -> Schema:
    """Return a schema; ``InvalidInputError`` if a number in it has too many digits to be stored."""
    try:
        msgspec.msgpack.encode(schema)
    except OverflowError as error:
        raise InvalidInputError(f"a setting is out of range: {error}", field="settings", fault="range") from error
    return schema


def change_schema(schema: Schema, operation: SchemaOperation) -> Schema:
    """Return the settings after a schema operation."""
    match operation:
        case CreateFieldIndex(key, index):
            parse(key)
            return _storable(msgspec.structs.replace(schema, fields=schema.fields | {key: index}))
        case DeleteFieldIndex(key):
            return msgspec.structs.replace(schema, fields=_without(schema.fields, key))
        case CreateVector(name, spec):
            return _with_vector(schema, name, spec)
        case DeleteVector(name):
            return _without_vector(schema, name)


def _with_vector(schema: Schema, name: str, spec: Any) -> Schema:
    if name in schema.slots:
        raise AlreadyExistsError(f"vector {name!r} exists already", kind="vector", name=name)
    turn = _next_free(schema)
    collection = schema.spec
    if isinstance(spec, VectorSpec):
        check_vector_spec(name, spec)
        collection = msgspec.structs.replace(collection, vectors={**collection.vectors, name: spec})
    else:
        check_vector_name(name)
        collection = msgspec.structs.replace(collection, sparse_vectors={**collection.sparse_vectors, name: spec})
    slots = {**schema.slots, name: turn % MAX_SLOTS}
    return _storable(msgspec.structs.replace(schema, spec=collection, slots=slots, next_slot=turn + 1))


def _next_free(schema: Schema) -> int:
    """Return the next number whose slot is free; those that were freed last come last."""
    taken = set(schema.slots.values())
    for turn in range(schema.next_slot, schema.next_slot + MAX_SLOTS):
        if turn % MAX_SLOTS not in taken:
            return turn
    raise InvalidInputError(f"a collection holds at most {MAX_SLOTS} named vectors", field="vectors")


def _without_vector(schema: Schema, name: str) -> Schema:
    if name not in schema.slots:
        raise unknown_vector(schema, name)
    spec = msgspec.structs.replace(
        schema.spec,
        vectors=_without(schema.spec.vectors, name),
        sparse_vectors=_without(schema.spec.sparse_vectors, name),
    )
    return msgspec.structs.replace(schema, spec=spec, slots=_without(schema.slots, name))


def _without(mapping: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def patched(schema: Schema, patch: CollectionPatch) -> Schema:
    """Return the settings after an update of the collection."""
    spec = schema.spec
    vectors, sparse = dict(spec.vectors), dict(spec.sparse_vectors)
    for name, change in patch.vectors.items():
        if name not in vectors:
            raise unknown_vector(schema, name)
        vectors[name] = merged(vectors[name], change)
    for name, settings in patch.sparse_vectors.items():
        if name not in sparse:
            raise unknown_vector(schema, name)
        sparse[name] = merged(sparse[name], settings)
    values = {
        name: merged(getattr(spec, name), value)
        for name in patch.__struct_fields__
        if name not in ("vectors", "sparse_vectors") and (value := getattr(patch, name)) is not None
    }
    values["metadata"] = normal_metadata(values.get("metadata", spec.metadata))
    spec = msgspec.structs.replace(spec, vectors=vectors, sparse_vectors=sparse, **values)
    check_settings(spec)
    return _storable(msgspec.structs.replace(schema, spec=spec))


def indexed(view: View, name: str) -> int:
    """Count the points whose named vector the graph covers."""
    return view.with_vector(name).range_cardinality(0, view.graphs[name].covers)
