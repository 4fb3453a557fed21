"""Find the schema of a collection: it is read from the database anew for each request, which takes microseconds."""

from __future__ import annotations

from typing import Any

import msgspec

from quiverdb.database import Database
from quiverdb.errors import NotFoundError
from quiverdb.model.collection import CollectionPatch
from quiverdb.vikingdb.exceptions import VikingVectorException, failure
from quiverdb.vikingdb.service.layout import DEFAULT_PROJECT, MARK, Index, Schema, collection_name

__all__ = ["LOCATORS", "encode", "index_of", "load_schema", "no_collection", "save_schema", "schemas", "stored_name"]

LOCATORS = frozenset({"collection_name", "resource_id", "project_name"})
"""What names a collection in a request."""


def stored_name(schema: Schema) -> str:
    """Return what the collection of a schema is called in the database."""
    return collection_name(schema.project_name, schema.collection_name)


def load_schema(
    database: Database, project: str | None = None, name: str | None = None, resource_id: str | None = None
) -> Schema:
    """Return the schema of the collection with this name or resource id.

    Raises ``MissingParameter`` where neither is given, ``NotFound.VikingdbCollection`` where there is none.
    """
    if not name and not resource_id:
        raise failure("MissingParameter", "collection_name or resource_id is required.")
    if name:
        schema = _read(database, collection_name(project or DEFAULT_PROJECT, name))
        # an alias, or a collection of another project, answers to this name, too
        if schema is None or schema.collection_name != name or resource_id not in (None, "", schema.resource_id):
            raise no_collection(name)
        return schema
    for schema in schemas(database):
        if schema.resource_id == resource_id:
            return schema
    raise no_collection(resource_id or "")


def index_of(schema: Schema, name: str | None) -> Index:
    """Return an index of a collection.

    Raises ``MissingParameter`` without a name, ``NotFound.VikingdbIndex`` where there is none of this name.
    """
    if not name:
        raise failure("MissingParameter", "index_name is required.")
    index = schema.indexes.get(name)
    if index is None:
        raise failure("NotFound.VikingdbIndex", f"The specified index '{name}' of VikingDB does not exist.")
    return index


def schemas(database: Database) -> list[Schema]:
    """Return the schemas of all collections of VikingDB, by the names in the database."""
    found = (_read(database, name) for name in database.collection_names())
    return [schema for schema in found if schema is not None]


def save_schema(database: Database, schema: Schema) -> None:
    """Replace the schema of a collection."""
    database.update_collection(stored_name(schema), CollectionPatch(metadata=encode(schema)))


def encode(schema: Schema) -> dict[str, Any]:
    """Return the metadata that holds a schema."""
    return {MARK: msgspec.to_builtins(schema)}


def no_collection(name: str) -> VikingVectorException:
    """Return the error that tells that there is no such collection."""
    return failure("NotFound.VikingdbCollection", f"The specified collection '{name}' of VikingDB does not exist.")


def _read(database: Database, name: str) -> Schema | None:
    """Return the schema of a collection in the database, None if there is none or it is not one of VikingDB.

    Metadata that another API stored under the same key makes none.
    """
    try:
        metadata = database.spec(name).metadata
    except NotFoundError:
        return None
    if not metadata or MARK not in metadata:
        return None
    try:
        return msgspec.convert(metadata[MARK], Schema)
    except msgspec.ValidationError:
        return None
