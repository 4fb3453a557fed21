"""The service: carries out VikingDB's operations on a database.

An operation goes to the function that its name stands for in a table. What the payload names is looked up first, so a
function on a collection is given its schema, and one on an index that too. Functions return the ``result`` of the
envelope and raise the errors of ``quiverdb.vikingdb.exceptions``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from quiverdb.database import Database, OnePerDatabase
from quiverdb.errors import InvalidInputError, NotFoundError, QuiverError, RateLimitedError, UnsupportedError
from quiverdb.vikingdb.exceptions import UNKNOWN, VikingException, failure
from quiverdb.vikingdb.operations import OPERATIONS, Operation, Payload
from quiverdb.vikingdb.service.aggregate import aggregate
from quiverdb.vikingdb.service.context import Context
from quiverdb.vikingdb.service.control import CONTROL
from quiverdb.vikingdb.service.embedding import MODELS
from quiverdb.vikingdb.service.fetch import fetch_in_collection, fetch_in_index
from quiverdb.vikingdb.service.layout import Index, Schema
from quiverdb.vikingdb.service.reading import mapping
from quiverdb.vikingdb.service.search import SEARCHES
from quiverdb.vikingdb.service.state import index_of, load_schema
from quiverdb.vikingdb.service.writes import WRITES

__all__ = ["Service"]

Result: TypeAlias = Any
OnNothing: TypeAlias = Callable[[Context, Payload], Result]
OnCollection: TypeAlias = Callable[[Context, Schema, Payload], Result]
OnIndex: TypeAlias = Callable[[Context, Schema, Index, Payload], Result]


SUCCESS = "The API call was executed successfully."


class Service:
    """Carry out operations on a database, which stays with who opened it. Safe for threads.

    ``clock`` tells the seconds since 1970, by which rows with a time to live expire.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self._context = Context(database, clock)

    @staticmethod
    def of(database: Database) -> Service:
        """Return the service that all users of a database in this process share."""
        return _SERVICES.of(database)

    def call(self, operation: str, payload: Payload, options: Any = None) -> Mapping[str, Any]:
        """Carry out an operation and return its envelope; raises ``VikingException``.

        Nulls count as left out. The request id is that of ``options``, or a new one.
        """
        row = OPERATIONS[operation]
        request_id = getattr(options, "request_id", None) or uuid.uuid4().hex
        try:
            given = {key: value for key, value in mapping(payload, "the request").items() if value is not None}
            result = self._carry_out(row, given)
        except VikingException as error:
            if error.request_id == UNKNOWN:
                error.request_id = request_id
            raise
        except QuiverError as error:
            raise failure(_code(error), str(error), request_id=request_id) from error
        return {"api": row.path, "code": "Success", "message": SUCCESS, "request_id": request_id, "result": result}

    def _schema(self, payload: Payload) -> Schema:
        """Return the schema of the collection that a payload of the data plane names."""
        return load_schema(
            self.database,
            _text(payload, "project_name"),
            _text(payload, "collection_name"),
            _text(payload, "resource_id"),
        )

    def close(self) -> None:
        """Do nothing: the database stays with who opened it, and others may share this service."""

    def _carry_out(self, row: Operation, payload: Payload) -> Result:
        if row.access == "manage":
            with self._context.managing:
                return _ON_NOTHING[row.name](self._context, payload)
        if row.locator == "none":
            return _ON_NOTHING[row.name](self._context, payload)
        if row.locator == "index":
            return self._on_index(row, payload)
        schema = self._schema(payload)
        if row.access == "read":
            return _ON_COLLECTION[row.name](self._context, schema, payload)
        with self._context.lock(schema):
            return _ON_COLLECTION[row.name](self._context, self._schema(payload), payload)

    def _on_index(self, row: Operation, payload: Payload) -> Result:
        schema, index = self._index(payload)
        try:
            return _ON_INDEX[row.name](self._context, schema, index, payload)
        except VikingException:
            raise
        except QuiverError:
            if self._index(payload)[1] == index:
                raise
        return self._on_index(row, payload)  # the index was made anew meanwhile

    def _index(self, payload: Payload) -> tuple[Schema, Index]:
        """Return the index that a payload names, and the schema of its collection; it must be in use."""
        schema = self._schema(payload)
        index = index_of(schema, _text(payload, "index_name"))
        if not index.enabled:
            raise failure("OperationDenied.VikingdbIndex", f"The index '{index.index_name}' is disabled.")
        return schema, index


def _text(payload: Payload, key: str) -> str | None:
    """Return what stands in a payload to name something; empty texts count as nothing."""
    value = payload.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise failure("InvalidParameter", f"{key} must be a string.")
    return value


_CODES: Mapping[type[QuiverError], str] = {
    InvalidInputError: "InvalidParameter",
    UnsupportedError: "InvalidParameter",
    NotFoundError: "NotFound.VikingdbCollection",
    RateLimitedError: "TooManyRequests",
}


def _code(error: QuiverError) -> str:
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), "InternalError")


_ON_NOTHING: Mapping[str, OnNothing] = {**MODELS, **CONTROL}
_ON_COLLECTION: Mapping[str, OnCollection] = {**WRITES, "fetch_in_collection": fetch_in_collection}
_ON_INDEX: Mapping[str, OnIndex] = {**SEARCHES, "fetch_in_index": fetch_in_index, "aggregate": aggregate}


_SERVICES = OnePerDatabase(Service)
