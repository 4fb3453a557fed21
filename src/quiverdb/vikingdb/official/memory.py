"""The names of the official SDK's memory product."""

from __future__ import annotations

from typing import Any

from quiverdb.vikingdb.exceptions import VikingMemException
from quiverdb.vikingdb.official.lacking import lacking, of_product

_ERRORS = (
    "CollectionExistException",
    "CollectionNotExistException",
    "DataNotFoundException",
    "DelOpFailedException",
    "EmbeddingException",
    "IndexExistException",
    "IndexFetchException",
    "IndexInitializingException",
    "IndexNotExistException",
    "IndexSearchException",
    "InternalServerException",
    "InvalidFilterException",
    "InvalidPrimaryKeyException",
    "InvalidRequestException",
    "InvalidVectorException",
    "QuotaLimiterException",
    "UnauthorizedException",
    "UpsertOpFailedException",
)

_OTHERS = (
    "Collection",
    "EnumEncoder",
    "VikingMem",
)

__all__ = ["VikingMemException", *_ERRORS, *_OTHERS]


def __getattr__(name: str) -> Any:
    if name in _ERRORS:
        return of_product(name, VikingMemException)
    if name in _OTHERS:
        return lacking(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
