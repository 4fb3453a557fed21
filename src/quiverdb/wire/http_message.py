"""Requests and replies of HTTP, whichever library carries them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Reply", "Request"]


class Request(msgspec.Struct, frozen=True):
    """Ask a server: ``path`` begins with a slash and is quoted, ``query`` and ``body`` are as they shall arrive.

    >>> Request("GET", "/collections").body is None
    True
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """JSON."""


class Reply(msgspec.Struct, frozen=True):
    """Hold what a server answered."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes
