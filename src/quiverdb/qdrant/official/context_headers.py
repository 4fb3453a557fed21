"""Headers for all requests of a block, kept in the context; an embedded database makes no requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from quiverdb.remote.headers import context_headers, headers

__all__ = [
    "async_headers",
    "async_rest_headers_middleware",
    "get_context_headers",
    "headers",
    "rest_headers_middleware",
]


def get_context_headers() -> dict[str, str]:
    """Return the headers that hold here."""
    return dict(context_headers())


@asynccontextmanager
async def async_headers(extra_headers: dict[str, str]) -> AsyncIterator[None]:
    """Add headers within an asynchronous block."""
    with headers(extra_headers):
        yield


def rest_headers_middleware(request: Any, call_next: Callable[[Any], Any]) -> Any:
    """Add the headers that hold here to a request on its way; those of a client have them anyway."""
    request.headers.update(context_headers())
    return call_next(request)


async def async_rest_headers_middleware(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
    """Add the headers that hold here to a request on its way, from an event loop."""
    request.headers.update(context_headers())
    return await call_next(request)
