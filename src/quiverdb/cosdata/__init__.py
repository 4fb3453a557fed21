"""The Cosdata API: a client for Cosdata servers that also runs without one, on the engine of this package.

>>> from quiverdb.cosdata import Client
>>> client = Client(":memory:")
>>> client.collections.create("docs", dimension=2)["dimension"]
2
>>> client.close()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quiverdb.cosdata._async.client import AsyncClient
    from quiverdb.cosdata._async.collections import AsyncCollection
    from quiverdb.cosdata._async.indexes import AsyncIndex
    from quiverdb.cosdata._async.transactions import AsyncJointTransaction, AsyncTransaction
    from quiverdb.cosdata._client import Client
    from quiverdb.cosdata._collections import Collection
    from quiverdb.cosdata._indexes import Index
    from quiverdb.cosdata._records import Vector, Version
    from quiverdb.cosdata._transactions import JointTransaction, Transaction
    from quiverdb.cosdata.embedding import embed_texts
    from quiverdb.cosdata.errors import (
        AuthError,
        ConflictError,
        ConnectionFailedError,
        CosdataError,
        NotFoundError,
        RequestTimeoutError,
        ServerError,
        ValidationError,
    )

_MODULES = {
    "AsyncClient": "_async.client",
    "AsyncCollection": "_async.collections",
    "AsyncIndex": "_async.indexes",
    "AsyncJointTransaction": "_async.transactions",
    "AsyncTransaction": "_async.transactions",
    "AuthError": "errors",
    "Client": "_client",
    "Collection": "_collections",
    "ConflictError": "errors",
    "ConnectionFailedError": "errors",
    "CosdataError": "errors",
    "Index": "_indexes",
    "JointTransaction": "_transactions",
    "NotFoundError": "errors",
    "RequestTimeoutError": "errors",
    "ServerError": "errors",
    "Transaction": "_transactions",
    "ValidationError": "errors",
    "Vector": "_records",
    "Version": "_records",
    "embed_texts": "embedding",
}
"""Where names are, which are imported on first use."""

__all__ = [
    "AsyncClient",
    "AsyncCollection",
    "AsyncIndex",
    "AsyncJointTransaction",
    "AsyncTransaction",
    "AuthError",
    "Client",
    "Collection",
    "ConflictError",
    "ConnectionFailedError",
    "CosdataError",
    "Index",
    "JointTransaction",
    "NotFoundError",
    "RequestTimeoutError",
    "ServerError",
    "Transaction",
    "ValidationError",
    "Vector",
    "Version",
    "embed_texts",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
