"""What requests say besides what they ask for: who asks, with which key or token, and headers of the moment."""

from __future__ import annotations

import inspect
import platform
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, cast

from quiverdb._version import __version__
from quiverdb.errors import InvalidInputError

__all__ = [
    "USER_AGENT",
    "Pairs",
    "TokenProvider",
    "async_token",
    "checked",
    "context_headers",
    "headers",
    "merged",
    "token",
]

Pairs: TypeAlias = tuple[tuple[str, str], ...]
TokenProvider: TypeAlias = Callable[[], str] | Callable[[], Awaitable[str]]

USER_AGENT = f"quiverdb/{__version__} python/{platform.python_version()}"

_NONE: Mapping[str, str] = {}
_context: ContextVar[Mapping[str, str]] = ContextVar("quiverdb_headers", default=_NONE)


_is_name = re.compile(r"[\w.-]+", re.ASCII).fullmatch
_is_value = re.compile(r"[\t -~]*").fullmatch


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case; raises ``InvalidInputError``, which keeps the values secret.

    The libraries that carry headers show the value that they refuse.

    >>> checked({"Api-Key": "k"})
    {'api-key': 'k'}
    """
    for name, value in given.items():
        if not isinstance(name, str) or not _is_name(name):
            raise InvalidInputError(f"{name!r} is no name of a header: use letters, digits, '-', '_' and '.'")
        if not isinstance(value, str) or not _is_value(value):
            raise InvalidInputError(
                f"the value of the header {name!r} must be a text of ASCII characters without line breaks", field=name
            )
    return {name.lower(): value for name, value in given.items()}


def context_headers() -> Mapping[str, str]:
    """Return the headers that hold here."""
    return _context.get()


@contextmanager
def headers(extra_headers: Mapping[str, str]) -> Iterator[None]:
    """Add headers to all requests of a block.

    >>> with headers({"x-request": "1"}):
    ...     context_headers()
    {'x-request': '1'}
    """
    before = _context.set({**_context.get(), **extra_headers})
    try:
        yield
    finally:
        _context.reset(before)


def merged(fixed: Pairs, bearer: str | None) -> Pairs:
    """Return the headers of one request: the fixed ones, those that hold here, and the token.

    The later replace the earlier of the same name. Raise ``InvalidInputError`` for what is no header.
    """
    extra = _context.get()
    if not extra and bearer is None:
        return fixed
    token = {} if bearer is None else checked({"authorization": f"Bearer {bearer}"})
    return tuple({**dict(fixed), **checked(extra), **token}.items())


def token(provider: TokenProvider | None) -> str | None:
    """Return a token for one request; raises ``InvalidInputError`` if the provider has to be awaited."""
    given: Any = None if provider is None else provider()
    if inspect.isawaitable(given):
        if inspect.iscoroutine(given):
            given.close()  # so that nobody warns that it was never awaited
        raise InvalidInputError(
            "auth_token_provider is asynchronous, which only an asynchronous client can ask",
            field="auth_token_provider",
        )
    return cast("str | None", given)


async def async_token(provider: TokenProvider | None) -> str | None:
    """Return a token for one request, from a provider of either kind."""
    given: Any = None if provider is None else provider()
    return cast("str | None", await given if inspect.isawaitable(given) else given)
