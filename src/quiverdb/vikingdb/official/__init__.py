"""Where each module of the official VikingDB packages is found.

``quiverdb.dropin`` reads the table. It covers vikingdb-python-sdk and its first release: both
are imported as ``vikingdb``.
"""

from __future__ import annotations

__all__ = ["MODULES"]

_HERE = "quiverdb.vikingdb"
_RUNTIME = ("config", "credentials", "exceptions", "request_options", "transport", "version")
_VECTOR = ("base", "collection", "embedding", "exceptions", "index", "rerank")
_MODELS = ("base", "collection", "embedding", "index", "rerank")
_MEMORY = ("client", "collection", "exceptions", "types")
_KNOWLEDGE = ("client", "collection", "exceptions", "models")
_KNOWLEDGE_MODELS = ("base", "chat", "doc", "point", "rerank", "search", "service_chat")

MODULES: dict[str, tuple[str, ...]] = {
    "": (_HERE, f"{_HERE}.official.memory", f"{_HERE}.official.knowledge"),
    "_client": (f"{_HERE}.official.base_client",),
    "auth": (f"{_HERE}.credentials",),
    **{name: (f"{_HERE}.{name}",) for name in _RUNTIME},
    "vector": (f"{_HERE}.vector",),
    "vector.client": (f"{_HERE}.vector.client", f"{_HERE}.vector._former", f"{_HERE}.official.apis"),
    **{f"vector.{name}": (f"{_HERE}.vector.{name}",) for name in _VECTOR},
    "vector.models": (f"{_HERE}.vector.models",),
    **{f"vector.models.{name}": (f"{_HERE}.vector.models.{name}",) for name in _MODELS},
    "memory": (f"{_HERE}.official.memory",),
    **{f"memory.{name}": (f"{_HERE}.official.memory",) for name in _MEMORY},
    "knowledge": (f"{_HERE}.official.knowledge",),
    **{f"knowledge.{name}": (f"{_HERE}.official.knowledge",) for name in _KNOWLEDGE},
    **{f"knowledge.models.{name}": (f"{_HERE}.official.knowledge",) for name in _KNOWLEDGE_MODELS},
}
"""Modules of the official packages, and the modules that stand in for each."""
