"""Locations of Qdrant servers: ``qdrant://host:port/prefix?option=value``, or ``qdrants://`` for TLS.

The options are those of ``_OPTIONS``; an option without a value is on. ``http://`` and ``https://`` mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from quiverdb.errors import InvalidInputError

__all__ = ["Location", "is_remote", "read_location"]

_SCHEMES = {"qdrant": "http", "qdrants": "https", "http": "http", "https": "https"}
_FLAGS = {"": True, "1": True, "true": True, "0": False, "false": False}

_OPTIONS: Mapping[str, Callable[[str], Any]] = MappingProxyType({
    "api_key": str,
    "grpc_port": int,
    "pool_size": int,
    "prefer_grpc": lambda text: _FLAGS[text.lower()],
    "timeout": float,
})  # fmt: skip
"""What a location may say besides the address, and how it is read."""


class Location(NamedTuple):
    """Hold the URL of a server, what to call it where secrets may not show, and how to connect to it."""

    url: str
    shown: str
    options: Mapping[str, Any]


def is_remote(location: str) -> bool:
    """Tell whether a location is that of a server.

    >>> is_remote("qdrant://localhost"), is_remote("./folder")
    (True, False)
    """
    scheme, found, _ = location.partition("://")
    return bool(found) and scheme.lower() in _SCHEMES


def read_location(location: str) -> Location:
    """Return what a location says; ``InvalidInputError`` tells what it says wrong.

    >>> read_location("qdrants://example.com/db?timeout=10")
    Location(url='https://example.com/db', shown='qdrants://example.com/db', options={'timeout': 10.0})
    """
    try:
        parts = urlsplit(location)
        parts.port  # noqa: B018 (it raises)
    except ValueError as error:
        raise InvalidInputError(f"the host or port of a location cannot be read: {error}", field="location") from error
    if not parts.hostname:
        raise InvalidInputError("a location names a host, as in qdrant://localhost:6333", field="location")
    if "@" in parts.netloc:
        raise InvalidInputError("a location names no user: write ?api_key=… behind it", field="location")
    place = parts.netloc + parts.path.rstrip("/")
    options = {name: _option(name, text) for name, text in parse_qsl(parts.query, keep_blank_values=True)}
    return Location(f"{_SCHEMES[parts.scheme]}://{place}", f"{parts.scheme}://{place}", options)


def _option(name: str, text: str) -> Any:
    if name not in _OPTIONS:
        raise InvalidInputError(
            f"a location has no option {name!r}: there are {', '.join(sorted(_OPTIONS))}", field=name
        )
    try:
        return _OPTIONS[name](text)
    except (KeyError, ValueError) as error:
        raise InvalidInputError(f"the option {name} of a location cannot be {text!r}", field=name) from error
