"""Headers for all requests of a block, kept in the context; an embedded database makes no requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quiverdb.remote.headers import context_headers, headers

__all__ = ["async_headers", "get_context_headers", "headers"]


def get_context_headers() -> dict[str, str]:
    """Return the headers that hold here."""
    return dict(context_headers())


@asynccontextmanager
async def async_headers(extra_headers: dict[str, str]) -> AsyncIterator[None]:
    """Add headers within an asynchronous block."""
    with headers(extra_headers):
        yield
