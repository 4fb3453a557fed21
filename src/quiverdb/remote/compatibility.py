"""Whether a client and a server understand each other, by their versions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

from quiverdb.errors import InvalidInputError
from quiverdb.remote.protocol import TransportError
from quiverdb.wire.http_message import Reply, Request
from quiverdb.wire.rest import decode

__all__ = ["Version", "check", "is_compatible", "parse_version", "server_version"]

_OK = 200
_HOW_TO_SKIP = "Set check_compatibility=False to skip the check."


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


def server_version(ask: Callable[[Request], Reply]) -> str | None:
    """Return the version that a server tells, or ``None`` if it tells none."""
    try:
        reply = ask(Request("GET", "/"))
        body = decode(reply.body) if reply.status == _OK else None
    except (TransportError, InvalidInputError):
        return None
    version = body.get("version") if isinstance(body, dict) else None
    return version if isinstance(version, str) else None


def check(ask: Callable[[Request], Reply], client_version: str) -> None:
    """Warn unless a server tells a version that goes with the client's."""
    found = server_version(ask)
    if found is None:
        warnings.warn(f"Failed to obtain the server's version. {_HOW_TO_SKIP}", UserWarning, stacklevel=2)
    elif not is_compatible(client_version, found):
        message = f"This client speaks version {client_version} of the API, which may not go with server {found}."
        warnings.warn(f"{message} {_HOW_TO_SKIP}", UserWarning, stacklevel=2)
