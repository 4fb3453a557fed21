"""Where each module of the official Cosdata packages is found.

``quiverdb.dropin`` reads the table. It covers cosdata-client 0.1.4 to 0.2.2 and cosdata-sdk: all of them are imported
as ``cosdata``.
"""

from __future__ import annotations

__all__ = ["MODULES"]

_HERE = "quiverdb.cosdata"

MODULES: dict[str, tuple[str, ...]] = {
    "": (_HERE, f"{_HERE}.official.api"),
    "api": (f"{_HERE}.official.api",),
    "api.auth": (f"{_HERE}._auth",),
    "api.client": (f"{_HERE}._client",),
    "api.collections": (f"{_HERE}._collections",),
    "api.indexes": (f"{_HERE}.official.indexes",),
    "api.search": (f"{_HERE}._search",),
    "api.transactions": (f"{_HERE}._transactions",),
    "api.vectors": (f"{_HERE}.official.vectors",),
    "api.versions": (f"{_HERE}.official.versions",),
    "client": (f"{_HERE}._client",),
    "embedding": (f"{_HERE}.embedding",),
}
"""Modules of the official packages, and the modules that stand in for each."""
