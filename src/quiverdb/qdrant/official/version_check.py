"""Which versions of client and server go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quiverdb.remote.compatibility import Version, is_compatible, parse_version, server_version
from quiverdb.remote.http import HttpTransport
from quiverdb.remote.settings import resolve

__all__ = ["Version", "get_server_version", "is_compatible", "parse_version"]


def get_server_version(
    rest_uri: str, rest_headers: Mapping[str, str], auth_provider: Any = None, timeout: float | None = None
) -> str | None:
    """Return the version that a server tells, or ``None`` if it tells none.

    ``auth_provider`` is a ``BearerAuth``.
    """
    provider = getattr(auth_provider, "auth_token_provider", None)
    settings = resolve(rest_uri, port=None, headers=rest_headers, auth_token_provider=provider, timeout=timeout)
    with HttpTransport(settings) as transport:
        return server_version(transport.send)
