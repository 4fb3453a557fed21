"""Failures: the sentences and statuses that Cosdata documents, for what goes wrong here and in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quiverdb import errors
from quiverdb.cosdata.errors import (
    ConflictError,
    ConnectionFailedError,
    CosdataError,
    NotFoundError,
    ServerError,
    ValidationError,
    error_of,
)
from quiverdb.cosdata.operations import OPERATIONS

__all__ = ["required", "translated"]

_TRYING = {
    "create_transaction": "create transaction",
    "upsert_in_transaction": "create vector in transaction",
    "add_to_transaction": "create vector in transaction",
    "delete_in_transaction": "delete vector in transaction",
    "commit": "commit transaction",
    "commit_together": "commit transaction",
    "abort": "abort transaction",
    "transaction_status": "get transaction status",
    "stream_upsert": "upsert vectors",
    "stream_delete": "delete vector",
}


def _unknown_collection(operation: str, name: Any) -> NotFoundError:
    """Return the error of an operation on a collection that does not exist."""
    if OPERATIONS[operation].json_errors:
        return NotFoundError(f"Collection '{name}' not found")
    if operation in _TRYING:
        sentence = f"Failed to {_TRYING[operation]} due to Cache error: Collection '{name}' not found Not Found!"
        return NotFoundError(sentence, status=400)
    return NotFoundError(f"Collection Not Found! There is no '{name}': create it first", status=400)


def required(arguments: Mapping[str, Any], name: str) -> Any:
    """Return an argument; raises ``ValidationError`` if it is not given."""
    value = arguments.get(name)
    if value is None:
        raise ValidationError(f"Json deserialize error: missing field `{name}`")
    return value


def translated(operation: str, collection: Any, error: errors.QuiverError) -> errors.QuiverError:
    """Return an error of the database as one of Cosdata's API; others stay what they are."""
    if isinstance(error, CosdataError | errors.UnsupportedError | errors.ClosedError):
        return error
    match error:
        case errors.NotFoundError(kind="collection"):
            return _unknown_collection(operation, error.name or collection)
        case errors.AlreadyExistsError():
            return ConflictError(str(error))
        case errors.InvalidInputError():
            return ValidationError(str(error))
        case errors.RateLimitedError():
            return ServerError(str(error), status=429)
        case errors.RefusedError(status=status):
            return error_of(status, str(error))
        case errors.RemoteError(status=None):
            return ConnectionFailedError(str(error))
        case _:
            return ServerError(str(error))
