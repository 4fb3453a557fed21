"""Both backends over HTTP, behind one face that needs no event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cosdata_stub import PASSWORD, Stub, serving

from quiverdb.cosdata.remote import AsyncHttpBackend, HttpBackend
from quiverdb.cosdata.remote.dialogue import CAREFUL
from quiverdb.remote.retry import Retry

QUICK = Retry(limited=CAREFUL.limited, busy=CAREFUL.busy, first=0.001)
"""Repeats as often as usual, after shorter pauses."""


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
            return self._runner.run(method(*args, **kwargs))

        return call

    def do(self, operation: str, **arguments: Any) -> Any:
        """Carry an operation out."""
        return self.call(operation, arguments)


Open = Callable[..., Plain]


@pytest.fixture(params=[HttpBackend, AsyncHttpBackend], ids=["sync", "async"])
def open_backend(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open backends of one kind, and close them at the end."""
    opened: list[Plain] = []
    with asyncio.Runner() as runner:

        def open_one(url: str, password: str = PASSWORD, **options: Any) -> Plain:
            opened.append(Plain(request.param(url, "admin", password, **{"retry": QUICK, **options}), runner))
            return opened[-1]

        yield open_one
        for backend in opened:
            backend.close()


@pytest.fixture(scope="session")
def served() -> Iterator[Stub]:
    with serving() as stub:
        yield stub


@pytest.fixture
def stub(served: Stub) -> Iterator[Stub]:
    """A server that has no answers yet, and that nobody asked anything."""
    served.answers.clear()
    served.server.seen.clear()
    yield served
    served.answers.clear()
