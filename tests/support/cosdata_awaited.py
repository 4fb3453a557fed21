"""An asynchronous Cosdata client with the face of the synchronous one, so that one suite tests both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

from quiverdb.cosdata import AsyncClient, AsyncCollection

__all__ = ["Awaited", "awaited_client"]


class Awaited:
    """Stand for an object of the asynchronous client: what it returns is awaited, and stood for in turn."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def _shown(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            value = self._runner.run(_result(value))
        if isinstance(value, list) and value and isinstance(value[0], AsyncCollection):
            return [self._shown(one) for one in value]
        if type(value).__module__.startswith("quiverdb.cosdata._async"):
            return self if value is self._target else Awaited(value, self._runner)
        return value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return self._called(value) if inspect.isroutine(value) else self._shown(value)

    def _called(self, method: Any) -> Any:
        return lambda *args, **kwargs: self._shown(method(*map(_plain, args), **kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._shown(self._target(*args, **kwargs))

    def __getitem__(self, key: str) -> Any:
        return self._target[key]

    def keys(self) -> Any:
        return self._target.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self._target)

    def __len__(self) -> int:
        return len(self._target)

    def __repr__(self) -> str:
        return repr(self._target).replace("Async", "")

    def __enter__(self) -> Any:
        return self._shown(self._target.__aenter__())

    def __exit__(self, *exc: Any) -> None:
        self._runner.run(self._target.__aexit__(*exc))


def _plain(argument: Any) -> Any:
    return argument._target if isinstance(argument, Awaited) else argument


async def _result(value: Any) -> Any:
    return await value


def awaited_client(runner: asyncio.Runner, **options: Any) -> Any:
    """Return an asynchronous client as if it were a synchronous one."""
    return Awaited(AsyncClient(**options), runner)
