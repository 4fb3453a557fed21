"""From the threads of an asynchronous client to its server.

What is put together from several requests runs on threads, written once for both kinds of client. Its requests are made
by the event loop that awaits it, so they take the client's connections, token and HTTP client. Uploads, which nobody
needs to await, outlive their event loop where connections of their own can do without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from quiverdb.errors import ClosedError
from quiverdb.qdrant._remote import AsyncRemote, Remote, Terms
from quiverdb.remote.settings import Settings

__all__ = ["Bridge"]

T = TypeVar("T")

_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("quiverdb_loop", default=None)
_GLANCE = 1.0
"""Seconds after which a thread looks whether its event loop is still there."""


class Bridge(Remote):
    """Ask a server through an event loop, or directly where a context names none."""

    def __init__(self, settings: Settings, terms: Terms) -> None:
        self.asynchronous = AsyncRemote(settings, terms)
        self._direct = not (settings.token_provider or settings.http_client or settings.http_options)
        if self._direct:
            super().__init__(settings, terms)
        else:  # what was given may be asynchronous
            self.settings = settings
            self._terms = terms

    def context(self, *, awaited: bool) -> Context:
        """Return a context for what the running event loop begins, and perhaps awaits."""
        context = copy_context()
        if awaited or not self._direct:
            context.run(_loop.set, asyncio.get_running_loop())
        return context

    def sending(self, name: str, arguments: dict[str, Any]) -> Callable[[], Any]:
        """Return what sends an operation, any number of times."""
        loop = _loop.get()
        if loop is None:
            return super().sending(name, arguments)
        return lambda: _done(self.asynchronous.caller.call(name, arguments), loop)

    def close(self) -> None:
        """Close the connections that need no event loop; a second call does nothing."""
        if self._direct:
            super().close()


def _done(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """Return what an event loop makes of a coroutine; ``ClosedError`` if the loop ends before."""
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError as error:
        coroutine.close()
        raise _ended() from error
    while True:
        try:
            return future.result(_GLANCE)
        except CancelledError as error:
            raise _ended() from error
        except TimeoutError as error:
            if future.done():
                raise
            if loop.is_closed():
                raise _ended() from error


def _ended() -> ClosedError:
    return ClosedError("the event loop ended before the request did: await the call, or close the client")
