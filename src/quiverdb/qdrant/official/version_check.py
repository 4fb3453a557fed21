"""Which versions of client and server go together."""

from __future__ import annotations

from typing import Any, NamedTuple

from quiverdb.errors import InvalidInputError, UnsupportedError

__all__ = ["Version", "get_server_version", "is_compatible", "parse_version"]


class Version(NamedTuple):
    """A version in its parts."""

    major: int
    minor: int
    rest: list[str]


def parse_version(version: str) -> Version:
    """Take a version apart; raises ``InvalidInputError``, a ``ValueError``, if it has no two numbers.

    >>> parse_version("1.20.0")
    Version(major=1, minor=20, rest=['0'])
    """
    try:
        major, minor, *rest = version.split(".")
        return Version(int(major), int(minor), rest)
    except (ValueError, AttributeError) as error:
        raise InvalidInputError(f"a version looks like 1.20.0, not like {version!r}", field="version") from error


def is_compatible(client_version: str | None, server_version: str | None) -> bool:
    """Tell whether versions agree in the first number and differ by at most one in the second.

    >>> is_compatible("1.20.0", "1.19.3"), is_compatible("1.20.0", "1.18.0"), is_compatible("1.20.0", None)
    (True, False, False)
    """
    if not client_version or not server_version:
        return False
    if client_version == server_version:
        return True
    try:
        client, server = parse_version(client_version), parse_version(server_version)
    except InvalidInputError:
        return False
    return client.major == server.major and abs(client.minor - server.minor) <= 1


def get_server_version(*args: Any, **kwargs: Any) -> str | None:  # noqa: ARG001
    """Refuse, since there is no server to ask."""
    raise UnsupportedError("Asking a server for its version", "this release")
