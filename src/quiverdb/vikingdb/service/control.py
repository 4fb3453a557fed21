"""The control plane: collections and indexes are created, told of, changed and deleted.

Whoever changes something holds the service's lock for that, and that of the collection besides, so rows are not written
meanwhile. What takes several writes enters the schema last and leaves it first; what a crash leaves in between is not
seen, and is swept away by the next attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec

from quiverdb.errors import AlreadyExistsError
from quiverdb.model.collection import CollectionSpec, Distance, FieldIndex, FieldType, SparseVectorSpec, VectorSpec
from quiverdb.model.filter import Filter
from quiverdb.model.write import CreateFieldIndex, SetPayload, WriteOperation
from quiverdb.vikingdb.exceptions import VikingVectorException, failure
from quiverdb.vikingdb.operations import Payload
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.definitions import (
    describe_index,
    describe_schema,
    project_of,
    read_changes,
    read_index,
    read_new_fields,
    read_schema,
    status_of_index,
)
from quiverdb.vikingdb.service.encoding import default_of, derived_values
from quiverdb.vikingdb.service.layout import EXPIRES, MARK, RAW, SPARSE, TOKENS, Field, Index, Schema
from quiverdb.vikingdb.service.reading import check_keys, integer, listing, mapping, text
from quiverdb.vikingdb.service.rows import alive, dense_size, field_of_type
from quiverdb.vikingdb.service.state import index_of, load_schema, save_schema, schemas, stored_name
from quiverdb.vikingdb.service.vectors import FLAT, add_vectors, declare_fields, drop_vectors

__all__ = ["CONTROL", "Control"]

Control: TypeAlias = Callable[[Context, Payload], dict[str, Any]]

MOST_COLLECTIONS = 200
MOST_INDEXES = 200
MOST_INDEXES_OF_ONE = 60
"""A collection has 62 named vectors at most: those of its indexes, the raw ones, and the sparse ones."""
PAGE_SIZES = (1, 100)

_UNFINISHED = "vikingdb_unfinished"
_LOCATORS = {"ProjectName", "CollectionName", "ResourceId"}
_PAGE = {"PageNumber", "PageSize", "Filter"}
_TOKENS = FieldIndex(FieldType.TEXT, tokenizer="whitespace", lowercase=False, scoring=True)
_DONE = "success"


def create_collection(context: Context, body: Payload) -> dict[str, Any]:
    """Create a collection; ``AlreadyExists.VikingdbCollection`` if the name is taken."""
    schema = read_schema(body, resource_id=f"vdb-{secrets.token_hex(8)}", now=context.clock())
    database, name = context.database, stored_name(schema)
    if len(schemas(database)) >= MOST_COLLECTIONS:
        raise _denied("Collection", f"There are {MOST_COLLECTIONS} collections, which is the most there can be.")
    if database.has_collection(name):
        metadata = database.info(name).spec.metadata or {}
        if _UNFINISHED not in metadata or MARK in metadata:
            raise _taken("Collection", schema.collection_name)
        database.delete_collection(name)
    try:
        database.create_collection(name, _spec(schema))
    except AlreadyExistsError:
        raise _taken("Collection", schema.collection_name) from None
    database.write(name, [CreateFieldIndex(EXPIRES, FieldIndex(FieldType.FLOAT, bare=True))])
    for full in schema.full_text:
        database.write(name, [CreateFieldIndex(f"{TOKENS}.{full.field}", _TOKENS)])
    save_schema(database, schema)
    return {"ResourceId": schema.resource_id, "Message": _DONE}


def get_collection(context: Context, body: Payload) -> dict[str, Any]:
    """Tell of a collection."""
    check_keys(body, _LOCATORS, "the request")
    return _described(context, _located(context, body))


def list_collections(context: Context, body: Payload) -> dict[str, Any]:
    """Tell of the collections of a project, page by page."""
    check_keys(body, {"ProjectName"} | _PAGE, "the request")
    words = _filter(body, "CollectionNameKeyword")["CollectionNameKeyword"]
    project = project_of(body)
    found = [
        schema
        for schema in schemas(context.database)
        if schema.project_name == project and _matches(schema.collection_name, words)
    ]
    return _page(body, "Collections", found, lambda schema: _described(context, schema))


def update_collection(context: Context, body: Payload) -> dict[str, Any]:
    """Add scalar fields to a collection, which the rows that are there get the defaults of, or describe it anew."""
    check_keys(body, _LOCATORS | {"Description", "Fields"}, "the request")
    with _changing(context, body) as schema:
        new = read_new_fields(body.get("Fields"), schema)
        description = read_changes(body).get("description", schema.description)
        changed = msgspec.structs.replace(
            schema, fields=(*schema.fields, *new), description=description, updated_at=context.clock()
        )
        fill = _defaults(changed, new)
        if fill:
            context.database.write(stored_name(schema), fill)
        save_schema(context.database, changed)
        declare_fields(context.database, changed)
    return {"Message": _DONE}


def delete_collection(context: Context, body: Payload) -> dict[str, Any]:
    """Delete a collection that has no indexes; ``OperationDenied.VikingdbCollection`` if it has."""
    check_keys(body, _LOCATORS, "the request")
    with _changing(context, body) as schema:
        if schema.indexes:
            raise _denied("Collection", f"The collection '{schema.collection_name}' has indexes; delete them first.")
        context.database.delete_collection(stored_name(schema))
    return {"Message": _DONE}


def create_index(context: Context, body: Payload) -> dict[str, Any]:
    """Create an index of the rows that are there; ``AlreadyExists.VikingdbIndex`` if the name is taken."""
    with _changing(context, body) as schema:
        index = read_index(body, schema, now=context.clock())
        if index.index_name in schema.indexes:
            raise _taken("Index", index.index_name)
        if len(schema.indexes) >= MOST_INDEXES_OF_ONE:
            raise _denied("Index", f"A collection has at most {MOST_INDEXES_OF_ONE} indexes.")
        if sum(len(other.indexes) for other in schemas(context.database)) >= MOST_INDEXES:
            raise _denied("Index", f"There are {MOST_INDEXES} indexes, which is the most there can be.")
        add_vectors(context.database, schema, index)
        changed = _with_index(schema, index)
        declare_fields(context.database, changed)
        save_schema(context.database, changed)
    return {"Message": _DONE}


def get_index(context: Context, body: Payload) -> dict[str, Any]:
    """Tell of an index."""
    check_keys(body, _LOCATORS | {"IndexName"}, "the request")
    schema = _located(context, body)
    return describe_index(schema, index_of(schema, _name(body, "IndexName")))


def list_indexes(context: Context, body: Payload) -> dict[str, Any]:
    """Tell of the indexes of a collection, or of all in a project, page by page."""
    check_keys(body, _LOCATORS | _PAGE, "the request")
    asked = _filter(body, "IndexNameKeyword", "CollectionName", "Status")
    if _name(body, "CollectionName") or _name(body, "ResourceId"):
        of = [_located(context, body)]
    else:
        project = project_of(body)
        of = [schema for schema in schemas(context.database) if schema.project_name == project]
    found = [
        (schema, index)
        for schema in of
        for index in schema.indexes.values()
        if _matches(index.index_name, asked["IndexNameKeyword"])
        and _is_one_of(schema.collection_name, asked["CollectionName"])
        and _is_one_of(status_of_index(index), asked["Status"])
    ]
    return _page(body, "Indexes", found, lambda pair: describe_index(*pair))


def update_index(context: Context, body: Payload) -> dict[str, Any]:
    """Change what an index filters by, its description, or its shares of a cluster."""
    keys = {"IndexName", "Description", "ScalarIndex", "CpuQuota", "ShardPolicy", "ShardCount"}
    check_keys(body, _LOCATORS | keys, "the request")
    return _change_index(context, body, lambda schema: read_changes(body, schema))


def enable_index(context: Context, body: Payload) -> dict[str, Any]:
    """Let an index that was disabled be searched again."""
    check_keys(body, _LOCATORS | {"IndexName"}, "the request")
    return _change_index(context, body, lambda _: {"enabled": True})


def disable_index(context: Context, body: Payload) -> dict[str, Any]:
    """Keep the description of an index and give back what it takes; it cannot be searched until it is enabled."""
    check_keys(body, _LOCATORS | {"IndexName"}, "the request")
    return _change_index(context, body, lambda _: {"enabled": False})


def delete_index(context: Context, body: Payload) -> dict[str, Any]:
    """Delete an index."""
    check_keys(body, _LOCATORS | {"IndexName"}, "the request")
    with _changing(context, body) as schema:
        index = index_of(schema, _name(body, "IndexName"))
        rest = {name: other for name, other in schema.indexes.items() if name != index.index_name}
        changed = msgspec.structs.replace(schema, indexes=rest, updated_at=context.clock())
        save_schema(context.database, changed)
        drop_vectors(context.database, changed, index)
        declare_fields(context.database, changed)
    return {"Message": _DONE}


def _change_index(context: Context, body: Payload, read: Callable[[Schema], Mapping[str, Any]]) -> dict[str, Any]:
    with _changing(context, body) as schema:
        index = index_of(schema, _name(body, "IndexName"))
        changed = msgspec.structs.replace(index, **read(schema), updated_at=context.clock())
        if changed.enabled and not index.enabled:
            add_vectors(context.database, schema, changed)
        after = _with_index(schema, changed)
        save_schema(context.database, after)
        if not changed.enabled:
            drop_vectors(context.database, after, changed)
        declare_fields(context.database, after)
    return {"Message": _DONE}


def _spec(schema: Schema) -> CollectionSpec:
    """Return what holds the rows of a collection, marked as one that is not finished."""
    size = dense_size(schema)
    sparse = schema.sparse is not None or field_of_type(schema, "sparse_vector") is not None
    return CollectionSpec(
        vectors={} if size is None else {RAW: VectorSpec(size, Distance.DOT, hnsw=FLAT)},
        sparse_vectors={SPARSE: SparseVectorSpec()} if sparse else {},
        metadata={_UNFINISHED: True},
    )


def _defaults(schema: Schema, new: Sequence[Field]) -> list[WriteOperation]:
    """Return what gives all rows the defaults of new fields."""
    pairs = ((field.field_name, default_of(field)) for field in new)
    values = {name: default for name, default in pairs if default is not None}
    derived = derived_values(schema, values)
    operations: list[WriteOperation] = [SetPayload(Filter(), made, key=key) for key, made in derived.items()]
    return [SetPayload(Filter(), values), *operations] if values else []


@contextmanager
def _changing(context: Context, body: Payload) -> Iterator[Schema]:
    """Keep others from writing to the collection that a body names, and return its schema."""
    with context.lock(_located(context, body)):
        yield _located(context, body)


def _located(context: Context, body: Payload) -> Schema:
    name, resource_id = _name(body, "CollectionName"), _name(body, "ResourceId")
    return load_schema(context.database, _name(body, "ProjectName"), name, resource_id)


def _described(context: Context, schema: Schema) -> dict[str, Any]:
    return describe_schema(schema, context.database.count(stored_name(schema), alive(context, schema)))


def _with_index(schema: Schema, index: Index) -> Schema:
    indexes = {**schema.indexes, index.index_name: index}
    return msgspec.structs.replace(schema, indexes=indexes, updated_at=index.updated_at)


def _page(body: Payload, name: str, found: Sequence[Any], describe: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    number = integer(_or(body.get("PageNumber"), 1), "PageNumber", 1)
    size = integer(_or(body.get("PageSize"), 10), "PageSize", *PAGE_SIZES)
    shown = found[(number - 1) * size : number * size]
    return {name: [describe(each) for each in shown], "TotalCount": len(found), "PageNumber": number, "PageSize": size}


def _filter(body: Payload, *keys: str) -> Mapping[str, Sequence[str]]:
    """Return what a list is narrowed down by: words of which one must fit, none where anything does."""
    given = mapping(_or(body.get("Filter"), {}), "Filter")
    check_keys(given, set(keys), "Filter")
    words = {key: _or(given.get(key), ()) for key in keys}
    return {
        key: [text(word, key, empty=True) for word in ([some] if isinstance(some, str) else listing(some, key))]
        for key, some in words.items()
    }


def _is_one_of(name: str, words: Sequence[str]) -> bool:
    return not words or name in words


def _matches(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def _name(body: Payload, key: str) -> str | None:
    given = body.get(key)
    return text(given, key) if given not in (None, "") else None


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _taken(kind: str, name: str) -> VikingVectorException:
    return failure(
        f"AlreadyExists.Vikingdb{kind}", f"The specified {kind.lower()} '{name}' of VikingDB exists already."
    )


def _denied(kind: str, message: str) -> VikingVectorException:
    return failure(f"OperationDenied.Vikingdb{kind}", message)


CONTROL: Mapping[str, Control] = {
    "create_collection": create_collection,
    "get_collection": get_collection,
    "list_collections": list_collections,
    "update_collection": update_collection,
    "delete_collection": delete_collection,
    "create_index": create_index,
    "get_index": get_index,
    "list_indexes": list_indexes,
    "update_index": update_index,
    "delete_index": delete_index,
    "enable_index": enable_index,
    "disable_index": disable_index,
}
