"""Operations are carried out here: arguments in, results out, whichever protocol they came by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any

from quiverdb.database import Database
from quiverdb.errors import InvalidInputError
from quiverdb.qdrant import QdrantClient
from quiverdb.wire.operations import LEGACY, OPERATIONS, Operation

__all__ = ["ALL", "Calls", "required"]

ALL: Mapping[str, Operation] = MappingProxyType({**OPERATIONS, **LEGACY})
"""Every operation that a server answers, by name."""


class Calls:
    """Carry out operations on a database, from any thread.

    >>> from quiverdb.engine.database import EngineDatabase
    >>> with EngineDatabase.open(":memory:") as database:
    ...     Calls(database).call("collection_exists", {"collection_name": "docs"})
    {'exists': False}
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._client = QdrantClient(database=database)
        self._methods: dict[str, Callable[..., Any]] = {name: getattr(self._client, name) for name in ALL}

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """Return the result of an operation as REST's ``result`` shows it, as plain data or models.

        Raise what ``QdrantClient`` raises, and ``InvalidInputError`` for a missing argument.
        """
        for argument, field in required(operation).items():
            if argument not in arguments:
                raise InvalidInputError(f"missing field `{field}`", field=argument, fault="body")
        result = self._methods[operation](**arguments)
        return _whole(ALL[operation].taken, result)


def _whole(taken: tuple[str, ...], result: Any) -> Any:
    """Return the whole result, of which a method may return only some fields."""
    if not taken:
        return result
    return dict(zip(taken, result if len(taken) > 1 else (result,), strict=True))


@cache
def required(operation: str) -> Mapping[str, str]:
    """Return the arguments that an operation cannot do without, and the fields that they travel in."""
    parameters = signature(getattr(QdrantClient, operation)).parameters
    return {
        argument: field.replace("|", "` or `")
        for argument, field in ALL[operation].body.items()
        if parameters[argument].default is Parameter.empty
    }
