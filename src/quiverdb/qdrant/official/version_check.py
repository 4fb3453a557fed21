"""Which versions of client and server go together."""

from __future__ import annotations

from typing import Any

from quiverdb.errors import UnsupportedError
from quiverdb.remote.compatibility import Version, is_compatible, parse_version

__all__ = ["Version", "get_server_version", "is_compatible", "parse_version"]


def get_server_version(*args: Any, **kwargs: Any) -> str | None:  # noqa: ARG001
    """Refuse, since a client asks for the version of its server by itself."""
    raise UnsupportedError("Asking a server for its version", "this release", "Use QdrantClient.info().")
