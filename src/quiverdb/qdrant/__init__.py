"""The Qdrant API on QuiverDB.

>>> from quiverdb.qdrant import QdrantClient, models
>>> client = QdrantClient(":memory:")
>>> client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
True
>>> client.close()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quiverdb.qdrant import http, models
    from quiverdb.qdrant._async_client import AsyncQdrantClient
    from quiverdb.qdrant._client import QdrantClient

__all__ = ["AsyncQdrantClient", "QdrantClient", "http", "models"]

_MODULES = {
    "AsyncQdrantClient": "quiverdb.qdrant._async_client",
    "QdrantClient": "quiverdb.qdrant._client",
}
"""Where names are that are no modules themselves."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        value = import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
