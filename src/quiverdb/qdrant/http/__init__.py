"""The names that the official package keeps in its ``http`` package; what sends requests loads on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quiverdb.qdrant.http import exceptions, models

if TYPE_CHECKING:
    from quiverdb.qdrant.http.api_client import ApiClient, AsyncApiClient, AsyncApis, SyncApis

__all__ = ["ApiClient", "AsyncApiClient", "AsyncApis", "SyncApis", "exceptions", "models"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quiverdb.qdrant.http import api_client

    value = globals()[name] = getattr(api_client, name)
    return value


def __dir__() -> list[str]:
    return __all__
