"""Headers for all requests of a block, kept in the context; an embedded database makes no requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

__all__ = ["async_headers", "get_context_headers", "headers"]

_NONE: dict[str, str] = {}
_headers: ContextVar[dict[str, str]] = ContextVar("quiverdb_headers", default=_NONE)


def get_context_headers() -> dict[str, str]:
    """Return the headers that hold here."""
    return dict(_headers.get())


@contextmanager
def headers(extra_headers: dict[str, str]) -> Iterator[None]:
    """Add headers within a block.

    >>> with headers({"x-request": "1"}):
    ...     get_context_headers()
    {'x-request': '1'}
    """
    token = _headers.set({**_headers.get(), **extra_headers})
    try:
        yield
    finally:
        _headers.reset(token)


@asynccontextmanager
async def async_headers(extra_headers: dict[str, str]) -> AsyncIterator[None]:
    """Add headers within an asynchronous block."""
    with headers(extra_headers):
        yield
