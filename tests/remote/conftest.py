"""Transports of every kind, behind one face that needs no event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from quiverdb.remote.http import AsyncHttpTransport, HttpTransport
from quiverdb.remote.settings import resolve


class Plain:
    """Call methods of an object, and await what has to be awaited."""

    def __init__(self, wrapped: Any, runner: asyncio.Runner) -> None:
        self.wrapped = wrapped
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.wrapped, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not inspect.iscoroutinefunction(method):
                return method(*args, **kwargs)
            return self._runner.run(method(*args, **kwargs), context=copy_context())

        return call


KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sync": (HttpTransport, {}),
    "async": (AsyncHttpTransport, {}),
    "sync-httpx2": (HttpTransport, {"follow_redirects": False}),
    "async-httpx2": (AsyncHttpTransport, {"follow_redirects": False}),
}
"""Options that only a client of httpx has make the transport use one."""

Open = Callable[..., Any]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=KINDS)
def open_transport(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Iterator[Open]:
    """Open transports of one kind by the arguments of a client, and close them at the end."""
    kind, options = KINDS[request.param]
    opened: list[Plain] = []

    def open_one(url: str, **settings: Any) -> Plain:
        opened.append(Plain(kind(resolve(url, **{**options, **settings})), runner))
        return opened[-1]

    yield open_one
    for transport in opened:
        transport.close()
